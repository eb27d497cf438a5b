"""The metrics against scikit-learn's, and against their definitions where it has none."""

import warnings

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, precision_recall_curve, roc_auc_score

from wit_builder.errors import ConfigError
from wit_builder.evaluate import metrics
from wit_builder.evaluate.metrics import Ranked, mean_per_class

RANDOM = np.random.default_rng(1)
LABELS = RANDOM.integers(0, 2, 200)
SCORES = np.round(RANDOM.normal(size=200) + LABELS, 1)  # some are equal
DRAWN = RANDOM.integers(0, 200, 200)


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


def test_a_sample_that_is_drawn_twice_is_two():
    ranked = Ranked(LABELS, SCORES)
    assert ranked.roc_auc(DRAWN) == pytest.approx(Ranked(LABELS[DRAWN], SCORES[DRAWN]).roc_auc())
    assert ranked.map11(DRAWN) == pytest.approx(Ranked(LABELS[DRAWN], SCORES[DRAWN]).map11())


def test_one_kind_alone_has_no_area():
    assert np.isnan(Ranked(np.ones(3, int), SCORES[:3]).roc_auc())
    assert np.isnan(Ranked(np.zeros(3, int), SCORES[:3]).map11())


@pytest.mark.parametrize(
    ("metric", "labels", "why"),
    [
        ("roc_auc", np.ones(3, int), "all images of the split are of one class, and roc_auc asks"),
        ("roc_auc", np.zeros(3, int), "all images of the split are of one class"),
        ("map11", np.zeros((3, 2), np.uint8), "no image of the split has a label, and map11 asks"),
        ("mean_average_precision", np.zeros((3, 2), np.uint8), "no image of the split has a label"),
    ],
)
def test_a_metric_without_a_meaning_is_refused(metric, labels, why):
    with pytest.raises(ConfigError, match=why):
        metrics.check("the split", metric, labels)
    labels.flat[0] = 1 - labels.flat[0]
    metrics.check("the split", metric, labels)


def test_the_mean_over_labels_that_no_sample_has_is_none_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(metrics.value("map11", np.zeros((3, 2), np.uint8), np.zeros((3, 2), np.float32)))


def test_the_mean_over_labels_passes_over_those_that_no_sample_has():
    labels = np.stack([LABELS, 1 - LABELS, np.zeros(200, int)], axis=1).astype(np.uint8)
    scores = np.stack([SCORES, -SCORES, SCORES], axis=1)
    due = (by_definition(LABELS, SCORES) + by_definition(1 - LABELS, -SCORES)) / 2
    assert metrics.value("map11", labels, scores) == pytest.approx(due)


def test_each_class_counts_alike():
    labels, said = RANDOM.integers(0, 5, 100), RANDOM.integers(0, 5, 100)
    assert mean_per_class(labels, labels == said) == pytest.approx(balanced_accuracy_score(labels, said))
    at = RANDOM.integers(0, 100, 100)
    again = mean_per_class(labels[at], (labels == said)[at])
    assert mean_per_class(labels, labels == said, at) == pytest.approx(again)


def test_an_answer_is_right_when_no_other_class_is_as_likely():
    logits = np.array([[3, 2, 1], [3, 3, 1], [-np.inf] * 3], np.float32)
    assert metrics.hits(np.array([0, 0, 0]), logits, 1).tolist() == [True, False, False]
    assert metrics.hits(np.array([1, 1, 1]), logits, 2).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("metric", "due"),
    [
        ("acc1", 0.5),
        ("acc5", 0.75),
        ("top1_top5_mean", 0.625),
        ("mean_per_class_recall", (2 / 3 + 0) / 2),
    ],
)
def test_metrics_of_logits_by_hand(metric, due):
    logits = np.array([[6, 5, 4, 3, 2, 1]] * 3 + [[1, 0, 2, 3, 4, 5]], np.float32)
    labels = np.array([0, 0, 0, 1])
    logits[2, 0] = 2.5  # the fourth of six
    assert metrics.value(metric, labels, logits) == pytest.approx(due)


def test_the_area_of_two_classes_is_of_the_difference_of_their_logits():
    logits = np.stack([RANDOM.normal(size=200), RANDOM.normal(size=200)], axis=1).astype(np.float32)
    due = roc_auc_score(LABELS, logits[:, 1] - logits[:, 0])
    assert metrics.value("roc_auc", LABELS, logits) == pytest.approx(due)
