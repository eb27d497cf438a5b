"""Intervals and tests against their definitions."""

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
