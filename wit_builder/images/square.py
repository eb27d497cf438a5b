"""An image as a network takes it: a square of pixels, or all of them."""

import threading
from typing import Literal

import numpy as np
import numpy.typing as npt
import simplejpeg

from wit_builder.images.colour import to_srgb
from wit_builder.images.decode import decode, read
from wit_builder.images.guard import DECODER_FAULTS
from wit_builder.images.jpeg import MAX_SCANS
from wit_builder.images.pixels import Raster
from wit_builder.images.resample import resample

MAX_PIXELS = 64_000_000  # of an image as it lies
CROPPED = 7 / 8  # of the short side is the side of a random square: 224 of 256
LONGEST = 8  # times its short side is an image, of which the centre is wanted, at most

Pixels = npt.NDArray[np.uint8]

_own = threading.local()


def picture(body: bytes, size: int, crop: Literal["random", "centre"] = "centre", draw: int = 0) -> Pixels:
    """The image as a square: uint8 [size, size, 3], RGB.

    random: a square of 7/8 of the image's short side, at the place that `draw` (64 bits) says; but of `size` pixels
    as they are, where that would be less: of images with a short side of 256 a square of 224. centre: what
    open_clip makes for evaluation (bicubic, short side to size, the middle), up to rounding; but palettes are
    resized as colours, of which open_clip takes the nearest pixel, and what is transparent is white.
    Raises ImageError: not_image, unsupported_format, too_many_pixels, decode_error.
    """
    if crop == "centre":
        return _centre(decoded(body), size)
    pixels = decoded(body, round(size / CROPPED))
    height, width, _ = pixels.shape
    side = _side(min(width, height), size)
    left = (draw >> 32) * (width - side + 1) >> 32
    top = (draw & 0xFFFFFFFF) * (height - side + 1) >> 32
    square = pixels[top : top + side, left : left + side]
    return square.copy() if side == size else _resized(square, size, size)


def decoded(body: bytes, enough: int | None = None) -> Pixels:
    """The image: uint8 [height, width, 3], RGB, as it lies, no turn for EXIF; to be used before the next one is.

    enough: a short side that will do, to decode at 1/2, 1/4 or 1/8 where that is no smaller. Raises ImageError.
    """
    pixels = _plain_jpeg(body, enough)
    return _other(body, enough).array() if pixels is None else pixels


def _side(short: int, size: int) -> int:
    """Of the square that is cut out of an image with that short side."""
    return min(short, max(size, round(short * CROPPED)))


def _plain_jpeg(body: bytes, enough: int | None) -> Pixels | None:
    """A JPEG without anything odd, in this thread's canvas; None for any other image."""
    if body[:3] != b"\xff\xd8\xff" or body.count(b"\xff\xda") > MAX_SCANS:
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(body)
        if colours not in ("YCbCr", "Gray", "RGB") or height * width > MAX_PIXELS:
            return None
        times = min(height, width) // enough if enough else 1
        scale = next((scale for scale in (8, 4, 2) if times >= scale), 1)
        height, width = -(-height // scale), -(-width // scale)
        smaller = {"min_height": height, "min_width": width, "min_factor": scale} if scale > 1 else {}
        pixels: Pixels = simplejpeg.decode_jpeg(body, "RGB", buffer=_canvas(height * width * 3), **smaller)
    except DECODER_FAULTS:
        return None
    return pixels


def _canvas(size: int) -> Pixels:
    """This thread's memory for pixels: to ask for it anew takes a tenth of the time of decoding."""
    if size > len(getattr(_own, "canvas", b"")):
        _own.canvas = np.empty(size, np.uint8)
    canvas: Pixels = _own.canvas
    return canvas


def _other(body: bytes, enough: int | None) -> Raster:
    """Any other image, with the care that images from the web are read with (images/)."""
    still = read(body, MAX_PIXELS)
    side = enough or max(still.width, still.height)
    return to_srgb(decode(still, (side, side))[0], None)


def _centre(pixels: Pixels, size: int) -> Pixels:
    """torchvision's Resize and CenterCrop, as open_clip's preprocessing calls them.

    Of an image that is longer than LONGEST its middle, so that a line of pixels does not become gigabytes.
    """
    side = min(pixels.shape[:2])
    top, left = (max(0, length - LONGEST * side) // 2 for length in pixels.shape[:2])
    pixels = pixels[top : top + LONGEST * side, left : left + LONGEST * side]
    height, width = (size if length == side else size * length // side for length in pixels.shape[:2])
    top, left = (round((length - size) / 2) for length in (height, width))
    return _resized(pixels, width, height)[top : top + size, left : left + size]


def _resized(pixels: Pixels, width: int, height: int) -> Pixels:
    raster = Raster("RGB", pixels.shape[1], pixels.shape[0], pixels.tobytes())
    return resample(raster, (0, 0, raster.width, raster.height), (width, height), "bicubic").array()
