import pytest

from wit_builder.errors import ConfigError
from wit_builder.images.picture import ImageSpec


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"size": 65_536},
        {"quality": 0},
        {"quality": 101},
        {"max_pixels": 0},
        {"mode": "crop"},
        {"format": "gif"},
    ],
)
def test_a_value_out_of_range_is_refused_with_what_was_expected(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))}.*expected"):
        ImageSpec(**wrong)  # type: ignore[arg-type]


def test_the_limits_themselves_are_allowed() -> None:
    assert ImageSpec(size=1, quality=1, max_pixels=1) != ImageSpec(
        size=65_535, quality=100, max_pixels=2**31 - 1
    )
