"""Rows out of a parquet file: only the columns needed, some thousand rows at a time, whatever its row groups.

A value that stands once in a file's dictionary may be in every row: a file of 3 KB has 12 MB in each of a thousand.
So the dictionaries of a row group are looked at before it is read, and the longer their values, the fewer rows are
unpacked at a time. (All read as dictionaries take several times the CPU, as most addresses and captions stand once.)
What stays unbounded here is a page that packs well, up to the format's 2 GB, and the items of a list within a row.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wit_builder.errors import ConfigError, Dropped
from wit_builder.lists import carried
from wit_builder.lists.files import Opened
from wit_builder.lists.lines import MAX_LINE
from wit_builder.lists.rows import Rows
from wit_builder.lists.slices import Slice

STEP_ROWS = 128  # unpacked at a time, at most
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
    is read. A row whose texts together are longer than a line of a text format may be is a bad row too.
    """
    try:
        parquet = _reader(file)
    except (pa.ArrowException, OSError) as error:
        raise file.damage(error) from error
    first = 0
    for group in range(parquet.metadata.num_row_groups):
        past = first + parquet.metadata.row_group(group).num_rows
        span = range(max(first, begin), past if end is None else min(past, end))
        if span:
            yield from _group(parquet, file, part, group, span, first)
        first = past


def _reader(file: Opened, **more: Any) -> pq.ParquetFile:
    return pq.ParquetFile(pa.PythonFile(file, mode="r"), pre_buffer=False, buffer_size=BUFFER, **more)


def _group(
    parquet: pq.ParquetFile, file: Opened, part: Slice, group: int, span: range, first: int
) -> Iterator[Rows]:
    """The rows of `span` in a row group that begins with row `first`."""
    names = [name for name in (part.url, part.caption, *part.extra) if name]
    at = first
    try:
        step = _step(parquet, file, group, names)
        steps = parquet.iter_batches(step, [group], names, use_threads=False)
        if any(map(pa.types.is_dictionary, parquet.schema_arrow.types)):
            steps = map(_plain, steps)
        for batch in _gathered(steps):
            skipped = max(0, span.start - at)
            rows = _rows(batch.slice(skipped, max(0, span.stop - at - skipped)), part, at + skipped)
            at += batch.num_rows
            if rows:
                yield rows
            if at >= span.stop:
                return
        damage = Dropped("damaged", "its row group holds fewer rows than its footer says")
    except (pa.ArrowException, OSError) as error:
        damage = file.damage(error)
    begin = max(at, span.start)
    yield Rows(bad={begin: ("damaged", f"rows {begin} to {span.stop - 1}: {damage.evidence}")})


def _step(parquet: pq.ParquetFile, file: Opened, group: int, names: list[str]) -> int:
    """Rows of the group that are a batch at most, if each has the longest value of every column."""
    columns = [parquet.schema.column(at) for at in range(len(parquet.schema))]
    texts = [it.path for it in columns if it.physical_type == "BYTE_ARRAY" and it.path in names]
    once = _reader(file, metadata=parquet.metadata, read_dictionary=texts)
    longest: int = sum(_longest(once, file, group, name) for name in texts)
    longest += sum(it.length for it in columns if it.path in names)  # bytes, where all values have the same
    return max(1, min(STEP_ROWS, BATCH_BYTES // max(1, longest)))


def _longest(once: pq.ParquetFile, file: Opened, group: int, name: str) -> int:
    """Bytes of the longest value in a column's dictionary; where it has none, of its first value."""
    try:
        first = next(once.iter_batches(1, [group], [name], use_threads=False), None)
    except (pa.ArrowException, OSError) as error:
        file.damage(error)  # what is damaged shows where it is read, and some encodings make no dictionary
        return 0
    lengths: list[int] = pc.binary_length(first.column(0).dictionary).to_pylist() if first else []
    return max(lengths, default=0)


def _plain(step: pa.RecordBatch) -> pa.RecordBatch:
    """The same without the dictionaries that a file's schema asks for, so that it weighs what it takes."""
    columns = [it.dictionary_decode() if pa.types.is_dictionary(it.type) else it for it in step.columns]
    return pa.record_batch(columns, step.schema.names)


def _gathered(steps: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in larger batches; what was read before an error is given before it."""
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    try:
        for step in steps:
            waiting.append(step)
            rows += step.num_rows
            size += step.nbytes
            if rows >= BATCH_ROWS or size >= BATCH_BYTES:
                yield _joined(waiting)
                waiting, rows, size = [], 0, 0
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
    numbers = np.arange(first, first + batch.num_rows)
    bad = {}
    if (long := _long(batch)).any():
        said = f"longer than {MAX_LINE:,} bytes: "
        urls = _texts(pc.binary_slice(batch.column(part.url).cast(pa.binary()), 0, 80).filter(pa.array(long)))
        bad = {n: ("bad_row", f"{said}{url}") for n, url in zip(numbers[long].tolist(), urls, strict=True)}
        batch, numbers = batch.filter(pa.array(~long)), numbers[~long]
    columns = {key: carried.values(batch.column(name)) for name, key in part.extra.items()}
    return Rows(
        numbers.tolist(),
        _texts(batch.column(part.url)),
        _texts(batch.column(part.caption)) if part.caption else [""] * len(numbers),
        carried.objects(columns, len(numbers)),
        bad,
    )


def _long(batch: pa.RecordBatch) -> NDArray[np.bool_]:
    """Which rows have texts that together are longer than a line may be."""
    lengths = np.zeros(batch.num_rows, np.int64)
    if batch.nbytes > MAX_LINE:
        for column in batch.columns:
            if any(same(column.type) for same in _TEXT):
                lengths += pc.fill_null(pc.binary_length(column.cast(pa.large_binary())), 0).to_numpy()
    return lengths > MAX_LINE


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
