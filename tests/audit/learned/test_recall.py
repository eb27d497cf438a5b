import numpy as np
import pytest

from wit_builder.audit.learned.recall import at_precision


def test_the_threshold_is_the_lowest_that_still_has_the_precision():
    own = np.array([0.9, 0.8, 0.7, 0.6])
    assert at_precision(own, np.array([0.65]), 0.99).threshold == 0.7
    assert at_precision(own, np.array([0.65]), 0.99).recall == 0.75
    assert at_precision(own, np.array([0.65]), 0.8).threshold == 0.6


def test_a_lower_threshold_counts_when_its_precision_is_met_again():
    own, other = np.linspace(1, 0, 200), np.array([0.99])
    assert at_precision(own, other, 0.99).recall == 1.0


def test_what_lies_at_the_threshold_is_found_on_both_sides():
    assert at_precision(np.array([0.5]), np.array([0.5]), 0.5).recall == 1.0
    assert at_precision(np.array([0.5]), np.array([0.5]), 0.51).recall == 0.0


def test_equal_similarities_stand_or_fall_together():
    own, other = np.array([0.9, 0.5, 0.5, 0.5]), np.array([0.5])
    assert at_precision(own, other, 0.8) == at_precision(own[::-1], other, 0.8)
    assert at_precision(own, other, 0.8).recall == 1.0
    assert at_precision(own, other, 0.81).recall == 0.25


def test_where_nothing_is_good_enough_no_similarity_reaches_the_threshold():
    assert at_precision(np.array([0.1]), np.array([0.9])).threshold > 1
    assert at_precision(np.array([]), np.array([0.9])).recall == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_it_is_what_trying_every_threshold_finds(seed):
    rng = np.random.default_rng(seed)
    own, other = rng.random(80).round(2) + 0.2, rng.random(90).round(2)
    tried = [
        (own >= level).mean()
        for level in own
        if (own >= level).sum() >= 0.9 * ((own >= level).sum() + (other >= level).sum())
    ]
    assert at_precision(own, other, 0.9).recall == max(tried, default=0)
