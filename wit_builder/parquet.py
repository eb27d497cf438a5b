"""Reads parquet files of a finished OUT, which may be damaged: the error says which, and what was expected."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder.errors import ShardError

T = TypeVar("T")

MEND = "put back an undamaged copy of it, then run the same command again"


def batches(path: Path, columns: pa.Schema, rows: int = 65_536) -> Iterator[pa.Table]:
    """These columns, at most so many rows at a time.

    Raises ShardError where the file cannot be read, or has no such columns.
    """
    with _named(path):
        file = pq.ParquetFile(path)
    with file:
        check_columns(path, file.schema_arrow, columns)
        yield from map(pa.table, whole(path, file.iter_batches(rows, columns=columns.names)))


def table(path: Path, columns: pa.Schema) -> pa.Table:
    """These columns, all rows at once, with what the file says besides (its metadata). Raises ShardError."""
    with _named(path), pq.ParquetFile(path) as file:
        check_columns(path, file.schema_arrow, columns)
        return file.read(columns=columns.names)


def schema(path: Path) -> pa.Schema:
    """Of all its columns, with its metadata. Raises ShardError."""
    with _named(path):
        return pq.read_schema(path)


def check_columns(path: Path, found: pa.Schema, wanted: pa.Schema) -> None:
    """Raise ShardError where one of the wanted columns is not among those found, or of another type."""
    for field in wanted:
        place = found.get_field_index(field.name)
        if place < 0 or found.field(place).type != field.type:
            has = f"{found.field(place).type} there" if place >= 0 else "none"
            raise ShardError(f"{path} should have a column {field.name} ({field.type}), and has {has}", MEND)


def whole(path: Path, pieces: Iterable[T]) -> Iterator[T]:
    """The pieces, read from that file. Raises ShardError where one cannot be."""
    left = iter(pieces)
    while True:
        with _named(path):
            try:
                piece = next(left)
            except StopIteration:
                return
        yield piece


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ShardError(f"{path} is missing", MEND) from error
    except (OSError, pa.ArrowException) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise ShardError(f"{path} cannot be read: {why}", MEND) from error
