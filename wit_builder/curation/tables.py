"""Arrow columns of strings as numpy, and drops as rows of the ledger."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wit_builder import storage
from wit_builder.records import LOSS_SCHEMA, Loss, to_table

ROW_GROUP = 65_536


def ascii_column(column: pa.ChunkedArray, width: int) -> NDArray[np.bytes_]:
    """A column of hex strings of at most `width` characters as a sortable numpy array."""
    return np.array(column.to_pylist(), dtype=f"S{width}")


def write_parquet(path: Path, table: pa.Table) -> None:
    """The table as parquet, zstd, row groups of 64k rows; whole or absent."""
    with storage.whole(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", row_group_size=ROW_GROUP)


def write_losses(path: Path, losses: list[Loss]) -> None:
    """The losses as a part of the ledger."""
    write_parquet(path, to_table(losses, LOSS_SCHEMA))


def losses_of(rows: pa.Table, stage: str, reasons: Iterable[str], evidence: Iterable[str]) -> list[Loss]:
    """One loss for each row of a table with id, url and caption."""
    now = datetime.now(UTC)
    columns = (rows.column(name).to_pylist() for name in ("id", "url", "caption"))
    return [
        Loss(id_, stage, reason, url, caption, shown, now)
        for id_, url, caption, reason, shown in zip(*columns, reasons, evidence, strict=True)
    ]
