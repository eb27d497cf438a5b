"""Intervals and tests of what was counted."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.stats import beta


def clopper_pearson(right: int, count: int, confidence: float) -> tuple[float, float]:
    """Between which shares the true one is, of so many right ones (Clopper and Pearson, 1934: never too narrow)."""
    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, right, count - right + 1)) if right else 0.0
    high = float(beta.ppf(1 - tail, right + 1, count - right)) if right < count else 1.0
    return low, high


def resampled(
    statistic: Callable[[npt.NDArray[np.int64]], float],
    count: int,
    confidence: float,
    draws: int = 1_000,
    seed: int = 0,
) -> tuple[float, float]:
    """Between which values a statistic of so many items lies, by resampling them (Efron's percentile bootstrap).

    statistic: of the items at these positions, int64 [count], some of them drawn more than once.
    """
    rng = np.random.default_rng(seed)
    found = [statistic(rng.integers(0, count, count)) for _ in range(draws)]
    return _between(np.array(found), confidence)


def resampled_mean_of_shares(
    right: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    confidence: float,
    draws: int = 10_000,
    seed: int = 0,
) -> tuple[float, float]:
    """Between which values the mean of several groups' shares lies, each group resampled by itself (bootstrap).

    right, counts: of each group, int64 [groups]; counts are not 0.
    """
    rng = np.random.default_rng(seed)
    shares = right / counts
    rows = max(1, (1 << 22) // len(counts))
    means = [
        (rng.binomial(counts, shares, (min(rows, draws - at), len(counts))) / counts).mean(axis=1)
        for at in range(0, draws, rows)
    ]
    return _between(np.concatenate(means), confidence)


def _between(found: npt.NDArray[np.float64], confidence: float) -> tuple[float, float]:
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
