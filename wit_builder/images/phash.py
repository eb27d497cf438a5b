"""PDQ: 256 bits that stay nearly the same when a picture is resized, recompressed or turned grey.

Facebook's hash (ThreatExchange, `pdq/` and its paper "The TMK+PDQF Video-Hashing Algorithm and the PDQ
Image-Hashing Algorithm", 2019); two pictures are taken for the same within 31 bits. Mirrored and turned copies
are not found: they come out as different as any two. For pictures of at most 128 pixels a side PDQ's blur is
none, and what remains is small enough for numpy: 64 x 64 samples of the luma, 16 x 16 of their cosine transform,
a bit for each coefficient above the median.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from wit_builder.images.pixels import Raster
from wit_builder.images.resample import resample

# Each side is brought down to this by a triangle filter before hashing. Measured in benchmarks/images/pdq.py:
# all of PDQ's own reference hashes are met within 6 bits (its rule says 10), and copies at half the size and
# JPEG 70 stay within 8 bits (mean 2), where PDQ of the whole picture gives up to 28 (mean 12).
SIDE = 128
SAMPLES = 64
MIN_SIDE = 5
LUMA = np.array([0.299, 0.587, 0.114])

# Beyond this lies the noise of summing in another order, which must not decide a bit: equal pictures get equal
# hashes on every machine.
DECIMALS = 6

Levels = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]


def phash(picture: Raster) -> tuple[str, int]:
    """The hash as 64 hex digits, and PDQ's quality, 0 to 100.

    picture: upright, RGB. Below 50 a picture has so little detail that its hash means little;
    a side under 5 pixels gives zeros and quality 0.
    """
    if min(picture.width, picture.height) < MIN_SIDE:
        return "0" * 64, 0
    samples = _samples(_small(picture))
    return _hash(samples).hex(), _quality(samples)


def phash_turned(picture: Raster) -> tuple[tuple[str, ...], int]:
    """The hashes of the picture as it lies, turned by 90, 180 and 270 degrees counterclockwise, and of its mirror
    image turned so: eight, in this order. And the quality; see `phash`.
    """
    if min(picture.width, picture.height) < MIN_SIDE:
        return ("0" * 64,) * 8, 0
    small = _small(picture)
    turned = [np.rot90(side, times) for side in (small, small[:, ::-1]) for times in range(4)]
    return tuple(_hash(_samples(pixels)).hex() for pixels in turned), _quality(_samples(small))


def _small(picture: Raster) -> Pixels:
    size = min(picture.width, SIDE), min(picture.height, SIDE)
    return resample(picture, (0, 0, picture.width, picture.height), size, "bilinear").array()


def _samples(small: Pixels) -> Levels:
    """Luma, 0 to 255, at the middles of 64 x 64 fields."""
    height, width, _ = small.shape
    samples: Levels = small.take(_middles(height), axis=0).take(_middles(width), axis=1) @ LUMA
    return samples


def _hash(samples: Levels) -> bytes:
    spectrum = (_cosines() @ samples @ _cosines().T).round(DECIMALS).ravel()
    bits = spectrum > np.partition(spectrum, 127)[127]
    return np.packbits(bits[::-1]).tobytes()


@cache
def _middles(side: int) -> npt.NDArray[np.int64]:
    """Of 64 fields along a side of at most 128 pixels, the pixels in their middles."""
    return (2 * np.arange(SAMPLES) + 1) * side // (2 * SAMPLES)


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
