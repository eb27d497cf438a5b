"""A folder of a store, met in a folder here: whoever reads below it asks `here`, and what is handed on is sent.

The run of a build lies in a folder that all its processes see, or in a store (`s3://BUCKET/RUN/work`). A process
meets a store's in a folder of its own, its mirror, in which paths are what they would be in a shared one; nothing
in it is worth keeping. For paths that lie in no mirror everything here does nothing, or what it says plainly.
"""

import atexit
import fcntl
import os
import secrets
import shutil
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from wit_builder import objects, storage, store
from wit_builder.errors import ConfigError, WitError
from wit_builder.objects import Objects
from wit_builder.place import SCRATCH, check_scratch

HELD = 16 << 30  # bytes of brought files that a mirror keeps; then the oldest go. What is open can be read on
FOOTER = 64 << 10  # bytes of a parquet file's end: most footers are shorter

T = TypeVar("T")
U = TypeVar("U")

_SENT_AT_ONCE = 4  # each may be 32 MiB in memory
_PREFIX = "wit-task-"
_LOCK = ".lock"


@dataclass(slots=True)
class _Mirror:
    folder: Path
    objects: Objects
    there: set[Path] = field(default_factory=set)  # what the store has, as far as was sent or brought
    held: deque[tuple[Path, int]] = field(default_factory=deque)  # what was brought, oldest first
    bytes: int = 0
    own: int | None = None  # descriptor that keeps others from a folder that was made here
    lock: threading.Lock = field(default_factory=threading.Lock)

    def name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def bring(self, path: Path) -> None:
        size = self.objects.bring(self.name(path), path)
        if size is not None:
            self.note(path, size)

    def note(self, path: Path, size: int) -> None:
        """That file, so many bytes, may be removed when there are too many."""
        with self.lock:
            self.there.add(path)
            self.held.append((path, size))
            self.bytes += size
            while self.bytes > HELD and len(self.held) > 1:
                oldest, freed = self.held.popleft()
                oldest.unlink(missing_ok=True)
                self.bytes -= freed


_mirrors: dict[Path, _Mirror] = {}  # of this process, by folder


def _of(path: Path) -> _Mirror | None:
    """The mirror that it lies in."""
    return next((it for folder, it in _mirrors.items() if folder == path or folder in path.parents), None)


def meet(where: str) -> Path:
    """The folder that stands for that path or URL in this process; it is there until it is emptied."""
    if not store.protocol(where):
        return Path(where)
    met = (it for it in _mirrors.values() if it.objects.url == where.rstrip("/"))
    if (mirror := next(met, None)) is None:
        base = Path(os.environ.get(SCRATCH) or tempfile.gettempdir())
        check_scratch(base)
        mirror = _Mirror(base / f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}", Objects(where))
        _sweep(base)
        _mirrors[mirror.folder] = mirror
        atexit.register(shutil.rmtree, mirror.folder, ignore_errors=True)
    while mirror.own is None:
        mirror.own = _made(mirror.folder)
    return mirror.folder


@contextmanager
def met(where: str, folder: Path) -> Iterator[None]:
    """That folder stands for the URL while the block lasts. What it holds counts instead of what lies there."""
    _mirrors[folder] = _Mirror(folder, Objects(where))
    try:
        yield
    finally:
        del _mirrors[folder]


def name(path: Path) -> str:
    """The path as any process can meet it: a URL where it lies in a mirror."""
    if (mirror := _of(path)) is None:
        return str(path)
    return mirror.objects.at(mirror.name(path)).removesuffix("/.")


def behind(path: str | Path) -> tuple[Objects, str] | None:
    """The store that it lies in, and its name there; None for a path in no mirror."""
    mirror = _of(Path(path)) if _mirrors else None
    return (mirror.objects, mirror.name(Path(path))) if mirror else None


def here(path: str | Path) -> Path:
    """The path, at which the file now is, if there is one: to be opened at once. Raises BuildError."""
    path = Path(path)
    if _mirrors and not path.exists() and (mirror := _of(path)):
        mirror.bring(path)
    return path


def footer(path: str | Path) -> Path | pa.BufferReader:
    """What pyarrow reads of a parquet file its metadata from: the file, or its end where it lies in a store."""
    if (in_store := behind(path)) is None:
        return Path(path)
    objects, name = in_store
    tail, size = objects.part(name, -FOOTER) or objects.missing(name)
    due = int.from_bytes(tail[-8:-4], "little") + 8
    if due > len(tail):
        tail = objects.bytes_of(name, size - due, size)
    return pa.BufferReader(tail)


def hold(path: Path, parts: Iterable[bytes]) -> None:
    """Keep some bytes of the store's in a file of a mirror, for as long as there is room."""
    mirror = _of(path)
    assert mirror is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines(parts)
    mirror.note(path, path.stat().st_size)


def exists(path: Path) -> bool:
    """Whether there is such a file."""
    if (mirror := _of(path)) is None:
        return path.exists()
    return path in mirror.there or mirror.objects.exists(mirror.name(path))


