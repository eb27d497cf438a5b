"""Intervals and tests of what was counted."""

from scipy.stats import beta


def clopper_pearson(right: int, count: int, confidence: float) -> tuple[float, float]:
    """Between which shares the true one is, of so many right ones (Clopper and Pearson, 1934: never too narrow)."""
    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, right, count - right + 1)) if right else 0.0
    high = float(beta.ppf(1 - tail, right + 1, count - right)) if right < count else 1.0
    return low, high
