"""The probe searches as the paper does, and comes to what scikit-learn comes to."""

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from tests.evaluate.digits import accuracy, digits
from wit_builder.evaluate import probe
from wit_builder.evaluate.probe import STRENGTHS

TRAIN, HELD, TEST = digits()


def test_strengths_are_96_steps_of_an_eighth_of_a_decade():
    assert len(STRENGTHS) == 97
    assert STRENGTHS[0] == pytest.approx(1e-6) and STRENGTHS[96] == pytest.approx(1e6)
    assert [STRENGTHS[step] for step in probe.FIRST] == pytest.approx([1e-6, 1e-4, 1e-2, 1, 1e2, 1e4, 1e6])


@pytest.mark.parametrize("top", [0, 1, 37, 48, 95, 96])
def test_a_single_peak_is_found_wherever_it_is(top):
    found = probe.peak(lambda step: -abs(step - top))
    assert max(found, key=found.__getitem__) == top
    assert len(found) <= 7 + 8


def test_of_equal_scores_the_greater_strength_is_looked_around():
    found = probe.peak(lambda step: float(step <= 40))
    assert max(found, key=lambda step: (found[step], step)) == 40


def likelihood(labels, logits):
    return float(log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


@pytest.mark.parametrize("bits", [64, 32])
def test_on_real_digits_it_is_as_right_as_scikit_learn(bits):
    """At the likeliest strength; the most accurate one on 240 images may be so weak that no fit gets to its end."""
    found = probe.probe(TRAIN, HELD, TEST.features, likelihood, bits=bits)
    both = np.concatenate([TRAIN.features, HELD.features]), np.concatenate([TRAIN.labels, HELD.labels])
    skilled = LogisticRegression(C=1 / found.strength, max_iter=10_000, tol=1e-6).fit(*both)
    due = skilled.score(TEST.features, TEST.labels)
    assert accuracy(TEST.labels, found.logits) == pytest.approx(due, abs=1 / 597)
    assert due > 0.9
    assert found.sweep[found.strength] == max(found.sweep.values())


def test_test_images_have_no_say_in_the_strength():
    ours, nothing = (
        probe.probe(TRAIN, HELD, test, accuracy, bits=32) for test in (TEST.features, TEST.features[:0])
    )
    assert ours.strength == nothing.strength and ours.sweep == nothing.sweep
