"""The plot shows every preset and the largest combinations."""

import io

import pytest
from PIL import Image

from wit_builder.ablate import plot

KEPT = {f"preset-{n}": 100 - n for n in range(11)}
SETS = [(tuple(list(KEPT)[: n % 12]), 60 - n) for n in range(60)]


def size(png):
    return Image.open(io.BytesIO(png)).size


@pytest.mark.parametrize(("presets", "sets"), [(1, 1), (2, 3), (11, 24), (11, 60)])
def test_it_is_a_picture_whatever_the_number(presets, sets):
    kept = dict(list(KEPT.items())[:presets])
    held = [(tuple(name for name in names if name in kept), n) for names, n in SETS[:sets]]
    wide, high = size(plot.upset(kept, held, 1_000))
    assert 600 < wide < 1_700 and 350 < high < 1_100


def test_the_same_numbers_are_the_same_bytes():
    assert plot.upset(KEPT, SETS, 1_000) == plot.upset(KEPT, SETS, 1_000)
    assert plot.upset(KEPT, SETS, 1_000) != plot.upset(KEPT | {"preset-0": 99}, SETS, 1_000)


def test_beyond_so_many_combinations_it_grows_no_more():
    assert plot.upset(KEPT, SETS[: plot.COLUMNS], 1_000) == plot.upset(KEPT, SETS, 1_000)


def test_a_pool_of_which_nothing_is_kept_can_be_drawn():
    assert size(plot.upset({"wit": 0}, [((), 5)], 5))


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (0, "0"),
        (9_999, "9,999"),
        (10_000, "10k"),
        (12_345, "12.3k"),
        (4_560_000, "4.56M"),
        (5_850_000_000, "5.85B"),
    ],
)
def test_large_numbers_are_short(n, text):
    assert plot._short(n) == text
