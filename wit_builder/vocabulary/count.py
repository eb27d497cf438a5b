"""The words and the bigrams of a corpus, which is read twice: for its words, then for pairs of the frequent ones.

A bigram is never more frequent than its words are, so pairs of others need not be counted.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wit_builder.remote import Source
from wit_builder.text.words import END, Split, split
from wit_builder.vocabulary.corpus import lines
from wit_builder.vocabulary.tally import PairTally, Tally

_WORD_BYTES, _PAIR_BYTES = 200, 100  # of memory that one takes while it is counted

_Numbers = NDArray[np.int64]
Follow = Callable[[str, int, int], None]  # told what is read, and bytes and words since it was told last


@dataclass(frozen=True, slots=True)
class Words:
    """The frequent words of a corpus."""

    counts: dict[str, int]  # by code points
    total: int  # of all words


@dataclass(frozen=True, slots=True)
class Corpus:
    """Files whose words and bigrams are counted."""

    sources: Sequence[Source]
    scratch: Path  # an empty folder
    memory: int  # bytes, about
    follow: Follow

    def words(self, least: int, skipped: Counter[str]) -> Words:
        """Those that occur at least so often, case folded; `skipped` as in `corpus.lines`."""
        tally = Tally(self.scratch / "words", max(1, self.memory // _WORD_BYTES))
        total = 0
        for found in self._read("words", skipped):
            counts = Counter(found.words)
            del counts[END]
            tally.add(counts)
            total += len(found.words) - len(found.ends)
        return Words({word: count for word, count in tally.counts() if count >= least}, total)

    def bigrams(self, words: Words, least: int) -> Iterator[tuple[str, str, int, float]]:
        """Two words that stand side by side in a line at least so often, their count, and their NPMI.

        NPMI: normalised pointwise mutual information (Bouma 2009), -1 to 1:
        ln(p(x, y) / (p(x) p(y))) / -ln p(x, y), 0 for independent words, 1 for such as only occur together.
        """
        frequent = [word for word, count in words.counts.items() if count >= least]
        numbers = {word: number for number, word in enumerate(frequent)}
        tally = PairTally(self.scratch / "bigrams", max(1, self.memory // _PAIR_BYTES))
        pairs = 0
        for found in self._read("bigrams", Counter()):
            row = np.fromiter(map(numbers.get, found.words, repeat(-1)), np.int64, len(found.words))
            left, right = row[:-1], row[1:]
            known = (left >= 0) & (right >= 0)
            tally.add(left[known] * len(frequent) + right[known])
            pairs += int(np.maximum(np.diff(found.ends, prepend=-1) - 2, 0).sum())
        frequencies = np.array([words.counts[word] for word in frequent], np.int64)
        for keys, counts in tally.counts():
            keys, counts = keys[counts >= least], counts[counts >= least]
            left, right = keys // max(1, len(frequent)), keys % max(1, len(frequent))
            score = npmi_of(counts, frequencies[left], frequencies[right], pairs, words.total)
            rows = zip(left.tolist(), right.tolist(), counts.tolist(), score.tolist(), strict=True)
            yield from ((frequent[one], frequent[other], count, npmi) for one, other, count, npmi in rows)

    def _read(self, step: str, skipped: Counter[str]) -> Iterator[Split]:
        for source in self.sources:
            for block, taken in lines(source, skipped):
                found = split(block)
                yield found
                self.follow(step, taken, len(found.words) - len(found.ends))


def npmi_of(
    together: _Numbers, left: _Numbers, right: _Numbers, pairs: int, words: int
) -> NDArray[np.float64]:
    """Normalised pointwise mutual information, from how often pairs and their words occur."""
    share = together / max(pairs, 1)
    expected = (left / words) * (right / words)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.log(share / expected) / -np.log(share)
    return np.where(share >= 1, 1.0, score)
