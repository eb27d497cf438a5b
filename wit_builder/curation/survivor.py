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
    same = [column[rows] for column in (first_of_all, *others)]
    order = by_rule(*same, *rule(rows))
    first = np.ones(len(rows), bool)
    first[1:] = np.any([column[order[1:]] != column[order[:-1]] for column in same], axis=0)
    starts = np.flatnonzero(first)[np.cumsum(first) - 1]
    head[rows[order]] = rows[order[starts]]
    return head


def repeated(column: Keys) -> Rows:
    """The rows whose value stands in another row too."""
    order = np.argsort(column)
    again = column[order[1:]] == column[order[:-1]]
    found = np.zeros(len(column), bool)
    found[order[1:][again]] = found[order[:-1][again]] = True
    return np.flatnonzero(found)
