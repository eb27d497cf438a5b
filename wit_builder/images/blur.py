"""Makes parts of a picture unrecognisable: boxes around faces, as DataComp's lists have them.

The rule is Princeton's face obfuscation of ImageNet: each box grows by a tenth of its larger side, sigma is a tenth
of the largest of these sides, and the mask is blurred as the picture is. Ours besides: of what is in a box nothing
is left as it was, also where the softened mask is thin (at its edges, and all over a small one beside a large one).
img2dataset asks for that sigma, but of a kernel that ends there, and OpenCV makes it about 0.3 of that: it blurs
less. A picture is blurred wholly or refused: boxes that cannot be read are no permission to show what is in them.
"""

import math
from typing import Any

import orjson
from PIL import Image, ImageFilter

from wit_builder.errors import ImageError
from wit_builder.images.pixels import Raster

Box = tuple[float, float, float, float]  # left, top, right, bottom; 0 to 1 of width and height

MAX_BOXES = 10_000
_GROWTH = 0.1
_SIGMA = 0.1
_OUTSIDE = 1.0  # a detector's boxes may stick out of the picture, by less than its size


def boxes_of(value: Any) -> tuple[Box, ...]:
    """The boxes in a list's column: a list of four numbers each, or the same as JSON text.

    Raises ImageError `bad_boxes` for anything else, null too: only [] says that there is nothing to blur.
    """
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise _bad(value) from None
    if not isinstance(value, list) or len(value) > MAX_BOXES:
        raise _bad(value)
    return tuple(_box(item) for item in value)


def blurred(picture: Raster, boxes: tuple[Box, ...]) -> Raster:
    """The picture (RGB) with these parts blurred."""
    if not boxes:
        return picture
    image = picture.image()
    sides = [max((box[2] - box[0]) * image.width, (box[3] - box[1]) * image.height) for box in boxes]
    mask = Image.new("L", image.size, 0)
    for box, side in zip(boxes, sides, strict=True):
        mask.paste(255, _pixels(box, side * _GROWTH, image.size))
    soften = ImageFilter.GaussianBlur(max(1.0, _SIGMA * max(sides)))
    mask = mask.filter(soften)
    for box in boxes:
        mask.paste(255, _pixels(box, 0, image.size))
    return Raster.of(Image.composite(image.filter(soften), image, mask))


def _pixels(box: Box, growth: float, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The grown box in whole pixels, none too few; right and bottom are the first ones outside."""
    left, top, right, bottom = box
    width, height = size
    return (
        math.floor(left * width - growth),
        math.floor(top * height - growth),
        math.ceil(right * width + growth) + 1,
        math.ceil(bottom * height + growth) + 1,
    )


def _box(value: Any) -> Box:
    if not (isinstance(value, list) and len(value) == 4 and all(_is_place(x) for x in value)):
        raise _bad(value)
    left, top, right, bottom = (float(x) for x in value)
    if not (left < right and top < bottom):
        raise _bad(value)
    return left, top, right, bottom


def _is_place(value: Any) -> bool:
    """A number of the picture's own scale: pixels are none, and would be blurred at the wrong place."""
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and -_OUTSIDE <= value <= 1 + _OUTSIDE
    )


def _bad(value: Any) -> ImageError:
    return ImageError(
        "bad_boxes", f"{value!r:.200} where a list of [left, top, right, bottom] from 0 to 1 is due"
    )
