"""Intervals and tests against their definitions."""

import numpy as np
import pytest
from scipy.stats import binom

from wit_builder import stats


@pytest.mark.parametrize(("right", "count"), [(0, 10), (1, 10), (5, 10), (81, 100), (10, 10)])
def test_an_interval_ends_where_so_many_right_ones_are_one_of_two_hundred(right, count):
    """As Clopper and Pearson define it."""
    low, high = stats.clopper_pearson(right, count, 0.99)
    assert (low == 0) == (right == 0)
    assert (high == 1) == (right == count)
    assert right == 0 or binom.sf(right - 1, count, low) == pytest.approx(0.005)
    assert right == count or binom.cdf(right, count, high) == pytest.approx(0.005)


def test_an_interval_of_less_confidence_is_narrower():
    assert stats.clopper_pearson(5, 10, 0.95) == pytest.approx((0.1871, 0.8129), abs=1e-4)


def test_a_mean_resampled_lies_where_its_standard_error_says():
    values = np.random.default_rng(0).normal(3, 2, 400)
    low, high = stats.resampled(lambda some: float(values[some].mean()), 400, 0.95)
    error = values.std() / 20
    assert (low, high) == pytest.approx(
        (values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.05
    )
    assert (low, high) == stats.resampled(lambda some: float(values[some].mean()), 400, 0.95)


def test_the_mean_of_shares_lies_where_its_standard_error_says():
    right, counts = np.array([10, 30, 5]), np.array([40, 60, 5])
    shares = right / counts
    error = np.sqrt((shares * (1 - shares) / counts).sum()) / 3
    low, high = stats.resampled_mean_of_shares(right, counts, 0.95)
    assert (low, high) == pytest.approx(
        (shares.mean() - 1.96 * error, shares.mean() + 1.96 * error), abs=0.006
    )


def test_groups_that_are_all_right_leave_no_doubt():
    assert stats.resampled_mean_of_shares(np.array([3, 4]), np.array([3, 4]), 0.99) == (1, 1)
