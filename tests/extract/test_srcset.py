import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shared_data import shared_data
from wit_builder.extract.srcset import MAX_OFFERS, Offer, best, parse


@pytest.mark.parametrize("name", ["srcset.json", "srcset-real.json"])
def test_every_known_srcset_is_read_as_the_standard_says(name: str) -> None:
    cases = json.loads(shared_data(f"conformance/{name}").read_text())
    wrong = [case["srcset"] for case in cases if parse(case["srcset"]) != _expected(case)]
    assert len(cases) in (72, 400)
    assert wrong == []


def test_the_offer_that_a_browser_picks_on_a_plain_screen_is_among_those_read() -> None:
    cases = json.loads(shared_data("conformance/srcset.json").read_text())
    picked = [case for case in cases if case["wpt_selected"] is not None]
    assert all(case["wpt_selected"] in [offer.url for offer in parse(case["srcset"])] for case in picked)


@pytest.mark.parametrize(
    ("srcset", "offers"),
    [
        ("a.jpg", [Offer("a.jpg")]),
        ("a.jpg 1x, b.jpg 2x", [Offer("a.jpg", density=1), Offer("b.jpg", density=2)]),
        ("a.jpg 640w,b.jpg 1280w", [Offer("a.jpg", 640), Offer("b.jpg", 1280)]),
        ("a.jpg 640w 480h", [Offer("a.jpg", 640, height=480)]),
        ("/a,w_1,h_2/c.jpg 2x", [Offer("/a,w_1,h_2/c.jpg", density=2)]),
        ("a.jpg,b.jpg 2x", [Offer("a.jpg,b.jpg", density=2)]),
        ("a.jpg, 2x", [Offer("a.jpg"), Offer("2x")]),
        ("a.jpg, b.jpg 2x", [Offer("a.jpg"), Offer("b.jpg", density=2)]),
        ("a.jpg (x, 1w), b.jpg 1w", [Offer("b.jpg", 1)]),
        ("a.jpg 0w, b.jpg 1h, c.jpg -1x, d.jpg 1w 1w", []),
        ("a.jpg 99999999999999999999w", []),
    ],
)
def test_a_srcset_is_read(srcset: str, offers: list[Offer]) -> None:
    assert parse(srcset) == offers


def test_no_more_than_the_limit_of_offers_is_read() -> None:
    assert len(parse("a 1x," * MAX_OFFERS)) == len(parse("a 1x," * (MAX_OFFERS + 1))) == MAX_OFFERS


@pytest.mark.parametrize("unit", [",", " ", "(", "a (", "a ", "a 1x,", "a 1w 1w ", ",a,"])
def test_a_srcset_of_a_megabyte_is_read_in_no_time(unit: str) -> None:
    started = time.process_time()
    parse(unit * (1_000_000 // len(unit)))
    assert time.process_time() - started < 1


@given(st.text() | st.text("a,( )\t1w2x.h-e", max_size=60))
def test_no_text_is_too_strange_for_a_srcset(srcset: str) -> None:
    assert all(offer.url and not offer.url.endswith(",") for offer in parse(srcset))


@pytest.mark.parametrize(
    ("srcset", "picked"),
    [
        ("a 511w, b 512w, c 513w", "b"),
        ("c 900w, b 600w, a 300w", "b"),
        ("a 100w, b 511w", "b"),
        ("a 600w, b 600w", "a"),
        ("a 300w, b 2x", "a"),
        ("a 1x, b 2x, c 3x", "b"),
        ("a, b 1.5x", "b"),
        ("c 4x, b 3x", "b"),
        ("a 2x, b 2.0x", "a"),
        ("data:,x 600w, b 300w", "b"),
    ],
)
def test_the_best_offer_is_the_nearest_to_the_width_wanted(srcset: str, picked: str) -> None:
    chosen = best(parse(srcset), 512)
    assert chosen is not None
    assert chosen.url == picked


@pytest.mark.parametrize("srcset", ["", "data:,a 1x, DATA:,b 2x"])
def test_where_nothing_can_be_downloaded_nothing_is_best(srcset: str) -> None:
    assert best(parse(srcset), 512) is None


def _expected(case: dict[str, Any]) -> list[Offer]:
    return [Offer(one["url"], one["w"], one["x"], one["h"]) for one in case["candidates"]]
