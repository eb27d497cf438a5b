"""Balancing many pairs: seconds, CPU seconds and memory of its steps, beside MetaCLIP's loop in plain Python.

    python benchmarks/curate/balance.py [--pairs 10000000] [--queries 500000] [--per-query 20000] [--workers 2]

Pairs are made up: about twelve queries each, drawn by Zipf's law over the list, the heaviest in nine of ten pairs.
The steps run on the engine as in a build, with the memory of its processes watched. The loop is MetaCLIP's algorithm
1 as its pseudo code has it, over dicts and lists, on the first file (500,000 pairs at most); its time for all is that
one, scaled. Both read the same files.
"""

import os
import random
import resource
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder.curation import balanced, histogram
from wit_builder.curation.settings import Balance
from wit_builder.engine import task as engine
from wit_builder.engine.local import LocalExecutor, Needs
from wit_builder.engine.stage import number, run_stage
from wit_builder.queries.listing import Query

ROWS = 500_000  # of a file, and of a range: as in a build
DRAWS = 13  # of queries for a pair; some come twice


@click.command()
@click.option("--pairs", default=10_000_000)
@click.option("--queries", default=500_000)
@click.option("--per-query", default=20_000)
@click.option("--workers", default=2)
def main(pairs: int, queries: int, per_query: int, workers: int) -> None:
    """Print a row for each way of deciding."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files, matches = made(folder, pairs, queries)
        print(
            f"{pairs:,} pairs, {matches / pairs:.1f} queries a pair, {queries:,} queries, {workers} workers"
        )
        target = pairs // 2
        for wanted in (
            Balance(per_query=per_query),
            Balance("expectation", per_query=per_query),
            Balance(per_query=None, target=target),
            Balance("expectation", per_query=None, target=target),
        ):
            print(ours(folder, files, pairs, wanted, workers), flush=True)
        print(theirs(files[0], pairs, per_query))


def made(folder: Path, pairs: int, queries: int) -> tuple[list[str], int]:
    """Files of pairs with their queries, and the list; how many matches there are in all."""
    entries = [f"query {n:06d}" for n in range(queries)]
    histogram.write(folder / histogram.NAME, [Query(entry, "made", 0) for entry in entries])
    chance = np.random.default_rng(0)
    shuffled = pa.array(entries).take(pa.array(chance.permutation(queries)))
    files, matches = [], 0
    for first in range(0, pairs, ROWS):
        count = min(ROWS, pairs - first)
        table, found = _pairs(chance, first, count, shuffled)
        files.append(str(folder / f"{first}.parquet"))
        pq.write_table(table, files[-1], compression="zstd", row_group_size=65_536)
        matches += found
    return files, matches


def _pairs(chance: np.random.Generator, first: int, count: int, entries: pa.Array) -> tuple[pa.Table, int]:
    """The heaviest query in nine of ten pairs, the others by Zipf's law; each once a pair."""
    ranks = np.exp(chance.random((count, DRAWS)) * np.log(len(entries))).astype(np.int64) - 1
    ranks[:, 0] = 0
    ranks.sort(axis=1)
    fresh = np.ones(ranks.shape, bool)
    fresh[:, 1:] = ranks[:, 1:] != ranks[:, :-1]
    fresh[:, 0] &= chance.random(count) < 0.9
    offsets = np.append(0, np.cumsum(fresh.sum(axis=1))).astype(np.int32)
    held = pa.ListArray.from_arrays(offsets, entries.take(pa.array(ranks[fresh])))
    ids = pa.array([f"{random.Random(n).getrandbits(128):032x}" for n in range(first, first + count)])
    texts = pa.array([f"http://a.test/{n}.jpg" for n in range(first, first + count)])
    return pa.table({"id": ids, "url": texts, "caption": texts, "queries": held}), int(fresh.sum())


def ours(folder: Path, files: list[str], pairs: int, wanted: Balance, workers: int) -> str:
    """A row of the table: what the steps of a build took."""
    root = Path(tempfile.mkdtemp(dir=folder))
    done: dict[str, list[engine.Done]] = {}
    seconds: dict[str, float] = {}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    with closing(LocalExecutor(workers)) as executor, _Memory() as memory:

        def run(stage: str, function: str, arguments, params) -> None:  # noqa: ANN001
            at = time.monotonic()
            done[stage] = run_stage(
                executor, root, stage, function, number(list(arguments)), params, Needs(), lambda *_: None
            )
            seconds[stage] = time.monotonic() - at

        def found(stage: str, kind: str) -> list[str]:
            return [str(path) for path in engine.files(done[stage], kind)]

        ranges = -(-pairs // ROWS)
        balanced.run(run, found, files, [], ranges, str(folder / histogram.NAME), wanted, lambda _: None)
    took = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    kept = sum(record.funnel["clean"].kept for record in done["clean-decide"])
    steps = ", ".join(f"{stage.removeprefix('clean-')} {s:.0f}" for stage, s in seconds.items())
    asked = f"target {wanted.target:,}" if wanted.target else f"t {wanted.per_query:,}"
    return (
        f"| {wanted.rule}, {asked} | {kept:,} | {took:.0f} s | {cpu:.0f} s | "
        f"{memory.most / 1e9:.1f} GB ({memory.most_of_one / 1e9:.1f} GB the largest) | {steps}"
    )


class _Memory:
    """The most resident memory of this process's children, looked at ten times a second."""

    def __enter__(self) -> "_Memory":
        self.most = self.most_of_one = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            sizes = [self._resident(pid) for pid in self._children()]
            self.most = max(self.most, sum(sizes))
            self.most_of_one = max(self.most_of_one, *sizes, 0)

    def _children(self) -> list[str]:
        return Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()

    def _resident(self, pid: str) -> int:
        try:
            return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
        except OSError:  # it has just ended
            return 0


def theirs(file: str, pairs: int, per_query: int) -> str:
    """A row of the table: the plain loop, over the pairs of one file, read into memory."""
    began = time.process_time()
    held = [
        row["queries"]
        for batch in pq.ParquetFile(file).iter_batches(10_000, columns=["queries"])
        for row in batch.to_pylist()
    ]
    count: dict[str, int] = {}
    for queries in held:
        for query in queries:
            count[query] = count.get(query, 0) + 1
    chance = {query: min(1.0, per_query / n) for query, n in count.items()}
    chances = random.Random(0)
    kept = [queries for queries in held if any(chances.random() < chance[query] for query in queries)]
    took = time.process_time() - began
    scaled = took * pairs / len(held)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    part = f"| plain loop, {len(held):,} pairs ({len(kept):,} kept)"
    return f"{part} | | | {took:.2f} s, scaled {scaled:.0f} s | {most / 1e9:.1f} GB |"


if __name__ == "__main__":
    sys.exit(main())
