"""Arrow columns as numpy arrays, and back, without a Python object for each row."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

BATCH = 65_536  # rows that are looked at together: what they take is soon used again


def fixed(column: pa.ChunkedArray, width: int) -> NDArray[np.bytes_]:
    """A column of strings of exactly `width` bytes each, as a sortable array. Raises ArrowInvalid for others."""
    pieces = [np.array([], f"S{width}")]
    for chunk in column.cast(pa.binary()).cast(pa.binary(width)).chunks:
        pieces.append(np.frombuffer(chunk.buffers()[1], f"S{width}", len(chunk), chunk.offset * width))
    return np.concatenate(pieces)


def digits(column: pa.ChunkedArray, width: int) -> NDArray[np.uint64]:
    """A column of `width` hex digits each, 16 to a row: 64-bit numbers, the first row of the highest digits.

    Raises ArrowInvalid or ValueError for others.
    """
    found = np.empty((width // 16, len(column)), np.uint64)
    for start in range(0, len(column), BATCH):
        piece = fixed(column.slice(start, BATCH), width)
        numbers = np.frombuffer(bytes.fromhex(piece.tobytes().decode("ascii")), ">u8")
        found[:, start : start + BATCH] = numbers.reshape(-1, width // 16).T
    return found


def hexed(numbers: NDArray[np.uint64]) -> pa.Array:
    """The strings that these are the `digits` of."""
    words, count = numbers.shape
    text = np.ascontiguousarray(numbers.T).astype(">u8").tobytes().hex().encode()
    offsets = np.arange(count + 1, dtype=np.int64) * 16 * words
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text)]
    return pa.Array.from_buffers(pa.large_string(), count, buffers).cast(pa.string())


def pick(column: pa.ChunkedArray, rows: NDArray[np.int64]) -> pa.ChunkedArray:
    """The strings of these rows. (Arrow's own `take` fails where a column of strings holds over 2 GB.)"""
    return column.cast(pa.large_string()).take(pa.array(rows)).cast(pa.string())


def pick_rows(table: pa.Table, rows: NDArray[np.int64]) -> pa.Table:
    """These rows, which rise, however many bytes the table holds."""
    return table.filter(mask(marked(rows, table.num_rows)))


def marked(rows: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Which of `count` rows these are."""
    marks = np.zeros(count, bool)
    marks[rows] = True
    return marks


def mask(rows: NDArray[np.bool_]) -> pa.Array:
    """What `Table.filter` wants."""
    return pa.array(rows, pa.bool_())


def codes(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Equal numbers for equal strings."""
    encoded = column.cast(pa.large_string()).dictionary_encode()
    return np.concatenate([np.array([], np.int64), *(chunk.indices.to_numpy() for chunk in encoded.chunks)])
