"""The demo's queries and their truth, against the matcher of the builds and by hand."""

import pytest

from wit_builder.demo_web.expected import Pair, balanced, settle
from wit_builder.demo_web.queries import ENTRIES, held
from wit_builder.demo_web.web import Web
from wit_builder.queries.listing import Query
from wit_builder.queries.match import Matcher

DEMO = Web(300)
SETTLED = [item for item in DEMO.settled() if item.kind == "pair"]


def test_the_truth_s_plain_look_finds_what_the_automaton_finds():
    matcher = Matcher([Query(entry, "given", 0) for entry in ENTRIES])
    for item in SETTLED:
        assert {ENTRIES[query] for query, _, _ in matcher.spans(item.caption)} == set(
            held(item.caption, ENTRIES)
        )


def test_some_queries_are_full_most_are_not_and_two_are_never_held():
    kept = [item for item in SETTLED if item.reason is None]
    counts = {entry: sum(entry in held(item.caption, (entry,)) for item in kept) for entry in ENTRIES}
    assert sum(count > DEMO.per_query for count in counts.values()) > 10
    assert sum(0 < count <= DEMO.per_query for count in counts.values()) > 100
    assert counts["picture"] > 5 * DEMO.per_query
    assert counts["dragon"] == counts["harvest moon"] == 0


@pytest.mark.parametrize("pages", [60, 300, 1000])
def test_what_names_a_thing_stays_and_most_of_what_names_none_goes(pages):
    full = [item for item in Web(pages).truth() if item.reason == "query_full"]
    assert full
    assert all(item.caption.startswith("A picture that we took") for item in full)


def test_an_entry_brings_in_so_many_pairs_and_no_more():
    found = settle([Pair(f"http://a.test/{n}.jpg", "a red kite") for n in range(5)], ("kite",))
    for per_query, kept in ((4, 4), (5, 5), (6, 5)):
        assert sum(item.reason is None for item in balanced(found, ("kite",), per_query)) == kept


def test_without_an_entry_a_pair_is_lost_before_the_download_and_not_where_none_is_asked_for():
    pair = Pair("http://a.test/1.jpg", "a red kite", lost=("fetch", "http_404"))
    assert [settle([pair], entries)[0].reason for entries in (("boat",), ("kite",), None)] == [
        "no_query",
        "http_404",
        "http_404",
    ]