def each(do: Callable[[T], U], items: Sequence[T]) -> list[U]:
    """What it gives for each, in their order; several at a time where they may lie in a store."""
    return objects.each(do, list(items)) if _mirrors else [do(item) for item in items]


def ahead(do: Callable[[T], U], items: Sequence[T], count: int) -> Iterator[U]:
    """The same, and no more than so many of them before they are wanted."""
    if not _mirrors:
        yield from map(do, items)
        return
    with ThreadPoolExecutor(count) as pool:
        waiting = deque[Future[U]]()
        for item in items:
            waiting.append(pool.submit(do, item))
            if len(waiting) > count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def there(paths: Iterable[Path]) -> None:
    """A record in the store says that these files are there."""
    for path in paths:
        if mirror := _of(path):
            mirror.there.add(path)


def send(paths: Iterable[Path]) -> None:
    """Hand files on: from now on all who meet the store's folder can read them. Each is sent once."""
    todo = [(mirror, path) for path in paths if (mirror := _of(path)) and path not in mirror.there]
    objects.each(_send, todo, _SENT_AT_ONCE)


def _send(sent: tuple[_Mirror, Path]) -> None:
    mirror, path = sent
    mirror.objects.put(mirror.name(path), path)
    mirror.there.add(path)


def renew(path: Path) -> None:
    """Hand on a file instead of what was there."""
    if mirror := _of(path):
        mirror.objects.put(mirror.name(path), path)


def write_json(path: Path, value: object) -> None:
    """See storage; and it is handed on, instead of what was there."""
    storage.write_json(path, value)
    renew(path)


def now(path: Path) -> bytes | None:
    """What a small file holds at this moment, None where there is none: of a store's, no copy that was brought."""
    if (in_store := behind(path)) is not None:
        objects, name = in_store
        return objects.read(name)
    return path.read_bytes() if path.exists() else None


def gone(path: Path) -> None:
    """Remove a file, whoever has sent it."""
    if (in_store := behind(path)) is not None:
        objects, name = in_store
        objects.remove(name)
    path.unlink(missing_ok=True)


def create(path: Path, data: bytes) -> bool:
    """Create a small file in the store; false when it is there: the first writer wins. For paths in a mirror."""
    mirror = _of(path)
    assert mirror is not None
    return mirror.objects.create(mirror.name(path), data)


def publish(shown: Iterable[tuple[Path, Path]]) -> None:
    """Show finished files under other names: see storage; within a store it copies them itself."""
    each(_publish, list(shown))


def _publish(shown: tuple[Path, Path]) -> None:
    source, target = shown
    if (mirror := _of(source)) is None:
        storage.publish(source, target)
    else:
        mirror.objects.copy(mirror.name(source), mirror.name(target))


def remove(paths: Iterable[Path]) -> None:
    """Remove files and folders, and what was sent of them, if the store answers."""
    for path in paths:
        if mirror := _of(path):
            sent = [one for one in mirror.there if one == path or path in one.parents]
            with suppress(WitError):  # what is left goes with the rest
                objects.each(
                    partial(mirror.objects.remove, kind=ConfigError), [mirror.name(it) for it in sent]
                )
            mirror.there.difference_update(sent)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def empty(root: Path) -> None:
    """Remove all that a mirror holds here; the store keeps what was sent."""
    if (mirror := _mirrors.get(root)) is None:
        return
    for path in root.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    if mirror.own is not None:
        root.rmdir()
        os.close(mirror.own)
        mirror.own = None
    mirror.there.clear()
    mirror.held.clear()
    mirror.bytes = 0


def forget(folder: Path) -> None:
    """Remove from the store all that lies below that folder of a mirror."""
    if mirror := _of(folder):
        mirror.objects.remove_all(mirror.name(folder))


def unreachable(where: str) -> tuple[str, str] | None:
    """Why this machine cannot work in that folder or URL, and what would help; None where it can."""
    if not store.protocol(where):
        seen = Path(where).is_dir()
        return None if seen else ("", "--out (or --scratch) in a folder that all nodes share")
    try:
        there, probe = Objects(where), f"probe-{secrets.token_hex(8)}"
        there.write(probe, b"{}", ConfigError)
        there.remove(probe, ConfigError)
    except WitError as error:
        return f": {error}", error.hint or "the same packages and credentials on every node"
    return None


def _sweep(base: Path) -> None:
    """Remove the folders of processes that are gone."""
    for left in base.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another process removed it, or lives in it
            os.close(_hold(left, os.O_RDWR))
            shutil.rmtree(left, ignore_errors=True)


def _made(folder: Path) -> int | None:
    """What keeps others from that folder, which is there now; None where one took it for a folder that is left."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        own = _hold(folder, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        if isinstance(error, BlockingIOError | FileNotFoundError):
            return None
        raise
    if folder.is_dir():
        return own
    os.close(own)
    return None


def _hold(folder: Path, flags: int) -> int:
    """A descriptor: while it is open, no other process can have one. Raises OSError where another has."""
    lock = os.open(folder / _LOCK, flags, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock
