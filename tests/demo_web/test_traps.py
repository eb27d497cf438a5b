"""Traps: endless, and yet their truth is finite."""

import pytest

from wit_builder.demo_web.expected import Expected, Pair
from wit_builder.demo_web.traps import FIRST_DEPTH, Traps

TRAPS = Traps(0)


def met(max_depth, reason):
    return [m.url for m in TRAPS.truth(max_depth) if isinstance(m, Expected) and m.reason == reason]


def following(url):
    body = TRAPS.answer(url).body.decode()
    return body.rpartition('<a href="')[2].partition('"')[0].replace("&amp;", "&")


@pytest.mark.parametrize("first", TRAPS.first)
def test_following_a_trap_meets_what_the_truth_says(first):
    pages = [m for m in TRAPS.truth(12) if isinstance(m, Expected)]
    walk = [first]
    while next(page for page in pages if page.url == walk[-1]).reason is None:
        walk.append(following(walk[-1]))
    assert set(walk) <= {page.url for page in pages}
    assert len(walk) > 2


@pytest.mark.parametrize("max_depth", [4, 5, 12])
def test_a_limit_of_depth_stops_two_traps_one_link_beyond_it(max_depth):
    assert len(met(max_depth, "too_deep")) == 2
    assert len(met(max_depth, None)) == 3 * 2 + 2 * (max_depth - FIRST_DEPTH + 1)


def test_three_traps_give_themselves_away_by_their_address():
    again, deeper, facets = met(12, "trap")
    assert again.count("/again") == 3
    assert len(deeper.split("/")) - 3 > 20
    assert facets.count("=") > 12


def test_pages_that_are_read_are_no_traps_by_any_usual_limit():
    for url in met(12, None):
        assert url.count("/again") < 3
        assert len(url.split("/")) - 3 <= 12
        assert url.count("=") <= 8


def test_every_page_of_every_trap_has_the_same_pair():
    pairs = [m for m in TRAPS.truth(12) if isinstance(m, Pair)]
    assert len(pairs) == len(met(12, None))
    assert len(set(pairs)) == 1


def test_there_is_nothing_beside_the_traps():
    assert TRAPS.answer("http://traps.demo.test/calendar/soon") is None
    assert TRAPS.answer("http://traps.demo.test/picture.jpg").content_type == "image/jpeg"
