"""Intervals and tests against their definitions."""

import numpy as np
import pytest
import scipy.stats
from scipy.stats import binom
from statsmodels.stats import contingency_tables, multitest

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
    right, counts = np.array([100, 300, 50]), np.array([400, 600, 100])
    shares = right / counts
    error = np.sqrt((shares * (1 - shares) / counts).sum()) / 3
    low, high = stats.resampled_mean_of_shares(right, counts, 0.95)
    due = shares.mean() - 1.96 * error, shares.mean() + 1.96 * error
    assert (low, high) == pytest.approx(due, abs=0.003)


def test_groups_of_one_leave_doubt_and_groups_without_any_do_not_count():
    right = np.zeros(1000, np.int64)
    right[7] = 1
    low, high = stats.resampled_mean_of_shares(right, np.ones(1000, np.int64), 0.99)
    assert low == 0
    assert 0.001 < high < 0.01
    found = [
        stats.resampled_mean_of_shares(np.array([3, *none]), np.array([9, *none]), 0.9) for none in ([], [0])
    ]
    assert found[0] == pytest.approx(found[1], abs=0.01)


def test_groups_that_are_all_right_leave_no_doubt():
    assert stats.resampled_mean_of_shares(np.array([3, 4]), np.array([3, 4]), 0.99) == (1, 1)


def test_the_interval_of_a_few_draws_is_students():
    values = [0.51, 0.48, 0.55, 0.5, 0.53]
    due = scipy.stats.t.interval(0.95, 4, np.mean(values), scipy.stats.sem(values))
    assert stats.t_interval(values, 0.95) == pytest.approx(due)
    assert stats.t_interval([0.5, 0.5], 0.95) == (0.5, 0.5)


def outcomes(both, first, second, neither):
    kinds = np.repeat([(1, 1), (1, 0), (0, 1), (0, 0)], (both, first, second, neither), axis=0).astype(bool)
    return kinds[:, 0], kinds[:, 1]


@pytest.mark.parametrize("counts", [(5, 1, 9, 3), (0, 6, 6, 0), (50, 3, 4, 9), (0, 0, 12, 1)])
def test_mcnemars_test_is_that_of_statsmodels(counts):
    both, first, second, neither = counts
    due = contingency_tables.mcnemar([[both, first], [second, neither]], exact=True).pvalue
    assert stats.mcnemar(*outcomes(*counts)) == pytest.approx(min(1, due))


def test_two_that_never_differ_are_alike():
    assert stats.mcnemar(*outcomes(7, 0, 0, 3)) == 1


def test_the_same_seed_draws_the_same_samples():
    values = np.arange(20)
    first, again, other = (
        stats.resamples(lambda at: float(values[at].mean()), 20, draws=50, seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize("right", [0, 30, 100])
def test_a_bootstrapped_mean_is_as_wide_as_scipys(right):
    values = np.repeat([1.0, 0.0], (right, 100 - right))
    ours = stats.resamples(lambda at: float(values[at].mean()), 100)
    quick = stats.resamples_of_mean(values)
    due = scipy.stats.norm.interval(0.95, right / 100, max(1e-12, np.std(values) / 10))
    for found in (ours, quick):
        assert len(found) == stats.DRAWS
        assert stats.percentile(found, 0.95) == pytest.approx(due, abs=0.01)
    if right % 100:
        theirs = scipy.stats.bootstrap((values,), np.mean, n_resamples=10_000, method="percentile", rng=1)
        assert stats.percentile(ours, 0.95) == pytest.approx(tuple(theirs.confidence_interval), abs=0.01)


def test_a_draw_without_a_value_is_none():
    found = stats.resamples(lambda at: float(at.max()) if at.max() < 3 else float("nan"), 4, draws=1000)
    assert 200 < len(found) < 450 and not np.isnan(found).any()  # of (3 / 4) ** 4
    assert stats.resampled(lambda at: 1.0 if at.max() < 3 else float("nan"), 4, 0.95) == (1, 1)


def test_what_has_no_value_is_on_both_sides_of_zero():
    assert stats.sides_of_zero(np.array([np.nan] * 9000 + [1.0] * 1000)) == 1


def test_a_difference_on_both_sides_of_zero_is_none():
    assert stats.sides_of_zero(np.array([-1.0, 1.0] * 500)) == pytest.approx(1, abs=0.01)
    assert stats.sides_of_zero(np.array([0.1] * 999)) == 2 / 1000
    assert stats.sides_of_zero(np.array([0.1] * 974 + [-0.1] * 25)) == pytest.approx(52 / 1000)
    assert stats.sides_of_zero(np.zeros(999)) == 1


@pytest.mark.parametrize("values", [(0.01, 0.04, 0.03, 0.005), (0.5,), (0.9, 0.8, 0.02), (0.02, 0.02), ()])
def test_several_tests_are_adjusted_as_statsmodels_has_it(values):
    due = multitest.multipletests(values, method="holm")[1] if values else ()
    assert stats.holm(values) == pytest.approx(tuple(due))
