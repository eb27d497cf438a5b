"""Batches by the number of their step, made by processes of their own, in order and so many ahead.

Each process fills its share of the rows of each batch, in memory that all of them have; it imports no torch and ends
with its parent. What is in a batch depends on the plan and the step alone.
"""

import mmap
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count, pairwise
from types import MappingProxyType

import numpy as np
import torch

from wit_builder import store
from wit_builder.engine.children import Child, dismiss
from wit_builder.errors import BuildError, ConfigError
from wit_builder.shardset import sources
from wit_builder.shardset.cache import Cache
from wit_builder.train.batch import Batch
from wit_builder.train.reader import Begin, Fill, Plan, Reader, Rows

AHEAD_BYTES = 1 << 30  # of batches made before they are asked for; at least one is
_MOST_SLOTS = 8
_TRIED = 1000  # samples, or an epoch of fewer, before the share of those that cannot be used counts
_NONE: Mapping[str, int] = MappingProxyType({})


class Loader:
    """The batches of one rank.

    plan: what is in them. rank, ranks: which share of each; a step's samples do not depend on it. workers:
    processes, 0 to read in this one. ahead_bytes: what batches made ahead may take, at least one is. max_skipped:
    the share of samples that may be unusable.
    Raises ConfigError when there are not enough samples for one step, or the batch cannot be shared by the ranks.
    """

    def __init__(
        self,
        plan: Plan,
        cache: Cache,
        rank: int = 0,
        ranks: int = 1,
        workers: int = 1,
        ahead_bytes: int = AHEAD_BYTES,
        max_skipped: float = 0.1,
    ) -> None:
        if plan.batch % ranks:
            raise ConfigError(
                f"a batch of {plan.batch} cannot be shared by {ranks} ranks",
                f"--batch {ranks * (plan.batch // ranks + 1)}",
            )
        self.plan, self.cache, self.workers = plan, cache, workers
        self._order = plan.order()
        self.samples = self._order.total  # of an epoch
        self.steps = self.samples // plan.batch  # of an epoch; what is left over is not seen in it
        if not self.steps:
            raise ConfigError(
                f"batch is {plan.batch}, the shards have {self.samples} samples in an epoch",
                f"--batch {self.samples}, or less",
            )
        self.rows = plan.batch // ranks  # of this rank's batches
        self._first = rank * self.rows
        self._slots = int(np.clip(ahead_bytes // (self.rows * plan.rows().itemsize), 1, _MOST_SLOTS)) + 1
        self._max_skipped, self._tried = max_skipped, min(_TRIED, self.steps * self.rows)
        self._brought: set[int] = set()  # shards of the block before
        self.waited_s = 0.0  # for batches, in all
        self.seen = 0  # samples of batches handed out, here or before a run went on
        self.skipped: Counter[str] = Counter()  # of them, those that could not be used, by reason

    @property
    def problem(self) -> str:
        """A sentence where shards on this disk end too early, else ""."""
        return sources.cut(self.plan.shards)

    @property
    def passed_over(self) -> dict[str, int]:
        """What of the shards is not trained on, by reason, as far as their headers were read."""
        return dict(sources.passed_over(self.plan.shards).most_common())

    def keys(self, step: int) -> list[tuple[str, str]]:
        """Shard and key of each sample of that step, of all ranks; the key of one that is missing is ""."""
        epoch, at = divmod(step, self.steps)
        places = self._order.places(epoch, at * self.plan.batch, (at + 1) * self.plan.batch)
        pairs = zip(places.shards.tolist(), places.members.tolist(), strict=True)
        with closing(Reader(self.plan, self.cache)) as reader:
            return [(self.plan.shards[shard].name, reader.key(shard, member)) for shard, member in pairs]

    def batches(self, first_step: int = 0, skipped: Mapping[str, int] = _NONE) -> Generator[Batch]:
        """The batches from that step on, without end. Closing the iterator ends its processes.

        skipped: samples of the steps before that could not be used, of all ranks, by reason.
        Raises BuildError when a process ends, when too many samples cannot be used, or when a shard has changed.
        """
        self.seen = first_step * self.rows
        self.skipped = Counter(
            {reason: times * self.rows // self.plan.batch for reason, times in skipped.items()}
        )
        with closing(self._by_processes(first_step) if self.workers else self._here(first_step)) as made:
            for step in count(first_step):
                began = time.perf_counter()
                rows, lost = next(made)
                self.waited_s += time.perf_counter() - began
                self._check(step, lost)
                yield _batch(rows, lost)

    def _check(self, step: int, skipped: dict[str, int]) -> None:
        self.seen += self.rows
        self.skipped.update(skipped)
        unusable = self.skipped.total()
        if sum(skipped.values()) == self.rows or unusable > self._max_skipped * max(self.seen, self._tried):
            reasons = ", ".join(f"{times} {reason}" for reason, times in self.skipped.most_common())
            raise BuildError(
                f"{unusable} of {self.seen} samples cannot be used ({reasons}) up to step {step}, "
                f"at most {self._max_skipped:.0%} may be",
                "`wit train --check` looks at each shard; `--max-skipped` allows more",
            )

    def _here(self, step: int) -> Generator[tuple[Rows, dict[str, int]]]:
        rows = np.zeros(self.rows, self.plan.rows())
        with closing(Reader(self.plan, self.cache)) as reader:
            for number in count(step):
                yield rows, reader.fill(rows, number, self._first)

    def _by_processes(self, step: int) -> Generator[tuple[Rows, dict[str, int]]]:
        itemsize = self.plan.rows().itemsize
        memory = _memory(self._slots * self.rows * itemsize)
        children: list[Child] = []
        bringing = ThreadPoolExecutor(4, thread_name_prefix="bring")
        try:
            children += [
                Child("wit_builder.train.reader:serve", files=(memory,)) for _ in range(self.workers)
            ]
            slots = np.frombuffer(mmap.mmap(memory, 0), self.plan.rows()).reshape(self._slots, -1)
            self._begin(children)
            for ahead in range(self._slots - 1):
                self._ask(children, step + ahead, bringing)
            while True:
                self._ask(children, step + self._slots - 1, bringing)
                skipped = Counter[str]()
                for child in children:
                    skipped.update(_answer(child, step))
                yield slots[step % self._slots], dict(skipped)
                step += 1
        finally:
            bringing.shutdown(wait=False, cancel_futures=True)
            dismiss(children)
            os.close(memory)

    def _begin(self, children: list[Child]) -> None:
        for child in children:
            _answer(child, None)
            child.call(Begin(self.plan, self.cache, self._slots))
        for child in children:
            _answer(child, None)

    def _ask(self, children: list[Child], step: int, bringing: ThreadPoolExecutor) -> None:
        bounds = [self.rows * number // len(children) for number in range(len(children) + 1)]
        for child, (first, last) in zip(children, pairwise(bounds), strict=True):
            child.call(Fill(step % self._slots, slice(first, last), step, self._first + first))
        self._bring(step, bringing)

    def _bring(self, step: int, bringing: ThreadPoolExecutor) -> None:
        """Have the shards of a store that will be wanted next brought here."""
        epoch, at = divmod(step, self.steps)
        wanted = self._order.block(epoch, at * self.plan.batch)
        for number in wanted.tolist():
            shard = self.plan.shards[number]
            if store.protocol(shard.url) and number not in self._brought:
                bringing.submit(self.cache.path, shard)
        self._brought = set(wanted.tolist())


def _answer(child: Child, step: int | None) -> dict[str, int]:
    """What the process says; None for the step before the first. Raises what it raised."""
    try:
        kind, value = child.answer()
    except (EOFError, OSError) as error:
        code = child.kill(1.0)
        how = signal.Signals(-code).name if code < 0 else f"code {code}"
        when = "as it began" if step is None else f"at step {step}"
        raise BuildError(
            f"a process of the loader ended {when} ({how})",
            "fewer `--workers` where memory is short, then go on with `--resume`",
        ) from error
    if kind == "failed":
        raise value
    return value or {}


def _batch(rows: Rows, skipped: dict[str, int]) -> Batch:
    """A copy of the rows as tensors; in pinned memory where there is a GPU."""
    length = max(1, int(rows["length"].max()))
    images = torch.empty(rows["pixels"].shape, dtype=torch.uint8, pin_memory=torch.cuda.is_available())
    images.copy_(torch.from_numpy(rows["pixels"]))
    return Batch(
        images=images.permute(0, 3, 1, 2),  # a view: channels last, as convolutions like them
        tokens=torch.from_numpy(rows["tokens"][:, :length].astype(np.int64)),
        valid=torch.from_numpy(rows["length"] > 0),
        image_ids=torch.from_numpy(rows["image_id"].copy()),
        text_ids=torch.from_numpy(rows["text_id"].copy()),
        keys=[key.decode("utf-8", "replace") for key in rows["key"].tolist()],
        skipped=skipped,
    )


def _memory(size: int) -> int:
    """A file without a name, of so many zeros, that processes share as memory."""
    if hasattr(os, "memfd_create"):
        memory = os.memfd_create("batches")
    else:
        with tempfile.TemporaryFile() as file:
            memory = os.dup(file.fileno())
    try:
        os.ftruncate(memory, size)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(memory, 0, size)  # now or never: later it would be a signal
    except OSError as error:
        os.close(memory)
        raise BuildError(
            f"the loader wants {size >> 20} MiB for batches: {error.strerror}", "a smaller `--batch`"
        ) from error
    return memory
