"""Task functions for the engine's tests: they run in child processes, so they must be importable."""

import os
import signal
import time
from typing import Any

from wit_builder.engine.task import Stopped, Task
from wit_builder.errors import BuildError, ImageError


def square(task: Task) -> None:
    task.new_file("square", ".txt").write_text(str(task.arg * task.arg))
    task.funnel["clean"].kept += 1
    task.report({"done": 1, "total": 1})


def die_once(task: Task) -> None:
    """Killed by SIGKILL at its first attempt."""
    mark = task.home / "tried"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    square(task)


def raise_when_odd(task: Task) -> None:
    if task.arg % 2:
        raise ValueError(f"{task.arg} is odd")
    square(task)


def full_disk(task: Task) -> None:
    raise BuildError("the disk is full", "free some space")


def hang_once(task: Task) -> None:
    mark = task.home / "tried"
    if not mark.exists():
        mark.touch()
        time.sleep(60)
    square(task)


def until_stopped(task: Task) -> None:
    task.home.joinpath(f"running-{os.getpid()}").touch()
    while not task.stopping():
        time.sleep(0.01)
    (task.home / "committed").touch()
    raise Stopped


def echo(value: Any, tell: Any) -> Any:
    tell({"news": value})
    if value == "image":
        raise ImageError("decode_error", "half of it")
    if value == "die":
        os._exit(7)
    if value == "memory":
        return len(bytearray(4 << 30))
    return value
