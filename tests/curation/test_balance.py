import random
from collections import defaultdict
from math import prod, sqrt

import numpy as np
import pyarrow.parquet as pq
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.curation.rows import lost, out, ran, sample, table, written
from wit_builder.curation import balance as balance_module
from wit_builder.curation import balanced, histogram
from wit_builder.curation.balance import nearest
from wit_builder.curation.settings import Balance
from wit_builder.engine.task import Task
from wit_builder.errors import ConfigError
from wit_builder.ledger import Funnel
from wit_builder.queries.listing import Query
from wit_builder.records import losses

ENTRIES = ("boat", "cat", "kite", "sea", "the", "zebra")


class Balanced:
    """The whole balance over these samples, run in place."""

    def __init__(self, folder, rows, rule, files=2, ranges=3, entries=ENTRIES, before=(), gone=()):
        folder.mkdir(exist_ok=True)
        queries = folder / "queries.parquet"
        histogram.write(queries, [Query(entry, "given", 0) for entry in entries])
        if before:
            known = dict(before)
            counts = np.array([known.get(entry, 0) for entry in sorted(entries)])
            listed = histogram.read(queries)
            for place in (2, 3):
                listed = listed.set_column(place, histogram.SCHEMA.field(place), [counts])
            pq.write_table(listed, queries)
        samples = [written(folder / f"{n}.parquet", rows[n::files] or []) for n in range(files)]
        self.tasks, self.said, self.folder = defaultdict(list), [], folder
        balanced.run(self._run, self._files, samples, gone, ranges, str(queries), rule, self.said.append)
        dropped = table(out_of(self.tasks["clean-decide"], "dropped")).column("id").to_pylist()
        self.kept = {row.id for row in rows} - set(dropped)
        self.counts = pq.read_table(self._files("clean-tell", "queries")[0])
        self.funnel = Funnel()
        for task in self.tasks["clean-decide"]:
            self.funnel.add(task.funnel)

    def _run(self, stage, function, arguments, params):
        name = function.rpartition(":")[2]
        for n, arg in enumerate(arguments):
            task = Task(self.folder, stage, f"{n:05d}", arg, params)
            task.folder.mkdir(exist_ok=True)
            getattr(balance_module, name)(task)
            self.tasks[stage].append(task)

    def _files(self, stage, kind):
        return [str(path) for path in out_of(self.tasks[stage], kind)]

    def column(self, name):
        return dict(zip(*(self.counts.column(c).to_pylist() for c in ("entry", name)), strict=True))


def out_of(tasks, kind):
    return [path for task in tasks if kind in task.files for path in out(task, kind)]


def pairs(*queries):
    return [sample(n, queries=held) for n, held in enumerate(queries)]


def priority(row, seed=0):
    return xxhash.xxh3_64_intdigest(f"{seed}/{row.id}".encode())


def by_cap(rows, t, seed=0):
    """The ids that stay, looked at query by query."""
    stays = {row.id for row in rows if not row.queries}
    for entry in ENTRIES:
        members = sorted((priority(row, seed), row.id) for row in rows if entry in row.queries)
        stays |= {id_ for _, id_ in members[:t]}
    return stays


def by_expectation(rows, t, seed=0):
    """The ids that stay, looked at pair by pair."""
    count = {entry: sum(entry in row.queries for row in rows) for entry in ENTRIES}
    return {
        row.id
        for row in rows
        if not row.queries
        or (priority(row, seed) >> 11) * 2.0**-53
        < 1.0 - prod(1.0 - min(1.0, t / count[entry]) for entry in row.queries)
    }


BY_HAND = {"cap": by_cap, "expectation": by_expectation}
SOME_PAIRS = st.lists(
    st.lists(st.sampled_from(ENTRIES[:-1]), max_size=4, unique=True).map(tuple), max_size=40
).map(lambda held: pairs(*held))


@settings(max_examples=60)
@given(
    SOME_PAIRS, st.sampled_from(["cap", "expectation"]), st.integers(1, 12), st.integers(0, 3), st.randoms()
)
def test_the_kept_set_is_the_rule_s_in_any_order_and_partition(
    tmp_path_factory, rows, rule, t, seed, rng: random.Random
):
    shuffled = rng.sample(rows, len(rows))
    wanted = Balance(rule, per_query=t, seed=seed)
    found = Balanced(
        tmp_path_factory.mktemp("a"), shuffled, wanted, files=rng.randint(1, 4), ranges=rng.randint(1, 6)
    )
    assert found.kept == BY_HAND[rule](rows, t, seed)


