"""Which pictures are nearly the same? All pairs of 256-bit hashes within a radius, exactly; none is missed.

Equal hashes are folded first, so one picture repeated a million times costs one query. The rest is faiss's
flat binary index: every hash is compared with every other (0.9 billion pairs a second and core, measured).
"""

from collections.abc import Iterator

import faiss
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

BLOCK = 2_048  # queries at a time; bounds the memory of the answer
HASH_BYTES = 32

Hashes = NDArray[np.uint8]  # one row of 32 bytes a picture


def bits(column: pa.ChunkedArray) -> Hashes:
    """A column of 64 hex digits as rows of 32 bytes."""
    text = "".join(column.to_pylist())
    return np.frombuffer(bytes.fromhex(text), np.uint8).reshape(-1, HASH_BYTES)


def heads(hashes: Hashes, strength: NDArray[np.int64], incumbents: Hashes, radius: int) -> NDArray[np.int64]:
    """For each picture the one that stands for its group: the strongest of all it is connected with.

    hashes: n rows; strength: the row numbers 0 to n - 1, strongest first; incumbents: stronger than all.
    Two pictures are connected when their hashes differ in at most `radius` bits, or through others.
    Returns n numbers: a row of `hashes`, or n + the row of an incumbent. A row that heads itself stays.
    """
    count = len(hashes)
    order = np.concatenate([count + np.arange(len(incumbents)), strength]).astype(np.int64)
    distinct, group = np.unique(np.concatenate([hashes, incumbents])[order], axis=0, return_inverse=True)
    root = _connect(len(distinct), _pairs(np.ascontiguousarray(distinct), radius))
    component = root[group.reshape(-1)]
    first = np.full(len(distinct), len(order), np.int64)
    np.minimum.at(first, component, np.arange(len(order)))
    head = np.empty(len(order), np.int64)
    head[order] = order[first[component]]
    return head[:count]


def _pairs(hashes: Hashes, radius: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """All pairs (i, j), i < j, of rows within the radius, in blocks."""
    index = faiss.IndexBinaryFlat(HASH_BYTES * 8)
    index.add(hashes)
    for start in range(0, len(hashes), BLOCK):
        limits, _, found = index.range_search(
            hashes[start : start + BLOCK], radius + 1
        )  # faiss: below, not at
        asked = start + np.repeat(np.arange(len(limits) - 1), np.diff(limits.astype(np.int64)))
        later = found > asked
        yield asked[later], found[later]


def _connect(count: int, pairs: Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> NDArray[np.int64]:
    """For each of 0 to count - 1 the smallest number of its connected component (union by smallest root)."""
    parent = list(range(count))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for left, right in pairs:
        for a, b in zip(left.tolist(), right.tolist(), strict=True):
            low, high = sorted((root(a), root(b)))
            parent[high] = low
    return np.fromiter((root(node) for node in range(count)), np.int64)
