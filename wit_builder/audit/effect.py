"""What the overlap did to a score: section 5 of the CLIP paper.

A set's images are All; those with a duplicate in the shards are Overlap, the others Clean. What is asked is whether
a model does better on Overlap than by its accuracy on Clean one would expect.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import binom, binomtest

from wit_builder import stats

CONFIDENCE = 0.995  # of the interval of Overlap: the paper's
SIGNIFICANT, POWER = 0.05, 0.8  # of a test that is to find the smallest effect

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Split:
    """So many images, so many of them right."""

    right: int
    count: int

    @property
    def accuracy(self) -> float | None:
        """0 to 1; None of no images."""
        return self.right / self.count if self.count else None


@dataclass(frozen=True, slots=True)
class Effect:
    """What the overlap of one set did to the accuracy on it. Shares of 1; None where a split is empty.

    inflation: All - Clean, the paper's main measure. interval: of Overlap's accuracy, Clopper and Pearson, 99.5 %.
    p_greater, p_two_sided: of the exact binomial test of Overlap, Clean's accuracy as its null. bonferroni, holm:
    p_greater as it is among the tests of all sets.
    smallest: by how much Overlap's accuracy must lie above Clean's for a one-sided test at 5 % to find it four times
    in five; None where no number of right answers would do.
    reweighted: Clean's accuracy if its classes were as frequent as in Overlap; of `reweighted_count` images of
    Overlap, whose classes Clean has too, `reweighted_overlap` is the accuracy.
    """

    all: Split
    clean: Split
    overlap: Split
    inflation: float | None
    interval: tuple[float, float]
    p_greater: float | None
    p_two_sided: float | None
    smallest: float | None
    reweighted: float | None = None
    reweighted_overlap: float | None = None
    reweighted_count: int = 0
    bonferroni: float | None = None
    holm: float | None = None


def effect(right: Bools, overlap: Bools, labels: Ints | None = None) -> Effect:
    """Of one set's n images: bool [n] whether each was right, whether it has a duplicate; int64 [n] its class."""
    clean, dirty = _split(right[~overlap]), _split(right[overlap])
    found = Effect(
        _split(right),
        clean,
        dirty,
        None if clean.accuracy is None else float(right.mean()) - clean.accuracy,
        stats.clopper_pearson(dirty.right, dirty.count, CONFIDENCE) if dirty.count else (0.0, 1.0),
        _p(dirty, clean, "greater"),
        _p(dirty, clean, "two-sided"),
        _smallest(dirty.count, clean.accuracy),
    )
    return found if labels is None else _reweighted(found, right, overlap, labels)


def among(effects: Sequence[Effect]) -> list[Effect]:
    """The effects on several sets, each with its p among all; sets where nothing could be tested count for none."""
    tested = [one.p_greater for one in effects if one.p_greater is not None and one.overlap.count]
    holm = iter(stats.holm(tested))
    return [
        replace(one, bonferroni=min(1.0, one.p_greater * len(tested)), holm=next(holm))
        if one.p_greater is not None and one.overlap.count
        else one
        for one in effects
    ]


def _split(right: Bools) -> Split:
    return Split(int(right.sum()), len(right))


def _p(dirty: Split, clean: Split, side: str) -> float | None:
    if clean.accuracy is None:
        return None
    return float(binomtest(dirty.right, dirty.count, clean.accuracy, side).pvalue) if dirty.count else 1.0


def _smallest(count: int, null: float | None) -> float | None:
    """What accuracy above `null` is found with the power POWER."""
    if null is None or not count:
        return None
    least = next((k for k in range(count + 1) if binom.sf(k - 1, count, null) <= SIGNIFICANT), None)
    if least is None:
        return None
    found = brentq(lambda share: binom.sf(least - 1, count, share) - POWER, null, 1.0)
    return float(found) - null


def _reweighted(found: Effect, right: Bools, overlap: Bools, labels: Ints) -> Effect:
    classes, of = np.unique(labels, return_inverse=True)
    counts, hits = (
        np.bincount(of[~overlap], weights=weights, minlength=len(classes))
        for weights in (None, right[~overlap].astype(np.float64))
    )
    shared = overlap & (counts > 0)[of]
    if not shared.any():
        return found
    clean = hits[of[shared]] / counts[of[shared]]
    return replace(
        found,
        reweighted=float(clean.mean()),
        reweighted_overlap=float(right[shared].mean()),
        reweighted_count=int(shared.sum()),
    )
