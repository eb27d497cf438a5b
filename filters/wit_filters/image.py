"""Rules that read a fetched picture's measures. Sizes are those of the original, after the EXIF turn."""

import string
from dataclasses import dataclass
from typing import Any, get_args

import pyarrow as pa
import pyarrow.compute as pc

from wit_builder.errors import ConfigError
from wit_builder.filtering import KEPT, Verdict
from wit_builder.images.still import Kind
from wit_builder.records import HasImage
from wit_filters.bounds import check_order, check_range, check_words


@dataclass(frozen=True, slots=True)
class ImageSize:
    """Drops pictures whose shorter side is too short, or whose longer side is too long.

    Defaults: `min_side` 200 is that of DataComp's basic filter (baselines/apply_filter.py: at least 200) and
    of COYO-700M (README); `max_side` 20,000 is OBELICS's (its filtering configuration).

    Drops for: `image_too_small`, `image_too_large`.
    """

    min_side: int = 200
    max_side: int = 20_000

    def __post_init__(self) -> None:
        check_range(self, "min_side", 1)
        check_range(self, "max_side", 1)
        check_order(self, "min_side", "max_side")

    def __call__(self, item: HasImage, /) -> Verdict:  # noqa: D102
        short, long = sorted((item.original_width, item.original_height))
        if short < self.min_side:
            return Verdict("image_too_small", _size(item))
        return Verdict("image_too_large", _size(item)) if long > self.max_side else KEPT

    def may_drop(self, rows: pa.Table, /) -> Any:
        """See ScreeningFilter."""
        short, long = _sides(rows)
        return pc.or_(pc.less(short, self.min_side), pc.greater(long, self.max_side))


@dataclass(frozen=True, slots=True)
class ImageAspect:
    """Drops pictures much longer than wide, or the other way round: banners, rulers, navigation bars.

    Default: longer side at most 3.0 times the shorter one, as in DataComp's basic filter
    (baselines/apply_filter.py) and COYO-700M (README).

    Drops for: `image_too_long`.
    """

    max_ratio: float = 3.0

    def __post_init__(self) -> None:
        check_range(self, "max_ratio", 1)

    def __call__(self, item: HasImage, /) -> Verdict:  # noqa: D102
        short, long = sorted((item.original_width, item.original_height))
        return Verdict("image_too_long", _size(item)) if long > self.max_ratio * short else KEPT

    def may_drop(self, rows: pa.Table, /) -> Any:
        """See ScreeningFilter."""
        short, long = _sides(rows)
        return pc.greater(long, pc.multiply(short, float(self.max_ratio)))


@dataclass(frozen=True, slots=True)
class ImageArea:
    """Drops pictures of too few or too many pixels.

    Defaults: none are too few; at most 89,478,484, Pillow's warning against decompression bombs, which LAION's
    downloaders obeyed (crawlingathome's worker).

    Drops for: `image_small_area`, `image_large_area`.
    """

    min_pixels: int = 0
    max_pixels: int = 89_478_484

    def __post_init__(self) -> None:
        check_range(self, "min_pixels", 0)
        check_range(self, "max_pixels", 1)
        check_order(self, "min_pixels", "max_pixels")

    def __call__(self, item: HasImage, /) -> Verdict:  # noqa: D102
        area = item.original_width * item.original_height
        if area < self.min_pixels:
            return Verdict("image_small_area", _size(item))
        return Verdict("image_large_area", _size(item)) if area > self.max_pixels else KEPT

    def may_drop(self, rows: pa.Table, /) -> Any:
        """See ScreeningFilter."""
        area = pc.multiply(rows.column("original_width"), rows.column("original_height"))
        return pc.or_(pc.less(area, self.min_pixels), pc.greater(area, self.max_pixels))


@dataclass(frozen=True, slots=True)
class ImageBytes:
    """Drops pictures of so few bytes that hardly anything can be on them, or of more than is wanted.

    Defaults: at least 5,000 bytes as fetched, as in LAION's pipeline and COYO-700M (README: 5 KB); no upper bound
    but that of the download (WebSettings.max_image_bytes).

    Drops for: `image_few_bytes`, `image_many_bytes`.
    """

    min_bytes: int = 5_000
    max_bytes: int = 2**40

    def __post_init__(self) -> None:
        check_range(self, "min_bytes", 1)
        check_range(self, "max_bytes", 1)
        check_order(self, "min_bytes", "max_bytes")

    def __call__(self, item: HasImage, /) -> Verdict:  # noqa: D102
        if item.original_bytes < self.min_bytes:
            return Verdict("image_few_bytes", f"{item.original_bytes} bytes")
        if item.original_bytes > self.max_bytes:
            return Verdict("image_many_bytes", f"{item.original_bytes} bytes")
        return KEPT

    def may_drop(self, rows: pa.Table, /) -> Any:
        """See ScreeningFilter."""
        size = rows.column("original_bytes")
        return pc.or_(pc.less(size, self.min_bytes), pc.greater(size, self.max_bytes))


