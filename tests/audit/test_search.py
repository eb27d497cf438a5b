"""What is near is found, all of it, whatever the order."""

import numpy as np
import pytest

from wit_builder.audit import search
from wit_builder.audit.search import Sought, nobody


def hashes(rng, count):
    return rng.integers(0, 2**64, (count, 4), dtype=np.uint64)


def flipped(rng, row, bits):
    """The hash with so many of its bits turned over."""
    places = np.zeros(256, np.uint8)
    places[rng.choice(256, bits, replace=False)] = 1
    return row ^ np.packbits(places).view(np.uint64)


def sought(kind, rows, reach, turns=1, groups=1):
    """Each set has a smaller reach than the one before it."""
    images = len(rows) // turns
    image = np.repeat(np.arange(images), turns)
    far = reach * (1 - np.arange(images) % groups / 5)
    return Sought(
        kind, rows, image, np.tile(np.arange(turns), images), far, np.arange(images) % groups, groups
    )


def by_hand(what, rows, most, distance):
    """Of each image the nearest samples as (distance, sample, turn), and of each sample and set the nearest image."""
    near = [{} for _ in what.reach]
    back = {}
    for i, one in enumerate(what.rows):
        for j, other in enumerate(rows):
            far, image = distance(one, other), what.image[i]
            if far <= what.reach[image]:
                best = near[image].get(j, (np.inf,))
                near[image][j] = min(best, (far, j, what.turn[i]))
                key = j, what.group[image]
                back[key] = min(back.get(key, (np.inf,)), (far, image))
    return [sorted(found.values())[:most] for found in near], back


def found_in(what, rows, most, pieces):
    """The same by search, of pieces in that order."""
    found, back = nobody(len(what.reach), most), {}
    for piece in pieces:
        some = search.search(what, rows[piece], np.array(piece), found)
        for sample, near in zip(piece, zip(some.distance, some.other, strict=True), strict=True):
            back |= {(sample, g): (d, o) for g, (d, o) in enumerate(zip(*near, strict=True)) if o >= 0}
    near = [
        [(d, o, t) for d, o, t in zip(*one, strict=True) if o >= 0]
        for one in zip(found.distance, found.other, found.turn, strict=True)
    ]
    return near, back


def bits(one, other):
    return int(np.bitwise_count(one ^ other).sum())


@pytest.mark.parametrize("radius", [0, 15, 16, 31, 32, 47, 50])
@pytest.mark.parametrize("many", [3, 700])
def test_hashes_within_the_radius_are_found_and_no_others(radius, many):
    """Few are compared each with each, many by their blocks."""
    rng = np.random.default_rng(radius)
    one = hashes(rng, many)
    near = [
        flipped(rng, one[n % many], bits)
        for n, bits in enumerate([*range(radius - 3, radius + 4)] * 9)
        if bits >= 0
    ]
    other = np.concatenate([hashes(rng, 40), near, one[:3]])
    what = sought("hash256", one, radius, groups=2)
    pieces = [[*range(20)], [*range(20, len(other))]]
    assert found_in(what, other, 5, pieces) == by_hand(what, other, 5, bits)


def test_blocks_are_used_where_they_are_less_work(monkeypatch):
    used = []
    table = search._table
    monkeypatch.setattr(search, "_table", lambda *how: used.append(how[2]) or table(*how))
    rng = np.random.default_rng(0)
    for count in (270, 280):  # 16 blocks of 17 buckets are 272 looks
        search.search(
            sought("hash256", hashes(rng, count), 31), hashes(rng, 5), np.arange(5), nobody(count, 1)
        )
    assert set(used) == {1, 16}


def test_of_more_neighbours_than_are_kept_the_nearest_stay_and_of_equals_the_first():
    rng = np.random.default_rng(1)
    one = np.repeat(hashes(rng, 2), 8, axis=0)  # two images, eight equal turns
    other = np.stack([flipped(rng, one[0], far) for far in (9, 4, 4, 7, 4, 1, 9)])
    what = sought("hash256", one, 31, turns=8)
    for order in (range(7), reversed(range(7))):
        near, _ = found_in(what, other, 3, [[n] for n in order])
        assert near == [[(1, 5, 0), (4, 1, 0), (4, 2, 0)], []]


def test_what_pieces_find_is_merged_to_what_one_search_finds():
    rng = np.random.default_rng(2)
    one = hashes(rng, 4)
    other = np.stack([flipped(rng, one[n % 4], n % 11) for n in range(40)])
    what = sought("hash256", one, 31)
    whole, parts = nobody(4, 3), nobody(4, 3)
    search.search(what, other, np.arange(40), whole)
    for piece in np.array_split(rng.permutation(40), 5):
        own = nobody(4, 3)
        search.search(what, other[np.sort(piece)], np.sort(piece), own)
        search.merge(parts, search.sparse(own))
    assert all((a == b).all() for a, b in zip(whole, parts, strict=True))


def test_keys_are_found_where_all_256_bits_are_equal():
    rng = np.random.default_rng(3)
    one = hashes(rng, 5)
    almost = one[1].copy()
    almost[3] ^= np.uint64(1)
    other = np.stack([one[0], almost, one[4], one[0]])
    near, back = found_in(sought("key", one, 0), other, 5, [[0, 1], [2, 3]])
    assert near == [[(0, 0, 0), (0, 3, 0)], [], [], [], [(0, 2, 0)]]
    assert back == {(0, 0): (0, 0), (2, 0): (0, 4), (3, 0): (0, 0)}


def test_a_sample_with_two_rows_is_one_sample():
    rng = np.random.default_rng(4)
    one = hashes(rng, 1)
    found = nobody(1, 3)
    back = search.search(sought("key", one, 0), np.concatenate([one, one]), np.array([7, 7]), found)
    assert found.other.tolist() == [[7, -1, -1]]
    assert back.other.tolist() == [[0]]


def unit(rng, count, width=16):
    rows = rng.standard_normal((count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_vectors_are_found_as_their_products_in_64_bits_say(monkeypatch):
    monkeypatch.setattr(search, "PRODUCT", 100)
    rng = np.random.default_rng(5)
    one, other = unit(rng, 12), unit(rng, 150)
    product = lambda a, b: max(0.0, 1 - sum(float(x) * float(y) for x, y in zip(a, b, strict=True)))  # noqa: E731
    what = sought("vector", one, 0.6, turns=2, groups=3)
    assert found_in(what, other, 4, [[*range(70)], [*range(70, 150)]]) == by_hand(what, other, 4, product)


def test_nothing_is_found_where_nothing_is_sought_or_held():
    for what, rows in ((np.zeros((0, 4), np.uint64), 3), (np.zeros((2, 4), np.uint64), 0)):
        found = nobody(2, 3)
        back = search.search(
            sought("hash256", what, 31), np.zeros((rows, 4), np.uint64), np.arange(rows), found
        )
        assert (found.other == -1).all()
        assert back.other.shape == (rows, 1)
