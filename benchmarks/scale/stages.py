"""Filters, duplicates, queries and balance over made-up candidates: does memory grow with their number?

    python benchmarks/scale/stages.py --rows 5000000 --folder FOLDER [--workers 2] [--seconds 150]

The stages are those of a build (road.py), on its engine; only the candidates, and what their downloads would bring,
are made up (made.py). A row a stage: tasks, CPU, bytes that it hands on, and the peak of the resident memory of one
worker, a new process for each stage; pages of files that it has mapped count too. Killed, or stopped after so
many seconds, the same command goes on with what is not done; what a stage took before is added.
"""

import json
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.append(str(Path(__file__).parent))
import made

from wit_builder import storage
from wit_builder.archive.settings import Archives
from wit_builder.curation import matched
from wit_builder.curation.settings import Balance
from wit_builder.engine.local import LocalExecutor, Needs, Progress
from wit_builder.engine.stage import number, run_stage
from wit_builder.engine.task import Stopped
from wit_builder.queries.settings import Queries
from wit_builder.recipe import Recipe
from wit_builder.road import Road, write_session
from wit_pipelines import rules

MADE = "made-up"  # stages of this file begin so
MEASURED = ("seconds", "cpu_s", "peak_mb", "written")
SPENT = {  # what has been read for the last time when a stage begins
    "clean-judge": (f"{MADE}-collect", "select-judge"),
    "clean-exact": (f"{MADE}-fetch",),
    "clean-spread": ("clean-judge",),
}


class Enough(Exception):
    """There are no pictures to write."""


class Measured:
    """Runs tasks as LocalExecutor does, with new workers for each stage, and writes down what they took.

    What no later stage reads is removed, so that the disk holds 100 million rows: a build keeps it until it is done.
    """

    def __init__(self, workers: int, log: Path, seconds: float) -> None:
        self._inner, self._log = LocalExecutor(workers), log
        self._end = time.monotonic() + seconds
        self.close = self._inner.close

    def run(
        self, root: Path, stage: str, ids: Sequence[str], needs: Needs, progress: Progress
    ) -> dict[str, str]:
        """See Executor. Raises Stopped when the time is up, and Enough where shards would be written."""
        if stage == "pack-write":
            raise Enough
        if not ids:
            return {}
        for spent in SPENT.get(stage, ()):
            _spend(root / spent)
        began, before = time.monotonic(), _cpu_s()
        some = 4 * self._inner.workers
        try:
            for start in range(0, len(ids), some):
                if time.monotonic() > self._end:
                    raise Stopped
                if given_up := self._inner.run(root, stage, ids[start : start + some], needs, progress):
                    return given_up
            return {}
        finally:
            peak = max((_peak_mb(child.pid) for child in self._inner._idle), default=0.0)
            seconds = time.monotonic() - began
            self._inner.close()
            told = {"stage": stage, "seconds": seconds, "cpu_s": _cpu_s() - before, "peak_mb": peak}
            told["written"] = sum(path.stat().st_size for path in (root / stage).iterdir() if path.is_file())
            with self._log.open("a") as file:
                file.write(json.dumps(told) + "\n")


class Silent:
    """Watches, and says nothing."""

    def stage(self, name: str, tasks: int) -> Progress:
        """See Watcher."""
        print(f"{time.strftime('%H:%M:%S')} {name}: {tasks:,} tasks", file=sys.stderr, flush=True)
        return lambda counts, done: None

    def say(self, sentence: str) -> None:
        """See Watcher."""