@dataclass(frozen=True, slots=True)
class ImageDetail:
    """Drops pictures with hardly any detail: blank tiles, gradients, plain placeholders.

    The measure is the quality that PDQ gives beside its hash, 0 to 100, low where brightness hardly changes.
    Default: its authors recommend discarding hashes of quality 49 and below (ThreatExchange, pdq/README.md,
    "Matching"); that the picture itself goes is our reading.

    Drops for: `image_blank`.
    """

    min_quality: int = 50

    def __post_init__(self) -> None:
        check_range(self, "min_quality", 0, 100)

    def __call__(self, item: HasImage, /) -> Verdict:  # noqa: D102
        if item.phash_quality < self.min_quality:
            return Verdict("image_blank", f"PDQ quality {item.phash_quality}")
        return KEPT

    def may_drop(self, rows: pa.Table, /) -> Any:
        """See ScreeningFilter."""
        return pc.less(rows.column("phash_quality"), self.min_quality)


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """Drops pictures that came in another format than those wanted, by what their bytes are.

    allowed: of jpg, png, webp, gif, bmp, tiff, avif. Default: LAION's (crawlingathome's dbdl.py: JPEG, PNG, WEBP) and
    OBELICS's (valid_formats in its config_filter_web_documents.yaml). CC3M and CC12M keep JPEG alone.

    Drops for: `image_format`.
    """

    allowed: tuple[str, ...] = ("jpg", "png", "webp")

    def __post_init__(self) -> None:
        check_words(self, "allowed", string.ascii_lowercase)
        if unknown := set(self.allowed).difference(get_args(Kind)):
            due = ", ".join(get_args(Kind))
            raise ConfigError(f"ImageFormat.allowed holds {sorted(unknown)[0]!r}, expected some of {due}")

    def __call__(self, item: HasImage, /) -> Verdict:  # noqa: D102
        return (
            KEPT
            if item.original_format in self.allowed
            else Verdict("image_format", item.original_format or "none")
        )

    def may_drop(self, rows: pa.Table, /) -> Any:
        """See ScreeningFilter."""
        return pc.invert(pc.is_in(rows.column("original_format"), pa.array(self.allowed, pa.string())))


@dataclass(frozen=True, slots=True)
class ImageAnimated:
    """Drops animations (GIF, WebP, PNG, AVIF). Without this rule their first frame stays.

    Ours, without a published source: a first frame is often a blank or a title, and the caption speaks of the rest.

    Drops for: `image_animated`.
    """

    def __call__(self, item: HasImage, /) -> Verdict:  # noqa: D102
        return Verdict("image_animated", f"{item.original_format}, {_size(item)}") if item.animated else KEPT

    def may_drop(self, rows: pa.Table, /) -> Any:
        """See ScreeningFilter."""
        return rows.column("animated")


@dataclass(frozen=True, slots=True)
class ImageAlpha:
    """Drops pictures with a channel or colour for what is transparent, used or not: logos, cut-outs, diagrams.

    Without this rule they stay, on white. Ours, without a published source.

    Drops for: `image_alpha`.
    """

    def __call__(self, item: HasImage, /) -> Verdict:  # noqa: D102
        return Verdict("image_alpha", f"{item.original_format}, {_size(item)}") if item.alpha else KEPT

    def may_drop(self, rows: pa.Table, /) -> Any:
        """See ScreeningFilter."""
        return rows.column("alpha")


def _size(item: HasImage) -> str:
    return f"{item.original_width}x{item.original_height}"


def _sides(rows: pa.Table) -> tuple[Any, Any]:
    """The shorter and the longer side of each."""
    sides = rows.column("original_width"), rows.column("original_height")
    return pc.min_element_wise(*sides, skip_nulls=False), pc.max_element_wise(*sides, skip_nulls=False)
