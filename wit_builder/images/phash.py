"""PDQ: 256 bits that stay nearly the same when a picture is resized, recompressed or turned grey.

Facebook's hash (ThreatExchange, `pdq/` and its paper "The TMK+PDQF Video-Hashing Algorithm and the PDQ
Image-Hashing Algorithm", 2019); two pictures are taken for the same within 31 bits. Mirrored and turned copies
are not found: they come out as different as any two. What remains of a picture made small is small enough for numpy:
64 x 64 samples of the luma, 16 x 16 of their cosine transform, a bit for each coefficient above the median.

PDQ blurs the picture as it came, and its blur depends on its size: PDQ of a copy at half the size is 20 bits from
that of the original (mean; benchmarks/images/pdq.py). Ours is of the picture as it is stored, the same whatever size
it came in: within 8 bits of the copy's (mean 2), and 12 bits from PDQ of an original of over 256 px (mean; 0.6 %
over 31).
"""

from functools import cache
from itertools import product

import numpy as np
import numpy.typing as npt

from wit_builder.images.pixels import Raster
from wit_builder.images.resample import resample

# A triangle filter makes a longer side so small before hashing: PDQ's blur, two boxes of a 128th of the side.
# A smaller side's blur is none: its hash is PDQ's own.
SIDE = 128
# Samples lie so many 128ths of the side behind the middles of 64 fields. Half of PDQ's windows, those of an even
# number of pixels, move the picture by one of them. Of what is measured in benchmarks/images/pdq.py this is nearest
# to PDQ of whole pictures among those that meet all of its reference hashes by its rule, 10 bits.
SHIFT = 0.2
SAMPLES = 64
MIN_SIDE = 5
LUMA = np.array([0.299, 0.587, 0.114])

# Beyond this lies the noise of summing in another order, which must not decide a bit: equal pictures get equal
# hashes on every machine.
DECIMALS = 6

Levels = npt.NDArray[np.float64]


def phash(picture: Raster) -> tuple[str, int]:
    """The hash as 64 hex digits, and PDQ's quality, 0 to 100.

    picture: upright, RGB. Below 50 a picture has so little detail that its hash means little;
    a side under 5 pixels gives zeros and quality 0.
    """
    if min(picture.width, picture.height) < MIN_SIDE:
        return "0" * 64, 0
    samples = _samples(picture)
    return _hash(samples).hex(), _quality(samples)


def phash_turned(picture: Raster) -> tuple[tuple[str, ...], int]:
    """The hashes of the picture as it lies, turned by 90, 180 and 270 degrees counterclockwise, and of its mirror
    image turned so: eight, in this order. And the quality; see `phash`.
    """
    if min(picture.width, picture.height) < MIN_SIDE:
        return ("0" * 64,) * 8, 0
    lying, mirrored, upset, both = (_samples(picture, *way) for way in product((1, -1), (1, -1)))
    turned = lying, mirrored.T, both, upset.T, mirrored, lying.T, upset, both.T
    return tuple(_hash(samples).hex() for samples in turned), _quality(lying)


def _samples(picture: Raster, down: int = 1, right: int = 1) -> Levels:
    """Luma, 0 to 255, at the middles of 64 x 64 fields; of the picture mirrored upside down, left to right at -1."""
    (left, end, width, columns), (top, bottom, height, rows) = (
        _fields(side, step) for side, step in ((picture.width, right), (picture.height, down))
    )
    small = resample(picture, (left, top, end, bottom), (width, height), "bilinear").array()
    samples: Levels = small.take(rows, axis=0).take(columns, axis=1) @ LUMA
    return samples


@cache
def _fields(side: int, step: int) -> tuple[float, float, int, npt.NDArray[np.int64]]:
    """From where to where a side is made small, to how many pixels, and which of them stand for 64 fields."""
    if side <= SIDE:
        start, end, pixels = 0.0, float(side), side
        middles = (2 * np.arange(SAMPLES) + 1) * side // (2 * SAMPLES)
    else:
        pixels, unit = SIDE - 1, side / SIDE
        start, end = (0.5 + SHIFT) * unit, (0.5 + SHIFT + pixels) * unit
        middles = 2 * np.arange(SAMPLES)
    if step < 0:
        start, end, middles = side - end, side - start, pixels - 1 - middles
    return start, end, pixels, middles


def _hash(samples: Levels) -> bytes:
    spectrum = (_cosines() @ samples @ _cosines().T).round(DECIMALS).ravel()
    bits = spectrum > np.partition(spectrum, 127)[127]
    return np.packbits(bits[::-1]).tobytes()


@cache
def _cosines() -> Levels:
    """The first 16 waves but the constant one, 16 x 64."""
    waves, places = np.arange(1, 17)[:, None], 2 * np.arange(SAMPLES) + 1
    cosines: Levels = np.sqrt(2 / SAMPLES) * np.cos(np.pi / (2 * SAMPLES) * waves * places)
    return cosines


def _quality(samples: Levels) -> int:
    """The sum of all steps between neighbours, in whole percents of the range, on a scale where 100 is much."""
    neighbours = samples[1:] - samples[:-1], samples[:, 1:] - samples[:, :-1]
    steps = sum(np.abs(np.trunc(difference * 100 / 255)).sum() for difference in neighbours)
    return min(100, int(steps / 90))
