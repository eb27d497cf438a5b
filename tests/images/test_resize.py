import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.images.pictures import difference, photograph, pixels, reason
from wit_builder.images.picture import ImageSpec, Mode
from wit_builder.images.resize import enough, frame, plan, resize, turn

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
    spec = ImageSpec(size=size, mode=mode, only_shrink=shrink, format="png", max_pixels=2**31 - 1)
    planned, turned = plan(original, spec), plan(original[::-1], spec)
    assert (planned.scaled[::-1], planned.canvas[::-1]) == (turned.scaled, turned.canvas)


@given(st.tuples(SIDES, SIDES), st.sampled_from(MODES), st.integers(1, 600))
def test_nothing_is_enlarged_unasked(original: tuple[int, int], mode: Mode, size: int) -> None:
    scaled = plan(original, ImageSpec(size=size, mode=mode, format="png", max_pixels=2**31 - 1)).scaled
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
        ((10_000, 1), {"only_shrink": False, "format": "png"}, "too_many_pixels"),
    ],
)
def test_a_result_that_no_file_can_hold_is_refused(
    original: object, changes: dict[str, object], expected: str
) -> None:
    assert reason(plan, original, ImageSpec(**changes)) == expected  # type: ignore[arg-type]


def test_a_jpeg_is_decoded_to_a_little_more_than_is_wanted() -> None:
    assert enough((100, 50)) == (140, 70)


def test_a_picture_of_the_right_size_is_not_touched() -> None:
    image = photograph()
    assert resize(image, (0, 0, 96, 64), (96, 64)) is image
    assert resize(image, (0, 0, 95.5, 64), (96, 64)) is not image


def test_the_whole_picture_is_shrunk_as_lanczos_does() -> None:
    small = resize(photograph(400, 300), (0, 0, 400, 300), (100, 75))
    assert difference(small, photograph(400, 300).resize((100, 75), 1)) < 1


@pytest.mark.parametrize(
    ("orientation", "corner"), [(1, 0), (2, 1), (3, 3), (4, 2), (5, 0), (6, 2), (7, 3), (8, 1)]
)
def test_each_turn_brings_its_corner_to_the_upper_left(orientation: int, corner: int) -> None:
    image = photograph(2, 2)
    assert turn(image, orientation).getpixel((0, 0)) == image.getpixel((corner % 2, corner // 2))


def test_the_middle_is_cut_out() -> None:
    assert difference(frame(photograph(9, 4), (4, 4)), photograph(9, 4).crop((2, 0, 6, 4))) == 0
    assert difference(frame(photograph(4, 9), (4, 4)), photograph(4, 9).crop((0, 2, 4, 6))) == 0


def test_what_is_missing_is_white() -> None:
    framed = pixels(frame(photograph(4, 2), (4, 5)))
    assert (framed[1:3] == pixels(photograph(4, 2))).all()
    assert (framed[[0, 3, 4]] == 255).all()
