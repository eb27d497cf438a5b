"""The paper's metrics (appendix A.3, table 9) of a logit for each class; each also of samples that a bootstrap draws.

Shapes: n samples, K classes.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from wit_builder.errors import ConfigError

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Labels = npt.NDArray[Any]  # int64 [n], 0 to K - 1; or 0 and 1, [n, K]
Logits = npt.NDArray[np.float32]  # [n, K]

_FAR = 1e30  # a logit beyond all that are computed


def hits(labels: Labels, logits: Logits, places: int) -> Bools:
    """bool [n]: whether fewer than so many other classes have a logit as high as the right one's."""
    due = np.take_along_axis(logits, labels[:, None], axis=1)
    return np.asarray(np.count_nonzero(logits >= due, axis=1) <= places)


def with_lost(labels: Labels, logits: Logits, readable: Bools) -> Logits:
    """Logits that say the opposite of their labels where an image could not be decoded: it is a wrong answer."""
    due = labels > 0 if labels.ndim > 1 else np.arange(logits.shape[1]) == labels[:, None]
    return np.where(readable[:, None], logits, np.where(due, -_FAR, _FAR)).astype(np.float32)


def mean_per_class(labels: Ints, right: Bools, at: Ints | slice = slice(None)) -> float:
    """The mean of the classes' shares of right answers; a class without samples is not among them."""
    seen = np.bincount(labels[at])
    found = np.bincount(labels[at], right[at], len(seen))
    return float((found[seen > 0] / seen[seen > 0]).mean())


class Ranked:
    """Samples in the order of a score, to tell how far positive ones come first. Equal scores are one place.

    labels: 0 or 1, [n]. scores: [n]; higher says positive.
    """

    def __init__(self, labels: npt.NDArray[Any], scores: npt.NDArray[np.floating]) -> None:
        self._positive = labels > 0
        self._places = np.unique(-scores, return_inverse=True)[1]
        self._count = int(self._places.max()) + 1

    def map11(self, at: Ints | slice = slice(None)) -> float:
        """Average precision at recalls 0, 0.1, ..., 1, the best that is had at each or beyond (Pascal VOC 2007).

        nan where no sample is positive.
        """
        positive, negative = self._counts(at)
        found = positive.cumsum()
        if not found[-1]:
            return float("nan")
        precision = found / np.maximum(found + negative.cumsum(), 1)
        best = np.maximum.accumulate(precision[::-1])[::-1]
        due = np.arange(11) * found[-1]  # tenths, so that no recall is missed by rounding
        return float(best[np.searchsorted(10 * found, due)].mean())

    def average_precision(self, at: Ints | slice = slice(None)) -> float:
        """The mean of the precisions at each positive sample, as CLIP_benchmark has it; nan where there is none."""
        positive, negative = self._counts(at)
        found = positive.cumsum()
        precision = found / np.maximum(found + negative.cumsum(), 1)
        return float(positive @ precision / found[-1]) if found[-1] else float("nan")

    def roc_auc(self, at: Ints | slice = slice(None)) -> float:
        """How likely a positive sample comes before another one, equal scores counting half.

        nan where all samples are of one kind.
        """
        positive, negative = self._counts(at)
        pairs = positive.sum() * negative.sum()
        behind = negative.sum() - negative.cumsum() + negative / 2
        return float(positive @ behind / pairs) if pairs else float("nan")

    def _counts(self, at: Ints | slice) -> tuple[Ints, Ints]:
        """How many positive and other samples are at each place, from the highest score on."""
        places, positive = self._places[at], self._positive[at]
        return (
            np.bincount(places[positive], minlength=self._count),
            np.bincount(places[~positive], minlength=self._count),
        )


def check(which: str, metric: str, labels: Labels) -> None:
    """Raises ConfigError where these labels leave the metric without a meaning. which: what they are of, in words."""
    if metric == "roc_auc" and len(np.unique(labels > 0)) < 2:
        raise ConfigError(
            f"all images of {which} are of one class, and {metric} asks which of two come first",
            "images of both classes",
        )
    if metric in ("map11", "mean_average_precision") and not labels.any():
        raise ConfigError(
            f"no image of {which} has a label, and {metric} asks how far those come first",
            "images with labels",
        )


Statistic = Callable[[Ints | slice], float]


def statistic(metric: str, labels: Labels, logits: Logits) -> Statistic:
    """The metric of samples at any positions. metric: one of METRICS."""
    return METRICS[metric](labels, logits)


def value(metric: str, labels: Labels, logits: Logits) -> float:
    """The metric of all samples."""
    return statistic(metric, labels, logits)(slice(None))


def _top(places: int) -> Callable[[Labels, Logits], Statistic]:
    def made(labels: Labels, logits: Logits) -> Statistic:
        right = hits(labels, logits, places)
        return lambda at: float(right[at].mean())

    return made


def _top1_top5(labels: Labels, logits: Logits) -> Statistic:
    mean = (hits(labels, logits, 1).astype(np.float64) + hits(labels, logits, 5)) / 2
    return lambda at: float(mean[at].mean())


def _mean_per_class(labels: Labels, logits: Logits) -> Statistic:
    right = hits(labels, logits, 1)
    return lambda at: mean_per_class(labels, right, at)


def _map11(labels: Labels, logits: Logits) -> Statistic:
    ranked = [Ranked(*of) for of in zip(labels.T, logits.T, strict=True)]
    return lambda at: _mean([one.map11(at) for one in ranked])


def _average(labels: Labels, logits: Logits) -> Statistic:
    ranked = [Ranked(*of) for of in zip(labels.T, logits.T, strict=True)]
    return lambda at: _mean([one.average_precision(at) for one in ranked])


def _mean(values: list[float]) -> float:
    """Over those that are defined; nan where none is."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def margins(logits: Logits) -> npt.NDArray[np.float32]:
    """float32 [n]: the second class's logits less the first one's."""
    return logits[:, 1] - logits[:, 0]


def _roc_auc(labels: Labels, logits: Logits) -> Statistic:
    return Ranked(labels, margins(logits)).roc_auc


METRICS: Mapping[str, Callable[[Labels, Logits], Statistic]] = {
    "acc1": _top(1),
    "acc5": _top(5),
    "top1_top5_mean": _top1_top5,
    "mean_per_class_recall": _mean_per_class,
    "map11": _map11,
    "mean_average_precision": _average,
    "roc_auc": _roc_auc,
}
