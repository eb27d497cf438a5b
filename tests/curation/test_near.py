import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wit_builder.curation import groups, near

NOBODY = np.zeros((0, 32), np.uint8)
OTHERS = np.random.default_rng(9).integers(0, 256, (5_000, 32), np.uint8)  # so that a pair stands far apart


def grouped(hashes, strength, incumbents, radius, tasks=1, of=None):
    """The head of each, its links found by so many tasks. Hashes: rows of 32 bytes."""
    new, old = (np.ascontiguousarray(rows.view(np.uint64).T) for rows in (hashes, incumbents))
    of = of or near.blocks(len(hashes), len(incumbents), radius)
    found = [near.links(new, old, radius, range(k, of, tasks), of) for k in range(tasks)]
    assert all(len(one) < max(1, len(hashes) + len(incumbents)) for one, _ in found)
    return groups.heads(np.asarray(strength), len(incumbents), found).tolist()


def flipped(row, bits):
    """The hash with so many of its bits turned over."""
    return row ^ np.packbits(np.arange(256) < bits)


def base(seed=0):
    return np.random.default_rng(seed).integers(0, 256, 32, np.uint8)


@pytest.mark.parametrize("of", [1, 16])
@pytest.mark.parametrize("radius", [0, 15, 16, 31, 32, 47])
def test_hashes_at_the_radius_are_one_group_and_one_bit_further_are_two(radius, of):
    at, beyond = (np.stack([base(), flipped(base(), radius + more)]) for more in (0, 1))
    assert grouped(at, [0, 1], NOBODY, radius, of=of) == [0, 0]
    assert grouped(beyond, [0, 1], NOBODY, radius, of=of) == [0, 1]


@pytest.mark.parametrize(("radius", "apart"), [(31, 2), (15, 1), (47, 3)])
def test_bits_spread_evenly_over_all_blocks_are_found(radius, apart):
    """The worst case of the pigeonholes: as few as possible in each block, one less in one of them."""
    spread = np.zeros((16, 16), bool)
    spread[:, :apart] = True
    for spared in range(16):
        mask = spread.copy()
        mask[spared, 0] = False
        pair = np.stack([base(), base() ^ np.packbits(mask[:, ::-1].reshape(-1))])
        hashes = np.concatenate([pair, OTHERS])
        assert grouped(hashes, np.arange(len(hashes)), NOBODY, radius, of=16)[:2] == [0, 0]


def test_the_strongest_of_a_group_stands_for_it():
    hashes = np.stack([base(), flipped(base(), 5), base(1)])
    assert grouped(hashes, [1, 2, 0], NOBODY, 31) == [1, 1, 2]


def test_groups_connect_through_others():
    chain = np.stack([base(), flipped(base(), 30), flipped(base(), 60)])
    assert grouped(chain, [0, 1, 2], NOBODY, 31) == [0, 0, 0]


@pytest.mark.parametrize("of", [1, 16])
def test_an_incumbent_stands_for_its_group_and_is_never_dropped(of):
    hashes = np.stack([base(), base(1)])
    assert grouped(hashes, [0, 1], np.stack([flipped(base(), 3)]), 31, of=of) == [2, 1]


@pytest.mark.parametrize("of", [1, 16])
def test_incumbents_are_connected_through_new_ones_and_not_compared_with_each_other(of):
    hashes = np.stack([flipped(base(), 10), base(2)])
    incumbents = np.stack([base(1), flipped(base(), 20), base()])
    assert grouped(hashes, [0, 1], incumbents, 31, of=of) == [3, 1]
    new, old = (np.ascontiguousarray(rows.view(np.uint64).T) for rows in (hashes[1:], incumbents))
    assert len(near.links(new, old, 31, range(of), of)[0]) == 0


@pytest.mark.parametrize("radius", [10, 31, 47])
@pytest.mark.parametrize("parts", [2, 8])
def test_parts_of_blocks_find_what_whole_blocks_find(radius, parts, tmp_path, monkeypatch):
    chance = np.random.default_rng(radius)
    bases = chance.integers(0, 256, (400, 32), np.uint8)
    far = [np.packbits(np.arange(256) < n)[chance.permutation(32)] for n in chance.integers(0, 60, 1_600)]
    hashes = np.concatenate([bases, bases[chance.integers(0, 400, 1_600)] ^ np.stack(far)])
    new, incumbents = hashes[:1_900], hashes[1_900:]
    whole = grouped(new, np.arange(1_900), incumbents, radius, of=16)
    files = [str(tmp_path / f"{n}.parquet") for n in range(3)]
    for path, some in zip(files, np.array_split(new, 3), strict=True):
        looks = {"phash": [row.tobytes().hex() for row in some], "phash_quality": np.full(len(some), 50)}
        pq.write_table(pa.table(looks), path)
    old = np.arange(100), np.ascontiguousarray(incumbents.view(">u8").astype(np.uint64).T)
    found = [
        near.links_of_part(files, old, radius, block, part, parts)
        for block in range(16)
        for part in range(parts)
    ]
    assert groups.heads(np.arange(1_900), 100, found).tolist() == whole
    assert len(set(whole)) < 1_700


