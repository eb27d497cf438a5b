"""Retrieval: how often a caption finds its image, and an image one of its captions (appendix E.1, table 13).

A query is answered among the first k when fewer than k wrong answers score at least as much as its best right one. So
a tie never flatters; CLIP_benchmark, whose definition it is otherwise, leaves the order of equal scores to `topk`.
Shapes: n images, m captions, D of the joint space.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wit_builder.errors import ConfigError

PLACES = (1, 5, 10)

_AT_ONCE = 1 << 24  # similarities held at a time

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ranks:
    """How many wrong answers come before the right one. images: [m], for each caption; texts: [n], for each image."""

    images: Ints
    texts: Ints


def ranks(images: Floats, texts: Floats, owners: Ints, readable: npt.NDArray[np.bool_]) -> Ranks:
    """The ranks of all queries of both kinds, in memory that grows with n + m.

    images: [n, D]. texts: [m, D]. owners: [m], the image of each caption, ascending. readable: [n]; an image that
    could not be read is not found, and finds nothing.
    """
    first = np.searchsorted(owners, np.arange(len(images) + 1))
    to_image = _ranks(texts, images, np.arange(len(texts) + 1), owners)
    to_text = _ranks(images, texts, first, np.arange(len(texts)))
    to_image[~readable[owners]] = len(images)
    to_text[~readable] = len(texts)
    return Ranks(to_image, to_text)


def owners(name: str, keys: Sequence[str], captions: Sequence[Sequence[str]]) -> Ints:
    """int64 [m]: the image of each caption. Raises ConfigError for an image without one: there is nothing to find."""
    for key, some in zip(keys, captions, strict=True):
        if not some:
            raise ConfigError(f"{key!r} of {name!r} has no caption", "a caption a line in KEY.txt")
    return np.repeat(np.arange(len(captions)), [len(some) for some in captions])


def _ranks(queries: Floats, among: Floats, first: Ints, right: Ints) -> Ints:
    """Of each query. right[first[q] : first[q + 1]]: which answers are right for query q, at least one."""
    found = np.empty(len(queries), np.int64)
    rows = max(1, _AT_ONCE // len(among))
    for start in range(0, len(queries), rows):
        end = min(start + rows, len(queries))
        scores = queries[start:end] @ among.T
        begins = first[start:end] - first[start]
        row = np.repeat(np.arange(end - start), np.diff(first[start : end + 1]))
        column = right[first[start] : first[end]]
        best = np.maximum.reduceat(scores[row, column], begins)
        scores[row, column] = -np.inf
        found[start:end] = np.count_nonzero(scores >= best[:, None], axis=1)
    return found
