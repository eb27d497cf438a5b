"""Fills rows of a batch, by the number of its step: what a loader's process does. torch is not imported here."""

import mmap
import os
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wit_builder.errors import Dropped
from wit_builder.model.tokens import Tokenizer
from wit_builder.shards.index import Member, parts_of
from wit_builder.shardset.cache import Bounds, Cache
from wit_builder.shardset.exclude import Exclusion
from wit_builder.shardset.shard import Shard
from wit_builder.train.order import BLOCK, Order
from wit_builder.train.samples import Preparation, prepare, text_id

MAX_KEY = 96  # bytes of a key that a batch tells
_OPEN = 3 * BLOCK  # shards: those of the block before, of this one, and of the next

Rows = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that decides what is in a step's batch.

    weights: by source. batch: samples of a step, of all ranks together. context: tokens of a caption at most.
    """

    shards: tuple[Shard, ...]
    weights: tuple[float, ...]
    batch: int
    preparation: Preparation
    context: int
    exclude: Exclusion | None = None

    def order(self) -> Order:
        """The order of its samples. Raises ConfigError when there are none."""
        return Order(
            [shard.samples for shard in self.shards],
            [shard.source for shard in self.shards],
            self.weights,
            self.preparation.seed,
        )

    def rows(self) -> np.dtype[Any]:
        """How a sample lies in a batch."""
        size = self.preparation.size
        fields: list[Any] = [
            ("image_id", np.int64),
            ("text_id", np.int64),
            ("tokens", np.int32, (self.context,)),
            ("length", np.int32),  # tokens; 0 for a sample that could not be used
            ("key", f"S{MAX_KEY}"),
            ("pixels", np.uint8, (size, size, 3)),
        ]
        return np.dtype(fields, align=True)


class Reader:
    """Reads samples by their places in the order; keeps the shards in use open."""

    def __init__(self, plan: Plan, cache: Cache) -> None:
        self._plan, self._cache = plan, cache
        self._order = plan.order()
        self._steps = self._order.total // plan.batch
        self._tokenizer = Tokenizer(plan.context)
        self._open: OrderedDict[int, tuple[int, Bounds]] = OrderedDict()

    def fill(self, rows: Rows, step: int, first: int) -> dict[str, int]:
        """Fill the rows (of `Plan.rows`) with the samples of the step from number `first` on.

        Returns how many could not be used, by reason. Those have a length of 0.
        """
        epoch, at = divmod(step, self._steps)
        start = at * self._plan.batch + first
        places = self._order.places(epoch, start, start + len(rows))
        skipped: Counter[str] = Counter()
        for row, shard, member, lap in zip(
            rows, places.shards.tolist(), places.members.tolist(), places.laps.tolist(), strict=True
        ):
            try:
                self._sample(row, shard, member, lap)
            except Dropped as why:
                _blank(row)
                skipped[why.reason] += 1
        return dict(skipped)

    def key(self, shard: int, member: int) -> str:
        """The key of a sample, "" where the shard has not that many."""
        try:
            return _key(self._bytes(shard, member)[1])
        except Dropped:
            return ""

    def close(self) -> None:
        """Let go of the shards."""
        while self._open:
            os.close(self._open.popitem()[1][0])

    def _sample(self, row: Any, shard: int, member: int, lap: int) -> None:
        row["key"] = b""
        sample, parts = self._bytes(shard, member)
        row["key"] = _key(parts).encode()[:MAX_KEY]
        prepared = prepare(sample, parts, self._plan.preparation, lap)
        ids = self._tokenizer(prepared.caption)
        row["pixels"] = prepared.pixels
        row["tokens"][: len(ids)] = ids
        row["tokens"][len(ids) :] = 0
        row["length"] = len(ids)
        row["image_id"], row["text_id"] = prepared.image_id, text_id(ids)

    def _bytes(self, number: int, member: int) -> tuple[bytes, dict[str, Member]]:
        """A sample as it lies in its tar, and its parts."""
        tar, bounds = self._shard(number)
        if member >= len(bounds):
            raise Dropped("missing", f"{self._plan.shards[number].name} has {len(bounds)} samples")
        begin, end = bounds[member].tolist()
        sample = os.pread(tar, end - begin, begin)
        parts = parts_of(sample)
        if not parts:
            raise Dropped("missing", f"{self._plan.shards[number].name} has changed at byte {begin}")
        return sample, parts

    def _shard(self, number: int) -> tuple[int, Bounds]:
        if number in self._open:
            self._open.move_to_end(number)
            return self._open[number]
        shard = self._plan.shards[number]
        found = self._cache.open(shard), self._cache.indexed(shard, self._plan.exclude).bounds
        self._open[number] = found
        if len(self._open) > _OPEN:
            os.close(self._open.popitem(last=False)[1][0])
        return found


def _key(parts: dict[str, Member]) -> str:
    return next(iter(parts.values())).key


def _blank(row: Any) -> None:
    row["pixels"], row["tokens"], row["length"] = 0, 0, 0
    row["image_id"], row["text_id"] = -1, -1


@dataclass(frozen=True, slots=True)
class Begin:
    """The first call of a loader's process. slots: batches that the shared memory holds."""

    plan: Plan
    cache: Cache
    slots: int


@dataclass(frozen=True, slots=True)
class Fill:
    """Rows to be filled: `rows` of a slot with the samples of the step from number `first` on."""

    slot: int
    rows: slice
    step: int
    first: int


_begun: tuple[Reader, Rows] | None = None


def serve(memory: int, call: Begin | Fill, _tell: Any) -> dict[str, int]:
    """What a loader's process runs."""
    global _begun
    if isinstance(call, Begin):
        rows = np.frombuffer(mmap.mmap(memory, 0), call.plan.rows()).reshape(call.slots, -1)
        _begun = Reader(call.plan, call.cache), rows
        return {}
    assert _begun is not None
    reader, rows = _begun
    return reader.fill(rows[call.slot, call.rows], call.step, call.first)
