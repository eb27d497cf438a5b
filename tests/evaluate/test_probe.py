"""The probe searches as the paper does, and comes to what scikit-learn comes to."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tests.evaluate.digits import CLASSES, accuracy, digits
from wit_builder.errors import ConfigError
from wit_builder.evaluate import probe
from wit_builder.evaluate.probe import STRENGTHS, Samples

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


@pytest.mark.parametrize("solver", ["scikit-learn", "torch"])
def test_on_real_digits_it_is_as_right_as_scikit_learn(solver):
    found = probe.probe(TRAIN, HELD, TEST.features, accuracy, solver=solver)
    both = np.concatenate([TRAIN.features, HELD.features]), np.concatenate([TRAIN.labels, HELD.labels])
    due = LogisticRegression(C=1 / found.strength, max_iter=1000).fit(*both).score(TEST.features, TEST.labels)
    assert accuracy(TEST.labels, found.logits) == pytest.approx(due, abs=1 / 597)
    assert due > 0.9
    assert found.sweep[found.strength] == max(found.sweep.values())


def test_test_images_have_no_say_in_the_strength():
    ours, nothing = (
        probe.probe(TRAIN, HELD, test, accuracy, solver="torch")
        for test in (TEST.features, TEST.features[:0])
    )
    assert ours.strength == nothing.strength and ours.sweep == nothing.sweep


def test_a_fifth_of_each_class_is_held_whatever_the_order():
    labels = np.repeat([0, 1, 2, 3], (100, 9, 2, 1))
    keys = [f"image{number}" for number in range(len(labels))]
    held = probe.carved(keys, labels, 0)
    assert np.bincount(labels[held], minlength=4).tolist() == [20, 1, 1, 0]
    mixed = np.random.default_rng(1).permutation(len(keys))
    again = probe.carved([keys[at] for at in mixed], labels[mixed], 0)
    assert np.array_equal(again, held[mixed])
    assert not np.array_equal(probe.carved(keys, labels, 1), held)


def test_of_several_labels_a_fifth_of_all_is_held():
    assert probe.carved([str(n) for n in range(50)], np.ones((50, 3), np.uint8), 0).sum() == 10


@pytest.mark.parametrize(
    ("labels", "classes", "words"),
    [
        ([0, 0, 0], ("cat",), "'pets' has a single class, 'cat'"),
        ([0, 1, 0], ("cat", "dog", "owl"), "no image of 'owl'"),
        ([0, 0, 0], ("cat", "dog", "owl"), "no image of 'dog' and 1 more classes"),
        ([[0, 1], [0, 1]], ("cat", "dog"), "no image of 'cat'"),
        ([[1, 1], [0, 1]], ("cat", "dog"), "every image of the training split of 'pets' is of 'dog'"),
    ],
)
def test_what_cannot_be_learnt_is_said(labels, classes, words):
    with pytest.raises(ConfigError, match=words):
        probe.check("pets", np.array(labels), classes)


def test_what_can_be_learnt_passes():
    probe.check("digits", TRAIN.labels, CLASSES)
    probe.check("pets", np.array([[1, 0], [0, 1]], np.uint8), ("cat", "dog"))


def test_samples_are_taken_by_number():
    some = Samples(np.arange(6, dtype=np.float32).reshape(3, 2), np.array([5, 6, 7]))[np.array([2, 0])]
    assert some.features.tolist() == [[4, 5], [0, 1]] and some.labels.tolist() == [7, 5]
