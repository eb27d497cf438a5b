"""A shuffle is files: each map task writes one file, partitioned; a reduce task reads its slice of each.

The file: partition k is one Arrow IPC stream (lz4) at [index[k], index[k+1]); the index of n+1 little-endian
u64 is the file's tail. So partition k of many files costs one ranged read a file; in a store one or two, several of
them at a time, and what came stays in a file here until its task ends. Columns nobody asks for are not unpacked; a
task has one core, so unpacking has no threads.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from wit_builder import mirror, storage
from wit_builder.engine import columns
from wit_builder.objects import BLOCK, Objects

BATCH = 65_536  # rows that are sorted at a time, so that no column of them comes near Arrow's 2 GB
PIECE = 4 << 20  # bytes that small pieces are joined to
WRITTEN = 1 << 20  # bytes at once

AT_ONCE = 8  # slices that are asked for at a time in a store
TAIL = 64 << 10  # bytes that come with the index of a file in a store

_INDEXES = 64 << 20  # bytes of indexes that are kept
_indexes: dict[str, bytes] = {}  # of files in a store, by URL: their next partition costs one request

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


def partition_of(keys: Iterable[str], partitions: int) -> NDArray[np.int64]:
    """The partition, 0 to partitions - 1, of each key: the same on every machine."""
    return np.fromiter((xxhash.xxh3_64_intdigest(key.encode()) % partitions for key in keys), np.int64)


def spread(hashes: NDArray[np.uint64], partitions: int) -> NDArray[np.int64]:
    """The partition, 0 to partitions - 1, of each hash."""
    return (hashes % np.uint64(partitions)).astype(np.int64)


def write(path: Path, table: pa.Table, part: NDArray[np.int64], partitions: int) -> None:
    """Write the table's rows, row i to partition part[i], in their order; whole or absent.

    A row whose part is negative is left out.
    """
    ordered = list(_ordered(table, part, partitions))
    few = PIECE * table.num_rows // max(table.nbytes, 1)  # rows
    index = [0]
    with storage.whole(path) as temporary, pa.output_stream(temporary, None, WRITTEN) as file:
        for k in range(partitions):
            of_part = [
                rows.slice(ends[k], ends[k + 1] - ends[k]) for rows, ends in ordered if ends[k + 1] > ends[k]
            ]
            if of_part:
                with pa.ipc.new_stream(file, table.schema, options=_OPTIONS) as stream:
                    for rows in of_part if sum(map(len, of_part)) > few else [_joined(of_part)]:
                        stream.write_batch(rows)
            index.append(file.tell())
        file.write(struct.pack(f"<{partitions + 1}Q", *index))


def read(
    paths: Sequence[Path],
    partition: int,
    partitions: int,
    schema: pa.Schema,
    chosen: NDArray[np.bool_] | None = None,
) -> pa.Table:
    """One partition of all these files, in their order; an empty table of `schema` when there is no row.

    chosen: which of its rows to read; None: all.
    """
    pieces, start = [], 0
    for batch in batches(paths, partition, partitions):
        here = slice(start, start := start + len(batch))
        if chosen is None or chosen[here].all():
            pieces.append(batch)
        elif chosen[here].any():
            pieces.append(batch.filter(columns.mask(chosen[here])))
    return pa.Table.from_batches(pieces) if pieces else schema.empty_table()


def batches(
    paths: Sequence[Path], partition: int, partitions: int, names: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The same in pieces of at most `BATCH` rows, and of these columns alone; None: all.

    Many files have a few hundred rows each of a partition. These come together, up to `PIECE` bytes: kept as they
    are, they scatter over the heap.
    """
    found: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in _as_written(paths, partition, partitions, names):
        rows, size = rows + len(batch), size + batch.nbytes
        if found and (rows > BATCH or size > PIECE):
            yield _joined(found)
            found, rows, size = [], len(batch), batch.nbytes
        found.append(batch)
    if found:
        yield _joined(found)


def _joined(found: list[pa.RecordBatch]) -> pa.RecordBatch:
    return found[0] if len(found) == 1 else pa.concat_batches(found)


def _as_written(
    paths: Sequence[Path], partition: int, partitions: int, names: Sequence[str] | None
) -> Iterator[pa.RecordBatch]:
    for data in mirror.ahead(partial(_slice, partition, partitions), paths, AT_ONCE):
        if data is None:
            continue
        schema = pa.ipc.read_schema(data)
        fields = None if names is None else [schema.get_field_index(name) for name in names]
        yield from pa.ipc.open_stream(
            data, options=pa.ipc.IpcReadOptions(included_fields=fields, use_threads=False)
        )


def _ordered(
    table: pa.Table, part: NDArray[np.int64], partitions: int
) -> Iterator[tuple[pa.RecordBatch, list[int]]]:
    """The rows in batches, each in the order of its partitions: k has rows ends[k] to ends[k + 1]."""
    for start in range(0, table.num_rows, BATCH):
        here = part[start : start + BATCH]
        left_out = np.count_nonzero(here < 0)
        if left_out == len(here):
            continue
        rows = table.slice(start, BATCH).take(pa.array(np.argsort(here, kind="stable")[left_out:]))
        ends = np.cumsum(np.bincount(here[here >= 0], minlength=partitions))
        yield pa.concat_batches(rows.to_batches()), [0, *ends.tolist()]


def _slice(partition: int, partitions: int, path: Path) -> pa.Buffer | None:
    """The partition's stream, None where it has no rows."""
    if in_store := mirror.behind(path):
        return _brought(*in_store, path, partition, partitions)
    with pa.memory_map(str(path)) as file:
        file.seek(file.size() - 8 * (partitions + 1) + 8 * partition)
        start, end = struct.unpack("<2Q", file.read(16))
        file.seek(start)
        return file.read_buffer(end - start) if end > start else None


def _brought(objects: Objects, name: str, path: Path, partition: int, partitions: int) -> pa.Buffer | None:
    """The same, through a file here that holds the stream alone."""
    copy = path.with_name(f"{path.name}.{partition}")
    if not copy.exists():
        mirror.hold(copy, _asked(objects, name, partition, partitions))
    with pa.memory_map(str(copy)) as file:
        return file.read_buffer() if file.size() else None


def _asked(objects: Objects, name: str, partition: int, partitions: int) -> Iterator[bytes]:
    """The stream: with the index where the file is small, else by requests of its own."""
    url, width = objects.at(name), 8 * (partitions + 1)
    tail, first = b"", 0
    if url not in _indexes:
        tail, size = objects.part(name, -max(TAIL, width)) or objects.missing(name)
        first = size - len(tail)
        if len(_indexes) * width > _INDEXES:
            _indexes.clear()
        _indexes[url] = tail[-width:]
    start, end = struct.unpack_from("<2Q", _indexes[url], 8 * partition)
    if tail and start >= first:
        yield tail[start - first : end - first]
        return
    for at in range(start, end, BLOCK):
        yield objects.bytes_of(name, at, min(at + BLOCK, end))
