import pytest

from tests.filters.items import Pictured
from wit_builder.errors import ConfigError
from wit_filters import (
    ImageAlpha,
    ImageAnimated,
    ImageArea,
    ImageAspect,
    ImageBytes,
    ImageDetail,
    ImageFormat,
    ImageSize,
)


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (200, 200, None),
        (199, 900, "image_too_small"),
        (900, 199, "image_too_small"),
        (20_000, 300, None),
        (300, 20_001, "image_too_large"),
    ],
)
def test_each_side_stays_within_its_bound(width: int, height: int, expected: str | None) -> None:
    assert ImageSize()(Pictured(width, height)).reason == expected


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (600, 200, None),
        (200, 600, None),
        (601, 200, "image_too_long"),
        (200, 601, "image_too_long"),
        (5, 0, "image_too_long"),
    ],
)
def test_a_picture_is_at_most_three_times_as_long_as_wide(
    width: int, height: int, expected: str | None
) -> None:
    assert ImageAspect()(Pictured(width, height)).reason == expected


@pytest.mark.parametrize(("size", "expected"), [(5_000, None), (4_999, "image_few_bytes")])
def test_a_picture_has_enough_bytes(size: int, expected: str | None) -> None:
    assert ImageBytes()(Pictured(original_bytes=size)).reason == expected


@pytest.mark.parametrize(("quality", "expected"), [(50, None), (49, "image_blank")])
def test_a_picture_has_enough_detail(quality: int, expected: str | None) -> None:
    assert ImageDetail()(Pictured(phash_quality=quality)).reason == expected


def test_the_evidence_is_what_was_measured() -> None:
    assert ImageSize()(Pictured(30, 40)).evidence == "30x40"
    assert ImageDetail()(Pictured(phash_quality=3)).evidence == "PDQ quality 3"


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        (ImageSize, {"min_side": 0}),
        (ImageSize, {"max_side": 0}),
        (ImageSize, {"min_side": 300, "max_side": 299}),
        (ImageAspect, {"max_ratio": 0.9}),
        (ImageBytes, {"min_bytes": 0}),
        (ImageDetail, {"min_quality": 101}),
    ],
)
def test_a_measure_out_of_range_is_refused_by_name(rule: type, wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=rf"^{rule.__name__}\.{next(iter(wrong))} is "):
        rule(**wrong)


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (10, 10, None),
        (9, 11, "image_small_area"),
        (89_478_484, 1, None),
        (89_478_485, 1, "image_large_area"),
    ],
)
def test_a_picture_has_neither_too_few_nor_too_many_pixels(width, height, expected):
    assert ImageArea(min_pixels=100)(Pictured(width, height)).reason == expected


@pytest.mark.parametrize(("size", "expected"), [(9_000, None), (9_001, "image_many_bytes")])
def test_a_picture_may_have_too_many_bytes(size, expected):
    assert ImageBytes(max_bytes=9_000)(Pictured(original_bytes=size)).reason == expected


@pytest.mark.parametrize(
    ("kind", "expected"), [("jpg", None), ("webp", None), ("gif", "image_format"), ("", "image_format")]
)
def test_a_picture_came_in_a_format_that_is_wanted(kind, expected):
    assert ImageFormat()(Pictured(original_format=kind)).reason == expected


def test_animations_and_transparency_are_dropped_only_where_asked_for():
    assert ImageAnimated()(Pictured(animated=True)).reason == "image_animated"
    assert ImageAnimated()(Pictured(alpha=True)).kept
    assert ImageAlpha()(Pictured(alpha=True)).reason == "image_alpha"
    assert ImageAlpha()(Pictured(animated=True)).kept


def test_a_format_that_is_none_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"^ImageFormat\.allowed holds 'jpeg', expected some of jpg, png"):
        ImageFormat(("jpeg",))
