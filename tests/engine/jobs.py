"""Task functions for the engine's tests: they run in child processes, so they must be importable."""

import os
import resource
import signal
import time
from pathlib import Path
from typing import Any

import pyarrow as pa

from wit_builder import mirror
from wit_builder.engine import children
from wit_builder.engine.task import Stopped, Task
from wit_builder.errors import BuildError, Busy, ConfigError, ImageError


def square(task: Task) -> None:
    task.new_file("square", ".txt").write_text(str(task.arg * task.arg))
    task.funnel["clean"].kept += 1
    task.report({"done": 1, "total": 1})


def slow_square(task: Task) -> None:
    time.sleep(0.5)
    square(task)


def mark(task: Task, name: str) -> None:
    """A file of the task's own that outlives its attempts."""
    path = task.home / name
    path.write_text("here")
    mirror.send([path])


def first_time(task: Task) -> bool:
    if mirror.exists(task.home / "tried"):
        return False
    mark(task, "tried")
    return True


def die_once(task: Task) -> None:
    """Killed by SIGKILL at its first attempt."""
    if first_time(task):
        os.kill(os.getpid(), signal.SIGKILL)
    square(task)


def raise_when_odd(task: Task) -> None:
    if task.arg % 2:
        raise ValueError(f"{task.arg} is odd")
    square(task)


def raise_until_mended(task: Task) -> None:
    if not (task.folder / "mended").exists():
        raise_when_odd(task)
    else:
        square(task)


def full_disk(task: Task) -> None:
    raise BuildError("the disk is full", "free some space")


def busy(task: Task) -> None:
    """Another process is at the first task."""
    if task.id == "00000":
        raise Busy("another process squares here")
    square(task)


def die_writing(task: Task) -> None:
    """Killed with a folder and half a file of its attempt written, and what it keeps between attempts."""
    mark(task, "kept")
    (task.new_folder() / "inside").touch()
    task.new_file("square", ".txt").write_text("1")
    os.kill(os.getpid(), signal.SIGKILL)


def hang_once(task: Task) -> None:
    if first_time(task):
        time.sleep(60)
    square(task)


def who(task: Task) -> None:
    task.new_file("pid", ".txt").write_text(str(os.getpid()))


def swell(task: Task) -> None:
    """Too much for 1 GiB, unless its argument is 0."""
    task.report({"done": 1})
    bytearray(task.arg << 30)
    square(task)


def misconfigured(task: Task) -> None:
    raise ConfigError("the frontier has other settings")


def raise_a_group(task: Task) -> None:
    raise ExceptionGroup("two things", [ValueError("odd"), BuildError("the disk is full", "free some space")])


class Awkward(Exception):
    """Packs, and does not unpack."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(one + other)


def raise_awkward(task: Task) -> None:
    raise Awkward("cannot ", "travel")


def never_ends(task: Task) -> None:
    mark(task, f"running-{os.getpid()}")
    time.sleep(60)


def deaf(task: Task) -> None:
    """Is told to stop, and does not."""
    never_ends(task)


def full_disk_once_another_runs(task: Task) -> None:
    """Task 00001 fails once task 00000 runs; that one commits when told to stop."""
    if task.arg == 0:
        until_stopped(task)
    while not list(task.folder.glob("00000/running-*")):
        time.sleep(0.01)
    raise BuildError("the disk is full")


def until_stopped(task: Task) -> None:
    mark(task, f"running-{os.getpid()}")
    while not task.stopping():
        time.sleep(0.01)
    mark(task, "committed")
    raise Stopped


def echo(value: Any, tell: Any) -> Any:
    tell({"news": value})
    if value == "image":
        raise ImageError("decode_error", "half of it")
    if value == "die":
        os._exit(7)
    if value == "divide":
        return 1 // 0
    if value == "awkward":
        raise Awkward("cannot ", "travel")
    if value == "local":
        return lambda: None
    if value == "score":
        return int(Path("/proc/self/oom_score_adj").read_text())
    if value == "until stopped":
        while not children.stopping():
            time.sleep(0.01)
        return "stopped"
    if value == "allocator":
        return pa.default_memory_pool().backend_name
    if value == "memory":
        return len(bytearray(4 << 30))
    return value


def hang_once_and_tell(task: Task) -> None:
    if first_time(task):
        never_ends(task)
    square(task)


def cost_the_worker(task: Task) -> None:
    """Takes the process with it that started this one, Ray's worker on a cluster: never (0), once (1) or always."""
    mark = task.home / "tried"
    if task.arg > 1 or (task.arg and not mark.exists()):
        mark.touch()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    square(task)


def outgrow(task: Task) -> None:
    """Writes more than its disk takes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, resource.RLIM_INFINITY))
    try:
        task.new_file("square", ".txt").write_bytes(bytes(1 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
