"""Rules that read a fetched picture's measures. Sizes are those of the original, after the EXIF turn."""

from dataclasses import dataclass

from wit_builder.filtering import KEPT, Verdict
from wit_builder.records import HasImage
from wit_filters.bounds import check_order, check_range


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


@dataclass(frozen=True, slots=True)
class ImageBytes:
    """Drops pictures of so few bytes that hardly anything can be on them.

    Default: at least 5,000 bytes as fetched, as in LAION's pipeline and COYO-700M (README: 5 KB).

    Drops for: `image_few_bytes`.
    """

    min_bytes: int = 5_000

    def __post_init__(self) -> None:
        check_range(self, "min_bytes", 1)

    def __call__(self, item: HasImage, /) -> Verdict:  # noqa: D102
        if item.original_bytes < self.min_bytes:
            return Verdict("image_few_bytes", f"{item.original_bytes} bytes")
        return KEPT


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


def _size(item: HasImage) -> str:
    return f"{item.original_width}x{item.original_height}"
