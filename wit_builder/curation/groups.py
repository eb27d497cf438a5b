"""Who is connected with whom, and who stands for them all."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Links = tuple[Rows, Rows]  # pairs of connected rows


def heads(strength: Rows, incumbents: int, found: Iterable[Links]) -> Rows:
    """For each picture the one that stands for its group: the strongest of all it is connected with.

    strength: the row numbers 0 to n - 1, strongest first; incumbents: how many, stronger than all, in this
    order; found: pairs of these numbers; row i of the incumbents is n + i.
    Returns n numbers: a row, or n + the row of an incumbent. A row that heads itself stays.
    """
    count = len(strength)
    rows = np.concatenate([count + np.arange(incumbents), strength])  # strongest first
    component = components(len(rows), found)
    first = np.full(len(rows), len(rows), np.int64)
    np.minimum.at(first, component[rows], np.arange(len(rows)))
    return rows[first[component[:count]]]


def components(count: int, found: Iterable[Links]) -> Rows:
    """For each of 0 to count - 1 the smallest number of its connected component."""
    root = np.arange(count)
    for left, right in found:
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
