"""Which pictures are nearly the same? All pairs of 256-bit hashes within a radius, exactly; none is missed.

Equal hashes are folded first, so one picture repeated a million times costs one query. The rest is faiss's
flat binary index: each hash is compared with each other, 0.9 billion pairs a second and core. A million
samples take 10 minutes of one core, ten million 15 hours. What is published already is compared with the new
ones only.
"""

from collections.abc import Iterator

import faiss
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wit_builder.engine import columns

HASH_BYTES = 32
QUERIES, TILE = 1_024, 16_384  # hashes compared in one call: all may be alike, and the answer takes 0.2 GB
PAIRS = 4_000_000  # that are united at a time

Hashes = NDArray[np.uint8]  # one row of 32 bytes a picture
Rows = NDArray[np.int64]


def bits(column: pa.ChunkedArray) -> Hashes:
    """A column of 64 hex digits as rows of 32 bytes."""
    text = columns.fixed(column, 2 * HASH_BYTES).tobytes().decode("ascii")
    return np.frombuffer(bytes.fromhex(text), np.uint8).reshape(-1, HASH_BYTES)


def heads(hashes: Hashes, strength: Rows, incumbents: Hashes, radius: int) -> Rows:
    """For each picture the one that stands for its group: the strongest of all it is connected with.

    hashes: n rows; strength: the row numbers 0 to n - 1, strongest first; incumbents: stronger than all.
    Two pictures are connected when their hashes differ in at most `radius` bits, or through others; two
    incumbents through new ones only.
    Returns n numbers: a row of `hashes`, or n + the row of an incumbent. A row that heads itself stays.
    """
    count = len(hashes)
    distinct, node = np.unique(hashes, axis=0, return_inverse=True)
    nodes = np.concatenate([len(distinct) + np.arange(len(incumbents)), node.reshape(-1)[strength]])
    rows = np.concatenate([count + np.arange(len(incumbents)), strength])  # both strongest first
    root = _connect(len(distinct) + len(incumbents), _pairs(distinct, incumbents, radius))
    component = root[nodes]
    first = np.full(len(root), len(rows), np.int64)
    np.minimum.at(first, component, np.arange(len(rows)))
    head = np.empty(count + len(incumbents), np.int64)
    head[rows] = rows[first[component]]
    return head[:count]


def _pairs(hashes: Hashes, incumbents: Hashes, radius: int) -> Iterator[tuple[Rows, Rows]]:
    """All pairs (i, j) of rows within the radius: i of hashes, j > i of hashes and incumbents together."""
    for first, tile in _tiles(np.concatenate([hashes, incumbents])):
        for start in range(0, min(first + TILE, len(hashes)), QUERIES):
            queries = hashes[start : start + QUERIES]
            limits, _, found = tile.range_search(queries, radius + 1)  # faiss: below, not at
            asked = start + np.repeat(np.arange(len(queries)), np.diff(limits.astype(np.int64)))
            later = first + found > asked
            yield asked[later], first + found[later]


def _tiles(hashes: Hashes) -> Iterator[tuple[int, faiss.IndexBinaryFlat]]:
    """The hashes in pieces, each with the number of its first row."""
    for first in range(0, len(hashes), TILE):
        tile = faiss.IndexBinaryFlat(HASH_BYTES * 8)
        tile.add(np.ascontiguousarray(hashes[first : first + TILE]))
        yield first, tile


def _connect(count: int, pairs: Iterator[tuple[Rows, Rows]]) -> Rows:
    """For each of 0 to count - 1 the smallest number of its connected component."""
    root = np.arange(count)
    for left, right in _gathered(pairs):
        while True:
            one, other = root[left], root[right]
            apart = one != other
            if not apart.any():
                break
            left, right, one, other = left[apart], right[apart], one[apart], other[apart]
            np.minimum.at(root, np.maximum(one, other), np.minimum(one, other))
            while (up := root[root])[root != up].size:
                root = up
    return root


def _gathered(pairs: Iterator[tuple[Rows, Rows]]) -> Iterator[tuple[Rows, Rows]]:
    """The same pairs, many at a time: to unite some costs a pass over all rows."""
    waiting: list[tuple[Rows, Rows]] = []
    size = 0
    for found in pairs:
        waiting.append(found)
        size += len(found[0])
        if size >= PAIRS:
            yield _joined(waiting)
            waiting, size = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(pairs: list[tuple[Rows, Rows]]) -> tuple[Rows, Rows]:
    left, right = zip(*pairs, strict=True)
    return np.concatenate(left), np.concatenate(right)
