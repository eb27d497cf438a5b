"""How often each of very many texts, or pairs of numbers, was met, in bounded memory.

What is met is counted in memory up to a limit, then written to a folder as a sorted run; in the end the runs are
merged. The counts do not depend on the limit.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from heapq import merge
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_Keys = NDArray[np.int64]

_MOST_RUNS = 64  # files open at a time while they are merged
_BLOCK = 1 << 20  # pairs of each run that are merged at a time


class Tally:
    """Counts of texts without tabs and ends of lines."""

    def __init__(self, folder: Path, most: int) -> None:
        """folder: for the runs; it is made. most: texts held in memory, about 150 bytes each."""
        self._folder, self._most = folder, most
        self._held: Counter[str] = Counter()
        self._runs: list[Path] = []
        self._written = 0
        folder.mkdir()

    def add(self, counts: Mapping[str, int]) -> None:
        """So many more of each."""
        self._held.update(counts)
        if len(self._held) >= self._most:
            self._spill()

    def counts(self) -> Iterator[tuple[str, int]]:
        """Every text with its count, by code points."""
        held = sorted(self._held.items())
        rows = merge(*map(_read, self._runs), held, key=itemgetter(0)) if self._runs else held
        for text, group in groupby(rows, itemgetter(0)):
            yield text, sum(count for _, count in group)

    def _spill(self) -> None:
        if len(self._runs) == _MOST_RUNS:
            rows, runs = self.counts(), self._runs
        else:
            rows, runs = iter(sorted(self._held.items())), []
        self._written += 1
        run = self._folder / f"{self._written}.tsv"
        with run.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{text}\t{count}\n" for text, count in rows)
        for merged in runs:
            merged.unlink()
        self._runs = [run] if runs else [*self._runs, run]
        self._held.clear()


def _read(run: Path) -> Iterator[tuple[str, int]]:
    with run.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            text, _, count = line.rstrip("\n").rpartition("\t")
            yield text, int(count)


class PairTally:
    """Counts of 64-bit numbers, each of which stands for a pair."""

    def __init__(self, folder: Path, most: int) -> None:
        """folder: as for `Tally`. most: numbers held in memory, about 50 bytes each while they are sorted."""
        self._folder, self._most = folder, most
        self._loose: list[_Keys] = []
        self._loose_size = 0
        self._keys = np.zeros(0, np.int64)
        self._counts = np.zeros(0, np.int64)
        self._runs: list[tuple[_Keys, _Keys]] = []
        folder.mkdir()

    def add(self, keys: _Keys) -> None:
        """One more of each."""
        self._loose.append(keys)
        self._loose_size += len(keys)
        if self._loose_size >= self._most:
            self._settle()
        if len(self._keys) >= self._most:
            self._spill()

    def counts(self) -> Iterator[tuple[_Keys, _Keys]]:
        """All numbers in ascending order with their counts, a block at a time."""
        self._settle()
        rest = [*self._runs, (self._keys, self._counts)]
        while rest := [(keys, counts) for keys, counts in rest if len(keys)]:
            upto = min(int(keys[:_BLOCK][-1]) for keys, _ in rest)  # so far every run has been looked at
            ends = [int(np.searchsorted(keys, upto, "right")) for keys, _ in rest]
            yield _summed(
                np.concatenate([keys[:end] for (keys, _), end in zip(rest, ends, strict=True)]),
                np.concatenate([counts[:end] for (_, counts), end in zip(rest, ends, strict=True)]),
            )
            rest = [(keys[end:], counts[end:]) for (keys, counts), end in zip(rest, ends, strict=True)]

    def _settle(self) -> None:
        """Take what came in to what is held."""
        if self._loose:
            keys, counts = np.unique(np.concatenate(self._loose), return_counts=True)
            self._loose, self._loose_size = [], 0
            self._keys, self._counts = _summed(
                np.concatenate((self._keys, keys)), np.concatenate((self._counts, counts))
            )

    def _spill(self) -> None:
        stem = self._folder / str(len(self._runs))
        run = []
        for name, values in (("keys", self._keys), ("counts", self._counts)):
            path = stem.with_name(f"{stem.name}-{name}.npy")
            np.save(path, values)
            run.append(np.load(path, mmap_mode="r"))
        self._runs.append((run[0], run[1]))
        self._keys, self._counts = np.zeros(0, np.int64), np.zeros(0, np.int64)


def _summed(keys: _Keys, counts: _Keys) -> tuple[_Keys, _Keys]:
    """Each key once, in order, with the sum of its counts."""
    order = np.argsort(keys, kind="stable")
    keys, counts = keys[order], counts[order]
    firsts = np.flatnonzero(np.diff(keys, prepend=keys[:1] - 1))
    return keys[firsts], np.add.reduceat(counts, firsts) if len(firsts) else counts
