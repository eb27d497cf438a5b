import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wit_builder.curation import near

NOBODY = np.zeros((0, 32), np.uint8)


def flipped(row, bits):
    """The hash with so many of its bits turned over."""
    mask = np.packbits(np.arange(256) < bits)
    return row ^ mask


def base(seed=0):
    return np.random.default_rng(seed).integers(0, 256, 32, np.uint8)


def test_hashes_at_the_radius_are_one_group_and_one_bit_further_are_two():
    at, beyond = np.stack([base(), flipped(base(), 31)]), np.stack([base(), flipped(base(), 32)])
    assert near.heads(at, np.arange(2), NOBODY, 31).tolist() == [0, 0]
    assert near.heads(beyond, np.arange(2), NOBODY, 31).tolist() == [0, 1]


def test_the_strongest_of_a_group_stands_for_it():
    hashes = np.stack([base(), flipped(base(), 5), base(1)])
    assert near.heads(hashes, np.array([1, 2, 0]), NOBODY, 31).tolist() == [1, 1, 2]


def test_groups_connect_through_others():
    chain = np.stack([base(), flipped(base(), 30), flipped(base(), 60)])
    assert near.heads(chain, np.arange(3), NOBODY, 31).tolist() == [0, 0, 0]


def test_an_incumbent_stands_for_its_group_and_is_never_dropped():
    hashes = np.stack([base(), base(1)])
    assert near.heads(hashes, np.arange(2), np.stack([flipped(base(), 3)]), 31).tolist() == [2, 1]


def test_incumbents_are_connected_through_new_ones_and_not_compared_with_each_other():
    hashes = np.stack([flipped(base(), 10), base(2)])
    incumbents = np.stack([base(1), flipped(base(), 20), base()])
    assert near.heads(hashes, np.arange(2), incumbents, 31).tolist() == [3, 1]
    assert sum(len(i) for i, _ in near._pairs(hashes[1:], incumbents, 31)) == 0


def test_many_pictures_that_are_all_alike_are_one_group_in_bounded_memory():
    rng = np.random.default_rng(0)
    hashes = np.repeat(base()[None], 4_000, axis=0)
    hashes[:, :2] = rng.integers(0, 256, (4_000, 2), np.uint8)  # at most 16 bits apart
    assert (near.heads(hashes, np.arange(4_000), NOBODY, 31) == 0).all()


def test_pictures_of_different_tiles_are_compared(monkeypatch):
    monkeypatch.setattr(near, "TILE", 4)
    monkeypatch.setattr(near, "QUERIES", 3)
    monkeypatch.setattr(near, "PAIRS", 2)
    hashes = np.stack([base(n % 7) for n in range(30)] + [flipped(base(n), 9) for n in range(7)])
    heads = near.heads(hashes, np.arange(37), NOBODY, 31)
    assert heads.tolist() == [n % 7 for n in range(30)] + list(range(7))


def test_a_picture_repeated_very_often_costs_one_query():
    hashes = np.repeat(base()[None], 200_000, axis=0)
    assert (near.heads(hashes, np.arange(200_000), NOBODY, 31) == 0).all()


def test_no_pictures_are_no_groups():
    assert near.heads(NOBODY, np.arange(0), NOBODY, 31).tolist() == []


@given(st.integers(0, 2**32), st.integers(2, 60), st.integers(0, 120))
def test_the_groups_are_those_of_a_plain_loop_and_do_not_depend_on_order(seed, count, radius):
    rng = np.random.default_rng(seed)
    centres = rng.integers(0, 256, (4, 32), np.uint8)
    hashes = np.stack([flipped(centres[rng.integers(4)], int(rng.integers(80))) for _ in range(count)])
    strength = rng.permutation(count)
    heads = near.heads(hashes, strength, NOBODY, radius)
    assert heads.tolist() == _plainly(hashes, strength.tolist(), radius)
    order = rng.permutation(count)
    place = np.argsort(order)
    assert order[near.heads(hashes[order], place[strength], NOBODY, radius)].tolist() == heads[order].tolist()


def _plainly(hashes, strength, radius):
    group = list(range(len(hashes)))
    for i in range(len(hashes)):
        for j in range(len(hashes)):
            if np.unpackbits(hashes[i] ^ hashes[j]).sum() <= radius:
                old, new = group[i], group[j]
                group = [new if g == old else g for g in group]
    return [next(row for row in strength if group[row] == group[i]) for i in range(len(hashes))]
