"""Every number about the effect of overlap against a count of all cases."""

from fractions import Fraction
from itertools import pairwise
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from wit_builder.audit.effect import CONFIDENCE, among, effect


def measured(overlap_right, overlap, clean_right, clean, labels=None):
    """The effect of so many right ones of so many."""
    right = np.arange(overlap + clean) < overlap_right
    right[overlap:] = np.arange(clean) < clean_right
    return effect(right, np.arange(overlap + clean) < overlap, labels)


def tail(right, count, null):
    """The chance of so many right ones or more, in whole numbers."""
    return sum(comb(count, k) * null**k * (1 - null) ** (count - k) for k in range(right, count + 1))


counts = st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, counts)
def test_each_number_is_its_definition(dirty, clean):
    found, null = measured(*dirty, *clean), Fraction(*clean)
    share = Fraction(dirty[1], dirty[1] + clean[1])
    assert found.inflation == pytest.approx(float(share * (Fraction(*dirty) - null)), abs=1e-12)
    assert found.p_greater == pytest.approx(float(tail(*dirty, null)), abs=1e-9)
    chances = [comb(dirty[1], k) * null**k * (1 - null) ** (dirty[1] - k) for k in range(dirty[1] + 1)]
    rarer = sum(chance for chance in chances if chance <= chances[dirty[0]] * (1 + Fraction(1, 10**7)))
    assert found.p_two_sided == pytest.approx(float(rarer), abs=1e-9)
    assert found.interval == pytest.approx(proportion_confint(*dirty, 1 - CONFIDENCE, "beta"), abs=1e-9)


@given(counts, counts)
def test_the_smallest_effect_is_found_four_times_in_five(dirty, clean):
    found, null = measured(*dirty, *clean), Fraction(*clean)
    significant = [k for k in range(dirty[1] + 1) if tail(k, dirty[1], null) <= 0.05]
    if not significant:
        assert found.smallest is None
    else:
        assert tail(significant[0], dirty[1], float(null) + found.smallest) == pytest.approx(0.8, abs=1e-6)


def test_no_overlap_says_nothing_against_the_score():
    found = measured(0, 0, 70, 100)
    assert (found.p_greater, found.p_two_sided, found.interval, found.inflation) == (
        1.0,
        1.0,
        (0.0, 1.0),
        0.0,
    )
    assert found.overlap.accuracy is None
    assert found.smallest is None


def test_where_all_is_overlap_there_is_nothing_to_compare_with():
    found = measured(70, 100, 0, 0)
    assert (found.p_greater, found.p_two_sided, found.inflation, found.smallest) == (None,) * 4
    assert found.overlap.accuracy == 0.7


def test_a_clean_accuracy_of_none_or_all_is_a_null_too():
    assert measured(1, 10, 0, 10).p_greater == 0.0
    assert measured(0, 10, 0, 10).p_greater == 1.0
    assert measured(9, 10, 10, 10).p_greater == 1.0
    assert measured(9, 10, 10, 10).smallest is None


def test_clean_is_weighed_as_overlap_is():
    """Overlap: three of class 0, one of 1, one of 2, which Clean has not. Clean: class 0 half right, class 1 none."""
    labels = np.array([0, 0, 0, 1, 2, 0, 0, 1, 1, 1])
    right = np.array([1, 1, 0, 1, 0, 1, 0, 0, 0, 0], bool)
    found = effect(right, np.arange(10) < 5, labels)
    assert found.reweighted == pytest.approx((3 * 0.5 + 1 * 0.0) / 4)
    assert found.reweighted_overlap == 0.75
    assert found.reweighted_count == 4
    assert effect(right[:5], np.ones(5, bool), labels[:5]).reweighted is None


def test_p_is_said_among_all_sets_that_were_tested():
    sets = [(9, 10, 50, 100), (8, 10, 50, 100), (0, 0, 50, 100), (5, 10, 50, 100), (5, 5, 0, 0)]
    found = among([measured(*one) for one in sets])
    tested = [found[at].p_greater for at in (0, 1, 3)]
    for method in ("bonferroni", "holm"):
        due = multipletests(tested, method=method)[1]
        assert [getattr(found[at], method) for at in (0, 1, 3)] == pytest.approx(due)
        assert getattr(found[2], method) is getattr(found[4], method) is None


@pytest.mark.parametrize(("share", "inflation"), [(0.121, 0.006), (0.215, 0.002)])
def test_what_the_paper_says_of_birdsnap_and_country211_fits_together(share, inflation):
    """It prints the share of overlap and All - Clean, which give Overlap - Clean: 5.0 and 0.9 points."""
    count = 10_000
    dirty = round(share * count)
    clean_right = round(0.5 * (count - dirty))
    gap = inflation / share
    found = measured(round((0.5 + gap) * dirty), dirty, clean_right, count - dirty)
    assert found.inflation == pytest.approx(inflation, abs=1e-4)
    assert found.overlap.accuracy - found.clean.accuracy == pytest.approx(gap, abs=1e-3)


def test_more_right_ones_are_less_likely():
    found = [measured(right, 20, 50, 100).p_greater for right in range(21)]
    assert all(more < less for less, more in pairwise(found))
