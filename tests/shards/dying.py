"""Writes a shard in child processes that kill themselves (SIGKILL) one step later each time.

`python -m tests.shards.dying FOLDER`: child number n writes into FOLDER/n, over an older shard, and dies
right before its n-th step (image read, sync, rename, unlink) and after the step before it. Ends when a child
got through; prints how many died.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.shards.pairs import failure, jpeg, reader, samples
from wit_builder.records import Sample
from wit_builder.shards.writer import ShardSpec, write_shard

SPEC = ShardSpec(samples_per_shard=10)
IMAGES = 3


def write_old(folder: Path) -> None:
    write_shard(folder, 0, samples(2), reader(), [], SPEC)


def write_new(folder: Path, read: Callable[[Sample], bytes]) -> None:
    write_shard(folder, 0, samples(IMAGES), read, [failure(9, "http_404")], SPEC)


def main(root: Path) -> int:
    died = 0
    jpeg(0), pa.array(["x"])  # the first use of each loads modules: once here, not in every child
    while child_dies(root / f"{died:03d}", died):
        died += 1
    return died


def child_dies(folder: Path, steps: int) -> bool:
    """Whether the child that may take that many steps was killed."""
    child = os.fork()
    if child == 0:
        write_old(folder)
        write_new(folder, mortal(reader(), steps))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def mortal(read: Callable[[Sample], bytes], steps: int) -> Callable[[Sample], bytes]:
    """Count every step from now on; kill this process before the one too many. Returns `read`, counted."""
    taken = 0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal taken
            if taken == steps:
                os.kill(os.getpid(), signal.SIGKILL)
            taken += 1
            return function(*args, **kwargs)

        return call

    for name in ("fsync", "replace", "unlink"):
        setattr(os, name, counted(getattr(os, name)))
    return counted(read)


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
