"""It finds the optimum of scikit-learn's objective, in 64 bits and in 32."""

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression

from tests.evaluate.digits import digits
from wit_builder.evaluate import logistic
from wit_builder.evaluate.few_shot import drawn
from wit_builder.evaluate.logistic import Linear, Regression

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


def exact(features, labels, strength):
    """scikit-learn's Newton steps, [P, K] and [K]: for few features, but to the optimum."""
    estimator = LogisticRegression(C=1 / strength, solver="newton-cholesky", tol=1e-12, max_iter=500)
    columns = list(labels.T) if labels.ndim > 1 else [labels]
    fits = [
        estimator.fit(features.astype(np.float64), column) and (estimator.coef_, estimator.intercept_)
        for column in columns
    ]
    weights, bias = np.concatenate([one for one, _ in fits]).T, np.concatenate([one for _, one in fits])
    return (
        (np.pad(weights, ((0, 0), (1, 0))), np.pad(bias, (1, 0)))
        if labels.ndim == 1 and len(bias) == 1
        else (weights, bias)
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strength", [1e6, 1e4, 1e2, 1e1])
@pytest.mark.parametrize(("bits", "near", "off"), [(64, 1e-6, 1e-9), (32, 1e-2, 1e-5)])
def test_it_is_the_exact_optimum(kind, strength, bits, near, off):
    labels = KINDS[kind](TRAIN)
    weights, bias = exact(TRAIN.features, labels, strength)
    ours = Regression(TRAIN.features, labels, bits=bits).fit(strength)
    assert ours.converged
    assert np.abs(ours.weights - weights).max() < near * np.abs(weights).max()
    low, due = (
        objective(one, TRAIN.features, labels, strength) for one in (ours, Linear(weights, bias, True))
    )
    assert due * (1 - 1e-9) < low < due * (1 + off)
    assert np.mean(said(ours, labels) == said(Linear(weights, bias, True), labels)) > 0.995


@pytest.mark.parametrize("strength", [1e6, 1e2, 1, 1e-2, 1e-4, 1e-6])
def test_of_two_shots_it_is_the_optimum_at_all_strengths(strength):
    """Where all are told apart and weights grow, and where weights are so short that biases alone move."""
    few = TRAIN[drawn(np.arange(len(TRAIN.labels)), TRAIN.labels, 2)]
    weights, bias = exact(few.features, few.labels, strength)
    ours = Regression(few.features, few.labels).fit(strength)
    assert ours.converged
    low, due = (
        objective(one, few.features, few.labels, strength) for one in (ours, Linear(weights, bias, True))
    )
    assert low == pytest.approx(due, rel=1e-4)
    assert np.mean(said(ours, few.labels) == said(Linear(weights, bias, True), few.labels)) > 0.99


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("strength", [1e4, 1e-2, 1e-4, 1e-6])
def test_who_has_converged_has_the_loss_of_the_optimum(bits, strength):
    ours = Regression(TRAIN.features, TRAIN.labels, bits=bits).fit(strength)
    low, due = (
        objective(one, TRAIN.features, TRAIN.labels, strength)
        for one in (ours, Linear(*exact(TRAIN.features, TRAIN.labels, strength), True))
    )
    assert ours.converged == (strength == 1e4)
    assert low < due * 1.001 or not ours.converged


def test_to_begin_close_by_changes_the_way_and_not_the_end():
    regression = Regression(TRAIN.features, TRAIN.labels, bits=32)
    alone, begun = regression.fit(100.0), regression.fit(100.0, regression.fit(1000.0))
    assert begun.weights == pytest.approx(alone.weights, abs=1e-3)


def test_features_far_from_zero_and_of_different_sizes_cost_nothing():
    sizes = np.geomspace(1e-2, 1e2, 64).astype(np.float32)
    far = (TRAIN.features * sizes + 100 * sizes).astype(np.float32)
    ours = Regression(far, TRAIN.labels).fit(1e4)
    assert ours.converged
    moved = far - far.mean(axis=0)
    due = objective(Linear(*exact(moved, TRAIN.labels, 1e4), True), moved, TRAIN.labels, 1e4)
    assert objective(ours, far, TRAIN.labels, 1e4) == pytest.approx(due, rel=1e-6)


def test_a_few_samples_of_many_features_are_fitted():
    few = TRAIN[np.arange(30)]
    wide = np.concatenate([few.features] * 3, axis=1)
    weights, _ = exact(wide, few.labels, 1000.0)
    for bits, near in ((64, 1e-7), (32, 1e-4)):
        assert Regression(wide, few.labels, bits=bits).fit(1000.0).weights == pytest.approx(weights, abs=near)
    assert np.abs(weights).max() > 0.01


def test_in_parts_the_sums_are_the_same(monkeypatch):
    whole = Regression(TRAIN.features, TRAIN.labels, bits=32).fit(100.0)
    monkeypatch.setattr(logistic, "_AT_ONCE", 700)
    parts = Regression(TRAIN.features, TRAIN.labels, bits=32).fit(100.0)
    assert parts.weights == pytest.approx(whole.weights, abs=1e-3)


@pytest.mark.parametrize(("less", "bits"), [(0, 64), (1, 32)])
def test_large_ones_are_summed_in_32_bits(monkeypatch, less, bits):
    monkeypatch.setattr(logistic, "SMALL", TRAIN.features.size * 10 - less)
    assert Regression(TRAIN.features, TRAIN.labels).bits == bits


def test_who_ran_out_of_iterations_says_so(monkeypatch):
    monkeypatch.setattr(logistic, "ITERATIONS", 3)
    for bits in (64, 32):
        assert not Regression(TRAIN.features, TRAIN.labels, bits=bits).fit(1.0).converged
