"""Which samples are in step N? A function of seed, epoch and shard list, whatever the number of workers and ranks.

The shards of an epoch lie in an order of their own, cut into blocks, and the samples of a block are mixed with each
other. Both orders are those of hashes, so the whole state of the shuffle is the step, and its memory one block's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from wit_builder.errors import ConfigError

BLOCK = 64  # shards whose samples are mixed with each other, at most: 640,000 samples of shards of 10,000
BLOCK_SAMPLES = 1 << 21  # about as many in a block at most; 8 bytes each in memory
MAX_WEIGHT = 1000.0

Numbers = npt.NDArray[np.int64]
_Words = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Places:
    """Where samples lie: int64 [N] each."""

    shards: Numbers  # numbers in the shard list
    members: Numbers  # numbers among the samples of that shard
    laps: Numbers  # how often their source has been gone through before: crops and captions are drawn anew


LAYOUT = "KEY.jpg with KEY.txt or KEY.json, one after the other in a tar"


class Order:
    """The order of all epochs.

    samples: of each shard. sources: which source each belongs to. weights: by source, how often a sample is taken in
    an epoch, on average: of 0.5 each epoch takes the next half, of 2 it takes all twice.
    Raises ConfigError for weights out of range, and when there is no sample at all.
    """

    def __init__(
        self, samples: Sequence[int], sources: Sequence[int], weights: Sequence[float], seed: int
    ) -> None:
        if not all(0 < weight <= MAX_WEIGHT for weight in weights):
            raise ConfigError(
                f"weights are {tuple(weights)!r}, expected numbers over 0 and up to {MAX_WEIGHT:g}"
            )
        self._samples = np.asarray(samples, np.int64)
        self._seed = seed
        of = np.asarray(sources, np.int64)
        self._rings = [_ring(np.flatnonzero(of == source), seed) for source in range(len(weights))]
        counts = [int(self._samples[ring].sum()) for ring in self._rings]
        self._taken = [
            max(1, round(count * weight)) if count else 0
            for count, weight in zip(counts, weights, strict=True)
        ]
        self.total = sum(self._taken)  # samples of an epoch
        if not self.total:
            raise ConfigError("the shards hold no sample that can be used", LAYOUT)
        self._epoch = lru_cache(2)(self._made)
        self._mixture = lru_cache(2)(self._mixed)

    def places(self, epoch: int, first: int, last: int) -> Places:
        """The samples at places first to last (exclusive) of that epoch; 0 <= first <= last <= total."""
        made = self._epoch(epoch)
        places = np.arange(first, last, dtype=np.int64)
        blocks = np.searchsorted(made.blocks, places, "right") - 1
        for block in range(blocks[0], blocks[-1] + 1) if len(places) else ():
            here = blocks == block
            places[here] = made.blocks[block] + self._mixture(epoch, block)[places[here] - made.blocks[block]]
        runs = np.searchsorted(made.ends, places, "right")
        within = places - (made.ends[runs] - made.lengths[runs])
        return Places(made.shards[runs], made.firsts[runs] + within, made.laps[runs])

    def block(self, epoch: int, place: int) -> Numbers:
        """The shards of the block that this place lies in, and of the one behind it: what will be read next."""
        made = self._epoch(epoch)
        at = int(np.searchsorted(made.blocks, place, "right")) - 1
        start, end = made.blocks[at], made.blocks[min(at + 2, len(made.blocks) - 1)]
        runs = slice(*np.searchsorted(made.ends, (start, end), "right"))
        return np.unique(made.shards[runs])

    def _made(self, epoch: int) -> "_Epoch":
        runs = np.concatenate(
            [
                _runs(ring, self._samples[ring], epoch * taken, taken)
                for ring, taken in zip(self._rings, self._taken, strict=True)
            ]
        )
        runs = runs[np.argsort(_hashed(np.arange(len(runs)), _key(self._seed, epoch, -1)), kind="stable")]
        shards, firsts, lengths, laps = runs.T
        ends = np.cumsum(lengths)
        count = max(-(-len(runs) // BLOCK), -(-self.total // BLOCK_SAMPLES))
        cuts = np.searchsorted(ends, np.arange(1, count + 1) * self.total // count)
        return _Epoch(shards, firsts, lengths, laps, ends, np.unique(np.concatenate([[0], ends[cuts]])))

    def _mixed(self, epoch: int, block: int) -> Numbers:
        """Which of a block's samples, in the order of its runs, comes at each place."""
        start, end = self._epoch(epoch).blocks[block : block + 2]
        return np.argsort(_hashed(np.arange(end - start), _key(self._seed, epoch, block)))


@dataclass(frozen=True, slots=True)
class _Epoch:
    """Runs of samples in their order, each of one shard; blocks: where each begins, and the end of the last."""

    shards: Numbers
    firsts: Numbers
    lengths: Numbers
    laps: Numbers
    ends: Numbers
    blocks: Numbers


def _ring(shards: Numbers, seed: int) -> Numbers:
    """A source's shards in the order in which epochs go round them."""
    return shards[np.argsort(_hashed(shards, _key(seed, -1, -1)), kind="stable")]


def _runs(ring: Numbers, samples: Numbers, first: int, taken: int) -> Numbers:
    """What lies from that place of an endless round on: [N, 4] of shard, first sample, samples, lap."""
    if not taken:
        return np.zeros((0, 4), np.int64)
    ends = np.cumsum(samples)
    starts, total = ends - samples, int(ends[-1])
    found = []
    for lap in range(first // total, (first + taken - 1) // total + 1):
        low, high = np.clip([first - lap * total, first + taken - lap * total], 0, total)
        begin, end = np.clip(low - starts, 0, samples), np.clip(high - starts, 0, samples)
        some = end > begin
        laps = np.full(int(some.sum()), lap)
        found.append(np.stack([ring[some], begin[some], (end - begin)[some], laps], 1))
    return np.concatenate(found)


def _key(seed: int, epoch: int, block: int) -> int:
    parts = np.array([seed, epoch, block], np.int64).astype(np.uint64)
    key = 0
    for part in parts:
        key = int(_hashed(np.array([part]), key)[0])
    return key


def _hashed(values: npt.NDArray[np.integer], key: int) -> _Words:
    """Each number as 64 bits that look random, no two alike (splitmix64, Steele and others, 2014)."""
    words = values.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(key & (2**64 - 1))
    words = (words ^ words >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ words >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return words ^ words >> np.uint64(31)
