"""The metrics against scikit-learn's, and against their definitions where it has none."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, precision_recall_curve, roc_auc_score

from wit_builder.evaluate.metrics import Ranked, map11, mean_per_class

RANDOM = np.random.default_rng(1)
LABELS = RANDOM.integers(0, 2, 200)
SCORES = np.round(RANDOM.normal(size=200) + LABELS, 1)  # some are equal
TIMES = RANDOM.integers(0, 4, 200)


def repeated(values):
    return np.repeat(values, TIMES, axis=0)


def by_definition(labels, scores):
    precision, recall, _ = precision_recall_curve(labels, scores)
    precision, recall = precision[:-1], recall[:-1]  # the last one is of no sample
    return np.mean([precision[recall >= k / 10 - 1e-12].max() for k in range(11)])


def test_the_area_is_scikit_learns():
    assert Ranked(LABELS, SCORES).roc_auc() == pytest.approx(roc_auc_score(LABELS, SCORES))


def test_the_average_precision_is_the_best_at_each_of_eleven_recalls():
    assert Ranked(LABELS, SCORES).map11() == pytest.approx(by_definition(LABELS, SCORES))


def test_ten_positives_have_every_recall():
    labels = np.array([1] * 10 + [0] * 7)
    scores = np.array([3.0] * 5 + [1.0] * 5 + [2.0] * 7)
    assert Ranked(labels, scores).map11() == pytest.approx((6 + 5 * 10 / 17) / 11)


def test_a_sample_that_counts_twice_is_two():
    ranked = Ranked(LABELS, SCORES)
    assert ranked.roc_auc(TIMES) == pytest.approx(Ranked(repeated(LABELS), repeated(SCORES)).roc_auc())
    assert ranked.map11(TIMES) == pytest.approx(Ranked(repeated(LABELS), repeated(SCORES)).map11())


def test_one_kind_alone_has_no_area():
    assert np.isnan(Ranked(np.ones(3, int), SCORES[:3]).roc_auc())
    assert np.isnan(Ranked(np.zeros(3, int), SCORES[:3]).map11())


def test_the_mean_over_labels_passes_over_those_that_no_sample_has():
    labels = np.stack([LABELS, 1 - LABELS, np.zeros(200, int)], axis=1).astype(np.uint8)
    scores = np.stack([SCORES, -SCORES, SCORES], axis=1)
    due = (by_definition(LABELS, SCORES) + by_definition(1 - LABELS, -SCORES)) / 2
    assert map11(labels, scores) == pytest.approx(due)


def test_each_class_counts_alike():
    labels, said = RANDOM.integers(0, 5, 100), RANDOM.integers(0, 5, 100)
    assert mean_per_class(labels, labels == said) == pytest.approx(balanced_accuracy_score(labels, said))
    times = RANDOM.integers(0, 3, 100)
    again = np.repeat(labels, times), np.repeat(labels == said, times)
    assert mean_per_class(labels, labels == said, times) == pytest.approx(mean_per_class(*again))
