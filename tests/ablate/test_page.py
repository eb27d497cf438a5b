"""The report of an ablation: its numbers, its examples, and nothing that runs."""

import re

import pytest

from tests.ablate import pools
from tests.ablate.pools import ablated, moved, pair, preset
from tests.report.test_page import Page
from wit_builder.ablate import page, sets
from wit_filters.caption import CaptionLength
from wit_filters.image import ImageSize

NASTY = '<script>alert("x")</script> \u202e boat'
ROWS = [
    *(pair(n, original_width=100) for n in range(7)),
    pair(7, caption="boat"),
    moved(pair(8, original_width=50), caption=NASTY),
    pair(9),
]


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    presets = {
        "small": preset(after=(ImageSize(min_side=200),)),
        "both": preset(CaptionLength(min_words=2), after=(ImageSize(min_side=60),)),
        "fussy": preset(after=(ImageSize(min_side=999),)),
    }
    return ablated(pools.write(folder / "pool", ROWS), folder / "out", presets)


@pytest.fixture(scope="module")
def shown(out):
    return Page((out / "report.html").read_text())


def test_it_closes_its_tags_fetches_nothing_and_runs_nothing(shown):
    assert shown.open == []
    assert shown.all("script") == shown.all("link") == shown.all("iframe") == []
    assert all(re.match("data:image/(jpeg|png);base64,", image["src"]) for image in shown.all("img"))
    assert all((link["href"] or "").startswith(("http://", "#")) for link in shown.all("a"))


def test_a_caption_is_text_and_turns_nothing_round(shown):
    assert '<script>alert("x")</script>   boat' in shown.text.replace("\u202e", "?")
    assert "\u202e" not in shown.text


def test_each_preset_shows_what_it_keeps(shown):
    text = " ".join(shown.text.split())
    assert "2 of 10, 20.0 %" in text  # small
    assert "8 of 10, 80.0 %" in text  # both
    assert "0 of 10, 0.0 %" in text  # fussy
    assert "fussy drops 10" in text
    assert "left out: submarines" in text


def test_a_reason_has_some_examples_with_pictures(shown):
    pictures = [image for image in shown.all("img") if image["src"].startswith("data:image/jpeg")]
    assert len(pictures) == sets.EXAMPLES + 1 + 1 + sets.EXAMPLES
    assert "100x300" in shown.text or "100×300" in shown.text


def test_the_plot_stands_beside_it(out, shown):
    assert (out / page.PLOT).read_bytes().startswith(b"\x89PNG")
    assert len([image for image in shown.all("img") if image["src"].startswith("data:image/png")]) == 1


def test_a_reason_has_one_colour_everywhere():
    presets = [{"dropped": {"small": 5, "long": 1}}, {"dropped": {"long": 2, "dark": 9}}]
    assert page._kinds(presets) == {"dark": "r0", "small": "r1", "long": "r2"}
    many = page._kinds([{"dropped": {f"reason_{n}": 20 - n for n in range(9)}}])
    assert list(many.values()) == ["r0", "r1", "r2", "r3", "r4", "r5", "rest", "rest", "rest"]


def test_what_has_no_colour_of_its_own_is_one_part():
    kinds = {f"reason_{n}": f"r{n}" if n < 6 else "rest" for n in range(9)}
    parts = page._parts({"kept": 3, "dropped": {"reason_1": 4, "reason_7": 5, "reason_8": 6}}, kinds)
    assert [part for part in parts if part[1]] == [
        ("kept", 3, "kept"),
        ("reason_1", 4, "r1"),
        ("other reasons", 11, "rest"),
    ]