@settings(max_examples=40)
@given(SOME_PAIRS, st.sampled_from(["cap", "expectation"]), st.integers(1, 45))
def test_the_t_that_is_found_keeps_the_number_nearest_to_the_target(tmp_path_factory, rows, rule, target):
    found = Balanced(tmp_path_factory.mktemp("a"), rows, Balance(rule, per_query=None, target=target))
    numbers = [len(BY_HAND[rule](rows, t)) for t in range(1, 42)]
    assert abs(len(found.kept) - target) == min(abs(number - target) for number in numbers)
    t = histogram.how(found.counts.schema)["per_query"]
    assert len(BY_HAND[rule](rows, t)) == len(found.kept)


@pytest.mark.parametrize(("t", "kept"), [(4, 4), (5, 5), (6, 5)])
def test_a_query_brings_in_t_pairs_and_all_when_it_has_no_more(tmp_path, t, kept):
    assert len(Balanced(tmp_path, pairs(*[("boat",)] * 5), Balance(per_query=t)).kept) == kept


def test_what_a_rare_query_brings_in_may_hold_a_full_one(tmp_path):
    rows = pairs(*[("the",)] * 5, *[("the", "kite")] * 5)
    found = Balanced(tmp_path, rows, Balance(per_query=5))
    assert {row.id for row in rows[5:]} <= found.kept
    assert found.column("kept")["the"] >= found.column("brought")["the"] == 5


def test_pairs_without_a_query_stay(tmp_path):
    rows = pairs((), (), ("boat",), ("boat",))
    assert {row.id for row in rows[:2]} < Balanced(tmp_path, rows, Balance(per_query=1)).kept


def test_the_losses_name_the_rarest_query_and_its_pairs(tmp_path):
    found = Balanced(tmp_path, pairs(*[("the", "boat")] * 3, ("the",)), Balance(per_query=1))
    tasks = found.tasks["clean-decide"]
    seen = {loss.evidence for path in out_of(tasks, "losses") for loss in losses(pq.read_table(path))}
    assert {reason for reason, _ in lost(*tasks)} == {"query_full"}
    assert "its rarest query is boat, which 3 pairs have" in seen


@settings(max_examples=20)
@given(SOME_PAIRS, st.integers(1, 6))
def test_the_counts_before_and_after_are_those_of_the_pairs(tmp_path_factory, rows, t):
    found = Balanced(tmp_path_factory.mktemp("a"), rows, Balance(per_query=t))
    for entry in ENTRIES:
        held = [row.id for row in rows if entry in row.queries]
        counted = [found.column(name)[entry] for name in ("matched", "kept", "brought")]
        assert counted == [len(held), len(found.kept.intersection(held)), min(len(held), t)]
    fewer = len(rows) - len(found.kept)
    assert (found.funnel["clean"].kept, found.funnel["clean"].dropped.total()) == (-fewer, fewer)


def test_queries_that_no_pair_holds_are_told_with_nought_and_all_are_sorted(tmp_path):
    found = Balanced(tmp_path, pairs(("boat",)), Balance(per_query=1))
    assert found.counts.column("entry").to_pylist() == sorted(ENTRIES)
    assert (found.column("matched")["zebra"], found.column("brought")["zebra"]) == (0, 0)


def test_without_a_balance_all_stay_and_are_counted(tmp_path):
    found = Balanced(tmp_path, pairs(*[("boat",)] * 30), None)
    assert (len(found.kept), found.column("matched")["boat"], found.column("brought")["boat"]) == (
        30,
        30,
        None,
    )
    assert [stage for stage, tasks in found.tasks.items() if tasks] == ["clean-decide", "clean-tell"]


def test_no_pairs_are_no_trouble(tmp_path):
    found = Balanced(tmp_path, [], Balance(per_query=None, target=5))
    assert (found.kept, found.said) == (set(), ["1 pairs per query keep 0; 5 were asked for"])


