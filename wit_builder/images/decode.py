"""From bytes to pixels: the container's reader first, then Pillow's decoder on what the reader let through.

The decoder's classes are used directly. `Image.open` would try every plugin it knows, follow MPO directories,
and warn about sizes that we have checked already.
"""

from collections.abc import Callable
from io import BytesIO

from PIL import Image, ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from wit_builder.errors import ImageError
from wit_builder.images.avif import read_avif
from wit_builder.images.bmp import read_bmp
from wit_builder.images.gif import read_gif
from wit_builder.images.guard import guarded
from wit_builder.images.jpeg import read_jpeg
from wit_builder.images.pixels import flatten
from wit_builder.images.png import read_png
from wit_builder.images.sniff import identify
from wit_builder.images.still import Kind, Still, broken
from wit_builder.images.tiff import read_tiff
from wit_builder.images.webp import read_webp

MAX_MEMORY = 1_000_000_000  # bytes, for one picture

Box = tuple[float, float, float, float]

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
    "png": PngImageFile,
    "webp": WebPImageFile,
    "gif": GifImageFile,
    "bmp": BmpImageFile,
    "tiff": TiffImageFile,
    "avif": AvifImageFile,
}


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


def decode(still: Still, enough: tuple[int, int]) -> tuple[Image.Image, Box]:
    """The decoded picture in mode L, RGB or CMYK, opaque, and the part of it that is picture.

    enough: width and height that will do, as stored; a JPEG is decoded at 1/2, 1/4 or 1/8 where that is
        still no smaller. Its last column or row may then stick out of the picture: hence the box.
    Raises ImageError: decode_error.
    """
    with guarded(), DECODERS[still.kind](BytesIO(still.body)) as image:
        if image.size != (still.width, still.height):
            raise broken(f"size {image.size}, header says {still.width}x{still.height}")
        box: Box = (0, 0, *image.size)
        if still.reducible and (draft := image.draft(None, enough)):
            box = draft[1]
        image.load()
        return flatten(image), box
