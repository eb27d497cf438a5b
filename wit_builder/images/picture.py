"""What is asked of an image, and what comes back."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from wit_builder.errors import ConfigError

Mode = Literal["keep_ratio", "keep_ratio_largest", "center_crop", "border", "no"]
Format = Literal["jpg", "png", "webp"]

MIN_QUALITY = 50  # of PDQ: its authors discard hashes below it (ThreatExchange, pdq/README.md)


@dataclass(frozen=True, slots=True)
class RowRules:
    """Columns of a list that speak of its pictures; None where it has none such.

    A picture whose bytes have not the listed hash is refused, or, where a PDQ hash is listed too, kept if it
    still looks the same. `hash_check` in the row then says which of both it is known by.
    """

    hash: Literal["md5", "sha256", "sha512"] = "sha256"  # that is computed, compared and stored
    hash_column: str | None = None
    phash_column: str | None = None  # PDQ, 64 hex digits
    boxes_column: str | None = None  # what is to be blurred, see blur.py


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """How pictures are to be stored.

    mode: keep_ratio (short side = size), keep_ratio_largest (long side = size), center_crop (a square of
        size, whatever sticks out is cut), border (long side = size, padded with white to a square of size),
        no (as it is). Names and scales are img2dataset's.
    Raises ConfigError for a value out of range.
    """

    size: int = 256  # pixels, at least 1
    mode: Mode = "keep_ratio"
    format: Format = "jpg"
    quality: int = 95  # 1 to 100, of jpg and webp; png has none
    only_shrink: bool = True  # never enlarged; center_crop then cuts a smaller square, border pads more
    max_pixels: int = 100_000_000  # width * height as the header says, checked before anything is decoded
    keep_original: bool = True  # not re-encoded when nothing needs changing; metadata is cut out all the same
    small_as_is: bool = False  # with only_shrink: what is no larger than size is neither cut nor padded
    min_side: int = 0  # pixels that the shorter side of the original must have
    max_aspect: float | None = None  # longer side of the original to its shorter one, at most
    row: RowRules = field(default_factory=RowRules)

    def __post_init__(self) -> None:
        for name, kinds in (("mode", Mode), ("format", Format)):
            if getattr(self, name) not in get_args(kinds):
                raise ConfigError(
                    f"image {name} is {getattr(self, name)!r}, expected one of {', '.join(get_args(kinds))}"
                )
        for name, top in (("size", 65_535), ("quality", 100), ("max_pixels", 2**31 - 1)):
            if not 1 <= getattr(self, name) <= top:
                raise ConfigError(f"image {name} is {getattr(self, name)}, expected 1 to {top}")


@dataclass(frozen=True, slots=True)
class Picture:
    """One image as it is stored, and what was seen of the one that came."""

    image: bytes  # a whole file of that format: RGB, 8 bit, sRGB, upright, no metadata
    format: Format
    width: int  # pixels of the stored image
    height: int
    original_width: int  # pixels after the EXIF turn
    original_height: int
    sha256: str  # of the bytes as fetched, 64 hex digits
    phash: str  # PDQ of the whole picture, before crop and border; 64 hex digits
    phash_quality: int  # PDQ's 0 to 100; low means hardly any detail
    original_format: str = ""  # what came: jpg, png, webp, gif, bmp, tiff, avif
    animated: bool = False  # it had more frames than the first one, which is stored
    alpha: bool = False  # it had a channel or colour for what is transparent; that is white now
    extra: str = ""  # the list's row with what was found about it; "" where nothing was asked
