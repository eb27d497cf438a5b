"""From which similarity on an image and a sample are one, by copies of a set's own images.

A threshold lies above what strangers reach, and the strangers of drawings are more alike than those of photographs.
So each set has its own. Copies of its images are planted (canary.py): how similar one is to its own image says what
is found, how similar to the nearest other image what would be taken for a copy. Images of a set are no copies of each
other; the nearest samples of shards may be, and would pass for strangers that are very alike.

- Precision is that of an audit in which 2.2 % of the images have a copy, the median of the paper's 35 sets (section
  5): at 99 % one image in 4,600 may be taken for one. So few are not among a thousand images, and the upper tail
  tells it: an exponential one from the 90th percentile on (peaks over threshold, Pickands 1975), in Fisher's z, where
  similarities that end at 1 have no end. Its scale is had from the median of what lies above, so that near-duplicates
  inside a set do not stretch it.
- Shards hold more images than a set. By how much the nearest of them is more alike the medians of both tell, which
  copies do not move while most images have none. Of large shards a part is looked at: with each doubling the median
  goes up by what it went up with the last one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PRECISION = 0.99
DUPLICATES = 0.022  # of the images of a set: the median of section 5
LEAST = 100  # images, of which copies are made, that a threshold can be had from
TAIL = 0.1  # of the strangers are in the tail: with 0.05 it hangs twice as much on which images are tried
STEPS = 10_000  # thresholds have four digits
_MOST = 1 - 1e-6  # Fisher's z of 1 is infinite
_FLAT = 1e-3  # of z: what the tail's scale is at least

Similarities = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of n images of a set and their copies.

    own: [n], of each image and its copy. other: [n], of each image and the nearest copy of another one. nearest:
    [2, n], of each image and the nearest of half of the samples that were looked at, and of all of these. doublings:
    how often their number is doubled to be that of all samples.
    """

    own: Similarities
    other: Similarities
    nearest: Similarities
    doublings: float


def lowest(seen: Seen, usual: float) -> float | None:
    """The lowest threshold with that precision, 0 to 1; None where there are too few images.

    usual: the detector's own, above which samples are taken for copies until then.
    """
    if len(seen.own) < LEAST:
        return None
    levels = np.arange(STEPS + 1) / STEPS
    found = 1 - np.searchsorted(np.sort(seen.own), levels) / len(seen.own)
    wrong = tail(seen.other, levels, shift(seen, usual))
    right = found * DUPLICATES * (1 - PRECISION)
    good = np.flatnonzero((found > 0) & (right >= wrong * (1 - DUPLICATES) * PRECISION))
    return float(levels[good[0]]) if len(good) else 1.0


def tail(strangers: Similarities, levels: Similarities, more: float) -> Similarities:
    """The share of images that a stranger is so similar to, at most TAIL or from there on.

    strangers: of each image the nearest. levels: similarities. more: by how much strangers are more alike, in z.
    """
    z = _z(strangers)
    begin = float(np.quantile(z, 1 - TAIL))
    scale = max(_FLAT, float(np.median(z[z >= begin]) - begin) / math.log(2))
    over = (_z(levels) - more - begin) / scale
    share: Similarities = np.where(over < 0, 1.0, TAIL * np.exp(-np.maximum(over, 0)))
    return share


def shift(seen: Seen, usual: float) -> float:
    """By how much the nearest of all samples is more similar than the nearest of the set, in z; 0 or more.

    Images that have a sample above the detector's own threshold are left out; 0 where these are most.
    """
    strangers = seen.nearest[:, seen.nearest[1] < usual]
    if 2 * strangers.shape[1] < len(seen.own):
        return 0.0
    half, whole = (float(np.median(_z(row))) for row in strangers)
    return max(0.0, whole + max(0.0, whole - half) * seen.doublings - float(np.median(_z(seen.other))))


def _z(similarity: Similarities | Sequence[float]) -> NDArray[np.float64]:
    return np.arctanh(np.clip(np.asarray(similarity, np.float64), -_MOST, _MOST))
