"""One still picture as found inside its container, before a decoder has touched it.

Each container has a reader (jpeg.py, png.py, ...) that walks the file's own structure: it learns the size and
says which bytes make the first picture. Everything else (EXIF, GPS, XMP, IPTC, comments, thumbnails, further
frames, text chunks) is left behind there, so a decoder never parses it and it cannot reach the output.
That also keeps Pillow silent: its warnings come from parsing metadata, and `warnings.catch_warnings` is of no
use where threads are.
"""

from dataclasses import dataclass
from typing import Literal

from wit_builder.errors import ImageError

Kind = Literal["jpg", "png", "webp", "gif", "bmp", "tiff", "avif"]

MAX_ICC_BYTES = 4 << 20  # the largest CMYK profiles in use have 2.8 MB


@dataclass(frozen=True, slots=True)
class Still:
    """One picture, not yet decoded."""

    kind: Kind
    width: int  # pixels as stored, before the EXIF turn
    height: int
    body: bytes  # a whole file for the decoder: this picture alone
    orientation: int = 1  # EXIF's 1 to 8
    icc: bytes | None = None
    stored: bytes | None = None  # body as a valid file where it is 8-bit RGB without alpha, else None
    one_pass: bool = False  # a JPEG of one scan
    animated: bool = False  # more frames follow
    alpha: bool = False  # the file has a channel or colour for what is transparent, used or not
    bytes_per_pixel: int = 10  # of memory, at worst, until the picture is made small; measured per format

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height after the EXIF turn."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def broken(evidence: str) -> ImageError:
    """The error for a file that is not what its format says."""
    return ImageError("decode_error", evidence)