@click.command()
@click.option("--rows", default=5_000_000)
@click.option("--workers", default=2)
@click.option(
    "--near/--no-near",
    default=True,
    help="Near-duplicates too: they grow with the square.",
)
@click.option("--seconds", default=float("inf"), help="Begin nothing new after so long.")
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="Where the run is kept.")
def main(rows: int, workers: int, near: bool, seconds: float, folder: Path) -> None:
    """Run what is not done, and print the table."""
    folder.mkdir(parents=True, exist_ok=True)
    with closing(Measured(workers, folder / "measured.jsonl", seconds)) as executor:
        try:
            road = travel(folder, rows, near, executor)
        except Stopped:
            sys.exit("there is more to do: run the same command again")
    funnel = road.funnel()
    print(f"{rows:,} candidates, {workers} workers")
    for stage, count in funnel.as_json().items():
        print(f"  {stage}: {count}")
    print("\n".join(table(folder, road)))


def travel(folder: Path, rows: int, near: bool, executor: Measured) -> Road:
    """The road from candidates to where shards would be written."""
    recipe = _recipe(folder, near)
    road = Road(recipe, folder, executor, Silent())
    write_session(folder, {})
    assert recipe.queries is not None
    matched.begin(road.queries, recipe.queries, lambda _: None)

    def make(stage: str, function: str, tasks: int, params: Mapping[str, object]) -> None:
        given = number(list(range(tasks)))
        road.done[stage] = run_stage(
            executor, folder, f"{MADE}-{stage}", f"made:{function}", given, params, Needs(), lambda *_: None
        )

    make("collect", "candidates", -(-rows // made.PART), {"rows": rows})
    road.select()
    make("fetch", "samples", road.selected()["bins"], road.selected() | {"rows": rows})
    road.clean()
    with suppress(Enough):
        road.pack()
    return road


def _recipe(folder: Path, near: bool) -> Recipe:
    """The rules of `wit build common-crawl`, 500,000 queries, and CLIP's cap scaled to so many rows."""
    listed = folder / "queries.txt"
    if not listed.exists():
        storage.write_bytes(listed, "\n".join(made.queries()).encode())
    chosen = rules.of("wit", ())
    return Recipe(
        name="made up",
        source=Archives(wat=("none.wat.gz",)),
        candidate_filters=chosen.candidate_filters,
        sample_filters=chosen.sample_filters,
        duplicates=chosen.duplicates if near else replace(chosen.duplicates, radius=None),
        queries=Queries(files=(str(listed),)),
        balance=Balance(per_query=20_000),
    )


def table(folder: Path, road: Road) -> list[str]:
    """A row a stage, in their order."""
    found: dict[str, dict[str, float]] = defaultdict(
        lambda: dict.fromkeys(("seconds", "cpu_s", "peak_mb", "written"), 0.0)
    )
    for line in (folder / "measured.jsonl").read_text().splitlines():
        told = json.loads(line)
        of = found[told["stage"]]
        of["seconds"] += told["seconds"]
        of["cpu_s"] += told["cpu_s"]
        for most in ("peak_mb", "written"):
            of[most] = max(of[most], told[most])
    counts = road.funnel()
    rows = {"select": counts["select"].seen, "clean": counts["clean"].seen, "pack": counts["clean"].seen}
    lines = ["| stage | tasks | CPU s | CPU us a row | bytes written a row | peak MB of a worker |"]
    for stage, of in found.items():
        through = rows.get(stage.partition("-")[0], rows["select"])
        tasks = len(list((folder / stage / "done").iterdir()))
        lines.append(
            f"| {stage} | {tasks:,} | {of['cpu_s']:,.1f} | {1e6 * of['cpu_s'] / through:.2f} | "
            f"{of['written'] / through:,.1f} | {of['peak_mb']:,.0f} |"
        )
    return lines


def _spend(folder: Path) -> None:
    """Free what the stage's files take; parquet files keep their numbers of rows, by which a resume plans."""
    for path in folder.iterdir():
        if path.suffix == ".parquet":
            count = pq.read_metadata(path).num_rows
            with storage.whole(path) as temporary:
                pq.write_table(pa.table({"spent": pa.nulls(count)}), temporary)
        elif path.is_file() and path.name != "plan.json":
            path.unlink()


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _peak_mb(pid: int) -> float:
    """The most resident memory that a process has had."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    main()
