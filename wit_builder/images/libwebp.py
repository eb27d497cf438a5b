"""WebP without Pillow: libwebp itself, the one that Pillow brings, from the file to bare pixels in one step.

Pillow decodes every WebP by way of an animation's canvas of four bytes a pixel: the same pixels in more time. What
moves, can be seen through or is broken is left to it.
"""

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple

from wit_builder.images.pixels import Raster
from wit_builder.images.still import Still


class _Library(NamedTuple):
    """Two functions of libwebp's src/webp/decode.h; memory that the first gives is for the second."""

    decode_rgb: Callable[..., int | None]
    free: Callable[[int], Any]


def decode_webp(still: Still, scale: int) -> Raster | None:
    """The picture, each scale x scale of its pixels averaged; None where Pillow is to try."""
    if still.animated or still.alpha or _LIBRARY is None:
        return None
    width, height = ctypes.c_int(), ctypes.c_int()
    pixels = _LIBRARY.decode_rgb(still.body, len(still.body), ctypes.byref(width), ctypes.byref(height))
    if not pixels:
        return None
    try:
        size = width.value, height.value
        data = ctypes.string_at(pixels, 3 * size[0] * size[1])
    finally:
        _LIBRARY.free(pixels)
    if size != (still.width, still.height):
        return None
    whole = Raster("RGB", *size, data)
    return whole if scale == 1 else Raster.of(whole.image().reduce(scale))


def _library() -> _Library | None:
    """As Pillow's own module finds it; None where it has libwebp inside, or none."""
    try:
        from PIL import _webp

        library = ctypes.CDLL(_webp.__file__)
        decode_rgb, free = library.WebPDecodeRGB, library.WebPFree
    except (ImportError, OSError, AttributeError):
        return None
    number = ctypes.POINTER(ctypes.c_int)
    decode_rgb.argtypes, decode_rgb.restype = (
        [ctypes.c_char_p, ctypes.c_size_t, number, number],
        ctypes.c_void_p,
    )
    free.argtypes, free.restype = [ctypes.c_void_p], None
    return _Library(decode_rgb, free)


_LIBRARY = _library()
