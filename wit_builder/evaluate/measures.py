"""What is measured of answers, each number with its interval.

Shapes in this file: n images, C classes. A share's interval is Clopper and Pearson's, as in sections 3.2 and 5; that
of anything else is a bootstrap's.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from wit_builder import stats
from wit_builder.evaluate import metrics
from wit_builder.evaluate.results import Estimate

CONFIDENCE = 0.995  # table 10's
BINS = 15  # of confidences

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


def share(right: int, count: int) -> Estimate:
    """Of so many, so many."""
    low, high = stats.clopper_pearson(right, count, CONFIDENCE)
    return Estimate(right / count, low, high, CONFIDENCE, count, "clopper-pearson")


def mean_per_class(labels: Ints, right: Bools) -> Estimate:
    """The mean of the classes' own accuracies, over the classes that have images."""
    counts = np.bincount(labels)
    hits = np.bincount(labels, weights=right).astype(np.int64)
    low, high = stats.resampled_mean_of_shares(hits, counts, CONFIDENCE)
    return Estimate(metrics.mean_per_class(labels, right), low, high, CONFIDENCE, len(labels), "bootstrap")


def of_logits(metric: str, labels: metrics.Labels, logits: Floats) -> Estimate:
    """One of metrics.METRICS, of logits [n, C]."""
    if metric in ("acc1", "acc5"):
        return share(int(metrics.hits(labels, logits, int(metric[-1])).sum()), len(labels))
    if metric == "mean_per_class_recall":
        return mean_per_class(labels, metrics.hits(labels, logits, 1))
    statistic = metrics.statistic(metric, labels, logits)
    low, high = stats.resampled(statistic, len(labels), CONFIDENCE)
    return Estimate(statistic(slice(None)), low, high, CONFIDENCE, len(labels), "bootstrap")


def calibration(confidence: Floats, right: Bools) -> tuple[Estimate, list[dict[str, Any]]]:
    """How far confidence is from accuracy: the expected calibration error over BINS equal bins, and the bins.

    From memory the measure of Guo and others, 2017. confidence: of the answers, 0 to 1.
    """
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gap: Any = right - confidence.astype(
        np.float64
    )  # of a bin, accuracy less confidence is the mean of these

    def error(some: Ints) -> float:
        return float(np.abs(np.bincount(bins[some], weights=gap[some])).sum() / len(some))

    every = np.arange(len(right))
    low, high = stats.resampled(error, len(right), CONFIDENCE)
    shown = [
        {
            "n": int(own.sum()),
            "confidence": float(confidence[own].mean()),
            "accuracy": float(right[own].mean()),
        }
        for own in (bins == number for number in range(BINS))
        if own.any()
    ]
    return Estimate(error(every), low, high, CONFIDENCE, len(right), "bootstrap"), shown


def confusion(labels: Ints, predicted: Ints, classes: int) -> list[dict[str, int]]:
    """Which class is taken for which other, and how often; the commonest first. Answers below 0 are none."""
    wrong = (predicted != labels) & (predicted >= 0)
    pairs, counts = np.unique(labels[wrong] * classes + predicted[wrong], return_counts=True)
    order = np.lexsort((pairs, -counts))
    return [
        {"label": int(pairs[at] // classes), "predicted": int(pairs[at] % classes), "n": int(counts[at])}
        for at in order
    ]


def by_class(labels: Ints, right: Bools, names: tuple[tuple[str, ...], ...]) -> list[dict[str, Any]]:
    """Of each class that has images its name, its images, its accuracy and between which values that lies."""
    counts = np.bincount(labels, minlength=len(names))
    hits = np.bincount(labels, weights=right, minlength=len(names)).astype(np.int64)
    found = [(number, share(int(hits[number]), int(counts[number]))) for number in np.flatnonzero(counts)]
    return [
        {
            "class": int(number),
            "name": names[number][0],
            "n": one.n,
            "recall": one.value,
            "low": one.low,
            "high": one.high,
        }
        for number, one in found
    ]
