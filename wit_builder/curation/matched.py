"""Which queries does each caption hold? The columns `queries` and `query_spans`, and the pairs without a match."""

from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wit_builder import mirror
from wit_builder.curation import histogram, tables
from wit_builder.queries.listing import load
from wit_builder.queries.match import Matcher, Matches
from wit_builder.queries.settings import Queries, Rule
from wit_builder.records import CANDIDATE_SCHEMA, LOSS_SCHEMA


def begin(path: Path, wanted: Queries, say: Callable[[str], None]) -> None:
    """Write down the list as it is now (histogram.py), unless that was done, and say what was left out of it.

    Raises ConfigError as `load` does.
    """
    if mirror.exists(path):
        return
    skipped: Counter[str] = Counter()
    histogram.write(path, load(wanted, skipped))
    mirror.send([path])
    if skipped:
        say(f"left out of the queries: {', '.join(f'{why} {n:,}' for why, n in skipped.most_common())}")


def judged(rows: pa.Table, wanted: Queries, path: str) -> tuple[pa.Table, pa.Table]:
    """The rows with the queries that their captions hold, and losses of those without, if one is required.

    path: of the list of queries (histogram.py).
    """
    entries = histogram.entries(path)
    found = _matcher(path, wanted.rule, wanted.exact_case).match(rows.column("caption").to_pylist())
    for name, column in columns(found, rows.num_rows, entries).items():
        rows = rows.set_column(rows.schema.get_field_index(name), CANDIDATE_SCHEMA.field(name), column)
    if not wanted.required:
        return rows, LOSS_SCHEMA.empty_table()
    some = pc.greater(pc.list_value_length(rows.column("queries")), 0)
    lost = rows.filter(pc.invert(some))
    evidence = pa.repeat(f"holds none of {len(entries):,} queries", lost.num_rows)
    return rows.filter(some), tables.losses_of(lost, "select", "no_query", evidence)


@lru_cache(maxsize=1)  # a worker judges part after part
def _matcher(path: str, rule: Rule, exact_case: tuple[str, ...]) -> Matcher:
    return Matcher(histogram.queries(path), rule, exact_case)


def columns(found: Matches, captions: int, entries: pa.Array) -> dict[str, pa.Array]:
    """Of each caption its queries, each once in the order in which they begin, and where each match stands.

    found: in the order of the captions, in each by begin.
    """
    pair = found.text.astype(np.int64) << 32 | found.query
    _, first, of = np.unique(pair, return_index=True, return_inverse=True)
    order = np.argsort(first)  # of the distinct queries of all captions: as they first appear
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    first = first[order]
    ends = _ends(found.text[first], captions)
    queries = pa.ListArray.from_arrays(ends, entries.take(pa.array(found.query[first])))
    place = rank[of.reshape(-1)] - ends[found.text]  # ends: where the lists end, and so where the next begin
    kind = CANDIDATE_SCHEMA.field("query_spans").type
    values = [place.astype(np.int32), found.begin, found.end]
    spans = pa.StructArray.from_arrays(
        [pa.array(value, pa.int32()) for value in values], fields=list(kind.value_type)
    )
    return {"queries": queries, "query_spans": pa.ListArray.from_arrays(_ends(found.text, captions), spans)}


def _ends(of: NDArray[np.int32], captions: int) -> NDArray[np.int32]:
    """0, then where the values of each caption end; of: the caption of each value, rising."""
    counts = np.bincount(of, minlength=captions)
    return np.append(0, np.cumsum(counts)).astype(np.int32)
