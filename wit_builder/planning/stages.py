"""What do the stages of a build take, besides its downloads? Their tasks on so many machines, stage after stage.

Tasks of a stage are alike, so it takes as many turns as its tasks need of all cores. It takes longer where the
machines' bandwidth, the store, or the driver that hands tasks out needs more than that. What a row takes was measured
by `benchmarks/scale/stages.py` (docs/benchmarks.md), its filters those of `wit build common-crawl`: rules that ask a
model, semantic duplicates and boilerplate are not in it. All rows are taken to pass, so that it is an upper bound.

Bytes are those of the files that a stage reads and writes, as they lie there. A shuffle is a ranged read of each file
of the stage before, by each task: that number grows with the square of the rows. Pictures are read one by one, for
shards have them in another order than they came in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Literal, NamedTuple

from wit_builder.curation import near
from wit_builder.planning.rates import Rates
from wit_builder.planning.simulate import Machines
from wit_builder.road import ROWS_PER_BIN, ROWS_PER_JUDGE, ROWS_PER_NEAR, ROWS_PER_PARTITION

MEASURED = "2026-11-26, 2 cores of an Intel Xeon"

# What S3 sustains for each prefix, at least ("Best practices design patterns: optimizing Amazon S3 performance",
# Amazon S3 User Guide); it takes more where it has split a prefix.
READS_A_S = 5_500.0

_RADIUS = 31  # of near-duplicates, the recipes' own
DISPATCH_S = 0.005  # of the driver, a task: the Ray executor's (benchmarks/scale/executors.py)

Limit = Literal["cores", "tasks", "bandwidth", "store", "driver"]


class Cut(NamedTuple):
    """Into how much a build's rows and pairs are cut."""

    rows: float
    pairs: float
    judged: int  # files of candidates, behind the filters
    bins: int  # of domains: fetch tasks
    sampled: int  # files of samples, behind the filters that see pictures
    partitions: int  # of samples, by sha256
    shards: int
    near: int  # tasks that look for near-duplicates
    one: int = 1

    @classmethod
    def of(cls, rows: float, pairs: float, samples_per_shard: int = 10_000) -> "Cut":
        """As road.py does it."""

        def parts(count: float, each: int) -> int:
            return max(1, ceil(count / each))

        cuts = near.parts_of(ceil(pairs), _RADIUS)
        return cls(
            rows=rows,
            pairs=pairs,
            judged=parts(rows, ROWS_PER_JUDGE),
            bins=parts(rows, ROWS_PER_BIN),
            sampled=parts(pairs, ROWS_PER_JUDGE),
            partitions=parts(pairs, ROWS_PER_PARTITION),
            near=near.BLOCKS * cuts if cuts > 1 else min(near.BLOCKS, parts(pairs, ROWS_PER_NEAR)),
            shards=parts(pairs, samples_per_shard),
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of the engine, and what one of its rows takes."""

    stage: str  # of a build: collect, select, clean, pack
    name: str
    of: Literal["rows", "pairs"]
    tasks: Literal["one", "judged", "bins", "sampled", "partitions", "near", "shards"]
    cpu_us: float
    reads: float  # bytes
    writes: float
    slices: Callable[[Cut], float] = lambda cut: 0.0  # ranged reads, in all
    held: float = 0.0  # bytes of memory a row, where one task holds those of all rows
    square_ns: float = 0.0  # CPU, times the square of the rows


@dataclass(frozen=True, slots=True)
class Taken:
    """What a step takes."""

    step: Step
    wall_s: float
    bound: Limit
    cpu_s: float
    rented_s: float  # core-seconds of the machines that have a task
    read: float  # bytes
    written: float
    requests: float
    held: float  # bytes of memory, of one task


def played(steps: tuple[Step, ...], cut: Cut, machines: Machines) -> tuple[Taken, ...]:
    """These steps, one after the other. Several machines share a store."""
    return tuple(_taken(step, cut, machines) for step in steps)


def _taken(step: Step, cut: Cut, machines: Machines) -> Taken:
    count = cut.rows if step.of == "rows" else cut.pairs
    tasks, slots = int(getattr(cut, step.tasks)), machines.cores * machines.count
    cpu_s = count * step.cpu_us / 1e6 + count * count * step.square_ns / 1e9
    read, written = count * step.reads, count * step.writes
    busy = min(machines.count, tasks)
    requests = tasks + step.slices(cut)
    many = machines.count > 1
    seconds: dict[Limit, float] = {
        "cores" if tasks >= slots else "tasks": ceil(tasks / slots) * cpu_s / tasks,
        "bandwidth": 8 * (read + written) / (machines.bandwidth * busy) if machines.bandwidth else 0.0,
        "store": requests / READS_A_S if many else 0.0,
        "driver": tasks * DISPATCH_S if many else 0.0,
    }
    bound = max(seconds, key=lambda limit: seconds[limit])
    wall_s = seconds[bound]
    rented_s = busy * machines.cores * wall_s
    return Taken(step, wall_s, bound, cpu_s, rented_s, read, written, requests, step.held * count)


# Bytes a row of what stages hand on, as measured; of a sample's columns those that some stages read
_FOUND, _JUDGED, _SAMPLE = 110.0, 220.0, 330.0
_HASH, _ID, _RULE, _TEXTS, _SPREAD, _NEED = 33.0, 17.0, 45.0, 150.0, 90.0, 35.0


def steps(rates: Rates, cut: Cut) -> tuple[Step, ...]:
    """The stages of a build in their order, with the bytes of its pictures; of the fetch its traffic alone."""
    picture, stored = rates.staged.mean, rates.stored
    again, texts, hashes = _ID + _NEED, _RULE + _TEXTS, cut.near * _HASH  # each task reads them all
    comparing, slices = 10.0 + cut.near * 0.25, _slices("near", "partitions")
    return (
        Step("collect", "collect", "rows", "judged", 8.6, 0.0, _FOUND),
        Step("select", "select-judge", "rows", "judged", 40.0, _FOUND, _JUDGED),
        Step("select", "select-unique", "rows", "bins", 3.0, 2 * _JUDGED, 1.0, _slices("bins", "judged", 2)),
        Step("fetch", "fetch", "rows", "bins", 0.0, _JUDGED, picture + _SAMPLE, _slices("bins", "judged")),
        Step("clean", "clean-judge", "pairs", "sampled", 20.0, _SAMPLE, _SAMPLE),
        Step("clean", "clean-exact", "pairs", "partitions", 10.0, _SAMPLE, _SAMPLE, _slices("partitions", "sampled")),
        Step("clean", "clean-pairs", "pairs", "near", comparing, hashes, 1.0, slices, square_ns=0.002),
        Step("clean", "clean-similar", "pairs", "one", 3.0, texts, 5.0, _slices("partitions", "one", 2), 20.0),
        Step("clean", "clean-spread", "pairs", "partitions", 3.0, _ID, _SPREAD),
        Step("clean", "clean-weigh", "pairs", "one", 1.0, _SPREAD, 1.0, _slices("partitions", "partitions")),
        Step("clean", "clean-need", "pairs", "partitions", 3.0, _SPREAD, _NEED, _slices("partitions", "partitions")),
        Step("clean", "clean-decide", "pairs", "partitions", 3.0, again, 10.0, _slices("partitions", "partitions")),
        Step("pack", "pack-order", "pairs", "one", 1.0, _ID, 0.0, _slices("one", "partitions"), 100.0),
        Step("pack", "pack-route", "pairs", "partitions", 5.0, _SAMPLE, _SAMPLE),
        Step("pack", "pack-write", "pairs", "shards", 85.0, _SAMPLE + picture, stored, _pictures),
    )  # fmt: skip


def _slices(tasks: str, files: str, times: int = 1) -> Callable[[Cut], float]:
    return lambda cut: float(times * getattr(cut, tasks) * getattr(cut, files))


def _pictures(cut: Cut) -> float:
    return cut.pairs + cut.shards * cut.partitions
