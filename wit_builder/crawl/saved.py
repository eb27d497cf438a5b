"""A crawl whose folder is a store's hands on what it has committed now and then, and another machine goes on from it.

A kill costs what was settled since. Nothing of this is needed, or done, where the folder lies on a disk.

    FOLDER/saved-00007.json              {attempt}; the first of a number wins
    FOLDER/saved-00007.ATTEMPT.sqlite    the frontier as it was then; the parts that it names lie in FOLDER too
"""

import asyncio
import time
from pathlib import Path

import orjson

from wit_builder import mirror
from wit_builder.crawl.frontier import Frontier
from wit_builder.crawl.parts import Parts
from wit_builder.engine.task import claim, read_json
from wit_builder.errors import BuildError

SAVE_S = 30.0  # seconds between two, and ten times what the last one took
FRONTIER = "frontier.sqlite"


def taken_up(folder: Path) -> int:
    """The number of what was saved last, 0 for nothing; its frontier is in the folder then."""
    if not mirror.behind(folder) or not (number := _last(folder)):
        return 0
    said = read_json(_record(folder, number))
    copy = _copy(folder, number, said["attempt"])
    mirror.here(copy).rename(folder / FRONTIER)
    return number


class Saved:
    """Saves one crawl. number: of what it went on from."""

    def __init__(self, folder: Path, attempt: str, number: int, frontier: Frontier, parts: Parts) -> None:
        self._folder, self._attempt, self._number = folder, attempt, number
        self._frontier, self._parts = frontier, parts
        self._saving: asyncio.Task[None] | None = None
        self._due = time.monotonic() + SAVE_S
        mirror.there(parts.all_paths())

    async def save_when_due(self) -> None:
        """Begin to save, if it is time; the crawl goes on meanwhile. Between two commits. Raises BuildError."""
        if self._saving is not None and self._saving.done():
            await self._ended()
        if self._saving is None and time.monotonic() >= self._due and mirror.behind(self._folder):
            self._begin()

    async def save(self) -> None:
        """Save what is committed now. Raises BuildError."""
        if mirror.behind(self._folder):
            await self._ended()
            self._begin()
            await self._ended()

    def _begin(self) -> None:
        number, self._number = self._number, self._number + 1
        copy = _copy(self._folder, self._number, self._attempt)
        self._frontier.copy_to(copy)
        self._parts.keep_all = True
        self._saving = asyncio.create_task(
            asyncio.to_thread(self._send, number, copy, self._parts.all_paths())
        )
        self._due = float("inf")
        self._began = time.monotonic()

    async def _ended(self) -> None:
        saving, self._saving = self._saving, None
        if saving is not None:
            await saving
            self._parts.keep_all = False
            self._due = time.monotonic() + max(SAVE_S, 10 * (time.monotonic() - self._began))

    def _send(self, before: int, copy: Path, parts: list[Path]) -> None:
        mirror.send([*parts, copy])
        record = orjson.dumps({"attempt": self._attempt})
        if not claim(_record(self._folder, before + 1), record, self._attempt):
            raise BuildError(f"another process crawls into {mirror.name(self._folder)}; this one stops")
        if before:
            attempt = read_json(_record(self._folder, before))["attempt"]
            old = _copy(self._folder, before, attempt)
            mirror.there([old])
            mirror.remove([old])
        copy.unlink()


def _last(folder: Path) -> int:
    """No number is left out."""
    low, high = 0, 1
    while mirror.exists(_record(folder, high)):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if mirror.exists(_record(folder, middle)) else (low, middle)
    return low


def _record(folder: Path, number: int) -> Path:
    return folder / f"saved-{number:05d}.json"


def _copy(folder: Path, number: int, attempt: str) -> Path:
    return folder / f"saved-{number:05d}.{attempt}.sqlite"
