"""From bytes to pixels: the container's reader first, then a decoder on what the reader let through.

Healthy JPEGs are decoded in turbo.py, still WebPs in libwebp.py, everything else by Pillow's decoders. Their classes
are used directly: `Image.open` would try every plugin it knows, follow MPO directories, and warn about sizes that
we have checked already.
"""

from collections.abc import Callable
from io import BytesIO

from PIL import Image, ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from wit_builder.errors import ImageError
from wit_builder.images.avif import read_avif
from wit_builder.images.bmp import read_bmp
from wit_builder.images.gif import ClearGif, read_gif
from wit_builder.images.guard import guarded
from wit_builder.images.jpeg import read_jpeg, unended
from wit_builder.images.libwebp import decode_webp
from wit_builder.images.pixels import Box, Raster, flatten
from wit_builder.images.png import WholePng, read_png
from wit_builder.images.sniff import identify
from wit_builder.images.still import Kind, Still, broken
from wit_builder.images.tiff import read_tiff
from wit_builder.images.turbo import decode_jpeg
from wit_builder.images.webp import read_webp

MAX_MEMORY = 1_000_000_000  # bytes, for one picture

READERS: dict[Kind, Callable[[bytes], Still]] = {
    "jpg": read_jpeg,
    "png": read_png,
    "webp": read_webp,
    "gif": read_gif,
    "bmp": read_bmp,
    "tiff": read_tiff,
    "avif": read_avif,
}
DECODERS: dict[Kind, Callable[[BytesIO], ImageFile.ImageFile]] = {
    "jpg": JpegImageFile,
    "png": WholePng,
    "webp": WebPImageFile,
    "gif": ClearGif,
    "bmp": BmpImageFile,
    "tiff": TiffImageFile,
    "avif": AvifImageFile,
}
QUICKER: dict[Kind, Callable[[Still, int], Raster | None]] = {"jpg": decode_jpeg, "webp": decode_webp}


def read(body: bytes, max_pixels: int) -> Still:
    """The picture inside the file, its size checked, nothing decoded.

    Raises ImageError: not_image, unsupported_format, too_many_pixels, decode_error.
    """
    still = READERS[identify(body)](body)
    if not still.width or not still.height:
        raise broken(f"a {still.kind} of {still.width}x{still.height}")
    pixels = still.width * still.height
    if pixels > max_pixels or pixels * still.bytes_per_pixel > MAX_MEMORY:
        limit = min(max_pixels, MAX_MEMORY // still.bytes_per_pixel)
        seen = f"{still.kind} of {still.width}x{still.height}"
        raise ImageError("too_many_pixels", f"{seen}, at most {limit} pixels")
    return still


def decode(still: Still, enough: tuple[int, int]) -> tuple[Raster, Box]:
    """The decoded picture, and the part of it that is picture.

    enough: width and height that will do, as stored; a picture is decoded at 1/2, 1/4 or 1/8 where that is
        still no smaller, a JPEG for less work and the others by averaging. Its last column or row may then
        stick out of the picture: hence the box.
    Raises ImageError: decode_error.
    """
    scale = _scale(still, enough)
    raster = QUICKER[still.kind](still, scale) if still.kind in QUICKER else None
    # the decoder's own picture is gone before the pixels of ours are copied
    return raster or Raster.of(_by_pillow(still, scale)), (0, 0, still.width / scale, still.height / scale)


def _scale(still: Still, enough: tuple[int, int]) -> int:
    """1, 2, 4 or 8: how many times smaller it may be decoded."""
    times = min(still.width // enough[0], still.height // enough[1])
    return next((scale for scale in (8, 4, 2) if times >= scale), 1)


def _by_pillow(still: Still, scale: int) -> Image.Image:
    body = unended(still.body) if still.one_pass else still.body
    with guarded(), DECODERS[still.kind](BytesIO(body)) as image:
        if image.size != (still.width, still.height):
            raise broken(f"size {image.size}, header says {still.width}x{still.height}")
        if still.kind == "jpg" and scale > 1:
            image.draft(None, (still.width // scale, still.height // scale))
            scale = 1
        image.load()
        flat = flatten(image)
        return flat.reduce(scale) if scale > 1 else flat
