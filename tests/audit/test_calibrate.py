"""Thresholds from similarities that are known."""

import numpy as np
import pytest

from wit_builder.audit import calibrate
from wit_builder.audit.calibrate import Seen, lowest, shift, tail


def strangers(number=1000, middle=0.5, scale=0.1, seed=0):
    """The similarity of each image to its nearest stranger: a logistic in Fisher's z, whose tail is exponential."""
    return np.tanh(np.random.default_rng(seed).logistic(np.arctanh(middle), scale, number))


def seen(own, other, nearest=None, doublings=0.0):
    return Seen(own, other, np.stack([other, other]) if nearest is None else nearest, doublings)


def test_strangers_reach_it_about_as_often_as_is_asked_for():
    """99 % precision where 2.2 % have a copy, all of which are found: 1 image in 4,400."""
    levels = [lowest(seen(np.full(1000, 0.999), strangers(seed=seed)), 0.99) for seed in range(9)]
    assert 0.4 < (strangers(1_000_000, seed=99) >= np.median(levels)).mean() * 4400 < 2.5


def test_near_duplicates_inside_a_set_hardly_move_it():
    other = strangers()
    before = lowest(seen(np.full(1000, 0.999), other), 0.99)
    other[:20] = 0.999
    assert before <= lowest(seen(np.full(1000, 0.999), other), 0.99) < before + 0.08


def test_where_fewer_copies_are_found_it_is_higher():
    easy, hard = np.full(1000, 0.999), np.linspace(0, 0.999, 1000)
    assert lowest(seen(hard, strangers()), 0.99) > lowest(seen(easy, strangers()), 0.99)


def test_where_copies_are_like_strangers_it_is_one():
    assert lowest(seen(strangers(seed=1), strangers(seed=2)), 0.99) == 1.0


@pytest.mark.parametrize(("images", "known"), [(calibrate.LEAST - 1, False), (calibrate.LEAST, True)])
def test_few_images_say_nothing(images, known):
    assert (lowest(seen(np.full(images, 0.99), strangers(images)), 0.9) is not None) == known


def test_it_rises_with_what_samples_are_more_alike_and_does_not_fall():
    own, other = np.full(1000, 0.9999), strangers()
    nearer, farther = (np.stack([strangers(middle=middle)] * 2) for middle in (0.6, 0.4))
    usual = lowest(seen(own, other), 0.99)
    assert lowest(seen(own, other, nearer), 0.99) > usual == lowest(seen(own, other, farther), 0.99)
    assert shift(seen(own, other, nearer), 0.99) == pytest.approx(np.arctanh(0.6) - np.arctanh(0.5), abs=0.02)


def test_each_doubling_of_the_samples_counts_as_the_last_one():
    half, whole = (np.tanh(np.full(1000, z)) for z in (0.55, 0.6))
    shifts = [
        shift(seen(half, np.tanh(np.full(1000, 0.5)), np.stack([half, whole]), n), 0.99) for n in (0, 3)
    ]
    assert shifts == pytest.approx([0.1, 0.25])


def test_copies_in_the_shards_are_no_strangers():
    """Of four images in ten there is one; then of all, as in an audit of a set by itself."""
    other = strangers()
    nearest = np.stack([other, np.where(np.arange(1000) % 10 < 4, 0.999, other)])
    assert shift(seen(other, other, nearest), 0.9) == pytest.approx(0, abs=0.02)
    assert shift(seen(other, other, np.full((2, 1000), 0.999)), 0.9) == 0.0


def test_the_tail_begins_at_its_share_and_halves_with_its_median():
    other = np.tanh(np.linspace(0, 1, 1001))  # in z from 0 to 1: above 0.9 half lie above 0.95
    levels = np.tanh([0.89, 0.9 + 1e-9, 0.95, 1.0])
    assert tail(other, levels, 0.0) == pytest.approx([1.0, 0.1, 0.05, 0.025], rel=0.03)
    assert tail(other, np.tanh([1.05]), 0.1) == pytest.approx([0.05], rel=0.03)


def test_hashes_of_which_all_strangers_are_equally_far_have_one_too():
    assert 0.5 < lowest(seen(np.full(500, 0.99), np.full(500, 0.5)), 0.9) < 0.52