def test_what_near_duplicates_dropped_neither_counts_nor_comes_back(tmp_path):
    rows = pairs(*[("boat",)] * 6)
    first = sorted(rows, key=priority)
    gone = str(tmp_path / "gone.parquet")
    pq.write_table(table([written(tmp_path / "x", first[:2])]).select(["id"]), gone)
    found = Balanced(tmp_path / "b", rows, Balance(per_query=3), gone=[gone])
    assert found.kept - {row.id for row in first[:2]} == {row.id for row in first[2:5]}
    assert found.column("matched")["boat"] == 4


@pytest.mark.parametrize(("before", "kept"), [(0, 3), (1, 2), (2, 1), (3, 0), (9, 0)])
def test_new_pairs_fit_in_behind_the_published_ones(tmp_path, before, kept):
    found = Balanced(tmp_path, pairs(*[("boat",)] * 4), Balance(per_query=3), before=[("boat", before)])
    assert len(found.kept) == kept
    assert (found.column("matched")["boat"], found.column("kept")["boat"]) == (before + 4, before + kept)


def test_published_pairs_count_in_the_chances_of_new_ones(tmp_path):
    wanted = Balance("expectation", per_query=100)
    found = Balanced(tmp_path, pairs(*[("boat",)] * 400), wanted, before=[("boat", 400)])
    assert abs(len(found.kept) - 50) < 6 * sqrt(400 * 1 / 8 * 7 / 8)


def test_the_expectation_rule_keeps_as_many_as_its_chances_say(tmp_path):
    rows = pairs(*[("the",)] * 2000, *[("the", "boat")] * 1000)
    found = Balanced(tmp_path, rows, Balance("expectation", per_query=300))
    chances = [300 / 3000] * 2000 + [1 - (1 - 300 / 3000) * (1 - 300 / 1000)] * 1000
    assert abs(len(found.kept) - sum(chances)) < 5 * sqrt(sum(p * (1 - p) for p in chances))


def test_another_seed_keeps_other_pairs_and_as_many(tmp_path):
    rows = pairs(*[("boat",)] * 100)
    one, other = (
        Balanced(tmp_path / str(seed), rows, Balance(per_query=50, seed=seed)).kept for seed in (0, 1)
    )
    assert len(one) == len(other) == 50
    assert one != other


def test_pairs_with_very_many_queries_are_ranked_piece_by_piece(tmp_path, monkeypatch):
    rows = pairs(*[("boat", "cat", "sea")] * 20, *[("the",)] * 5, (), ("kite",))
    whole = Balanced(tmp_path / "a", rows, Balance(per_query=7)).kept
    monkeypatch.setattr(balance_module, "MATCHES", 4)
    assert Balanced(tmp_path / "b", rows, Balance(per_query=7)).kept == whole


@pytest.mark.parametrize(
    ("target", "found"),
    [(0, (1, 5)), (5, (1, 5)), (6, (1, 5)), (7, (3, 8)), (9, (3, 8)), (10, (9, 10)), (99, (9, 10))],
)
def test_of_two_that_are_equally_near_the_smaller_t_is_taken(target, found):
    assert nearest(np.array([0, 1, 3, 9]), np.array([3, 2, 3, 2]), target) == found


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"per_query": None}, "neither per_query nor target"),
        ({"target": 5}, "both per_query and target"),
        ({"per_query": 0}, "per_query is 0, expected 1 or more"),
        ({"per_query": None, "target": 0}, "target is 0, expected 1 or more"),
    ],
)
def test_a_balance_that_contradicts_itself_is_refused(values, said):
    with pytest.raises(ConfigError, match=said):
        Balance(**values)


def test_a_task_alone_gives_the_same_twice(tmp_path):
    """Twins of a task write the same, so either may be committed."""
    rows = written(tmp_path / "s.parquet", pairs(*[("boat",)] * 9))
    histogram.write(tmp_path / "queries.parquet", [Query("boat", "given", 0)])
    params = {"queries": str(tmp_path / "queries.parquet"), "dropped": [], "balance": Balance(), "ranges": 2}
    twins = [ran(balance_module.spread, tmp_path, {"samples": rows, "file": 0}, **params) for _ in range(2)]
    assert len({out(task, "rows")[0].read_bytes() for task in twins}) == 1
