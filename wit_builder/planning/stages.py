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
_COMPARED = 0.0005  # ns: 17 buckets of 65,536 in 16 blocks, each pair once, at 0.24 ns (docs/benchmarks.md)
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


# Bytes a row of what stages hand on, as measured of 100 million: samples of a fetch, shuffled, behind exact
# duplicates, by shard
_FOUND, _JUDGED, _FETCHED, _SHUFFLED, _EXACT, _ROUTED = 76.0, 258.0, 178.0, 477.0, 204.0, 568.0
_SPREAD, _NEED = 69.0, 45.0
# and of a sample's columns those that some stages read
_ID, _HASH, _RULE, _TEXTS, _QUERIES = 18.0, 35.0, 21.0, 61.0, 24.0


def steps(rates: Rates, cut: Cut) -> tuple[Step, ...]:
    """The stages of a build in their order, with the bytes of its pictures; of the fetch its traffic alone."""
    picture, stored = rates.staged.mean, rates.stored
    hashes, comparing = cut.near * _HASH, 16.0 + cut.near * 0.25  # each task reads them all
    chosen, held, again, packed = _RULE + _TEXTS, _ID + _QUERIES, _ID + _QUERIES + _NEED, _ROUTED + picture
    near, twice = _slices("near", "partitions"), _slices("bins", "judged", 2)
    exact, squared = _slices("partitions", "sampled"), _slices("partitions", "partitions")
    return (
        Step("collect", "collect", "rows", "judged", 8.6, 0.0, _FOUND),  # docs/benchmarks.md, "Reading a list"
        Step("select", "select-judge", "rows", "judged", 21.0, _FOUND, _JUDGED),
        Step("select", "select-unique", "rows", "bins", 2.1, 2 * _JUDGED, 39.0, twice),
        Step("fetch", "fetch", "rows", "bins", 0.0, _JUDGED, picture + _FETCHED, _slices("bins", "judged")),
        Step("clean", "clean-judge", "pairs", "sampled", 8.7, _FETCHED, _SHUFFLED),
        Step("clean", "clean-exact", "pairs", "partitions", 11.1, _SHUFFLED, _EXACT, exact),
        Step("clean", "clean-pairs", "pairs", "near", comparing, hashes, 1.0, near, square_ns=_COMPARED),
        Step("clean", "clean-similar", "pairs", "one", 3.4, chosen, 6.0, _slices("partitions", "one", 2), 20.0),
        Step("clean", "clean-spread", "pairs", "partitions", 1.5, held, _SPREAD),
        Step("clean", "clean-weigh", "pairs", "one", 0.13, _SPREAD, 14.0, squared),
        Step("clean", "clean-need", "pairs", "partitions", 1.3, _SPREAD, _NEED, squared),
        Step("clean", "clean-decide", "pairs", "partitions", 1.5, again, 4.0, squared),
        Step("pack", "pack-order", "pairs", "one", 0.45, _ID, 0.0, _slices("one", "partitions")),
        Step("pack", "pack-route", "pairs", "partitions", 11.6, _EXACT, _ROUTED),
        Step("pack", "pack-write", "pairs", "shards", 85.0, packed, stored, _pictures),  # the same, "Shards"
    )  # fmt: skip


def _slices(tasks: str, files: str, times: int = 1) -> Callable[[Cut], float]:
    return lambda cut: float(times * getattr(cut, tasks) * getattr(cut, files))


def _pictures(cut: Cut) -> float:
    return cut.pairs + cut.shards * cut.partitions
