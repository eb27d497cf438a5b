"""How big the picture becomes, and making it so."""

import math
from dataclasses import dataclass

from PIL import Image

from wit_builder.errors import ImageError
from wit_builder.images.picture import Format, ImageSpec
from wit_builder.images.pixels import Raster
from wit_builder.images.resample import Filter
from wit_builder.images.still import Kind, Still

Size = tuple[int, int]

# What a filter costs grows with what it is given, so a picture is decoded smaller as long as this many times the
# wanted size is left. SSIM, mean / 5th percentile, of 24 photographs at each size, whole and bicubic, halved by
# libjpeg and Lanczos (halved and bicubic is .004 less), and img2dataset's, which is cv2's whole and INTER_AREA:
#   1.0   .987 / .976   .970 / .954   .978 / .965        1.17   .987 / .976   .977 / .967   .978 / .968
#   1.09  .987 / .976   .972 / .957   .979 / .968        1.25   .987 / .976   .980 / .969   .976 / .965
# Averaging, which is what the other formats get, needs more than libjpeg's way.
ENOUGH_FOR_JPEG = 1.25
ENOUGH_FOR_OTHERS = 2.0

MAX_ENLARGED = 64_000_000  # pixels of a picture on its way; turned it takes 14 bytes of each
LIMITS: dict[Format, int] = {"jpg": 65_500, "webp": 16_383, "png": 2**31 - 1}  # longest side of a file


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes on the way, all upright: the whole picture scaled, then cut or padded to a canvas."""

    scaled: Size
    canvas: Size


def plan(original: Size, spec: ImageSpec) -> Plan:
    """What is to become of a picture of that upright size.

    Raises ImageError `too_many_pixels` where the result would not fit into the format, or enlarging would take
    too much memory, `image_too_small` and `image_too_long` for an original that is not wanted.
    """
    _admit(original, spec)
    scaled = _scaled(original, spec)
    canvas = scaled
    if spec.small_as_is and scaled == original:
        pass
    elif spec.mode == "center_crop":
        canvas = (min(spec.size, *scaled),) * 2
    elif spec.mode == "border":
        canvas = (max(spec.size, *scaled),) * 2
    if max(canvas) > LIMITS[spec.format] or math.prod(scaled) > max(MAX_ENLARGED, math.prod(original)):
        raise ImageError("too_many_pixels", f"{scaled[0]}x{scaled[1]} as {spec.format} of {original}")
    return Plan(scaled, canvas)


def _admit(original: Size, spec: ImageSpec) -> None:
    shorter, longer = sorted(original)
    if shorter < spec.min_side:
        raise ImageError("image_too_small", f"{original[0]}x{original[1]}, at least {spec.min_side} wanted")
    if spec.max_aspect is not None and longer > spec.max_aspect * shorter:
        raise ImageError("image_too_long", f"{original[0]}x{original[1]}, at most {spec.max_aspect:g} to 1")


def _scaled(original: Size, spec: ImageSpec) -> Size:
    if spec.mode == "no":
        return original
    side = min(original) if spec.mode in ("keep_ratio", "center_crop") else max(original)
    if side == spec.size or (spec.only_shrink and side < spec.size):
        return original
    width, height = ((2 * length * spec.size + side) // (2 * side) for length in original)  # rounded, exactly
    return max(width, 1), max(height, 1)


def enough(scaled: Size, kind: Kind) -> Size:
    """The least size such a file may be decoded at on its way to that one."""
    factor = ENOUGH_FOR_JPEG if kind == "jpg" else ENOUGH_FOR_OTHERS
    return int(scaled[0] * factor), int(scaled[1] * factor)


def filter_for(still: Still, decoded: Raster) -> Filter:
    """Bicubic, as CLIP's own preparation has it; what was decoded smaller has lost some sharpness already."""
    return "lanczos" if decoded.width < still.width else "bicubic"


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def turn(picture: Raster, orientation: int) -> Raster:
    """The picture upright (EXIF 2.32, tag 0x0112)."""
    return Raster.of(picture.image().transpose(_TURNS[orientation])) if orientation in _TURNS else picture


def frame(picture: Raster, canvas: Size) -> Raster:
    """The middle of the picture where the canvas is smaller, white around it where it is larger."""
    size = picture.width, picture.height
    if size == canvas:
        return picture
    left, top = (int((room - side) / 2) for room, side in zip(canvas, size, strict=True))
    framed = Image.new("RGB", canvas, (255, 255, 255))
    framed.paste(picture.image(), (left, top))  # what lies outside is cut off
    return Raster.of(framed)
