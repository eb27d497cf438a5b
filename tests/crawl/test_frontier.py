import sqlite3
from collections import Counter

import pytest

from wit_builder.crawl import frontier as frontier_module
from wit_builder.crawl.frontier import Address, Frontier, Interrupted
from wit_builder.crawl.levels import page_level, sitemap_level
from wit_builder.errors import BuildError
from wit_builder.records import url_id
from wit_builder.web.url import host_of

ALL = 10**9


@pytest.fixture
def frontier(tmp_path):
    with Frontier(tmp_path / "f.sqlite") as opened:
        yield opened


def address(url: str) -> Address:
    return Address(bytes.fromhex(url_id(url)), host_of(url), url)


def addresses(host: str, count: int) -> list[Address]:
    """So many of a host, by key."""
    return sorted((address(f"http://{host}/{n}") for n in range(count)), key=lambda a: a.key)


def waiting(frontier: Frontier) -> dict[int, set[str]]:
    """URLs by level, in the order in which they would be settled; the frontier is empty afterwards."""
    levels = {}
    while (level := next_level(frontier)) is not None:
        frontier.choose(ALL, None)
        levels[level] = {a.url for a in handed_out(frontier)}
        frontier.settle(handed_out(frontier))
    return levels


def next_level(frontier: Frontier) -> int | None:
    with frontier.transaction():
        return frontier.next_level()


def handed_out(frontier: Frontier) -> list[Address]:
    return [a for number, _ in frontier.hosts(0, 1000) for a in frontier.addresses(number, b"", ALL)]


def test_an_address_waits_once_however_often_it_is_met(frontier):
    frontier.add([address("http://a.test/")], page_level(0))
    frontier.add([address("http://a.test/"), address("http://a.test/b")], page_level(1))
    assert waiting(frontier) == {0: {"http://a.test/"}, 16: {"http://a.test/b"}}
    assert frontier.counts["frontier", "known"] == 2


@pytest.mark.parametrize("count", [1, 127, 128, 129, 1000])
def test_any_number_of_addresses_is_let_in(frontier, count):
    frontier.add(addresses("a.test", count), page_level(0))
    assert len(waiting(frontier)[0]) == count


def test_a_redirect_moves_an_address_to_the_front_in_whatever_order(tmp_path):
    there = [address("http://a.test/there")]
    outcomes = []
    for number, linked_first in enumerate((True, False)):
        with Frontier(tmp_path / f"{number}.sqlite") as frontier:
            if linked_first:
                frontier.add(there, page_level(2))
            frontier.move(there, page_level(1) + 2)
            frontier.move(there, page_level(1) + 1)
            frontier.move(there, page_level(1) + 3)
            if not linked_first:
                frontier.add(there, page_level(2))
            outcomes.append({level: urls for level, urls in waiting(frontier).items() if urls})
    assert outcomes == [{17: {"http://a.test/there"}}] * 2


def test_what_was_settled_or_refused_is_not_moved(frontier):
    seed, refused = address("http://a.test/"), address("http://a.test/x/x/x")
    frontier.add([seed], page_level(0))
    assert frontier.refuse([refused.key]) == {refused.key}
    waiting(frontier)
    frontier.move([seed, refused], page_level(0) + 1)
    assert waiting(frontier) == {}


def test_a_refused_address_is_new_once(frontier):
    known, unknown = address("http://a.test/"), address("http://a.test/b")
    frontier.add([known], page_level(0))
    assert frontier.refuse([known.key, unknown.key]) == {unknown.key}
    assert frontier.refuse([unknown.key]) == set()


def test_a_host_gives_its_smallest_keys(frontier):
    a, b = addresses("a.test", 10), addresses("b.test", 2)
    frontier.add([*a, *b], page_level(0))
    next_level(frontier)
    frontier.choose(3, None)
    assert set(handed_out(frontier)) == {*a[:3], *b}
    assert frontier.chosen() == (5, 2)


@pytest.mark.parametrize("total", [0, 1, 4, 5, 6])
def test_all_hosts_together_give_the_smallest_keys_of_those(frontier, total):
    a, b = addresses("a.test", 10), addresses("b.test", 2)
    frontier.add([*a, *b], page_level(0))
    next_level(frontier)
    frontier.choose(3, total)
    due = sorted([*a[:3], *b], key=lambda address: address.key)
    assert set(handed_out(frontier)) == set(due[:total])


def test_what_was_asked_counts_against_both_budgets(frontier):
    a, b = addresses("a.test", 10), addresses("b.test", 10)
    frontier.add([*a, *b], page_level(0))
    next_level(frontier)
    frontier.charge(Counter({"a.test": 2, "b.test": 1}))
    frontier.choose(3, None)
    assert set(handed_out(frontier)) == {a[0], *b[:2]}
    frontier.choose(3, 4)
    assert handed_out(frontier) == [min(a[0], *b[:2], key=lambda address: address.key)]


