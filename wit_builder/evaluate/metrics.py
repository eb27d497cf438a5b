"""The paper's metrics (appendix A.3, table 9): accuracy, mean per class, 11-point mAP, area under the ROC curve.

Each takes how often a sample counts, so that a bootstrap may draw samples anew. Shapes: n samples, K classes.
"""

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]  # [n], 0 to K - 1
Times = npt.NDArray[np.int64]  # [n], how often each sample counts
Scores = npt.NDArray[np.floating]


def mean_per_class(labels: Labels, right: npt.NDArray[np.bool_], times: Times | None = None) -> float:
    """The mean of the classes' shares of right answers; a class without samples is not among them."""
    seen = np.bincount(labels, times)
    hits = np.bincount(labels, right if times is None else right * times, len(seen))
    return float((hits[seen > 0] / seen[seen > 0]).mean())


class Ranked:
    """Samples in the order of a score, to tell how far positive ones come before the others. Equal scores are one place.

    labels: 0 or 1, [n]. scores: [n]; higher says positive.
    """

    def __init__(self, labels: npt.NDArray[np.integer], scores: Scores) -> None:
        self._positive = labels > 0
        self._places = np.unique(-scores, return_inverse=True)[1]

    def map11(self, times: Times | None = None) -> float:
        """Average precision at recalls 0, 0.1, ..., 1, the best that is had at each or beyond (Pascal VOC 2007).

        nan where no positive sample counts.
        """
        positive, negative = self._counts(times)
        found = positive.cumsum()
        if not found[-1]:
            return float("nan")
        precision = found / np.maximum(found + negative.cumsum(), 1)
        best = np.maximum.accumulate(precision[::-1])[::-1]
        due = np.arange(11) * found[-1]  # tenths, so that no recall is missed by rounding
        return float(best[np.searchsorted(10 * found, due)].mean())

    def roc_auc(self, times: Times | None = None) -> float:
        """How likely a positive sample comes before another one, equal scores counting half. nan where one kind lacks."""
        positive, negative = self._counts(times)
        pairs = positive.sum() * negative.sum()
        behind = negative.sum() - negative.cumsum() + negative / 2
        return float(positive @ behind / pairs) if pairs else float("nan")

    def _counts(self, times: Times | None) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """How many positive and other samples are at each place, from the highest score on."""
        every = np.ones(len(self._places)) if times is None else times
        return (
            np.bincount(self._places, every * self._positive),
            np.bincount(self._places, every * ~self._positive),
        )


def map11(labels: npt.NDArray[np.uint8], scores: Scores) -> float:
    """The mean of the classes' average precisions, of labels that do not exclude each other: 0 and 1, [n, K]."""
    return float(np.nanmean([Ranked(*of).map11() for of in zip(labels.T, scores.T, strict=True)]))
