"""Rows out of a parquet file: only the columns needed, some thousand rows at a time, whatever its row groups."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder.errors import ConfigError, Dropped
from wit_builder.lists import carried
from wit_builder.lists.files import Opened
from wit_builder.lists.rows import Rows
from wit_builder.lists.slices import Slice

STEP_ROWS = 128  # unpacked at a time: a caption of 1 MB that stands once in the file may be in each of them
BATCH_ROWS = 4_096
BATCH_BYTES = 32 << 20
BUFFER = 4 << 20  # bytes of a column read ahead; a row group is never held whole

_TEXT = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
)


def footer(file: Opened) -> tuple[pa.Schema, list[int]]:
    """The columns, and the rows of each row group. Raises ConfigError when it is no parquet file."""
    try:
        metadata = pq.read_metadata(pa.PythonFile(file, mode="r"))
        rows = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        return metadata.schema.to_arrow_schema(), rows
    except (pa.ArrowException, OSError) as error:
        raise ConfigError(f"{file.url} is no readable parquet file: {file.damage(error).evidence}") from error


def holds_text(kind: pa.DataType) -> bool:
    """Whether a column of that type can be read as texts: strings, or bytes that may be some."""
    if pa.types.is_dictionary(kind):
        return holds_text(kind.value_type)
    return pa.types.is_null(kind) or any(same(kind) for same in _TEXT)


def read(file: Opened, part: Slice, begin: int, end: int | None) -> Iterator[Rows]:
    """The rows from `begin` to before `end` (None: the last), in batches.

    What a damaged row group holds from the damage on is one bad row (reason damaged), and the next row group
    is read.
    """
    try:
        parquet = pq.ParquetFile(pa.PythonFile(file, mode="r"), pre_buffer=False, buffer_size=BUFFER)
    except (pa.ArrowException, OSError) as error:
        raise file.damage(error) from error
    first = 0
    for group in range(parquet.metadata.num_row_groups):
        past = first + parquet.metadata.row_group(group).num_rows
        span = range(max(first, begin), past if end is None else min(past, end))
        if span:
            yield from _group(parquet, file, part, group, span, first)
        first = past


def _group(
    parquet: pq.ParquetFile, file: Opened, part: Slice, group: int, span: range, first: int
) -> Iterator[Rows]:
    """The rows of `span` in a row group that begins with row `first`."""
    names = [name for name in (part.url, part.caption, *part.extra) if name]
    at = first
    try:
        for batch in _gathered(parquet.iter_batches(STEP_ROWS, [group], names, use_threads=False)):
            skipped = max(0, span.start - at)
            rows = _rows(batch.slice(skipped, max(0, span.stop - at - skipped)), part, at + skipped)
            at += batch.num_rows
            if rows.numbers:
                yield rows
            if at >= span.stop:
                return
        damage = Dropped("damaged", "its row group holds fewer rows than its footer says")
    except (pa.ArrowException, OSError) as error:
        damage = file.damage(error)
    begin = max(at, span.start)
    yield Rows(bad={begin: ("damaged", f"rows {begin} to {span.stop - 1}: {damage.evidence}")})


def _gathered(steps: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in larger batches; what was read before an error is given before it."""
    waiting: list[pa.RecordBatch] = []
    size = 0
    try:
        for step in steps:
            waiting.append(step)
            size += step.nbytes
            if len(waiting) * STEP_ROWS >= BATCH_ROWS or size >= BATCH_BYTES:
                yield _joined(waiting)
                waiting, size = [], 0
    except (pa.ArrowException, OSError):
        if waiting:
            yield _joined(waiting)
        raise
    if waiting:
        yield _joined(waiting)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    table = pa.Table.from_batches(batches).combine_chunks()
    return table.to_batches()[0]


def _rows(batch: pa.RecordBatch, part: Slice, first: int) -> Rows:
    count = batch.num_rows
    columns = {key: carried.values(batch.column(name)) for name, key in part.extra.items()}
    return Rows(
        list(range(first, first + count)),
        _texts(batch.column(part.url)),
        _texts(batch.column(part.caption)) if part.caption else [""] * count,
        carried.objects(columns, count),
    )


def _texts(column: pa.Array) -> list[Any]:
    """The column's texts; bytes where they are not UTF-8."""
    try:
        listed: list[Any] = column.cast(pa.string()).to_pylist()
        return listed
    except (UnicodeDecodeError, pa.ArrowInvalid):
        return [_text(raw) for raw in column.cast(pa.binary()).to_pylist()]


def _text(raw: bytes | None) -> str | bytes | None:
    try:
        return None if raw is None else raw.decode()
    except UnicodeDecodeError:
        return raw
