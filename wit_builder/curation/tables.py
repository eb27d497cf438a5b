"""Tables on the disk, and drops as rows of the ledger."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wit_builder import filtering, storage
from wit_builder.engine import columns
from wit_builder.engine.task import Task
from wit_builder.records import LOSS_SCHEMA, SAMPLE_SCHEMA

ROW_GROUP = 65_536
PIECE = 8 << 20  # bytes of losses that are written together
_ALIKE = ["stage", "reason", "at"]  # columns of few different values
OF_LOSSES = ["id", "url", "caption"]  # what the ledger has of a row
MAX_EVIDENCE = 500  # characters


def write_parquet(path: Path, table: pa.Table) -> None:
    """The table as parquet, zstd, row groups of 64k rows; whole or absent."""
    with storage.whole(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", row_group_size=ROW_GROUP)


def write_array(path: Path, values: NDArray[Any]) -> None:
    """The array as .npy; whole or absent."""
    with storage.whole(path) as temporary, temporary.open("wb") as file:
        np.save(file, values)


def judged(
    rows: pa.Table,
    records: Callable[[pa.Table], Iterable[Any]],
    filters: Sequence[filtering.Filter[Any] | filtering.BatchFilter[Any]],
    stage: str,
    image: Callable[[Any], bytes] | None = None,
) -> tuple[pa.Table, pa.Table]:
    """The rows that the filters keep, with their scores, and the losses of the others.

    records: makes records of rows, asked for those alone that a filter is called for; image: see filtering.judge.
    """
    called_for = np.ones((len(filters), rows.num_rows), bool)
    for rule, of_rule in zip(filters, called_for, strict=True):
        with filtering.naming(rule):
            of_rule[:] = filtering.may_drop(rule, rows)
    seen: NDArray[np.bool_] = np.any(called_for, axis=0)
    verdicts = np.full(rows.num_rows, filtering.KEPT, object)
    items = list(records(rows.filter(columns.mask(seen))))
    verdicts[seen] = filtering.judge(items, filters, image, list(called_for[:, seen]))
    kept = np.ones(rows.num_rows, bool)
    kept[seen] = [verdict.kept for verdict in verdicts[seen]]
    lost = verdicts[~kept]
    reasons = [verdict.reason for verdict in lost]
    evidence = _fit([verdict.evidence for verdict in lost])
    losses = losses_of(rows.filter(columns.mask(~kept)), stage, reasons, evidence)
    return _scored(rows.filter(columns.mask(kept)), [verdict.scores for verdict in verdicts[kept]]), losses


def losses_of(
    rows: pa.Table, stage: str, reasons: str | Sequence[str | None], evidence: pa.Array | pa.ChunkedArray
) -> pa.Table:
    """One loss, a row of LOSS_SCHEMA, for each row of a table with id, url and caption.

    reasons: one for each row, or one for all.
    """
    count = rows.num_rows
    values = {name: rows.column(name) for name in OF_LOSSES}
    values["stage"] = pa.repeat(stage, count)
    values["reason"] = (
        pa.repeat(reasons, count) if isinstance(reasons, str) else pa.array(reasons, pa.string())
    )
    values["evidence"] = evidence
    values["at"] = pa.repeat(pa.scalar(datetime.now(UTC), LOSS_SCHEMA.field("at").type), count)
    return pa.table([values[name] for name in LOSS_SCHEMA.names], schema=LOSS_SCHEMA)


def hand_on_losses(task: Task, stage: str, losses: Iterable[pa.Table], number: int = 0) -> None:
    """Write these losses as a part of the ledger, one table after the other, and count them.

    number: of the part, in this task.
    """
    path = task.new_file("losses", f".{number}.parquet")
    with (
        storage.whole(path) as temporary,
        pq.ParquetWriter(temporary, LOSS_SCHEMA, compression="zstd", use_dictionary=_ALIKE) as file,
    ):
        for table in _together(losses):
            file.write_table(table, ROW_GROUP)
            found = pc.value_counts(table.column("reason"))
            task.funnel[stage].dropped.update(
                Counter({row["values"]: row["counts"] for row in found.to_pylist()})
            )


def _together(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of about PIECE bytes: each that is written takes a row group of its own."""
    found, held = [], 0
    for table in tables:
        found.append(table)
        held += table.nbytes
        if held >= PIECE:
            yield pa.concat_tables(found)
            found, held = [], 0
    if found:
        yield pa.concat_tables(found)


def _scored(rows: pa.Table, scores: Sequence[tuple[tuple[str, float], ...]]) -> pa.Table:
    """The rows with what was measured of them, where anything was."""
    if not any(scores):
        return rows
    field = SAMPLE_SCHEMA.field("scores")
    return rows.set_column(rows.schema.get_field_index(field.name), field, pa.array(scores, field.type))


def _fit(texts: Sequence[str]) -> pa.Array:
    """What filters say they saw, fit for the ledger: short, without half surrogate pairs."""
    return pa.array([text[:MAX_EVIDENCE].encode("utf-8", "replace").decode() for text in texts], pa.string())
