"""Who stays of a group of duplicates: one written rule, so that order, workers and engine do not matter.

Of pairs found more than once: the one with the smallest hash of where it stood.
Of pairs with one URL: the text from the strongest source, then the smallest id.
Of images that are the same or nearly so: the largest original, then the text from the strongest source, then
the smallest id.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Rows = NDArray[np.int64]


def by_rule(*keys: Any) -> Rows:
    """Row numbers in the order of these columns, the first one strongest."""
    return np.lexsort([np.asarray(key) for key in reversed(keys)])


def heads(identity: Iterable[Keys], rule: Callable[[Rows], Sequence[Keys]]) -> Rows:
    """For each row the one that heads its group, itself where it survives.

    identity: columns of numbers; rows that are equal in all of them are one group. rule: what orders some rows
    of a group, the strongest column first; it is asked only for rows that may not be alone.
    """
    first_of_all, *others = identity
    head = np.arange(len(first_of_all))
    rows = repeated(first_of_all)
    if not len(rows):
        return head
    same = [column[rows] for column in (first_of_all, *others)]
    order = by_rule(*same)
    first = np.ones(len(rows), bool)
    first[1:] = np.any([column[order[1:]] != column[order[:-1]] for column in same], axis=0)
    starts = np.flatnonzero(first)
    sizes = np.diff(starts, append=len(rows))
    head[rows[order]] = np.repeat(rows[order[_best(rule(rows), order, starts, sizes)]], sizes)
    return head


def _best(rule: Sequence[Keys], order: Rows, starts: Rows, sizes: Rows) -> Rows:
    """Where in `order` each group's first row by the rule is; of equal ones the first in `order`."""
    still = np.ones(len(order), bool)
    for key in rule:
        values = key[order]
        values[~still] = np.iinfo(values.dtype).max
        still &= values == np.repeat(np.minimum.reduceat(values, starts), sizes)
    left = np.flatnonzero(still)
    return left[np.searchsorted(left, starts)]


def repeated(column: Keys) -> Rows:
    """The rows whose value stands in another row too."""
    order = np.argsort(column)
    rising = column[order]
    again = np.flatnonzero(rising[1:] == rising[:-1])
    found = np.zeros(len(column), bool)
    found[order[again]] = found[order[again + 1]] = True
    return np.flatnonzero(found)
