"""One at a time at something that lies in a store, whatever machines they are on, and whatever their clocks say.

Who wants it creates the next of numbered objects (the first writer wins), and rewrites it while at work. Who comes
later watches the last one: where it changes its holder lives, where it stays the same for STALE_S the holder is gone.

    NAME-00001.json    {holder, machine, host, pid, beat, ended}
"""

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import orjson

from wit_builder import mirror
from wit_builder.errors import ConfigError, WitError
from wit_builder.objects import Objects

BEAT_S = 5.0  # between two signs of life
STALE_S = 30.0  # without one: the holder is taken for dead
POLL_S = 1.0

Record = dict[str, Any]


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While the block lasts no other attempt is at that folder, where it is a store's; that it ends is waited for."""
    if (in_store := mirror.behind(folder)) is None:
        yield
        return
    objects, name = in_store
    with held(objects, f"{name}/attempt", lambda who: None, None):
        yield


@contextmanager
def held(
    objects: Objects, name: str, wait: Callable[[str], None], taken: Callable[[str], WitError] | None
) -> Iterator[None]:
    """While the block lasts nobody else has it.

    wait: is told the holder whose end is waited for, before that begins. taken: makes the error that is raised where
    that one lives; None: it is waited for. Raises ConfigError for a store that creates an object twice.
    """
    own = None
    while own is None:
        number, last = _last(objects, name)
        if last is not None and not _gone(last):
            wait(_who(last))
            if _outlived(objects, _at(name, number), last):
                if taken:
                    raise taken(_who(last))
                continue
        own = _Own.begun(objects, _at(name, number + 1))
    try:
        yield
    finally:
        own.end()


def held_here(objects: Objects, name: str) -> str | None:
    """The process of this machine that has it, None where none has."""
    _, last = _last(objects, name)
    here = last is not None and last["machine"] == machine() and not _gone(last)
    return _who(last) if last is not None and here else None


class _Own:
    """The one that this process holds."""

    def __init__(self, objects: Objects, at: str) -> None:
        self._objects, self._at = objects, at
        self._record: Record = {
            "holder": uuid.uuid4().hex,
            "machine": machine(),
            "host": socket.gethostname(),
        }
        self._record |= {"pid": os.getpid(), "beat": 0, "ended": False}
        self._over = threading.Event()
        self._beats = threading.Thread(target=self._beat, daemon=True)

    @classmethod
    def begun(cls, objects: Objects, at: str) -> Self | None:
        """None where another was quicker."""
        own = cls(objects, at)
        if not objects.create(at, orjson.dumps(own._record)):
            return None
        if objects.create(at, orjson.dumps(own._record | {"beat": 1})):
            raise ConfigError(
                f"{objects.url} lies in a store that creates a file twice (it ignores If-None-Match)",
                "build with --executor local, or into a folder that all machines see",
            )
        own._beats.start()
        return own

    def end(self) -> None:
        """Somebody else may have it at once."""
        self._over.set()
        self._beats.join()
        with suppress(WitError):  # they wait a little longer then
            self._write({"ended": True})

    def _beat(self) -> None:
        while not self._over.wait(BEAT_S):
            self._record["beat"] += 1
            with suppress(WitError):
                self._write({})

    def _write(self, news: Record) -> None:
        self._objects.write(self._at, orjson.dumps(self._record | news), ConfigError)  # without much patience


def _last(objects: Objects, name: str) -> tuple[int, Record | None]:
    """The last one's number, 0 where there is none, and what it says."""
    number, last = 0, None
    while (said := objects.read(_at(name, number + 1))) is not None:
        number, last = number + 1, orjson.loads(said)
    return number, last


def _outlived(objects: Objects, at: str, last: Record) -> bool:
    """Whether its holder gives a sign of life, and does not end, before it is taken for dead."""
    deadline = time.monotonic() + STALE_S
    while time.monotonic() < deadline:
        time.sleep(POLL_S)
        now = orjson.loads(objects.read(at) or b"null")
        if now is None or now["ended"]:
            return False
        if now != last:
            return True
    return False


def _who(record: Record) -> str:
    return f"process {record['pid']} on {record['host']}"


def _gone(record: Record) -> bool:
    """Whether its holder has ended, as far as that can be told at once."""
    return bool(record["ended"]) or (record["machine"] == machine() and not _runs(record["pid"]))


def _runs(pid: int) -> bool:
    """Whether this machine has such a process, and not only its end to tell."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def machine() -> str:
    """This machine since it was started, and whose process numbers they are; else what equals no other's."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return uuid.uuid4().hex


def _at(name: str, number: int) -> str:
    return f"{name}-{number:05d}.json"
