"""Masks say of sets what sets say of themselves."""

from collections import Counter
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from wit_builder.ablate import sets

NAMES = ["align", "cc12m", "obelics", "wit"]
KEPT = st.fixed_dictionaries({name: st.frozensets(st.integers(0, 40)) for name in NAMES})
POOL = frozenset(range(41))


def masks(kept):
    return Counter(sum(1 << n for n, name in enumerate(NAMES) if pair in kept[name]) for pair in POOL)


@given(KEPT)
def test_what_exactly_these_presets_keep_is_as_sets_have_it(kept):
    expected = {}
    for size in range(len(NAMES) + 1):
        for held in combinations(NAMES, size):
            inside = POOL.intersection(*(kept[name] for name in held))
            outside = frozenset().union(*(kept[name] for name in NAMES if name not in held))
            if found := inside - outside:
                expected[held] = len(found)
    found = sets.exact(masks(kept), NAMES)
    assert dict(found) == expected
    assert found == sorted(found, key=lambda row: (-row[1], row[0]))


@given(KEPT)
def test_what_two_presets_share_is_their_intersection(kept):
    shared = sets.pairwise(masks(kept), NAMES)
    for one in NAMES:
        assert shared[one] == {other: len(kept[one] & kept[other]) for other in NAMES}


def test_of_a_pool_without_pairs_nothing_is_shared():
    assert sets.exact({}, NAMES) == []
    assert sets.pairwise({}, ["wit"]) == {"wit": {"wit": 0}}


def row(reason, draw, id_="a", preset="wit"):
    return {"preset": preset, "reason": reason, "draw": draw, "id": id_}


def test_examples_are_those_whose_draw_comes_first_in_whatever_order_they_are_found():
    rows = [row("small", n) for n in range(sets.EXAMPLES + 3)] + [
        row("dark", 9),
        row("small", 1, preset="align"),
    ]
    found = sets.drawn(rows)
    assert sorted(map(str, found)) == sorted(map(str, sets.drawn(reversed(rows))))
    assert [row["draw"] for row in found if (row["preset"], row["reason"]) == ("wit", "small")] == [
        0,
        1,
        2,
        3,
    ]
    assert len(found) == sets.EXAMPLES + 2
