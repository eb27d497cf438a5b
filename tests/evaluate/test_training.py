"""A probe learns from the other splits of a set, or says why it cannot."""

import numpy as np
import pytest

from tests.evaluate.digits import CLASSES, digits
from wit_builder.errors import ConfigError
from wit_builder.evaluate import training
from wit_builder.evaluate.training import Samples

TRAIN, _, _ = digits()


@pytest.mark.parametrize(
    ("labels", "classes", "words"),
    [
        ([0, 0, 0], ("cat",), "'pets' has a single class, 'cat'"),
        ([0, 1, 0], ("cat", "dog", "owl"), "no image of 'owl'"),
        ([0, 0, 0], ("cat", "dog", "owl"), "no image of 'dog' and 1 other"),
        ([[0, 1], [0, 1]], ("cat", "dog"), "no image of 'cat'"),
        ([[1, 1], [0, 1]], ("cat", "dog"), "every image of the training split of 'pets' is of 'dog'"),
    ],
)
def test_what_cannot_be_learnt_is_said(labels, classes, words):
    with pytest.raises(ConfigError, match=words):
        training.check("pets", np.array(labels), classes)


def test_what_can_be_learnt_passes():
    training.check("digits", TRAIN.labels, CLASSES)
    training.check("pets", np.array([[1, 0], [0, 1]], np.uint8), ("cat", "dog"))


def test_a_fifth_of_each_class_is_held_whatever_the_order():
    labels = np.repeat([0, 1, 2, 3], (100, 9, 2, 1))
    keys = [f"image{number}" for number in range(len(labels))]
    held = training.carved(keys, labels, 0)
    assert np.bincount(labels[held], minlength=4).tolist() == [20, 1, 1, 0]
    mixed = np.random.default_rng(1).permutation(len(keys))
    again = training.carved([keys[at] for at in mixed], labels[mixed], 0)
    assert np.array_equal(again, held[mixed])
    assert not np.array_equal(training.carved(keys, labels, 1), held)


def test_of_several_labels_a_fifth_of_all_is_held():
    assert training.carved([str(n) for n in range(50)], np.ones((50, 3), np.uint8), 0).sum() == 10


def test_samples_are_taken_by_number():
    some = Samples(np.arange(6, dtype=np.float32).reshape(3, 2), np.array([5, 6, 7]))[np.array([2, 0])]
    assert some.features.tolist() == [[4, 5], [0, 1]] and some.labels.tolist() == [7, 5]
