"""Fills chunks in child processes that kill themselves (SIGKILL) one step later each time.

`python -m tests.fetch.dying FOLDER`: child number n works in FOLDER/n, where one chunk is committed already,
and dies right before its n-th step (member of a tar, sync, rename, link, unlink). Ends when a child got
through; prints how many died.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fetch.pairs import TEN, candidate, pixels, visit
from wit_builder.errors import Gone
from wit_builder.fetch.chunks import Chunks
from wit_builder.shards.tar import TarWriter


def fill(folder: Path, attempt: str, numbers: range) -> None:
    """One chunk: the even ones are had, the odd ones are not."""
    with Chunks.open(folder, attempt, folder, TEN) as chunks:
        for n in numbers:
            if candidate(f"http://a.test/{n}").id in chunks.settled:
                continue
            if n % 2:
                chunks.add_failure(n, Gone("http_404"))
            else:
                chunks.add_sample(n, visit(), pixels(b"image %d" % n))
        chunks.commit()


def child_dies(folder: Path, steps: int) -> bool:
    """Whether the child that may take that many steps was killed."""
    child = os.fork()
    if child == 0:
        folder.mkdir()
        fill(folder, "0000000a", range(2))
        _make_mortal(steps)
        fill(folder, "0000000b", range(6))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def _make_mortal(steps: int) -> None:
    left = steps

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return function(*args, **kwargs)

        return call

    os.fsync, os.link = counted(os.fsync), counted(os.link)  # type: ignore[assignment]
    for owner, name in ((Path, "replace"), (Path, "unlink"), (TarWriter, "add")):
        setattr(owner, name, counted(getattr(owner, name)))


if __name__ == "__main__":
    died = 0
    while child_dies(Path(sys.argv[1], f"{died:03d}"), died):
        died += 1
    print(died)
