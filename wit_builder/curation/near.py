"""Which pictures are nearly the same? All whose 256-bit hashes differ within a radius, exactly; none is missed.

Multi-index hashing (Norouzi, Punjani and Fleet, CVPR 2012). A hash is cut into 16 blocks of 16 bits. Two hashes
that differ in at most r bits differ in at most r // 16 bits of one block at least: with one bit more in each they
would differ in 16 * (r // 16 + 1) > r. So for each block the hashes go into 65,536 buckets by its value, and only
buckets whose values are that near are compared: for a radius of 31, one bit, 17 buckets with each. Where that
would be more work than each with each (few hashes, radii from 64 on), each is compared with each.

A picture without detail has a hash of noise (solid colours have zeros, all of them), and is near nobody.

Hashes that do not fit into a task's memory are cut further: it takes those of a block whose values begin alike, and
what is near them in the same block.

A million hashes take seconds of one core, ten million minutes (docs/benchmarks.md). Nobody needs the pairs, only who
is connected. So what is found is kept as a forest, of fewer links than hashes, and pieces of buckets that are one
group already are passed over: a million pictures that are all alike take no longer. The worst is one bucket for all
in which nobody is alike: that is each with each.
"""

from collections.abc import Sequence
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wit_builder.curation import clean, tables
from wit_builder.curation.groups import Links, Rows
from wit_builder.engine import columns
from wit_builder.engine.compiled import compiled, ones
from wit_builder.engine.task import Task
from wit_builder.images.picture import MIN_QUALITY

HEX = 64  # digits of a hash
BLOCKS, BLOCK_BITS = 16, 16
BUCKETS = 1 << BLOCK_BITS
MANY = 64  # comparisons from which on it pays to count the hits first
PIECE = 256  # hashes of a bucket that are taken together
NEIGHBOURS = 4  # with which each is compared at first: that connects most of what is alike
HELD = 8_000_000  # hashes in memory of a task: 1.5 GB
MOST_BITS = 10  # by which a block is cut
SORTING = 64  # what to sort a hash into a bucket costs, in comparisons
_LOOK = ["phash", "phash_quality"]

Words = NDArray[np.uint64]  # four rows, a column a picture: the 256 bits of its hash


def pairs(task: Task) -> None:
    """Finds near-duplicates, in some of the blocks, or in a part of one.

    arg: which of the tasks; params: samples ([parquet path]), tasks (how many), parts (of a block; with more than one
    each task has one part of one block), duplicates, incumbents.
    Hands on `links` (parquet of `one` and `other`: row numbers of all samples, then of the incumbents).
    """
    radius, tasks, parts = task.params["duplicates"].radius, task.params["tasks"], task.params["parts"]
    published = detailed(clean.incumbents(task.params["incumbents"]))
    if parts > 1:
        block, part = divmod(task.arg, parts)
        one, other = links_of_part(task.params["samples"], published, radius, block, part, parts)
    else:
        samples = clean.read(task.params["samples"], _LOOK)
        rows, hashes = detailed(samples)
        behind, old = samples.num_rows + published[0], published[1]
        del samples
        of = blocks(hashes.shape[1], old.shape[1], radius)
        everyone = np.concatenate([rows, behind])
        one, other = (everyone[ends] for ends in links(hashes, old, radius, range(task.arg, of, tasks), of))
    tables.write_parquet(task.new_file("links", ".parquet"), pa.table({"one": one, "other": other}))


def detailed(table: pa.Table) -> tuple[Rows, Words]:
    """The rows whose hash means something, and these hashes. table: phash, phash_quality (null: not known)."""
    told = pc.fill_null(pc.greater_equal(table.column("phash_quality"), MIN_QUALITY), True)
    rows = np.flatnonzero(told)
    return rows, columns.digits(table.column("phash"), HEX)[:, rows]


def parts_of(hashes: int, radius: int) -> int:
    """Into how many parts a block is cut, by the first bits of its value, so that a task holds HELD hashes at most.

    1 where all fit, or where each is compared with each.
    """
    bits = 0
    while bits < MOST_BITS and hashes * len(_near_parts(0, 1 << bits, radius)) > HELD << bits:
        bits += 1
    return 1 << bits if blocks(hashes, 0, radius) == BLOCKS else 1


