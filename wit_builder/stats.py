"""Intervals and tests of what was counted.

By scipy.special: scipy.stats has the same functions, and takes much longer to import.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, betaincinv, stdtrit

DRAWS = 10_000  # resamples of a bootstrap

Floats = npt.NDArray[np.float64]


def clopper_pearson(right: int, count: int, confidence: float) -> tuple[float, float]:
    """Between which shares the true one is, of so many right ones (Clopper and Pearson, 1934: never too narrow)."""
    tail = (1 - confidence) / 2
    low = float(betaincinv(right, count - right + 1, tail)) if right else 0.0
    high = float(betaincinv(right + 1, count - right, 1 - tail)) if right < count else 1.0
    return low, high


def t_interval(values: Sequence[float], confidence: float) -> tuple[float, float]:
    """Between which values the mean is that a few draws have (Student, 1908). values: two or more."""
    mean, sd = float(np.mean(values)), float(np.std(values, ddof=1))
    half = float(stdtrit(len(values) - 1, (1 + confidence) / 2)) * sd / len(values) ** 0.5
    return mean - half, mean + half


def mcnemar(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> float:
    """The two-sided exact p of McNemar's test (1947): whether both are right equally often on the same n samples.

    first, second: bool [n], whether each was right. Only samples on which they differ count; 1 where there is none.
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    differ = only_first + only_second
    return min(1.0, 2 * float(bdtr(min(only_first, only_second), differ, 0.5)))


def resamples(
    statistic: Callable[[npt.NDArray[np.int64]], float], count: int, draws: int = DRAWS, seed: int = 0
) -> Floats:
    """float64 [draws at most]: a statistic of so many items, drawn anew each time, with replacement (Efron, 1979).

    statistic: of the items at these positions, int64 [count], some of them drawn more than once. Of two models on the
    same items, their difference makes it a paired bootstrap. Draws of which it is nan, such as those of one class
    alone, are left out.
    """
    rng = np.random.default_rng(seed)
    found = np.fromiter((statistic(rng.integers(0, count, count)) for _ in range(draws)), np.float64, draws)
    return found[~np.isnan(found)]


def resamples_of_mean(values: npt.NDArray[np.generic], draws: int = DRAWS, seed: int = 0) -> Floats:
    """float64 [draws]: as `resamples` of the mean of the values, quick where few of them are distinct."""
    distinct, counts = np.unique(values, return_counts=True)
    times = np.random.default_rng(seed).multinomial(len(values), counts / len(values), draws)
    means: Floats = times @ distinct.astype(np.float64) / len(values)
    return means


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
    return percentile(resamples(statistic, count, draws, seed), confidence)


def resampled_mean_of_shares(
    right: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    confidence: float,
    draws: int = 10_000,
    seed: int = 0,
) -> tuple[float, float]:
    """Between which values the mean of several groups' shares lies, by resampling all items (percentile bootstrap).

    right, counts: of each group, int64 [groups]. A group of which no item is drawn is not in that draw's mean.
    """
    rng = np.random.default_rng(seed)
    cells = np.concatenate([right, counts - right])
    rows, means = max(1, (1 << 22) // len(cells)), []
    for at in range(0, draws, rows):
        drawn = rng.multinomial(counts.sum(), cells / counts.sum(), min(rows, draws - at))
        hits, seen = drawn[:, : len(right)], drawn[:, : len(right)] + drawn[:, len(right) :]
        means.append((hits / np.maximum(seen, 1)).sum(axis=1) / np.count_nonzero(seen, axis=1))
    return percentile(np.concatenate(means), confidence)


def percentile(resamples: Floats, confidence: float) -> tuple[float, float]:
    """The interval that holds the middle share of the resamples."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(resamples, (tail, 1 - tail))
    return float(low), float(high)


def sides_of_zero(resamples: Floats) -> float:
    """The two-sided p of a difference: twice the share of resamples on the rarer side of zero, never 0.

    One resample is counted on each side besides (Davison and Hinkley, 1997, section 4.2); 0 and nan are on both.
    """
    rarer = min(int((~(resamples > 0)).sum()), int((~(resamples < 0)).sum()))
    return min(1.0, 2 * (rarer + 1) / (len(resamples) + 1))


def holm(values: Sequence[float]) -> tuple[float, ...]:
    """Each p as it is among so many tests (Holm, 1979): who calls those below a share significant errs as rarely."""
    adjusted, least = dict.fromkeys(range(len(values)), 1.0), 0.0
    for rank, at in enumerate(sorted(adjusted, key=lambda at: values[at])):
        least = max(least, min(1.0, (len(values) - rank) * values[at]))
        adjusted[at] = least
    return tuple(adjusted.values())
