"""What of an image a learned detector looks at. torch is not imported here.

An image of an evaluation set is looked at as a whole and in overlapping parts, so that a copy which shows a part of
it is near one of its views; an image of a shard, of which there are many, as a whole.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
from PIL import Image as Pillow

from wit_builder.audit.detectors import Image
from wit_builder.audit.learned.transforms import squeezed
from wit_builder.errors import ImageError
from wit_builder.images.square import Pixels, decoded

PART, PLACES = 0.65, (0.0, 0.175, 0.35)  # of each side: how long a part is, and where parts begin
CONTRAST = 16.0  # standard deviation of a part's levels, of 256, that it has at least

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
    found = [squeezed(_part(whole, box), side) for box in boxes(turned)]
    return np.stack([found[0], *(one if one.std() >= CONTRAST else found[0] for one in found[1:])])


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
