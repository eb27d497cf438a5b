"""Which pairs stay where some queries have far more of them than others? The last thing that clean decides.

`cap`, CLIP's (Radford et al. 2021, section 2.2: up to 20,000 pairs per query): each query brings in the t pairs
of it that come first, and a pair stays when one of its queries brings it in. So a pair that a rare query brought
in may hold "the" as well, and more than t pairs of the data set may hold a frequent query: no query brings in
more than t. Where two queries of a pair are full, the rarer one alone decides.

`expectation`, MetaCLIP's (Xu et al. 2023, algorithm 1): each of a pair's queries draws it with the chance
min(1, t / pairs of the query), and one draw is enough: it stays where u < 1 - prod(1 - min(1, t / count)). A query
keeps about t pairs that have no rarer one; more of them than with the cap, as each full query draws anew.

Either way one number of the pair decides, its priority: xxh3 (64 bits) of "SEED/ID". Pairs come first by rising
priority, and u is the same number within [0, 1). What stays thus depends on neither order, workers nor engine.
The more t is, the more pairs stay: each has a smallest t with which it does, its `need`. The tasks find needs
and compare them with t; where the size is given instead of t, t is read off the needs of all.

Samples published before (a retry) come first: they stay, and what is new fits in behind them.

Stages: `spread` sends the pairs to ranges of the priority, `weigh` counts queries range by range, `need` goes
through a range in order, `solve` finds t for a size, `decide` drops, `tell` writes the histogram of queries.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash
from numpy.typing import NDArray

from wit_builder import storage
from wit_builder.curation import histogram, survivor, tables
from wit_builder.curation.settings import Balance
from wit_builder.engine import columns, shuffle
from wit_builder.engine.task import Task, read_json
from wit_builder.mirror import here

Numbers = NDArray[np.int64]

DROPPED = 1_000_000  # ids of what duplicates lost, looked at together
MATCHES = 5_000_000  # of queries that are ranked at a time: 0.3 GB

_MAX_ENTRY = 200  # characters of a query in the ledger
_SPREAD = pa.schema(
    [("id", pa.string()), ("file", pa.int32()), ("priority", pa.uint64()), ("queries", pa.list_(pa.int32()))]
)
_NEEDS = pa.schema([("id", pa.string()), ("need", pa.int64()), ("rarest", pa.int32()), ("count", pa.int64())])


def priorities(ids: NDArray[np.bytes_], seed: int) -> NDArray[np.uint64]:
    """xxh3 of "SEED/ID" for each id."""
    start = f"{seed}/".encode()
    hashes = (xxhash.xxh3_64_intdigest(start + id_) for id_ in ids.tolist())
    return np.fromiter(hashes, np.uint64, len(ids))


def uniform(priority: NDArray[np.uint64]) -> NDArray[np.float64]:
    """The priority as a number in [0, 1): its first 53 bits."""
    return (priority >> np.uint64(11)).astype(np.float64) * 2.0**-53


def spread(task: Task) -> None:
    """Sends the pairs of one file to ranges of the priority.

    arg: {samples: parquet path, file: its number}; params: queries (path of the list), dropped ([parquet
    path]), balance, ranges. Hands on `rows` (a shuffle file by range).
    """
    rows = _survivors(task)
    ranges, ids = task.params["ranges"], columns.fixed(rows.column("id"), 32)
    priority = priorities(ids, task.params["balance"].seed)
    numbers = histogram.numbers(rows.column("queries"), histogram.entries(task.params["queries"]))
    values = [
        rows.column("id"),
        pa.repeat(pa.scalar(task.arg["file"], pa.int32()), len(ids)),
        priority,
        numbers,
    ]
    part = (uniform(priority) * ranges).astype(np.int64)
    shuffle.write(task.new_file("rows", ".shuffle"), pa.table(values, schema=_SPREAD), part, ranges)


def weigh(task: Task) -> None:
    """Counts the pairs of each query, range by range.

    params: rows ([shuffle path]), ranges, queries (path of the list, with what was matched before).
    Hands on `counts` ([.npy of int64 by query]): how many come before each range, then how many there are.
    """
    counts = histogram.read(task.params["queries"]).column("matched").to_numpy()
    for part in range(task.params["ranges"]):
        tables.write_array(task.new_file("counts", f".{part}.npy"), counts)
        _, matched = _flat(_range(task, part))
        counts = counts + np.bincount(matched, minlength=len(counts))
    tables.write_array(task.new_file("counts", ".all.npy"), counts)


def need(task: Task) -> None:
    """Finds the smallest t with which each pair of a range stays.

    arg: range; params: rows ([shuffle path]), ranges, counts ([.npy path]), balance, files (how many).
    Hands on `needs` (a shuffle file by sample file) and `sizes` (parquet: how many pairs have which need).
    """
    table = _range(task, task.arg)
    order = survivor.by_rule(table.column("priority"), columns.fixed(table.column("id"), 32))
    table = table.take(pa.array(order))
    before, counts = (np.load(here(task.params["counts"][at])) for at in (task.arg, -1))
    found = [_NEEDS.empty_table()]
    for rows in _pieces(table):
        lengths, matched = _flat(rows)
        held = lengths > 0
        begins = (np.cumsum(lengths) - lengths)[held]
        needs = np.zeros(len(lengths), np.int64)
        if task.params["balance"].rule == "cap":
            needs[held] = needs_of_cap(matched, begins, before)
        else:
            u = uniform(rows.column("priority").to_numpy())[held]
            needs[held] = needs_of_expectation(u, counts[matched], begins)
        before = before + np.bincount(matched, minlength=len(before))
        found.append(_with_rarest(rows, needs, held, matched, counts))
    needs_table = pa.concat_tables(found)
    sizes = needs_table.group_by("need").aggregate([([], "count_all")]).sort_by("need")
    tables.write_parquet(task.new_file("sizes", ".parquet"), sizes)
    file = table.column("file").to_numpy().astype(np.int64)
    shuffle.write(task.new_file("needs", ".shuffle"), needs_table, file, task.params["files"])


def needs_of_cap(matched: Numbers, begins: Numbers, before: Numbers) -> Numbers:
    """For each pair the smallest t with which a query brings it in: its place within the query where it comes
    soonest, counted from 1.

    matched: numbers of queries, those of a pair together, in the order of the pairs; begins: where those of
    each pair begin, none is without; before: by query, the pairs that come before all these.
    """
    by_query = np.sort(matched << 32 | np.arange(len(matched)))
    query, at = by_query >> 32, by_query & 0xFFFFFFFF
    place = np.empty(len(matched), np.int64)
    place[at] = before[query] + _places(query) + 1
    return _least(place, begins)


def _places(values: Numbers) -> Numbers:
    """0 for the first of each run of equal values, 1 for the second, ..."""
    first = np.ones(len(values), bool)
    first[1:] = values[1:] != values[:-1]
    places: Numbers = np.arange(len(values)) - np.flatnonzero(first)[np.cumsum(first) - 1]
    return places


def needs_of_expectation(u: NDArray[np.float64], counts: Numbers, begins: Numbers) -> Numbers:
    """For each pair the smallest t with which u is below its chance.

    u: in [0, 1), a pair; counts: pairs of each matched query, those of a pair together; begins: as above.
    """
    lengths = np.diff(begins, append=len(counts))
    low, high = np.zeros(len(u), np.int64), _least(counts, begins)  # with t = count one draw is sure
    while (open_ := high - low > 1).any():
        middle = np.where(open_, (low + high) // 2, high)
        stays = u < chances(np.repeat(middle, lengths), counts, begins)
        low, high = np.where(open_ & ~stays, middle, low), np.where(stays, middle, high)
    return high


def chances(t: Any, counts: Numbers, begins: Numbers) -> NDArray[np.float64]:
    """1 - prod(1 - min(1, t / count)) over the matched queries of each pair, in their order."""
    if not len(begins):
        return np.zeros(0)
    return 1.0 - np.multiply.reduceat(1.0 - np.minimum(1.0, t / counts), begins)


def solve(task: Task) -> None:
    """Finds the t with which as many pairs stay as were asked for, or nearly.

    params: sizes ([parquet path]), balance. Hands on `found` (JSON: per_query, kept). Of two that are equally
    near it is the smaller one.
    """
    sizes = pa.concat_tables([pq.read_table(here(path)) for path in task.params["sizes"]])
    sums = sizes.group_by("need").aggregate([("count_all", "sum")]).sort_by("need")
    per_query, kept = nearest(
        sums.column("need").to_numpy(), sums.column("count_all_sum").to_numpy(), task.params["balance"].target
    )
    storage.write_json(task.new_file("found", ".json"), {"per_query": per_query, "kept": kept})


def nearest(needs: Numbers, sizes: Numbers, target: int) -> tuple[int, int]:
    """(t, pairs that stay with it) whose number comes nearest to the target; t is 1 at least.

    needs: rising, each once; sizes: how many pairs have each. Exact for both rules, as the needs are.
    """
    kept = np.cumsum(sizes)
    if not (needs > 0).any():
        return 1, int(kept[-1]) if len(kept) else 0
    least = int(kept[needs <= 1][-1]) if (needs <= 1).any() else 0
    ts, kept = np.append(1, needs[needs > 1]), np.append(least, kept[needs > 1])
    at = int(np.argmin(np.abs(kept - target)))
    return int(ts[at]), int(kept[at])


def decide(task: Task) -> None:
    """Drops the pairs of one file that need more than t, and counts queries before and after.

    arg: {samples: parquet path, file: its number}; params: queries (path of the list), dropped ([parquet
    path]), needs ([shuffle path]; none where nothing is balanced), files (how many), balance, found ([JSON path]).
    Hands on `dropped` (parquet of ids, sorted), `losses` and `counts`; takes what it drops off the count of
    those kept.
    """
    rows, entries = _survivors(task), histogram.entries(task.params["queries"])
    inputs = [Path(path) for path in task.params["needs"]]
    needs = shuffle.read(inputs, task.arg["file"], task.params["files"], _NEEDS)
    most = per_query(task.params["balance"], task.params["found"])
    gone = needs.filter(pc.greater(needs.column("need"), most if most is not None else 0))
    stays = pc.invert(pc.is_in(rows.column("id"), gone.column("id")))
    tables.write_parquet(task.new_file("dropped", ".parquet"), gone.select(["id"]).sort_by("id"))
    tables.hand_on_losses(task, "clean", [_losses(task.arg["samples"], gone, entries)])
    counts = histogram.counted(rows.column("queries"), stays, entries)
    tables.write_parquet(task.new_file("counts", ".parquet"), counts)
    task.funnel["clean"].kept -= gone.num_rows


def per_query(balance: Balance | None, found: list[str]) -> int | None:
    """The t of the build: given, or found for its size; None where nothing is balanced."""
    if balance is None or balance.per_query is not None:
        return balance.per_query if balance else None
    return int(read_json(Path(found[0]))["per_query"])


def tell(task: Task) -> None:
    """Writes the histogram of queries.

    params: queries (path of the list, with what was matched and kept before), counts ([parquet path]), balance,
    found ([JSON path]). Hands on `queries` (parquet, see histogram.py).
    """
    balance = task.params["balance"]
    t = per_query(balance, task.params["found"])
    table = histogram.summed(histogram.read(task.params["queries"]), task.params["counts"])
    written = histogram.balanced(table, balance.rule if balance else "", t)
    tables.write_parquet(task.new_file("queries", ".parquet"), written)


def _survivors(task: Task) -> pa.Table:
    """Ids and queries of what near-duplicates left of the task's file."""
    rows, gone = pq.read_table(here(task.arg["samples"]), columns=["id", "queries"]), []
    for path in task.params["dropped"]:
        for batch in pq.ParquetFile(here(path)).iter_batches(DROPPED, columns=["id"]):
            ids = batch.column("id")
            gone.append(ids.filter(pc.is_in(ids, rows.column("id"))))
    return rows.filter(pc.invert(pc.is_in(rows.column("id"), pa.chunked_array(gone, pa.string()))))


