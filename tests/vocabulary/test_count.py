"""Words and bigrams of a corpus."""

import math
from collections import Counter

import numpy as np
import pytest

from wit_builder import remote
from wit_builder.vocabulary.count import Corpus, npmi_of

LINES = [
    "New York is new.",
    "the York of new york",
    "St. Louis",
    "",
    "猫が東京にいる、東京",
    "the cat's new york",
]


@pytest.fixture
def counted(tmp_path):
    """Words and bigrams of these lines in one file, or in several."""

    def count(lines, least=1, npmi=-1.0, memory=1 << 20, files=1):
        for n in range(files):
            (tmp_path / f"{n}.txt").write_text("\n".join(lines[n::files]))
        scratch = tmp_path / f"scratch-{len(list(tmp_path.iterdir()))}"
        scratch.mkdir()
        told = Counter()
        sources = remote.expand([str(tmp_path / f"{n}.txt") for n in range(files)], ())
        corpus = Corpus(sources, scratch, memory, lambda step, size, words: told.update({step: words}))
        words = corpus.words(least, Counter())
        bigrams = {(a, b): count for a, b, count, score in corpus.bigrams(words, least) if score >= npmi}
        assert told["words"] == told["bigrams"] == words.total
        return words, bigrams

    return count


def test_words_are_counted_in_one_form(counted):
    words, _ = counted(LINES)
    assert words.total == 25
    assert words.counts["new"] == 4
    assert words.counts["東"] == 2
    assert "cat's" not in words.counts


def test_bigrams_stand_side_by_side_in_one_line(counted):
    _, bigrams = counted(LINES)
    assert bigrams["new", "york"] == 3
    assert bigrams["東", "京"] == 2
    assert bigrams["st", "louis"] == 1
    assert ("new", "the") not in bigrams
    assert sum(bigrams.values()) == 20


def test_both_must_be_frequent_enough(counted):
    words, bigrams = counted(LINES, least=2)
    assert set(words.counts) == {"new", "york", "the", "東", "京"}
    assert bigrams == {("new", "york"): 3, ("東", "京"): 2}


@pytest.mark.parametrize(("memory", "files"), [(1, 1), (200, 3), (1 << 20, 6)])
def test_neither_memory_nor_files_make_a_difference(counted, memory, files):
    assert counted(LINES * 20, 3, -1.0, memory, files) == counted(LINES * 20, 3)


def test_a_corpus_without_a_word_has_none(counted):
    words, bigrams = counted(["...", ""])
    assert (words.total, words.counts, bigrams) == (0, {}, {})


def test_only_pairs_that_belong_together_pass_the_threshold(counted):
    lines = ["los angeles", *["a b", "b a", "a c", "c b"] * 5, "los angeles"]
    assert set(counted(lines, npmi=0.9)[1]) == {("los", "angeles")}


def score(together, left, right, pairs, words):
    return float(npmi_of(*(np.array([n]) for n in (together, left, right)), pairs, words)[0])


def test_npmi_is_one_for_words_that_only_occur_together_and_zero_for_independent_ones():
    assert score(10, 10, 10, 1000, 1000) == pytest.approx(1)
    assert score(10, 100, 100, 1000, 1000) == pytest.approx(0)
    assert score(1, 100, 100, 1000, 1000) == pytest.approx(math.log(0.1) / -math.log(0.001))
    assert score(5, 5, 5, 5, 10) == 1
