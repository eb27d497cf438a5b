"""Sends a window of a list to bins of registrable domains: one task then keeps a host's pace alone."""

from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wit_builder.engine import columns, shuffle
from wit_builder.engine.task import Task
from wit_builder.records import CANDIDATE_SCHEMA, FAILURE_SCHEMA
from wit_builder.web.url import host_of, registrable_domain


def spread(task: Task) -> None:
    """Picks the rows that are wanted and spreads them.

    arg: {candidates: [parquet path], failures: [parquet path]}; params: wanted (JSON path: list of [first id,
    last id, ...], rising), only (parquet path: of these the rows with one of these ids; ""), bins.
    Hands on `candidates` (shuffle file by bin) and `failures` (parquet).
    """
    ranges = np.array([pair[:2] for pair in orjson.loads(Path(task.params["wanted"]).read_bytes())], "S32")
    rows = _within(_read(task.arg["candidates"], CANDIDATE_SCHEMA), ranges)
    if task.params["only"]:
        ids = pq.read_table(task.params["only"]).column("id")
        rows = rows.filter(pc.is_in(rows.column("id"), ids))
    bins = task.params["bins"]
    domains = (registrable_domain(host_of(url)) for url in rows.column("url").to_pylist())
    shuffle.write(task.new_file("candidates", ".shuffle"), rows, shuffle.partition_of(domains, bins), bins)
    lost = _within(_read(task.arg["failures"], FAILURE_SCHEMA), ranges)
    pq.write_table(lost, task.new_file("failures", ".parquet"), compression="zstd")
    for reason in lost.column("reason").to_pylist():
        task.funnel["fetch"].drop(reason)


def _read(paths: list[str], schema: pa.Schema) -> pa.Table:
    return pa.concat_tables([schema.empty_table(), *(pq.read_table(path, schema=schema) for path in paths)])


def _within(rows: pa.Table, ranges: np.ndarray) -> pa.Table:
    """The rows whose id lies in one of the ranges."""
    ids = columns.fixed(rows.column("id"), 32)
    range_ = np.searchsorted(ranges[:, 0], ids, side="right") - 1
    return rows.filter(columns.mask((range_ >= 0) & (ids <= ranges[np.maximum(range_, 0), 1])))
