"""What does a task cost besides its work? A thousand that do nothing, by each executor.

    python benchmarks/scale/executors.py [--tasks 1000] [--workers 2]

Seconds from the first task to the last one's done record, without the start of workers and clusters: of a second run
with the workers of a first one of 20 tasks. CPU is that of this process and of all its children, of Ray's own too.
`outside` are processes of `wit worker` with one core each, their start included, as there is nothing to keep.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from wit_builder.engine import task as engine
from wit_builder.engine.local import Executor, LocalExecutor, Needs
from wit_builder.engine.stage import number, run_stage

WARM = 20  # tasks
FIRST, TIMED = "warm", "timed"  # stages


def nothing(task: engine.Task) -> None:
    """A task without work."""


@click.command()
@click.option("--tasks", default=1_000)
@click.option("--workers", default=2)
def main(tasks: int, workers: int) -> None:
    """Print a row for each executor."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    print(f"{tasks:,} tasks, {workers} workers\n| executor | s | ms a task | tasks/s | CPU ms a task |")
    for name, way in (("local", local), ("ray", ray), ("outside", outside)):
        with tempfile.TemporaryDirectory() as folder:
            seconds, cpu_s = way(Path(folder), tasks, workers)
        each, cpu = 1e3 * seconds / tasks, "" if cpu_s is None else f"{1e3 * cpu_s / tasks:.1f}"
        print(f"| {name} | {seconds:.1f} | {each:.1f} | {tasks / seconds:,.0f} | {cpu} |", flush=True)


def local(root: Path, tasks: int, workers: int) -> tuple[float, float | None]:
    """Seconds, and CPU seconds."""
    executor = LocalExecutor(workers)
    return timed(executor, root, tasks, executor.close)


def ray(root: Path, tasks: int, workers: int) -> tuple[float, float | None]:
    """On a cluster of one node. CPU seconds are not known: its processes are not ours."""
    from wit_builder.engine.cluster import RayExecutor

    with one_node(workers) as address:
        executor = RayExecutor(address)
        seconds, _ = timed(executor, root, tasks, executor.close)
    return seconds, None


def outside(root: Path, tasks: int, workers: int) -> tuple[float, float | None]:
    """By as many `wit worker` processes."""
    engine.plan(root, TIMED, f"{Path(__file__).stem}:nothing", number(list(range(tasks))), {}, {})
    began, before = time.monotonic(), _cpu_s()
    command = [sys.executable, "-m", "wit_builder", "worker", str(root), TIMED, "--workers", "1", "--quiet"]
    started = [subprocess.Popen([*command, "--part", f"{n + 1}/{workers}"]) for n in range(workers)]
    if any(one.wait() for one in started):
        sys.exit("a worker failed")
    return time.monotonic() - began, _cpu_s() - before


def timed(executor: Executor, root: Path, tasks: int, close: Any) -> tuple[float, float]:
    """Seconds and CPU seconds of the second run."""
    name = Path(__file__).stem
    began, before = 0.0, _cpu_s()
    for stage, count in ((FIRST, WARM), (TIMED, tasks)):
        began = time.monotonic()
        run_stage(
            executor, root, stage, f"{name}:nothing", number(list(range(count))), {}, Needs(), lambda *_: None
        )
    seconds = time.monotonic() - began
    close()
    return seconds, _cpu_s() - before


@contextmanager
def one_node(workers: int) -> Iterator[str]:
    """A Ray cluster on this machine."""
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    try:
        cluster.add_node(num_cpus=workers, object_store_memory=80 << 20, include_dashboard=False)
        cluster.wait_for_nodes()
        yield cluster.address
    finally:
        cluster.shutdown()


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
