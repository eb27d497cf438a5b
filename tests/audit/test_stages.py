"""Shards are cut into tasks, and their rows into pieces."""

import numpy as np
import pytest

from wit_builder.audit import stages


@pytest.mark.parametrize(
    ("samples", "found"),
    [
        ([], []),
        ([5], [[0]]),
        ([stages.SEARCHED, 1], [[0], [1]]),
        ([stages.SEARCHED - 1, 7, 7], [[0, 1], [2]]),
        ([0, 0, 9], [[0, 1, 2]]),
    ],
)
def test_shards_go_together_until_they_have_enough_samples(samples, found):
    assert stages.groups(samples) == found


def shards(*sizes):
    """Rows of shards of these sizes, each with its number."""
    starts = np.cumsum([0, *sizes])
    return (
        (np.arange(start, start + size)[:, None], np.arange(start, start + size))
        for start, size in zip(starts, sizes, strict=False)
    )


@pytest.mark.parametrize("sizes", [(), (0, 0), (3,), (4,), (2, 2), (1, 9, 0, 5), (20, 1), (3, 3, 3, 3)])
def test_rows_come_in_pieces_of_one_size_in_their_order(sizes):
    pieces = list(stages._pieces(shards(*sizes), 4))
    assert [len(rows) for rows, _ in pieces[:-1]] == [4] * (len(pieces) - 1)
    assert all(0 < len(rows) <= 4 for rows, _ in pieces)
    assert [n for rows, _ in pieces for n in rows[:, 0]] == [*range(sum(sizes))]
    assert [n for _, numbers in pieces for n in numbers] == [*range(sum(sizes))]


def test_a_piece_is_handed_on_before_the_next_shard_is_read():
    read = []

    def reading():
        for number, shard in enumerate(shards(4, 4, 4)):
            read.append(number)
            yield shard

    pieces = stages._pieces(reading(), 4)
    next(pieces)
    assert read == [0]
