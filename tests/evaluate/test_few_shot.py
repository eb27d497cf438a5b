"""Shots are drawn by hash, class by class, and more of them are worth more."""

import numpy as np
import pytest

from tests.evaluate.digits import accuracy, digits
from wit_builder.evaluate import few_shot, logistic
from wit_builder.evaluate.probe import STRENGTHS
from wit_builder.evaluate.training import by_hash

TRAIN, HELD, TEST = digits()
KEYS = [f"digit{number}" for number in range(len(TRAIN.labels))]


def test_a_draw_takes_as_many_of_each_class_and_holds_the_smaller_ones():
    order = by_hash(KEYS, 3)
    four, eight = (few_shot.drawn(order, TRAIN.labels, shots) for shots in (4, 8))
    assert np.bincount(TRAIN.labels[four]).tolist() == [4] * 10
    assert set(four) < set(eight) and len(eight) == 80


def test_draws_differ_and_do_not_depend_on_the_order():
    first, second = (set(few_shot.drawn(by_hash(KEYS, n), TRAIN.labels, 4)) for n in (0, 1))
    assert first != second
    mixed = np.random.default_rng(1).permutation(len(KEYS))
    again = few_shot.drawn(by_hash([KEYS[at] for at in mixed], 0), TRAIN.labels[mixed], 4)
    assert set(mixed[again]) == first


def test_on_real_digits_more_shots_are_worth_more():
    found = few_shot.few_shot(TRAIN, KEYS, HELD, TEST.features, accuracy, draws=2)
    means = [np.mean([accuracy(TEST.labels, logits) for logits in shot.logits]) for shot in found]
    assert [shot.shots for shot in found] == [1, 2, 4, 8, 16]
    assert means == sorted(means) and means[0] > 0.3 and means[-1] > 0.8
    assert all(len(shot.logits) == 2 and shot.strength in STRENGTHS for shot in found)
    assert found[0].converged and not found[-1].converged  # of 160 digits, at 1e-4 and less


def test_a_fit_that_is_cut_off_says_so(monkeypatch):
    monkeypatch.setattr(logistic, "ITERATIONS", 3)
    assert not few_shot.few_shot(TRAIN, KEYS, HELD, TEST.features, accuracy, draws=1)[0].converged


def test_the_smallest_class_says_how_many_shots_there_are():
    some = np.concatenate([np.flatnonzero(TRAIN.labels == one)[: 4 if one == 7 else 20] for one in range(10)])
    keys = [KEYS[at] for at in some]
    found = few_shot.few_shot(TRAIN[some], keys, HELD, TEST.features, accuracy, draws=1)
    assert [shot.shots for shot in found] == [1, 2, 4]
    assert few_shot.smallest(TRAIN[some].labels) == 4


SCORES = {1: 0.2, 2: 0.3, 4: 0.4, 8: 0.35, 16: 0.5, 100: 0.7}


@pytest.mark.parametrize(
    ("zero_shot", "due"),
    [
        (0.1, (None, "< 1")),
        (0.2, (1, "1")),
        (0.25, (2**0.5, "1.41")),
        (0.3, (2, "2")),
        (0.4, (4, "4")),
        (0.5, (16, "16")),
        (0.6, (40, "40")),
        (0.7, (100, "100")),
        (0.71, (None, "> 100")),
    ],
)
def test_in_between_shots_grow_with_the_logarithm(zero_shot, due):
    value, words = few_shot.equivalent(zero_shot, SCORES)
    assert (value if value is None else pytest.approx(value), words) == due
