"""A folder of what is made once and read often: shards of stores, whole, and where the samples of each tar lie.

Any number of processes may use it at once; what one makes, the others wait for. It holds so many bytes, and what was
used longest ago makes room.
"""

import fcntl
import hashlib
import mmap
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson

from wit_builder import remote, storage, store
from wit_builder.errors import BuildError, ConfigError
from wit_builder.shards import index
from wit_builder.shardset.exclude import Exclusion
from wit_builder.shardset.shard import Shard

DEFAULT_BYTES = 100 << 30
_READING = (
    threading.Lock()
)  # numpy parses heads of files as Python, which CPython 3.11 cannot in two threads at once
_LOCKS = 64
_GZIP = b"\x1f\x8b"
_SETTLED_S = 60.0  # what was used within this time does not make room

Bounds = npt.NDArray[np.uint64]  # [N, 2]: begin and end of each sample, in bytes


@dataclass(frozen=True, slots=True)
class Indexed:
    """Where the samples of a shard lie, and how much of it was passed over, by reason.

    passed_over: as `index.Index` counts, and absent: samples that were to be left out and are not there.
    """

    bounds: Bounds
    passed_over: dict[str, int]


def default_folder() -> Path:
    """`wit-builder/train` in the user's cache folder."""
    return (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "wit-builder" / "train"
    )


class Cache:
    """That folder. most_bytes: what it may hold."""

    def __init__(self, folder: Path | None = None, most_bytes: int = DEFAULT_BYTES) -> None:
        self.folder = folder or default_folder()
        self.most_bytes = most_bytes

    def path(self, shard: Shard) -> Path:
        """The shard on this disk. Raises BuildError when it cannot be brought here, or is not as it was listed."""
        if not store.protocol(shard.url):
            return Path(shard.url)
        if shard.bytes > self.most_bytes:
            raise ConfigError(
                f"{shard.name} has {shard.bytes} bytes, the cache {self.folder} holds {self.most_bytes}",
                "let it hold more",
            )
        return self._file(_named(shard, "tar"), lambda path: _bring(shard, path))

    def open(self, shard: Shard) -> int:
        """A descriptor of the shard's bytes. Raises BuildError when it is not the shard that was listed."""
        return _opened(shard, self.path(shard))

    def indexed(self, shard: Shard, exclude: Exclusion | None = None, *, captioned: bool = True) -> Indexed:
        """Where each sample of the shard begins and ends (`index.index`), without those to be left out.

        captioned: whether a sample needs a text. Raises ConfigError for a shard that is gzip.
        """
        tar = self.path(shard)  # before the lock of what is made of it: who holds one lock waits for no other

        def make(path: Path) -> None:
            left_out = exclude.keys(shard.name) if exclude else frozenset[str]()
            made = _indexed(shard, tar, left_out, captioned)
            counts = np.frombuffer(orjson.dumps(made.passed_over), np.uint8)
            with path.open("wb") as file:
                np.savez(file, bounds=made.bounds, passed_over=counts)

        also = f"{exclude.sha256 if exclude else ''} {captioned}"
        kept = self._file(_named(shard, "npz", also), make)
        with _READING, np.load(kept, allow_pickle=False) as arrays:
            return Indexed(arrays["bounds"], orjson.loads(arrays["passed_over"].tobytes()))

    def _file(self, name: str, make: Callable[[Path], None]) -> Path:
        path = self.folder / name
        with self._locked(int(name[:8], 16) % _LOCKS):
            if not path.exists():
                with storage.whole(path) as temporary:
                    make(temporary)
                self._make_room()
            os.utime(path)
        return path

    def _make_room(self) -> None:
        known = [(path.stat(), path) for path in self.folder.glob("[0-9a-f]*.*")]
        over = sum(stat.st_size for stat, _ in known) - self.most_bytes
        for stat, path in sorted(known, key=lambda one: one[0].st_mtime_ns):
            if over <= 0 or stat.st_mtime > time.time() - _SETTLED_S:
                return
            path.unlink(missing_ok=True)
            over -= stat.st_size

    @contextmanager
    def _locked(self, number: int) -> Iterator[None]:
        with storage.plain_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            held = os.open(self.folder / f".lock-{number:02d}", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield
        finally:
            os.close(held)


def _opened(shard: Shard, path: Path) -> int:
    descriptor = os.open(path, os.O_RDONLY)
    if os.fstat(descriptor).st_size != shard.bytes:
        os.close(descriptor)
        raise BuildError(
            f"{shard.url} has changed: it had {shard.bytes} bytes when the run began", "put it back as it was"
        )
    return descriptor


def _indexed(shard: Shard, path: Path, left_out: frozenset[str], captioned: bool) -> Indexed:
    descriptor = _opened(shard, path)
    try:
        with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as tar:
            if tar[: len(_GZIP)] == _GZIP:
                raise ConfigError(
                    f"{shard.url} is gzip, and shards are plain tars", f"gunzip -c {shard.name} > OTHER.tar"
                )
            made = index.index(tar, left_out, captioned=captioned)
    finally:
        os.close(descriptor)
    made.counts["absent"] = max(0, len(left_out) - made.counts["excluded"])
    return Indexed(np.array(made.bounds, np.uint64).reshape(-1, 2), dict(+made.counts))


def _named(shard: Shard, suffix: str, also: str = "") -> str:
    what = f"{shard.url}\n{shard.bytes}\n{shard.version}\n{also}"
    return f"{hashlib.sha256(what.encode()).hexdigest()[:32]}.{suffix}"


def _bring(shard: Shard, path: Path) -> None:
    with remote.opened(shard.url) as file, path.open("wb") as copy:
        shutil.copyfileobj(file, copy, 1 << 20)
    came = path.stat().st_size
    if came != shard.bytes:
        raise BuildError(f"{store.shown(shard.url)} has {came} bytes, {shard.bytes} were listed")
