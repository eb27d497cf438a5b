"""Where a threshold should lie, and what it then finds: from pairs that are known. torch is not imported here."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PRECISION = 0.99
Similarities = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Point:
    """A threshold, and what it finds at that precision or better."""

    threshold: float  # similarity from which on two images are one; 2 where none is good enough
    recall: float  # share of copies at or above it


def at_precision(own: Similarities, other: Similarities, precision: float = PRECISION) -> Point:
    """The threshold with the highest recall at that precision.

    own: [n], similarity of each image and its copy. other: [m], of each image and the nearest image that is no copy
    of it. Of all that lies at the threshold or above, the share that is in `own` is the precision.
    """
    levels = np.sort(np.asarray(own, np.float64))[::-1]
    right = np.arange(1, len(levels) + 1)
    wrong = len(other) - np.searchsorted(np.sort(np.asarray(other, np.float64)), levels, "left")
    last = np.append(levels[1:] < levels[:-1], True)  # of equal levels all count
    good = np.flatnonzero(last & (right >= precision * (right + wrong)))
    if not len(good):
        return Point(2.0, 0.0)
    return Point(float(levels[good[-1]]), float(right[good[-1]] / len(levels)))
