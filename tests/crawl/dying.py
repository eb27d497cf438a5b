"""Crawls in child processes that kill themselves (SIGKILL).

`python -m tests.crawl.dying FOLDER PORT STEP...`: for each STEP a child crawls on in FOLDER and dies right before
that step of its own (a page read; BEGIN, COMMIT and some statements between; a sync, a rename); 0 is never.
Prints how many died. Batches are small, so that there are many commits to die in.
"""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.crawl.sites import WEB
from wit_builder.crawl import batch, frontier, harvest, parts, rounds
from wit_builder.crawl.crawler import crawl
from wit_builder.crawl.settings import Crawl
from wit_builder.extract.settings import Extraction

SETTINGS = Crawl(("http://a.test/",), hosts=("*.test",), max_pages_per_host=25, max_pages=60, concurrency=6)
STATEMENTS = (
    "BEGIN",
    "COMMIT",
    "INSERT INTO round",
    "DELETE FROM turn",
    "INSERT INTO parts",
    "INSERT OR REPLACE INTO c",
)


def main(folder: Path, port: int, steps: list[int]) -> int:
    return sum(child_dies(folder, port, step) for step in steps)


def child_dies(folder: Path, port: int, step: int) -> bool:
    child = os.fork()
    if child == 0:
        crawl_small_batches(folder, port, step)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def crawl_small_batches(folder: Path, port: int, step: int) -> None:
    batch.PAGES, rounds.SWEPT, parts.TOGETHER = 4, 3, 3
    make_mortal(step)
    asyncio.run(
        crawl(
            SETTINGS,
            WEB,
            Extraction(),
            folder,
            attempt="0000000a",
            stop=lambda: False,
            report=lambda counts: None,
            connect_to={"*": f"127.0.0.1:{port}"},
        )
    )


def make_mortal(step: int) -> None:
    """Count every step from now on; kill this process before that one."""
    taken = 0

    def take(statement: str = STATEMENTS[0]) -> None:
        nonlocal taken
        if statement.startswith(STATEMENTS):
            taken += 1
            if taken == step:
                os.kill(os.getpid(), signal.SIGKILL)

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            take()
            return function(*args, **kwargs)

        return call

    def opened(path: Path) -> sqlite3.Connection:
        connection = open_frontier(path)
        connection.set_trace_callback(take)
        return connection

    open_frontier = frontier._open
    frontier._open = opened
    harvest.extract = counted(harvest.extract)
    for name in ("fsync", "replace"):
        setattr(os, name, counted(getattr(os, name)))


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), int(sys.argv[2]), [int(step) for step in sys.argv[3:]]))
