"""What hosts gave for robots.txt and tdmrep.json, for as long as it holds: the next attempt need not ask again.

    HOME/files.jsonl      [machine], then [URL, seconds, status, body] for each file that a host was asked for

Seconds are those since the machine was started. On another machine nobody could tell how old an answer is, as clocks
differ: there hosts are asked again.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import orjson

from wit_builder import mirror, storage
from wit_builder.engine import lease
from wit_builder.web.robots import KEEP_S, RobotsAnswer

NAME = "files.jsonl"
MOST = 16 << 20  # bytes of all answers; beyond that they are for this attempt alone
LONGEST = 64 << 10  # bytes of one
SENT_S = 30.0  # between two writes of them to a store


class Files:
    """The answers of one task's hosts; for one process at a time (see Journal)."""

    @classmethod
    @contextmanager
    def open(cls, home: Path) -> Iterator[Self]:
        """Those of that folder."""
        files = cls(mirror.here(home / NAME))
        try:
            yield files
        finally:
            files.close()

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, tuple[float, int, str]] = {}
        if path.exists():
            with suppress(ValueError, TypeError):  # damaged: hosts are asked again
                self._read(path.read_bytes())
        lines = [[lease.machine()], *([url, *said] for url, said in self._known.items())]
        begun = b"".join(orjson.dumps(line) + b"\n" for line in lines)
        storage.write_bytes(path, begun)
        self._room = MOST - len(begun)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND)
        self._sent = time.monotonic()
        self._heard = False  # since it was sent

    def get(self, url: str) -> RobotsAnswer | None:
        """What an attempt before this one was told, if that still holds."""
        if (said := self._known.get(url)) is None:
            return None
        heard, status, body = said
        age_s = _now() - heard
        return RobotsAnswer(status, body.encode("latin-1"), age_s) if age_s < KEEP_S else None

    def keep(self, url: str, answer: RobotsAnswer) -> None:
        """Write down an answer, unless it is one that is soon asked for again."""
        if answer.status >= 500 or answer.status == 429:
            return
        line = orjson.dumps([url, _now(), answer.status, answer.body.decode("latin-1")]) + b"\n"
        if len(line) > min(LONGEST, self._room):
            return
        with storage.plain_errors(self._path):
            os.write(self._file, line)
        self._room -= len(line)
        self._heard = True

    def sync(self) -> None:
        """Send what was heard to the store now and then, if the task lies in one."""
        if self._heard and time.monotonic() > self._sent + SENT_S:
            self._send()

    def close(self) -> None:
        """Nothing more is written."""
        os.close(self._file)
        if self._heard:
            self._send()

    def _send(self) -> None:
        mirror.renew(self._path)
        self._sent, self._heard = time.monotonic(), False

    def _read(self, data: bytes) -> None:
        (machine,), *said = [orjson.loads(line) for line in data[: data.rfind(b"\n") + 1].splitlines()]
        if machine != lease.machine():
            return
        for url, heard, status, body in said:
            if _now() - heard < KEEP_S:
                self._known[url] = (float(heard), int(status), str(body))


def _now() -> float:
    """Seconds since this machine was started, whether it slept or not."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
