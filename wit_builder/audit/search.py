"""The nearest images of the shards for each image of the sets, and the nearest of each set for each of the shards.

What is resident are the rows of the sets and k neighbours of each image; rows of the shards come in pieces. Nothing
is missed: keys are joined, hashes found by multi-index hashing as in curation/near.py, vectors multiplied with each
other. What is found does not depend on the order in which pieces come, nor on how they are cut: of neighbours at one
distance those with the smaller number stay.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wit_builder.audit.detectors import Kind, Rows
from wit_builder.curation.near import BLOCK_BITS, BLOCKS, BUCKETS, masks
from wit_builder.engine.compiled import compiled, ones

PIECE = 1_048_576
VECTORS = 16 << 20  # numbers of the shards' vectors that are held
PRODUCT = 8 << 20  # numbers of a product of vectors that is held
SLACK = 1e-4  # by which a sum of 32 bits may be wrong

Numbers = NDArray[np.int64]
Distances = NDArray[np.float64]


class Nearest(NamedTuple):
    """Of n items the k nearest others, nearest first."""

    distance: Distances  # [n, k], infinity where there are fewer
    other: Numbers  # [n, k], -1 where there are fewer
    turn: Numbers  # [n, k]: which turn of the set's image it was


class Sought(NamedTuple):
    """The rows of all images of all sets, as one detector has them."""

    kind: Kind
    rows: Rows  # [R, width]
    image: Numbers  # [R]: whose row it is
    turn: Numbers  # [R]: which of its views
    reach: Distances  # [images]: the largest distance that is kept; less than zero keeps nothing
    group: Numbers  # [images]: its set
    groups: int


def nobody(items: int, most: int) -> Nearest:
    """So many items without neighbours yet."""
    return Nearest(np.full((items, most), np.inf), np.full((items, most), -1), np.full((items, most), -1))


def search(sought: Sought, rows: Rows, number: Numbers, found: Nearest) -> Nearest:
    """Look at some rows of shards, `most` of them at once.

    number: int64 of the sample that each row is of, ascending. Takes what is near into `found` (an item for each
    image of the sets). Returns, for each of the samples here in the order of their numbers, the nearest image of each
    set: [samples, sets].
    """
    samples, sample = np.unique(number, return_inverse=True)
    back = nobody(len(samples), sought.groups)
    pairs = _Pairs(sought.image, sought.turn, sought.reach, sought.group, samples, sample.astype(np.int64))
    if not len(rows) or not len(sought.rows):
        return back
    if sought.kind == "key":
        _join(sought.rows, rows, pairs, found, back)
    elif sought.kind == "hash256":
        _hamming(sought.rows, rows, pairs, found, back)
    else:
        _products(sought.rows, rows, pairs, found, back)
    return back


def most(sought: Sought) -> int:
    """How many rows of shards are looked at once: what is sorted for them is worth it, and little is held of them."""
    width = sought.rows.shape[1]
    return (
        max(1 << 16, PIECE // sought.groups) if sought.kind != "vector" else max(1, VECTORS // max(1, width))
    )


def sparse(found: Nearest) -> NDArray[np.float64]:
    """The neighbours there are: item, distance, other, turn; [4, n]."""
    item, rank = np.nonzero(found.other >= 0)
    return np.stack([item, found.distance[item, rank], found.other[item, rank], found.turn[item, rank]])


@compiled
def merge(into: Nearest, more: NDArray[np.float64]) -> None:
    """Take in what `sparse` gave of another search for the same items."""
    for at in range(more.shape[1]):
        insert(into, int(more[0, at]), more[1, at], int(more[2, at]), int(more[3, at]))


class _Pairs(NamedTuple):
    """Whose the rows are."""

    image: Numbers
    turn: Numbers
    reach: Distances
    group: Numbers
    samples: Numbers
    sample: Numbers


@compiled
def insert(into: Nearest, item: int, distance: float, other: int, turn: int) -> None:
    """Take in one neighbour, unless k nearer ones are there; of one other only its nearest turn stays."""
    most = into.other.shape[1]
    at = most - 1
    for j in range(most):
        if into.other[item, j] == other:
            at = j
            break
    if into.other[item, at] == other:
        if (into.distance[item, at], into.turn[item, at]) <= (distance, turn):
            return
    elif into.other[item, at] >= 0 and (into.distance[item, at], into.other[item, at]) <= (distance, other):
        return
    while at > 0 and (
        into.other[item, at - 1] < 0
        or (distance, other) < (into.distance[item, at - 1], into.other[item, at - 1])
    ):
        into.distance[item, at] = into.distance[item, at - 1]
        into.other[item, at] = into.other[item, at - 1]
        into.turn[item, at] = into.turn[item, at - 1]
        at -= 1
    into.distance[item, at], into.other[item, at], into.turn[item, at] = distance, other, turn


@compiled
def _take(pairs: _Pairs, one: int, other: int, distance: float, found: Nearest, back: Nearest) -> None:
    """Row `one` of the sets and row `other` of the shards are so near."""
    image, sample, turn = pairs.image[one], pairs.sample[other], pairs.turn[one]
    if distance > pairs.reach[image]:
        return
    insert(found, image, distance, pairs.samples[sample], turn)
    group = pairs.group[image]
    if (distance, image, turn) < (back.distance[sample, group], back.other[sample, group], turn) or (
        back.other[sample, group] < 0
    ):
        back.distance[sample, group], back.other[sample, group] = distance, image
        back.turn[sample, group] = turn


def _join(one: Rows, other: Rows, pairs: _Pairs, found: Nearest, back: Nearest) -> None:
    order = np.argsort(one[:, 0], kind="stable")
    first = np.searchsorted(one[order, 0], other[:, 0], "left")
    last = np.searchsorted(one[order, 0], other[:, 0], "right")
    _take_equal(one, order, first, last, other, pairs, found, back)


@compiled
def _take_equal(
    one: Rows,
    order: Numbers,
    first: Numbers,
    last: Numbers,
    other: Rows,
    pairs: _Pairs,
    found: Nearest,
    back: Nearest,
) -> None:
    for j in range(len(other)):
        for at in range(first[j], last[j]):
            if (one[order[at]] == other[j]).all():
                _take(pairs, order[at], j, 0.0, found, back)


class _Table(NamedTuple):
    """Hashes in the order of their buckets."""

    words: Rows  # [4, n]; the word that the bucket is of comes last: it tells least
    rows: Numbers
    starts: Numbers  # where each bucket begins, and the end


def _hamming(one: Rows, other: Rows, pairs: _Pairs, found: Nearest, back: Nearest) -> None:
    """Two hashes that differ in at most r bits differ in at most (r - b) // 16 bits of some block b of the 16.

    With one bit more in each block they would differ in more than r (the principle of curation/near.py, by blocks).
    """
    radius = int(pairs.reach.max())
    turned = [masks(radius - block) for block in range(BLOCKS)]
    if sum(map(len, turned)) * (1 + len(one) / BUCKETS) >= len(one):
        turned = [np.zeros(1, np.int64)]  # few: each is compared with each
    for block, some in enumerate(turned):
        left, right = (_table(hashes, block, len(turned)) for hashes in (one, other))
        _take_near(left, right, some, radius, pairs, found, back)


def _table(hashes: Rows, block: int, of: int) -> _Table:
    word, place = divmod(block, BLOCKS // 4)
    values = (hashes[:, word] >> np.uint64(BLOCK_BITS * place)).astype(np.uint16)
    if of == 1:
        values = np.zeros_like(values)
    order = np.argsort(values, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(values, minlength=BUCKETS if of > 1 else 1))])
    return _Table(np.ascontiguousarray(np.roll(hashes, 3 - word, axis=1)[order].T), order, starts)


@compiled
def _take_near(
    left: _Table, right: _Table, turned: Numbers, radius: int, pairs: _Pairs, found: Nearest, back: Nearest
) -> None:
    """Compare each bucket of the right with those of the left that are near it."""
    near, far = left.words, right.words
    for value in range(len(right.starts) - 1):
        start, end = right.starts[value], right.starts[value + 1]
        if start == end:
            continue
        for turn in turned:
            first, last = left.starts[value ^ turn], left.starts[(value ^ turn) + 1]
            for j in range(start, end):
                one, two = far[0, j], far[1, j]
                for i in range(first, last):
                    half = ones(near[0, i] ^ one) + ones(near[1, i] ^ two)
                    if half <= radius:
                        rest = ones(near[2, i] ^ far[2, j]) + ones(near[3, i] ^ far[3, j])
                        if half + rest <= radius:
                            _take(pairs, left.rows[i], right.rows[j], float(half + rest), found, back)


def _products(one: Rows, other: Rows, pairs: _Pairs, found: Nearest, back: Nearest) -> None:
    """Sums of 32 bits, which hang on the shape of the matrices, only say which pairs are summed in 64."""
    least = (1 - pairs.reach[pairs.image] - SLACK).astype(np.float32)
    step = max(1, PRODUCT // len(one))
    for start in range(0, len(other), step):
        row, column = np.nonzero(other[start : start + step] @ one.T >= least)
        _take_products(one, column, other, row + start, pairs, found, back)


@compiled
def _take_products(
    one: Rows, i: Numbers, other: Rows, j: Numbers, pairs: _Pairs, found: Nearest, back: Nearest
) -> None:
    for at in range(len(i)):
        product = 0.0
        for column in range(one.shape[1]):
            product += np.float64(one[i[at], column]) * np.float64(other[j[at], column])
        _take(pairs, i[at], j[at], max(0.0, 1 - product), found, back)