def test_sitemaps_have_a_budget_of_their_own(frontier):
    frontier.add([address("http://a.test/")], page_level(0))
    next_level(frontier)
    frontier.charge(Counter({"a.test": 5}))
    frontier.settle([address("http://a.test/")])
    frontier.move([address("http://a.test/sitemap.xml")], sitemap_level())
    next_level(frontier)
    frontier.charge(Counter({"a.test": 1}))
    frontier.choose(2, None)
    assert len(handed_out(frontier)) == 1
    assert frontier.counts["frontier", "asked"] == 5


def test_what_no_budget_allows_says_whose(frontier):
    frontier.add([*addresses("a.test", 2), *addresses("b.test", 2)], page_level(0))
    next_level(frontier)
    frontier.charge(Counter({"a.test": 1}))
    rest = frontier.leftovers(per_host=1, limit=10)
    assert {(left.address.host, left.host_is_spent) for left in rest} == {("a.test", True), ("b.test", False)}
    assert len(frontier.leftovers(per_host=1, limit=3)) == 3


def test_a_level_goes_on_where_it_was(tmp_path):
    a = addresses("a.test", 10)
    with Frontier(tmp_path / "f.sqlite") as frontier:
        frontier.add(a, page_level(0))
        next_level(frontier)
        frontier.choose(5, None)
        frontier.settle(a[:2])
        frontier.charge(Counter({"a.test": 2}))
    with Frontier(tmp_path / "f.sqlite") as frontier:
        assert (frontier.level, frontier.is_settled()) == (0, False)
        assert handed_out(frontier) == a[2:5]


def test_addresses_are_read_on_from_a_key(frontier):
    a = addresses("a.test", 10)
    frontier.add(a, page_level(0))
    next_level(frontier)
    frontier.choose(ALL, None)
    ((number, _),) = frontier.hosts(0, 10)
    assert frontier.addresses(number, a[3].key, 2) == a[4:6]
    assert frontier.hosts(number, 10) == []


def test_familiar_addresses_are_not_named_again(frontier, monkeypatch):
    monkeypatch.setattr(frontier_module, "RECENT", 3)
    asked = [("a", "b"), ("b", "c"), ("a", "d"), ("c",), ("e", "f", "g"), ("a",)]
    assert [[url for _, url in frontier.unfamiliar(urls)] for urls in asked] == [
        ["a", "b"],
        ["c"],
        ["d"],
        [],
        ["e", "f", "g"],
        ["a"],  # forgotten, two generations later
    ]


def test_a_transaction_that_fails_leaves_nothing(tmp_path):
    with (
        Frontier(tmp_path / "f.sqlite") as frontier,
        pytest.raises(ZeroDivisionError),
        frontier.transaction(),
    ):
        frontier.add([address("http://a.test/")], page_level(0))
        frontier.count("pages", "", 1)
        frontier.add_part("losses", "part-00000.parquet", 1)
        raise ZeroDivisionError
    with Frontier(tmp_path / "f.sqlite") as frontier:
        assert (frontier.counts, frontier.parts("losses"), waiting(frontier)) == (Counter(), {}, {})


def test_a_long_step_is_interrupted_and_undone(frontier, monkeypatch):
    monkeypatch.setattr(frontier_module, "_STEPS", 100)
    frontier.add(addresses("a.test", 100), page_level(0))
    with pytest.raises(Interrupted), frontier.interruptible(lambda: True), frontier.transaction():
        frontier.next_level()
    assert frontier.is_settled()
    assert len(waiting(frontier)[0]) == 100


def test_what_is_wrong_in_a_long_step_is_told(frontier):
    with pytest.raises(sqlite3.IntegrityError), frontier.interruptible(lambda: False), frontier.transaction():
        frontier.add_part("losses", "part-00000.parquet", 1)
        frontier.add_part("losses", "part-00000.parquet", 1)
    with (
        pytest.raises(sqlite3.OperationalError, match="within a transaction"),
        frontier.interruptible(lambda: False),
        frontier.transaction(),
        frontier.transaction(),
    ):
        pass


def test_counts_texts_and_parts_outlive_the_process(tmp_path):
    with Frontier(tmp_path / "f.sqlite") as frontier, frontier.transaction():
        frontier.count("pages", "http_404", 2)
        frontier.count("pages", "http_404", 1)
        frontier.remember("colour", "blue")
        for number, name in enumerate(("part-99999.parquet", "part-100000.parquet", "part-00000.parquet")):
            frontier.add_part("losses", name, number)
        frontier.drop_part("losses", "part-00000.parquet")
    with Frontier(tmp_path / "f.sqlite") as frontier:
        assert (frontier.counts["pages", "http_404"], frontier.recall("colour")) == (3, "blue")
        assert list(frontier.parts("losses").items()) == [
            ("part-99999.parquet", 0),
            ("part-100000.parquet", 1),
        ]


def test_two_crawls_cannot_have_the_same_folder(tmp_path):
    with Frontier(tmp_path / "f.sqlite"), pytest.raises(BuildError, match="in use"):
        Frontier(tmp_path / "f.sqlite")


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "f.sqlite").write_text("no database" * 1000)
    with pytest.raises(BuildError, match="cannot be opened: file is not a database"):
        Frontier(tmp_path / "f.sqlite")
