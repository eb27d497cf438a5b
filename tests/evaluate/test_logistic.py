"""Both solvers find the optimum of one objective, which is scikit-learn's."""

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from tests.evaluate.digits import digits
from wit_builder.evaluate import logistic
from wit_builder.evaluate.logistic import Regression

TRAIN, _, TEST = digits()


def odd(samples):
    return (samples.labels % 2).astype(np.int64)


def several(samples):
    """Odd, large, round: labels that do not exclude each other."""
    of = samples.labels
    return np.stack([of % 2, of > 4, np.isin(of, (0, 6, 8, 9))], axis=1).astype(np.uint8)


KINDS = {"classes": lambda samples: samples.labels, "two": odd, "labels": several}


def objective(linear, features, labels, strength):
    """As the docstring has it, in 64 bits."""
    logits = features.astype(np.float64) @ linear.weights + linear.bias
    if labels.ndim > 1:
        losses = np.logaddexp(0, np.where(labels, -logits, logits)).sum()
    else:
        losses = (logsumexp(logits, axis=1) - logits[np.arange(len(labels)), labels]).sum()
    return losses + strength / 2 * np.square(linear.weights).sum()


def said(linear, labels):
    logits = linear.logits(TEST.features)
    return logits > 0 if labels.ndim > 1 else logits.argmax(axis=1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strength", [1e4, 1e2, 1e1])
def test_torch_comes_at_least_as_low_as_scikit_learn_and_says_the_same(kind, strength):
    labels = KINDS[kind](TRAIN)
    theirs, ours = (
        Regression(TRAIN.features, labels, solver=solver).fit(strength)
        for solver in ("scikit-learn", "torch")
    )
    low, due = (objective(one, TRAIN.features, labels, strength) for one in (ours, theirs))
    assert due * 0.99 < low < due * (1 + 1e-6)
    assert ours.converged and ours.weights.shape == theirs.weights.shape
    assert np.mean(said(ours, labels) == said(theirs, labels)) > 0.99


@pytest.mark.parametrize("kind", KINDS)
def test_where_scikit_learn_is_made_to_go_on_the_weights_are_the_same(kind):
    labels, strength = KINDS[kind](TRAIN), 100.0
    ours = Regression(TRAIN.features, labels, solver="torch").fit(strength)
    estimator = LogisticRegression(C=1 / strength, tol=1e-8, max_iter=10_000)
    if labels.ndim > 1:
        fits = OneVsRestClassifier(estimator).fit(TRAIN.features.astype(np.float64), labels).estimators_
        due = np.concatenate([fit.coef_ for fit in fits])
    else:
        due = estimator.fit(TRAIN.features.astype(np.float64), labels).coef_
    assert ours.weights[:, -len(due) :] == pytest.approx(due.T, abs=2e-3)
    assert np.abs(due).max() > 0.1


def test_to_begin_close_by_changes_the_way_and_not_the_end():
    regression = Regression(TRAIN.features, TRAIN.labels, solver="torch")
    alone, begun = regression.fit(100.0), regression.fit(100.0, regression.fit(1000.0))
    assert begun.weights == pytest.approx(alone.weights, abs=1e-3)


def test_features_far_from_zero_and_of_different_sizes_cost_nothing():
    sizes = np.geomspace(1e-2, 1e2, 64).astype(np.float32)
    far = (TRAIN.features * sizes + 100 * sizes).astype(np.float32)
    ours = Regression(far, TRAIN.labels, solver="torch").fit(1e-1)
    theirs = Regression(far, TRAIN.labels, solver="scikit-learn").fit(1e-1)
    low, due = (objective(one, far, TRAIN.labels, 1e-1) for one in (ours, theirs))
    assert low < due


def test_a_few_samples_of_many_features_are_fitted():
    few = TRAIN[np.arange(30)]
    wide = np.concatenate([few.features] * 3, axis=1)
    ours, theirs = (Regression(wide, few.labels, solver=one).fit(1000.0) for one in ("torch", "scikit-learn"))
    assert ours.weights == pytest.approx(theirs.weights, abs=1e-3)
    assert np.abs(theirs.weights).max() > 0.01


def test_in_parts_the_sums_are_the_same(monkeypatch):
    whole = Regression(TRAIN.features, TRAIN.labels, solver="torch").fit(100.0)
    monkeypatch.setattr(logistic, "_AT_ONCE", 700)
    parts = Regression(TRAIN.features, TRAIN.labels, solver="torch").fit(100.0)
    assert parts.weights == pytest.approx(whole.weights, abs=1e-3)


@pytest.mark.parametrize(("less", "solver"), [(0, "scikit-learn"), (1, "torch")])
def test_large_ones_are_torchs(monkeypatch, less, solver):
    monkeypatch.setattr(logistic, "SMALL", TRAIN.features.size * 10 - less)
    assert Regression(TRAIN.features, TRAIN.labels).solver == solver


def test_who_ran_out_of_iterations_says_so(monkeypatch):
    monkeypatch.setattr(logistic, "ITERATIONS", 3)
    for solver in ("scikit-learn", "torch"):
        assert not Regression(TRAIN.features, TRAIN.labels, solver=solver).fit(1.0).converged
