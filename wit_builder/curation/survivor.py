"""Who stays of a group of duplicates: one written rule, so that order, workers and engine do not matter.

Of pairs with one URL: the text from the strongest source, then the smallest id.
Of images that are the same or nearly so: the largest original, then the text from the strongest source, then
the smallest id.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wit_builder.extract.captions import TEXT_SOURCES

_RANK = {source: rank for rank, source in enumerate(TEXT_SOURCES)}


def text_rank(sources: pa.ChunkedArray) -> NDArray[np.int64]:
    """0 for the strongest source of texts; unknown sources come last."""
    return np.fromiter((_RANK.get(source, len(_RANK)) for source in sources.to_pylist()), np.int64)


def by_rule(*keys: Any) -> NDArray[np.int64]:
    """Row numbers in the order of these columns, the first one strongest."""
    return np.lexsort([np.asarray(key) for key in reversed(keys)])


def heads(order: NDArray[np.int64], groups: Sequence[Any] | NDArray[Any]) -> NDArray[np.int64]:
    """For each row in `order`, the row that heads its group; equal groups must stand together in `order`.

    Returns an array over all rows: the row number of its group's survivor (itself, if it survives).
    """
    ordered = np.asarray(groups)[order]
    first = np.ones(len(order), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(first)
    head = np.empty(len(order), np.int64)
    head[order] = order[starts[np.cumsum(first) - 1]] if len(order) else order
    return head
