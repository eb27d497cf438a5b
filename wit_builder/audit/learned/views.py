"""What of an image a learned detector looks at. torch is not imported here.

An image of an evaluation set is looked at as a whole and in overlapping parts, so that a copy which shows a part of
it is near one of its views; an image of a shard, of which there are many, as a whole. A frame of one colour is cut
off first.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from wit_builder.audit.detectors import Image
from wit_builder.audit.learned.transforms import squeezed
from wit_builder.errors import ImageError
from wit_builder.images.square import Pixels, decoded

PART, PLACES = 0.65, (0.0, 0.175, 0.35)  # of each side: how long a part is, and where parts begin
CONTRAST = 16.0  # standard deviation of a part's levels, of 256, that it has at least
FLAT, STRAY = (
    24,
    0.05,
)  # levels that pixels of a frame differ at most, but for a share of each line, by compression
MOST_FRAME = 0.6  # of a side, that is cut off at most

Box = tuple[float, float, float, float]  # left, top, right, bottom, as shares of the sides
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
PARTS: tuple[Box, ...] = tuple((x, y, x + PART, y + PART) for y, x in product(PLACES, PLACES))


def boxes(turned: bool) -> tuple[Box, ...]:
    """turned: of an image of an evaluation set."""
    return (WHOLE, *PARTS) if turned else (WHOLE,)


def views(images: Sequence[Image], side: int, turned: bool) -> list[Pixels | None]:
    """Of each image uint8 [views, side, side, 3], None where it cannot be read."""
    return [_read(image.body, side, turned) for image in images]


def picture(body: bytes, side: int) -> Pillow.Image:
    """The image, with twice as many pixels as a square of that side needs where it has them. Raises ImageError."""
    return Pillow.fromarray(decoded(body, 2 * side).copy())


def of(whole: Pillow.Image, side: int, turned: bool) -> Pixels:
    """The views of one image: uint8 [views, side, side, 3]. Instead of a part with hardly any contrast, such as a
    blank corner, which is like too much, the whole is there again.
    """
    inside = unframed(whole, side)
    found = [squeezed(_part(inside, box), side) for box in boxes(turned)]
    return np.stack([found[0], *(one if one.std() >= CONTRAST else found[0] for one in found[1:])])


def unframed(whole: Pillow.Image, side: int) -> Pillow.Image:
    """The image without the rows and columns at its edges that have the colour of its first pixel, and the next ones,
    where it begins to mix; the whole image where there are none, or little would be left.

    Looked for in a square of twice that side.
    """
    small = squeezed(whole, 2 * side).astype(np.int16)
    there = (np.abs(small - small[0, 0]) > FLAT).any(axis=2)
    lines = [there.mean(axis=axis) > STRAY for axis in (0, 1)]
    if not all(some.any() for some in lines):
        return whole
    (left, right), (top, bottom) = map(_ends, lines)
    if min(right - left, bottom - top) < (1 - MOST_FRAME) * len(small):
        return whole
    return _part(whole, (left / len(small), top / len(small), right / len(small), bottom / len(small)))


def _ends(there: NDArray[np.bool_]) -> tuple[int, int]:
    """Begin and end of what lies inside, one less on either side where something is cut off."""
    first, last = np.flatnonzero(there)[[0, -1]].tolist()
    return first + (first > 0), last + (last == len(there) - 1)


def _read(body: bytes, side: int, turned: bool) -> Pixels | None:
    try:
        return of(picture(body, side), side, turned)
    except ImageError:
        return None


def _part(whole: Pillow.Image, box: Box) -> Pillow.Image:
    if box == WHOLE:
        return whole
    left, top, right, bottom = (
        round(share * length) for share, length in zip(box, whole.size * 2, strict=True)
    )
    return whole.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
