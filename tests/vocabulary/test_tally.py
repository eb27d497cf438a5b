"""Counting in bounded memory gives what counting without a bound does."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_builder.vocabulary.tally import PairTally, Tally

BATCHES = st.lists(
    st.lists(st.sampled_from(["a", "b", "é", "東", "z z", "'s", "\U0001f600", "\ue000"]), max_size=6),
    max_size=90,
)


@pytest.fixture
def folder(tmp_path_factory):
    return lambda: tmp_path_factory.mktemp("tally") / "runs"


@pytest.mark.parametrize("most", [1, 2, 5, 1000])
def test_the_counts_of_texts_do_not_depend_on_the_memory(folder, most):
    @given(BATCHES)
    def holds(batches):
        tally = Tally(folder(), most)
        for batch in batches:
            tally.add(Counter(batch))
        assert list(tally.counts()) == sorted(Counter(text for batch in batches for text in batch).items())

    holds()


def test_runs_are_merged_before_there_are_too_many(folder):
    place = folder()
    tally = Tally(place, 1)
    for n in range(300):
        tally.add({f"{n % 7}": 1, "x": 2})
    assert len(list(place.iterdir())) < 70
    assert dict(tally.counts()) == {"0": 43, "1": 43, "2": 43, "3": 43, "4": 43, "5": 43, "6": 42, "x": 600}


@pytest.mark.parametrize("most", [1, 3, 10, 1000])
@pytest.mark.parametrize("block", [1, 2, 1000])
def test_the_counts_of_pairs_do_not_depend_on_the_memory(folder, most, block, monkeypatch):
    monkeypatch.setattr("wit_builder.vocabulary.tally._BLOCK", block)
    draw = np.random.default_rng(most)
    tally = PairTally(folder(), most)
    batches = [draw.integers(0, 40, size).astype(np.int64) for size in (0, 1, 7, 100, 30, 3)]
    for batch in batches:
        tally.add(batch)
    found = [
        pair for keys, counts in tally.counts() for pair in zip(keys.tolist(), counts.tolist(), strict=True)
    ]
    assert found == sorted(Counter(np.concatenate(batches).tolist()).items())


def test_pairs_of_nothing_are_none(folder):
    assert list(PairTally(folder(), 10).counts()) == []
