"""How big the picture becomes, and making it so."""

from dataclasses import dataclass

from PIL import Image

from wit_builder.errors import ImageError
from wit_builder.images.decode import Box
from wit_builder.images.picture import Format, ImageSpec

Size = tuple[int, int]

# The filter is Lanczos; what it costs grows with what it is given, so a JPEG's own scaled decoding and, for the
# other formats, a box filter shrink the picture first, as long as this many times the wanted size is left.
# benchmarks/images/decode_resize.py, 29 photographs to 256 px: CPU time of process() against cv2's full
# decode + INTER_AREA (what img2dataset does), and SSIM mean / worst of the stored file; cv2's .9779 / .9536.
#   1.2   0.88  .9872 / .9608        1.5   1.01  .9897 / .9816
#   1.33  0.91  .9887 / .9764        2.0   1.33  .9907 / .9820
#   1.4   0.94  .9890 / .9785        full decode + Lanczos without hashing: 1.92  .9910 / .9820
# The box filter, pixels to pixels: 1.5 takes 5.2 ms and gives .9980 / .9921 of Lanczos alone (13.9 ms), 2.0 takes
# 8.5 and gives .9995 / .9981; INTER_AREA takes 5.8 and gives .9863 / .9577.
ENOUGH_FOR_JPEG = 1.4
ENOUGH_FOR_BOX = 1.5

LIMITS: dict[Format, int] = {"jpg": 65_500, "webp": 16_383, "png": 2**31 - 1}  # longest side of a file


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes on the way, all upright: the whole picture scaled, then cut or padded to a canvas."""

    scaled: Size
    canvas: Size


def plan(original: Size, spec: ImageSpec) -> Plan:
    """What is to become of a picture of that upright size.

    Raises ImageError `too_many_pixels` where the result would not fit into the format or the pixel limit,
    `image_too_small` and `image_too_long` for an original that is not wanted.
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
    longest = max(*scaled, *canvas)
    if longest > LIMITS[spec.format] or scaled[0] * scaled[1] > spec.max_pixels:
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


def enough(scaled: Size) -> Size:
    """The least size a JPEG may be decoded at on its way to that one."""
    width, height = scaled
    return int(width * ENOUGH_FOR_JPEG), int(height * ENOUGH_FOR_JPEG)


def resize(image: Image.Image, box: Box, size: Size) -> Image.Image:
    """The part of the picture inside the box, at that size."""
    if image.size == size and box == (0, 0, *size):
        return image
    return image.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=ENOUGH_FOR_BOX)


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def turn(image: Image.Image, orientation: int) -> Image.Image:
    """The picture upright (EXIF 2.32, tag 0x0112)."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def frame(image: Image.Image, canvas: Size) -> Image.Image:
    """The middle of the picture where the canvas is smaller, white around it where it is larger."""
    if image.size == canvas:
        return image
    left, top = (int((room - side) / 2) for room, side in zip(canvas, image.size, strict=True))
    framed = Image.new("RGB", canvas, (255, 255, 255))
    framed.paste(image, (left, top))  # what lies outside is cut off
    return framed
