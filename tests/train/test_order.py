"""The order is a function of seed, epoch and shards: each epoch a permutation, each place known by its number."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_builder.errors import ConfigError
from wit_builder.train import order
from wit_builder.train.order import Order

WRITTEN = [20, 21, 10, 2, 1, 11, 0, 22, 3, 13, 12, 4]
SIZES = st.lists(st.integers(0, 40), min_size=1, max_size=150).filter(any)


def all_of(made, epoch):
    """(shard, member, lap) at each place of the epoch."""
    places = made.places(epoch, 0, made.total)
    return list(zip(places.shards.tolist(), places.members.tolist(), places.laps.tolist(), strict=True))


@given(SIZES, st.integers(0, 2**63 - 1), st.integers(0, 1000))
def test_an_epoch_has_every_sample_once(sizes, seed, epoch):
    made = Order(sizes, [0] * len(sizes), [1.0], seed)
    assert sorted(all_of(made, epoch)) == [
        (shard, member, epoch) for shard, size in enumerate(sizes) for member in range(size)
    ]


@given(SIZES, st.data())
def test_a_part_of_an_epoch_is_the_same_asked_for_alone(sizes, data):
    made, other = (Order(sizes, [0] * len(sizes), [1.0], 5) for _ in range(2))
    first = data.draw(st.integers(0, made.total))
    last = data.draw(st.integers(first, made.total))
    places = other.places(3, first, last)
    assert (
        list(zip(places.shards.tolist(), places.members.tolist(), places.laps.tolist(), strict=True))
        == all_of(made, 3)[first:last]
    )


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 1)), min_size=1, max_size=60), st.floats(0.05, 3)
)
def test_over_its_epochs_a_weighed_source_is_gone_through_evenly(shards, weight):
    sizes, sources = zip(*sorted(shards, key=lambda one: one[1]), strict=True)
    made = Order(sizes, sources, [1.0, weight], 1)
    times = {}
    for epoch in range(5):
        for shard, member, lap in all_of(made, epoch):
            times.setdefault((shard, member), []).append(lap)
    other = sum(size for size, source in zip(sizes, sources, strict=True) if source)
    taken = max(1, round(other * weight)) if other else 0
    assert made.total == sum(sizes) - other + taken
    for shard, (size, source) in enumerate(zip(sizes, sources, strict=True)):
        for member in range(size):
            seen = sorted(times.get((shard, member), []))
            assert seen == list(range(len(seen)))  # each lap once
            assert len(seen) == 5 if source == 0 else abs(len(seen) - 5 * taken / other) < 1


def test_epochs_and_seeds_have_orders_of_their_own():
    sizes = [100] * 5
    orders = [all_of(Order(sizes, [0] * 5, [1.0], seed), epoch) for seed in (1, 2) for epoch in (0, 1)]
    assert len({tuple((shard, member) for shard, member, _ in one) for one in orders}) == 4


def test_samples_of_a_block_are_mixed_as_by_chance():
    sizes = [500] * 20
    places = Order(sizes, [0] * 20, [1.0], 7).places(0, 0, 10_000)
    counts = np.bincount(places.shards[:2000], minlength=20)  # 100 each, give or take 9
    assert counts.min() > 60
    assert counts.max() < 140
    number = places.shards * 500 + places.members
    assert abs(np.corrcoef(number[:-1], number[1:])[0, 1]) < 0.05
    assert abs(np.corrcoef(number, np.arange(10_000))[0, 1]) < 0.05


def test_a_block_holds_so_many_shards_and_samples_at_most(monkeypatch):
    monkeypatch.setattr(order, "BLOCK_SAMPLES", 1000)
    for sizes in ([10] * 200, [400] * 50):
        made = Order(sizes, [0] * len(sizes), [1.0], 7)
        blocks = made._epoch(0).blocks
        shards = [made.places(0, a, b).shards for a, b in pairwise(blocks)]
        assert max(len(np.unique(some)) for some in shards) <= order.BLOCK + 1
        assert max(map(len, shards)) <= 1000 + max(sizes)
        assert sum(map(len, shards)) == sum(sizes)
        here = made.block(0, int(blocks[1]))
        assert set(here.tolist()) == {*shards[1].tolist(), *shards[2].tolist()}


def test_a_hundred_thousand_shards_cost_nothing_but_their_own_numbers():
    made = Order([10_000] * 100_000, [0] * 100_000, [1.0], 1)
    assert made.total == 1_000_000_000
    places = made.places(2, 999_999_900, 1_000_000_000)
    assert places.members.max() < 10_000
    assert len(np.unique(places.shards)) > 30


def test_the_order_of_a_seed_is_written_down():
    """A change here is a change of every run: a resumed one would see other samples."""
    places = Order([5, 4, 3], [0, 0, 0], [1.0], 42).places(1, 0, 12)
    assert (places.shards * 10 + places.members).tolist() == WRITTEN


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf"), 1001.0])
def test_weights_out_of_range_are_refused(weight):
    with pytest.raises(ConfigError, match="weights are"):
        Order([1], [0], [weight], 0)


def test_no_sample_at_all_is_an_error():
    with pytest.raises(ConfigError, match="no sample"):
        Order([0, 0], [0, 0], [1.0], 0)