@pytest.mark.parametrize(
    ("hashes", "parts"), [(1_000, 1), (1_001, 4), (1_333, 4), (1_334, 8), (2_000, 8), (2_001, 16)]
)
def test_a_block_is_cut_into_parts_that_fit_into_memory_with_those_near_them(hashes, parts, monkeypatch):
    monkeypatch.setattr(near, "HELD", 1_000)
    monkeypatch.setattr(near, "blocks", lambda *_: near.BLOCKS)
    assert near.parts_of(hashes, 31) == parts


def test_where_each_is_compared_with_each_there_are_no_parts(monkeypatch):
    monkeypatch.setattr(near, "HELD", 1_000)
    assert near.parts_of(2_000, 200) == 1


def test_a_picture_repeated_very_often_takes_no_longer():
    hashes = np.repeat(base()[None], 200_000, axis=0)
    assert _seconds(hashes) < 10
    assert set(grouped(hashes, np.arange(200_000), NOBODY, 31)) == {0}


def test_many_pictures_that_are_all_alike_are_one_group_and_take_no_longer():
    rng = np.random.default_rng(0)
    hashes = np.repeat(base()[None], 200_000, axis=0)
    hashes[:, 4:6] = rng.integers(0, 256, (200_000, 2), np.uint8)  # at most 16 bits apart
    assert _seconds(hashes) < 10  # each with each would be 20,000,000,000 pairs
    assert set(grouped(hashes, np.arange(200_000), NOBODY, 31)) == {0}


def _seconds(hashes):
    grouped(hashes[:10], np.arange(10), NOBODY, 31, of=16)  # compiled
    began = time.process_time()
    grouped(hashes, np.arange(len(hashes)), NOBODY, 31)
    return time.process_time() - began


def test_few_hashes_and_large_radii_are_compared_each_with_each():
    assert (
        near.blocks(100, 0, 31) == near.blocks(10_000_000, 0, 64 + 16) == near.blocks(10, 10_000_000, 31) == 1
    )
    assert near.blocks(1_000_000, 0, 31) == near.blocks(100_000, 10_000_000, 0) == 16


def test_no_pictures_are_no_groups():
    assert grouped(NOBODY, np.arange(0), NOBODY, 31) == []
    assert grouped(NOBODY, np.arange(0), np.stack([base(), base()]), 31) == []


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(0, 60),
    st.integers(0, 10),
    st.integers(0, 255),
    st.sampled_from(["balanced", "equal", "one bucket", "alike"]),
    st.integers(1, 5),
)
@example(0, 60, 10, 255, "balanced", 3)
@example(0, 60, 0, 0, "equal", 3)
@example(0, 60, 10, 31, "one bucket", 5)
def test_the_groups_are_those_of_a_plain_loop_however_the_work_is_cut(seed, count, old, radius, kind, tasks):
    rng = np.random.default_rng(seed)
    everyone = _hashes(rng, count + old, kind)
    hashes, incumbents = everyone[:count], everyone[count:]
    strength = rng.permutation(count)
    expected = _plainly(hashes, strength.tolist(), incumbents, radius)
    assert grouped(hashes, strength, incumbents, radius, tasks) == expected
    if radius < 64:
        assert grouped(hashes, strength, incumbents, radius, tasks, of=16) == expected
    order = rng.permutation(count)
    shuffled = grouped(hashes[order], np.argsort(order)[strength], incumbents, radius, tasks)
    back = np.concatenate([order, count + np.arange(old)])
    assert [int(back[head]) for head in shuffled] == [expected[row] for row in order]


@pytest.mark.parametrize("kind", ["balanced", "equal", "one bucket", "alike"])
def test_buckets_of_several_pieces_are_compared_wholly(kind):
    rng = np.random.default_rng(5)
    hashes, incumbents = _hashes(rng, 700, kind), _hashes(rng, 300, kind)
    expected = _plainly(hashes, list(range(700)), incumbents, 31)
    for of in (1, 16):
        assert grouped(hashes, np.arange(700), incumbents, 31, of=of) == expected


def _hashes(rng, count, kind):
    """Rows of 32 bytes around a few centres; as real ones are, half of the bits of a centre are set."""
    centres = np.stack([np.packbits(rng.permutation(256) < 128) for _ in range(5)])
    if kind == "equal":
        return centres[rng.integers(0, 2, count)]
    near_by = rng.random((count, 256)) < rng.choice([0.01, 0.06, 0.12, 0.5], (count, 1))
    hashes = centres[rng.integers(0, 5, count)] ^ np.packbits(near_by, axis=1)
    if kind == "alike":
        hashes = centres[0] ^ np.packbits(rng.random((count, 256)) < 0.06, axis=1)
    if kind == "one bucket":
        hashes[:, :28] = centres[0, :28]
    return hashes


def _plainly(hashes, strength, incumbents, radius):
    """Each with each, and labels until nothing changes."""
    count = len(hashes)
    rows = np.unpackbits(np.concatenate([hashes, incumbents]), axis=1).astype(np.int32)
    distance = rows @ (1 - rows.T) + (1 - rows) @ rows.T
    linked = distance <= radius
    linked[count:, count:] = np.eye(len(incumbents), dtype=bool)
    label = np.arange(len(rows))
    while True:
        least = np.where(linked, label, len(rows)).min(axis=1, initial=len(rows))
        if (least == label).all():
            break
        label = least
    order = [*range(count, len(rows)), *strength]
    return [next(row for row in order if label[row] == label[i]) for i in range(count)]