def _range(task: Task, part: int) -> pa.Table:
    inputs = [Path(path) for path in task.params["rows"]]
    return shuffle.read(inputs, part, task.params["ranges"], _SPREAD)


def _flat(rows: pa.Table) -> tuple[Numbers, Numbers]:
    """How many queries each pair has, and all their numbers in a row."""
    column = rows.column("queries").combine_chunks()
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False).astype(np.int64)
    return lengths, pc.list_flatten(column).to_numpy().astype(np.int64)


def _pieces(table: pa.Table) -> list[pa.Table]:
    """The rows in pieces of about MATCHES queries."""
    lengths = pc.list_value_length(table.column("queries")).to_numpy().astype(np.int64)
    starts = np.flatnonzero(np.diff(np.cumsum(lengths) // MATCHES, prepend=-1))
    ends = np.append(starts, len(lengths))[1:]
    return [table.slice(start, end - start) for start, end in zip(starts, ends, strict=True)]


def _least(values: Numbers, begins: Numbers) -> Numbers:
    """The least of each pair's values."""
    if not len(begins):
        return np.zeros(0, np.int64)
    least: Numbers = np.minimum.reduceat(values, begins)
    return least


def _with_rarest(
    rows: pa.Table, needs: Numbers, held: NDArray[np.bool_], matched: Numbers, counts: Numbers
) -> pa.Table:
    """The pairs with their need, and with their rarest query and its pairs, which the ledger tells."""
    lengths, _ = _flat(rows)
    begins = (np.cumsum(lengths) - lengths)[held]
    keys = counts[matched] << 32 | matched  # of equally rare ones the first in the list
    rarest = np.full(len(needs), -1, np.int64)
    rarest[held] = _least(keys, begins)
    number, count = rarest & 0xFFFFFFFF, rarest >> 32
    number[~held], count[~held] = -1, 0
    return pa.table([rows.column("id"), needs, number.astype(np.int32), count], schema=_NEEDS)


def _losses(samples: str, gone: pa.Table, entries: pa.Array) -> pa.Table:
    """The rows as losses; their texts are read only now."""
    texts = pq.read_table(here(samples), columns=["id", "url", "caption"])
    lost = texts.filter(pc.is_in(texts.column("id"), gone.column("id"))).join(gone, "id").sort_by("id")
    entry = pc.utf8_slice_codeunits(pc.take(entries, lost.column("rarest")), 0, _MAX_ENTRY)
    count = lost.column("count").cast(pa.string())
    seen = pc.binary_join_element_wise("its rarest query is ", entry, ", which ", count, " pairs have", "")
    return tables.losses_of(lost, "clean", "query_full", seen)
