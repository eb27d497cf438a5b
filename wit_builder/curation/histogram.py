"""How many pairs has each query? The list of a build with its counts: `OUT/queries.parquet`.

    entry      the query, in the order of which the rows stand
    source     where the list had it from
    matched    pairs that held it when all other rules had decided
    kept       pairs of the data set that hold it
    brought    pairs that it brought in, by the cap: all it matched, or as many as a query may; else null

While a build runs, a file of the same kind holds its list, with what was published before (a retry) as counts.
The file's metadata say how it was balanced: `balance` is JSON of rule and per_query.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wit_builder.curation import tables
from wit_builder.mirror import here
from wit_builder.queries.listing import Query

NAME = "queries.parquet"
SCHEMA = pa.schema(
    [
        ("entry", pa.string()),
        ("source", pa.string()),
        pa.field("matched", pa.int64(), metadata={"unit": "pairs"}),
        pa.field("kept", pa.int64(), metadata={"unit": "pairs"}),
        pa.field("brought", pa.int64(), metadata={"unit": "pairs"}),
    ]
)

_BALANCE = b"balance"
_COUNTS = pa.schema([("query", pa.int32()), ("matched", pa.int64()), ("kept", pa.int64())])


def write(path: Path, queries: Iterable[Query]) -> None:
    """Begin with this list: sorted by entry, nothing counted yet."""
    rows = sorted((query.entry, query.source) for query in queries)
    nothing = np.zeros(len(rows), np.int64)
    entry, source = zip(*rows, strict=True) if rows else ((), ())
    values = [pa.array(entry, pa.string()), pa.array(source, pa.string()), nothing, nothing, nothing]
    tables.write_parquet(path, pa.table(values, schema=SCHEMA))


def read(path: str | Path) -> pa.Table:
    """The list with its counts."""
    return pq.read_table(here(path), schema=SCHEMA)


def queries(path: str | Path) -> list[Query]:
    """The list, for the matcher."""
    rows = read(path).select(["entry", "source"]).to_pylist()
    return [Query(row["entry"], row["source"], 0) for row in rows]


@lru_cache(maxsize=1)
def entries(path: str) -> pa.Array:
    """The entries of the list; query n is the n-th. Kept, as a worker asks for task after task."""
    return read(path).column("entry").combine_chunks()


def numbers(column: pa.ChunkedArray, entries: pa.Array) -> pa.Array:
    """A column of lists of entries as lists of numbers."""
    lists = column.combine_chunks()
    words = pc.list_flatten(lists).dictionary_encode()
    known = pc.index_in(words.dictionary, entries).take(words.indices)
    offsets = np.append(0, np.cumsum(pc.list_value_length(lists).to_numpy(zero_copy_only=False)))
    return pa.ListArray.from_arrays(offsets.astype(np.int32), known)


def counted(column: pa.ChunkedArray, stays: pa.ChunkedArray, entries: pa.Array) -> pa.Table:
    """Of these pairs' lists: how many hold each query, and how many of those stay; no row for a query of none."""
    lists, count = numbers(column, entries), len(entries)
    matched, kept = (_bins(rows, count) for rows in (lists, lists.filter(stays.combine_chunks())))
    found = np.flatnonzero(matched)
    return pa.table([found.astype(np.int32), matched[found], kept[found]], schema=_COUNTS)


def summed(table: pa.Table, counts: Sequence[str]) -> pa.Table:
    """The list with these counts (parquet) added to its own."""
    sums = {name: table.column(name).to_numpy().copy() for name in ("matched", "kept")}
    for path in counts:
        part = pq.read_table(here(path))
        for name, values in sums.items():
            values[part.column("query").to_numpy()] += part.column(name).to_numpy()
    for name, values in sums.items():
        table = table.set_column(table.schema.get_field_index(name), SCHEMA.field(name), pa.array(values))
    return table


def recounted(table: pa.Table, held: Iterable[pa.ChunkedArray]) -> pa.Table:
    """The list with `kept` counted anew, of the pairs that have these lists of queries."""
    entries = table.column("entry").combine_chunks()
    kept = np.zeros(len(entries), np.int64)
    for column in held:
        kept += _bins(numbers(column, entries), len(entries))
    return table.set_column(table.schema.get_field_index("kept"), SCHEMA.field("kept"), pa.array(kept))


def balanced(table: pa.Table, rule: str, per_query: int | None) -> pa.Table:
    """The list with what each query brought in, and how that was decided; rule: "" where nothing was."""
    matched = table.column("matched")
    brought = pc.min_element_wise(matched, per_query) if rule == "cap" else pa.nulls(len(matched), pa.int64())
    told = {_BALANCE: orjson.dumps({"rule": rule, "per_query": per_query})}
    place = SCHEMA.get_field_index("brought")
    return table.set_column(place, SCHEMA.field("brought"), brought).replace_schema_metadata(told)


def how(schema: pa.Schema) -> dict[str, Any]:
    """How that was decided: {rule, per_query}; empty where the file does not say."""
    told: dict[str, Any] = orjson.loads((schema.metadata or {}).get(_BALANCE, b"{}"))
    return told


def _bins(lists: pa.Array, count: int) -> NDArray[np.int64]:
    return np.bincount(lists.flatten().to_numpy(), minlength=count)
