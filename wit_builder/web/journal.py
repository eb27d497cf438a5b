"""What whoever asks hosts must know of those before it: how far they came, and what hosts asked them for.

    HOME/journal.jsonl      [windows, the one at work], then for each wish [host, delay, pause] (politeness.Wish)

The tasks of collect and fetch keep one each and hand it on. A fetch without one begins with those of the crawl, or of
the window before it (download).

No time is written down, as machines' clocks differ: an attempt begins as if every host had been asked, and every wish
heard, just now. A wish is written before the host is asked again: kill -9 loses none, a machine that
is lost at most those of its last tenth of a second, or where HOME is a store's of its last second.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import orjson

from wit_builder import mirror, storage
from wit_builder.engine import lease
from wit_builder.errors import BuildError, Busy
from wit_builder.web.politeness import Wish

NAME = "journal.jsonl"
SENT_S = 1.0  # between two writes of it to a store
MOST = 1 << 20  # bytes of wishes, 25,000 about, that it grows by before it is begun anew
PATIENCE_S = 10.0  # with a process that was killed and still holds its files


class Journal:
    """The journal of one task.

    windows: of the task's bin, None before the first attempt; window: the first that is not known to be settled; a
    crawl is one window. wishes: of hosts, by name; alone: no other process can be at the task (without locks nobody
    can tell).
    """

    windows: int | None = None
    window: int = 0

    @classmethod
    @contextmanager
    def open(cls, home: Path) -> Iterator[Self]:
        """The journal of that folder, for one process at a time. Raises Busy when another is at it."""
        with lease.alone(home), (home / ".lock").open("w") as lock:
            alone = _lock(lock.fileno(), home)
            journal = cls(mirror.here(home / NAME), alone)
            try:
                yield journal
            finally:
                journal.close()

    def __init__(self, path: Path, alone: bool = True) -> None:
        self.alone = alone
        self._path = path
        self._file: int | None = None  # before the first window of this attempt
        self._heard = False  # since the last `sync`
        self._room = MOST
        self._due = 0.0  # when that may be sent to a store again, on the monotonic clock
        self.wishes: dict[str, Wish] = {}
        if path.exists():
            self._read(path.read_bytes())

    def begin(self, window: int, windows: int, wishes: Mapping[str, Wish]) -> None:
        """All windows before this one are settled, and only these wishes are of interest any more."""
        lines: list[Sequence[object]] = [[windows, window], *([host, *wish] for host, wish in wishes.items())]
        storage.write_bytes(self._path, b"".join(map(_line, lines)))
        mirror.renew(self._path)
        self._heard = False
        self.close()
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        self._room = MOST
        self.windows, self.window = windows, window

    def hear(self, host: str, wish: Wish) -> None:
        """Write down a wish."""
        assert self._file is not None
        line = _line([host, *wish])
        with storage.plain_errors(self._path):
            os.write(self._file, line)
        self._room -= len(line)
        self._heard = True

    def sync(self, wishes: Callable[[], Mapping[str, Wish]]) -> None:
        """What was heard outlasts the machine; where that has become much, only what is of interest still does."""
        if self._room < 0:
            assert self.windows is not None
            self.begin(self.window, self.windows, wishes())
        elif time.monotonic() >= self._due:
            self._sync()

    def _sync(self) -> None:
        if not self._heard or self._file is None:
            return
        if mirror.behind(self._path):
            mirror.renew(self._path)
            self._due = time.monotonic() + SENT_S
        else:
            os.fsync(self._file)
        self._heard = False

    def close(self) -> None:
        """Nothing more is written."""
        if self._file is not None:
            self._sync()
            os.close(self._file)
            self._file = None

    def _read(self, data: bytes) -> None:
        """A last line without its end is one that nobody acted on."""
        whole = data[: data.rfind(b"\n") + 1]
        try:
            (self.windows, self.window), *wishes = [orjson.loads(line) for line in whole.splitlines()]
            for host, delay, pause in wishes:
                known = self.wishes.get(host, Wish())
                self.wishes[host] = Wish(max(known.delay, delay), max(known.pause, pause))
        except (ValueError, TypeError) as error:
            raise BuildError(
                f"{self._path} is damaged ({len(data)} bytes, expected lines of JSON)",
                f"rm {self._path}, then run the same command again with `--resume`: hosts are asked anew",
            ) from error


def _line(values: Sequence[object]) -> bytes:
    return orjson.dumps(values) + b"\n"


def _lock(descriptor: int, home: Path) -> bool:
    """Whether the lock is held; False on a file system without locks: then the first record of a chunk wins."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise Busy(f"another process fetches for {home}", "wait for it, or stop it") from None
            time.sleep(0.1)
        except OSError:
            return False
        else:
            return True
