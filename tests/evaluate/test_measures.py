"""What is measured of answers, and between which values the truth lies."""

import numpy as np
import pytest

from wit_builder.evaluate import measures

LABELS = np.array([0, 0, 0, 0, 1, 1, 2, 2])
RIGHT = np.array([1, 1, 1, 0, 1, 0, 0, 0], bool)


def test_a_shares_interval_is_that_of_clopper_and_pearson():
    from scipy.stats import binomtest

    found = measures.share(37, 100)
    due = binomtest(37, 100).proportion_ci(0.995, "exact")
    assert (found.value, found.n, found.method) == (0.37, 100, "clopper-pearson")
    assert (found.low, found.high) == pytest.approx((due.low, due.high))


def test_the_mean_per_class_is_scikit_learns():
    from sklearn.metrics import balanced_accuracy_score

    predicted = np.where(RIGHT, LABELS, (LABELS + 1) % 3)
    found = measures.mean_per_class(LABELS, RIGHT)
    assert found.value == pytest.approx(balanced_accuracy_score(LABELS, predicted))
    assert found.low < found.value < found.high


def test_a_class_without_images_is_left_out_of_the_mean():
    assert measures.mean_per_class(LABELS * 2, RIGHT).value == measures.mean_per_class(LABELS, RIGHT).value


def test_confidence_that_is_accuracy_is_no_error():
    right = np.arange(100) < 80
    exact, _ = measures.calibration(np.full(100, 0.8, np.float32), right)
    sure, bins = measures.calibration(np.full(100, 1.0, np.float32), right)
    assert exact.value == pytest.approx(0, abs=1e-6)
    assert sure.value == pytest.approx(0.2)
    assert bins == [{"n": 100, "confidence": 1.0, "accuracy": 0.8}]
    assert sure.low < 0.2 < sure.high


def test_bins_are_weighed_by_what_they_hold():
    confidence = np.array([0.1] * 30 + [0.9] * 10, np.float32)
    right = np.array([False] * 30 + [True] * 5 + [False] * 5)
    assert measures.calibration(confidence, right)[0].value == pytest.approx((30 * 0.1 + 10 * 0.4) / 40)


def test_the_commonest_mistake_is_first_and_no_answer_is_none():
    predicted = np.array([0, 1, 1, 2, 1, 2, -1, 2])
    assert measures.confusion(LABELS, predicted, 3) == [
        {"label": 0, "predicted": 1, "n": 2},
        {"label": 0, "predicted": 2, "n": 1},
        {"label": 1, "predicted": 2, "n": 1},
    ]


def test_each_class_has_its_own_line():
    found = measures.by_class(LABELS * 2, RIGHT, (("a",), ("none",), ("b", "bee"), ("d",), ("e",)))
    assert [(one["class"], one["name"], one["n"], one["recall"]) for one in found] == [
        (0, "a", 4, 0.75),
        (2, "b", 2, 0.5),
        (4, "e", 2, 0.0),
    ]
    assert found[2]["low"] == 0 < found[2]["high"] < 1
