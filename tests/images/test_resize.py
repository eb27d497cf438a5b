import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.images.pictures import difference, photograph, pixels, raster, reason
from wit_builder.images.picture import ImageSpec, Mode
from wit_builder.images.resize import enough, filter_for, frame, plan, turn
from wit_builder.images.still import Still

SIDES = st.integers(1, 2000)
MODES: tuple[Mode, ...] = ("keep_ratio", "keep_ratio_largest", "center_crop", "border", "no")


@pytest.mark.parametrize(
    ("mode", "original", "scaled", "canvas"),
    [
        ("keep_ratio", (1000, 500), (512, 256), (512, 256)),
        ("keep_ratio", (500, 1000), (256, 512), (256, 512)),
        ("keep_ratio", (257, 300), (256, 299), (256, 299)),
        ("keep_ratio", (256, 300), (256, 300), (256, 300)),
        ("keep_ratio", (255, 300), (255, 300), (255, 300)),
        ("keep_ratio_largest", (1000, 500), (256, 128), (256, 128)),
        ("keep_ratio_largest", (255, 100), (255, 100), (255, 100)),
        ("keep_ratio_largest", (10_000, 3), (256, 1), (256, 1)),
        ("center_crop", (1000, 500), (512, 256), (256, 256)),
        ("center_crop", (100, 300), (100, 300), (100, 100)),
        ("border", (1000, 500), (256, 128), (256, 256)),
        ("border", (100, 50), (100, 50), (256, 256)),
        ("no", (1000, 500), (1000, 500), (1000, 500)),
    ],
)
def test_sizes_are_as_the_mode_says(mode: Mode, original: object, scaled: object, canvas: object) -> None:
    planned = plan(original, ImageSpec(mode=mode))  # type: ignore[arg-type]
    assert (planned.scaled, planned.canvas) == (scaled, canvas)


@pytest.mark.parametrize(
    ("mode", "original", "canvas"),
    [
        ("center_crop", (100, 300), (100, 300)),
        ("center_crop", (256, 300), (256, 300)),
        ("center_crop", (257, 300), (256, 256)),
        ("border", (100, 256), (100, 256)),
        ("border", (100, 257), (256, 256)),
    ],
)
def test_what_is_small_may_stay_as_it_is(mode: Mode, original: object, canvas: object) -> None:
    assert plan(original, ImageSpec(mode=mode, small_as_is=True)).canvas == canvas  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mode", "canvas"),
    [
        ("keep_ratio", (768, 256)),
        ("keep_ratio_largest", (256, 85)),
        ("center_crop", (256, 256)),
        ("border", (256, 256)),
        ("no", (30, 10)),
    ],
)
def test_small_pictures_are_enlarged_only_when_asked(mode: Mode, canvas: object) -> None:
    assert plan((30, 10), ImageSpec(mode=mode, only_shrink=False)).canvas == canvas


@given(st.tuples(SIDES, SIDES), st.sampled_from(MODES), st.integers(1, 600), st.booleans())
def test_a_turned_picture_gets_the_turned_size(
    original: tuple[int, int], mode: Mode, size: int, shrink: bool
) -> None:
    spec = ImageSpec(size=size, mode=mode, only_shrink=shrink, format="png")
    if reason(plan, original, spec) == "too_many_pixels":
        assert reason(plan, original[::-1], spec) == "too_many_pixels"
        return
    planned, turned = plan(original, spec), plan(original[::-1], spec)
    assert (planned.scaled[::-1], planned.canvas[::-1]) == (turned.scaled, turned.canvas)


@given(st.tuples(SIDES, SIDES), st.sampled_from(MODES), st.integers(1, 600))
def test_nothing_is_enlarged_unasked(original: tuple[int, int], mode: Mode, size: int) -> None:
    scaled = plan(original, ImageSpec(size=size, mode=mode, format="png")).scaled
    assert scaled[0] <= original[0]
    assert scaled[1] <= original[1]


@pytest.mark.parametrize(
    ("original", "changes", "expected"),
    [
        ((65_500, 10), {"mode": "no"}, "none"),
        ((65_501, 10), {"mode": "no"}, "too_many_pixels"),
        ((65_501, 10), {"mode": "no", "format": "png"}, "none"),
        ((16_383, 10), {"mode": "no", "format": "webp"}, "none"),
        ((16_384, 10), {"mode": "no", "format": "webp"}, "too_many_pixels"),
        ((976, 1), {"only_shrink": False, "format": "png"}, "none"),
        ((977, 1), {"only_shrink": False, "format": "png"}, "too_many_pixels"),  # 250,112 x 256
        ((976, 1), {"only_shrink": False}, "too_many_pixels"),
        ((976, 1), {"only_shrink": False, "mode": "center_crop"}, "none"),
        ((977, 1), {"only_shrink": False, "mode": "center_crop"}, "too_many_pixels"),
        ((10_001, 10_001), {"mode": "no", "max_pixels": 2**31 - 1}, "none"),
        ((300, 299), {"size": 512, "only_shrink": False, "max_pixels": 300 * 299}, "none"),
    ],
)
def test_a_result_that_no_file_can_hold_is_refused(
    original: object, changes: dict[str, object], expected: str
) -> None:
    assert reason(plan, original, ImageSpec(**changes)) == expected  # type: ignore[arg-type]


def test_a_picture_is_decoded_to_more_than_is_wanted_and_a_jpeg_to_a_little_more() -> None:
    assert enough((1000, 2000), "jpg") == (1250, 2500)
    assert enough((1000, 2000), "png") == (2000, 4000)


def test_what_was_decoded_smaller_gets_the_sharper_filter() -> None:
    still = Still(kind="jpg", width=96, height=64, body=b"")
    assert filter_for(still, raster(96, 64)) == "bicubic"
    assert filter_for(still, raster(48, 32)) == "lanczos"


@pytest.mark.parametrize(
    ("orientation", "corner"), [(1, 0), (2, 1), (3, 3), (4, 2), (5, 0), (6, 2), (7, 3), (8, 1)]
)
def test_each_turn_brings_its_corner_to_the_upper_left(orientation: int, corner: int) -> None:
    upright = turn(raster(2, 2), orientation).image()
    assert upright.getpixel((0, 0)) == photograph(2, 2).getpixel((corner % 2, corner // 2))


def test_the_middle_is_cut_out() -> None:
    assert difference(frame(raster(9, 4), (4, 4)), photograph(9, 4).crop((2, 0, 6, 4))) == 0
    assert difference(frame(raster(4, 9), (4, 4)), photograph(4, 9).crop((0, 2, 4, 6))) == 0


def test_what_is_missing_is_white() -> None:
    framed = pixels(frame(raster(4, 2), (4, 5)))
    assert (framed[1:3] == pixels(photograph(4, 2))).all()
    assert (framed[[0, 3, 4]] == 255).all()
