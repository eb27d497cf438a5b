"""Who stays of a group of duplicates: one written rule, so that order, workers and engine do not matter.

Of pairs found more than once: the one with the smallest hash of where it stood.
Of pairs with one URL: the text from the strongest source, then the smallest id.
Of images that are the same or nearly so: the largest original, then the text from the strongest source, then
the smallest id.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def by_rule(*keys: Any) -> NDArray[np.int64]:
    """Row numbers in the order of these columns, the first one strongest."""
    return np.lexsort([np.asarray(key) for key in reversed(keys)])


def heads(order: NDArray[np.int64], groups: NDArray[Any]) -> NDArray[np.int64]:
    """For each row in `order`, the row that heads its group; equal groups must stand together in `order`.

    Returns an array over all rows: the row number of its group's survivor (itself, if it survives).
    """
    head = np.empty(len(order), np.int64)
    head[order] = order[_starts(groups[order])]
    return head


def _starts(groups: NDArray[Any]) -> NDArray[np.int64]:
    """For each place the one where its run of equal values begins."""
    first = np.ones(len(groups), bool)
    first[1:] = groups[1:] != groups[:-1]
    starts: NDArray[np.int64] = np.flatnonzero(first)[np.cumsum(first) - 1]
    return starts