def _near_parts(part: int, parts: int, radius: int) -> list[int]:
    """The parts, not before this one, that hold values near its own."""
    return [other for other in range(part, parts) if (part ^ other).bit_count() <= radius // BLOCKS]


def links_of_part(
    samples: Sequence[str], published: tuple[Rows, Words], radius: int, block: int, part: int, parts: int
) -> Links:
    """Links between a part of a block and all that is near it in this block and the parts behind it.

    published: rows of the incumbents, and their hashes.
    """
    word, place = divmod(block, BLOCKS // 4)
    first = np.uint64(BLOCK_BITS * (place + 1) - (parts - 1).bit_length())  # of the bits that tell the part
    near, start = _near_parts(part, parts, radius), 0
    mine: list[tuple[Rows, Words]] = [(np.array([], np.int64), np.empty((4, 0), np.uint64))]
    others: list[tuple[Rows, Words]] = []
    for path in samples:
        table = clean.read([path], _LOOK)
        rows, words = detailed(table)
        of = (words[word] >> first & np.uint64(parts - 1)).astype(np.int64)
        for chosen, kept in ((of == part, mine), (np.isin(of, near[1:]), others)):
            kept.append((start + rows[chosen], words[:, chosen]))
        start += table.num_rows
    others.append((start + published[0], published[1]))
    (rows, hashes), (behind, old) = map(_joined, (mine, others))
    one, other = links(hashes, old, radius, [block], BLOCKS)
    everyone = np.concatenate([rows, behind])
    return everyone[one], everyone[other]


def _joined(pieces: Sequence[tuple[Rows, Words]]) -> tuple[Rows, Words]:
    return np.concatenate([rows for rows, _ in pieces]), np.concatenate(
        [words for _, words in pieces], axis=1
    )


def blocks(hashes: int, incumbents: int, radius: int) -> int:
    """Into how many blocks so many hashes are cut: 16, or 1 where each is compared with each."""
    flips = sum(comb(BLOCK_BITS, bits) for bits in range(radius // BLOCKS + 1))
    everyone = hashes + incumbents
    each = min(hashes, BUCKETS) + hashes * everyone / BUCKETS
    return BLOCKS if BLOCKS * (flips * each + SORTING * everyone) < hashes * everyone else 1


def links(hashes: Words, incumbents: Words, radius: int, which: Sequence[int], of: int) -> Links:
    """Links between the rows that these blocks show to be near; `which` of `of`, as `blocks` says for them all.

    Rows are numbered through: hashes, then incumbents, which are not compared with each other. The links of all
    blocks together connect all pairs within the radius, and nobody else. They are fewer than the rows.
    """
    count = hashes.shape[1]
    order = np.concatenate(
        [np.argsort(hashes[0]), count + np.argsort(incumbents[0])]
    )  # what is alike together
    words = np.concatenate([hashes, incumbents], axis=1)[:, order]
    root = np.arange(len(order))
    _link_neighbours(_Table(words[:, :count], root[:count].copy(), root[:1]), root, radius)
    for block in which:
        new = _table(words, np.arange(count), root, block, of)
        old = _table(words, np.arange(count, len(order)), root, block, of)
        flips = masks(radius) if of == BLOCKS else np.zeros(1, np.int64)
        _link_tables(new, new, True, flips, root, radius)
        _link_tables(new, old, False, flips, root, radius)
    _flatten(root)
    linked = np.flatnonzero(root != np.arange(len(root)))
    return order[linked], order[root[linked]]


def masks(radius: int) -> Rows:
    """What may be turned over in a block's value: each set of at most `radius // 16` of its bits."""
    sets = (
        chosen for size in range(radius // BLOCKS + 1) for chosen in combinations(range(BLOCK_BITS), size)
    )
    return np.array([sum(1 << bit for bit in chosen) for chosen in sets], np.int64)


class _Table(NamedTuple):
    """Some of the hashes in the order of their buckets; in a bucket those of one group stand together."""

    words: Words  # the word that the bucket is of comes last: it tells least
    rows: Rows
    starts: Rows  # where each bucket begins, and the end


def _table(words: Words, rows: Rows, root: Rows, block: int, of: int) -> _Table:
    word, place = divmod(block, BLOCKS // 4)
    values = (words[word, rows] >> np.uint64(BLOCK_BITS * place)).astype(np.uint16)
    buckets = BUCKETS
    if of == 1:
        values, buckets = np.zeros_like(values), 1
    order = np.argsort(root[rows], kind="stable")
    order = order[np.argsort(values[order], kind="stable")]
    starts = np.concatenate([[0], np.cumsum(np.bincount(values, minlength=buckets))])
    rotated = np.roll(np.arange(4), 3 - word)
    return _Table(np.ascontiguousarray(words[rotated[:, None], rows[order]]), rows[order], starts)


@compiled
def _find(root: Rows, row: int) -> int:
    while root[row] != row:
        root[row] = root[root[row]]
        row = root[row]
    return row


@compiled
def _flatten(root: Rows) -> None:
    for row in range(len(root)):
        root[row] = root[root[row]]  # a root is smaller than what hangs on it


@compiled
def _compare(
    left: _Table, here: range, right: _Table, there: range, ahead: int, root: Rows, radius: int
) -> None:
    """Compare some hashes with some; of one table with itself (ahead: 1) each only with those behind it."""
    for i in here:
        one, two, three, four = left.words[0, i], left.words[1, i], left.words[2, i], left.words[3, i]
        start = max(there.start, ahead * (i + 1))
        ones_, twos = right.words[0, start : there.stop], right.words[1, start : there.stop]
        if len(ones_) >= MANY:
            hits = 0
            for j in range(len(ones_)):  # no more in this loop, so that it takes several j at once
                hits += ones(one ^ ones_[j]) + ones(two ^ twos[j]) <= radius
            if hits == 0:
                continue
        for j in range(len(ones_)):
            half = ones(one ^ ones_[j]) + ones(two ^ twos[j])
            if half <= radius:
                k = start + j
                if half + ones(three ^ right.words[2, k]) + ones(four ^ right.words[3, k]) <= radius:
                    a, b = _find(root, left.rows[i]), _find(root, right.rows[k])
                    root[max(a, b)] = min(a, b)


@compiled
def _link_neighbours(table: _Table, root: Rows, radius: int) -> None:
    count = len(table.rows)
    for i in range(count):
        _compare(table, range(i, i + 1), table, range(i + 1, min(count, i + 1 + NEIGHBOURS)), 1, root, radius)


@compiled
def _link_tables(left: _Table, right: _Table, same: bool, flips: Rows, root: Rows, radius: int) -> None:
    """Compare each bucket with those near it; of one table with itself, each two buckets once."""
    for value in range(len(left.starts) - 1):
        start, end = left.starts[value], left.starts[value + 1]
        if start == end:
            continue
        for flip in flips:
            near = value ^ flip
            begin, stop = right.starts[near], right.starts[near + 1]
            if begin == stop or (same and near < value):
                continue
            if end - start <= PIECE and stop - begin <= PIECE:
                _compare(left, range(start, end), right, range(begin, stop), same and flip == 0, root, radius)
            else:
                _link_pieces(left, start, end, right, begin, stop, same and flip == 0, root, radius)


@compiled
def _link_pieces(
    left: _Table,
    start: int,
    end: int,
    right: _Table,
    begin: int,
    stop: int,
    same: bool,
    root: Rows,
    radius: int,
) -> None:
    """Compare large buckets piece by piece, but for two pieces that are of one group."""
    groups = np.array([_group(right, at, min(stop, at + PIECE), root) for at in range(begin, stop, PIECE)])
    for first in range(start, end, PIECE):
        last = min(end, first + PIECE)
        group = _group(left, first, last, root)
        for k in range((first - begin) // PIECE if same else 0, len(groups)):
            if group >= 0 and groups[k] >= 0 and _find(root, group) == _find(root, groups[k]):
                continue
            at, until = begin + k * PIECE, min(stop, begin + (k + 1) * PIECE)
            _compare(left, range(first, last), right, range(at, until), same, root, radius)
            groups[k] = _group(right, at, until, root)
            group = _group(left, first, last, root)


@compiled
def _group(table: _Table, start: int, end: int, root: Rows) -> int:
    """The root of the group that all these hashes are of, -1 where they are of several."""
    group = _find(root, table.rows[start])
    for i in range(start + 1, end):
        if _find(root, table.rows[i]) != group:
            return -1
    return group
