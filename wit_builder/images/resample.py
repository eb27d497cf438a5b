"""Pixels to fewer (or more) pixels: convolution with a filter that is as wide as the picture shrinks.

Done by fast_image_resize (cykooz-resizer) from bytes to bytes: the same to the bit with and without SIMD, and
Lanczos at a seventh of what Pillow takes for it. Where there is no wheel of it, Pillow does the work.
"""

from typing import Literal

from PIL import Image

from wit_builder.images.pixels import Box, Raster

try:
    import cykooz_resizer as fast
except ImportError:
    fast = None

Filter = Literal["bilinear", "bicubic", "lanczos"]


def resample(picture: Raster, box: Box, size: tuple[int, int], filter: Filter) -> Raster:
    """The part of the picture inside the box, at that size."""
    if (picture.width, picture.height) == size and box == (0, 0, *size):
        return picture
    resized = _by_pillow if fast is None else _fast
    return Raster(picture.mode, *size, resized(picture, box, size, filter))


def _by_pillow(picture: Raster, box: Box, size: tuple[int, int], filter: Filter) -> bytes:
    return picture.image().resize(size, Image.Resampling[filter.upper()], box=box).tobytes()


if fast:
    _TYPES = {"L": fast.PixelType.U8, "RGB": fast.PixelType.U8x3, "CMYK": fast.PixelType.U8x4}
    _FILTERS = {
        "bilinear": fast.FilterType.bilinear,
        "bicubic": fast.FilterType.catmull_rom,
        "lanczos": fast.FilterType.lanczos3,
    }
    _RESIZER = (
        fast.Resizer()
    )  # with its scratch memory, a picture made narrow; threads take turns, by the GIL

    def _fast(picture: Raster, box: Box, size: tuple[int, int], filter: Filter) -> bytes:
        left, top, right, bottom = box
        kind = _TYPES[picture.mode]
        source = fast.ImageData(picture.width, picture.height, kind, picture.data)
        target = fast.ImageData(*size, kind)
        options = fast.ResizeOptions(
            resize_alg=fast.ResizeAlg.convolution(_FILTERS[filter]),
            crop_box=fast.CropBox(left, top, right - left, bottom - top),
            use_alpha=False,  # the fourth channel is black ink
        )
        _RESIZER.resize(source, target, options)
        resized: bytes = target.get_buffer()
        return resized
