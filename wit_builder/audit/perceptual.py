"""Nearly equal images: PDQ, under the eight turns and mirrorings of a square.

The evaluation image is turned, images of shards are hashed once: as the build stored it (`phash`, of the whole
picture before crop and border), else from the image in the tar. EXIF's orientation is one of the eight turns, so
nobody has to obey it.

PDQ takes 64 x 64 samples of at most 128 x 128 pixels. Of smaller pictures it takes pixels as they are, some twice,
and copies at other sizes come out as other pictures too often. So an evaluation image that is smaller is hashed a
second time, enlarged: copies at 32 to 100 pixels of real photographs at 128 are then found, all of them
(tests/audit/test_real.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from wit_builder.audit.detectors import BITS, Image, Kind, Moves, Rows, described, words
from wit_builder.errors import ImageError
from wit_builder.images.listed import ALIKE_BITS
from wit_builder.images.phash import DECIMALS, MIN_SIDE, SAMPLES, SHIFT, SIDE, phash, phash_turned
from wit_builder.images.picture import MIN_QUALITY
from wit_builder.images.pixels import Raster
from wit_builder.images.resample import resample
from wit_builder.images.square import Pixels, decoded

TURNS = 8
TINY = 32  # pixels; a shorter side is too few to tell pictures apart by their looks

Degenerate = Literal["", "constant", "tiny"]


@dataclass(frozen=True, slots=True)
class Pdq:
    """PDQ's 256 bits."""

    id: str = "pdq"
    sha256: str = described("pdq", 3, SIDE, SHIFT, SAMPLES, MIN_SIDE, DECIMALS)
    kind: Kind = "hash256"
    threshold: float = 1 - ALIKE_BITS / BITS
    source: str = f"PDQ's authors: {ALIKE_BITS} of {BITS} bits may differ"
    moves: Moves = "up"

    def of(self, images: Sequence[Image], turned: bool) -> list[Rows | None]:
        """Eight rows of an image of a set, 16 where it is small, by turns; one of an image of a shard."""
        return [_hashes(image, turned) for image in images]


def _hashes(image: Image, turned: bool) -> Rows | None:
    known = None if turned else _known(image)
    if known is not None:
        return words([known])
    try:
        picture = raster(decoded(image.body, 2 * SIDE))
    except ImageError:
        return None
    found = _turned(picture) if turned else (phash(picture)[0],)
    return words([bytes.fromhex(one) for one in found])


def _turned(picture: Raster) -> tuple[str, ...]:
    size = picture.width, picture.height
    enlarged = max(SIDE, size[0]), max(SIDE, size[1])
    if enlarged == size or min(size) < MIN_SIDE:
        return phash_turned(picture)[0]
    return phash_turned(picture)[0] + phash_turned(resample(picture, (0, 0, *size), enlarged, "bicubic"))[0]


def _known(image: Image) -> bytes | None:
    """The hash that the build stored."""
    found = image.said.get("phash")
    try:
        known = bytes.fromhex(found) if isinstance(found, str) else b""
    except ValueError:
        return None
    return known if len(known) * 8 == BITS else None


def raster(pixels: Pixels) -> Raster:
    """The pixels as a picture."""
    return Raster("RGB", pixels.shape[1], pixels.shape[0], pixels.tobytes())


def degenerate(picture: Raster) -> Degenerate:
    """Why the look of the image means nothing: hardly any detail (PDQ's quality under 50, which its authors discard),
    or a side under 32 pixels; "" where it does mean something.
    """
    if phash(picture)[1] < MIN_QUALITY:
        return "constant"
    return "tiny" if min(picture.width, picture.height) < TINY else ""
