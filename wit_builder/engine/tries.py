"""What becomes of tasks that fail: tried again, given up with a reason, or the end of the whole build.

A task that is given up stands in the stage's folder, `given-up/ID.json`, until it is run again: the others are run
first, a driver hears of what its workers elsewhere gave up, and of what ended one of them, and `wit show` says it.
"""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import orjson

from wit_builder import mirror, storage
from wit_builder.errors import BuildError, Busy, Dropped, WitError

MACHINES = 4  # that a task may lose for the price of one try

FOLDER = "given-up"


class GivenUp(NamedTuple):
    """Why a task was given up."""

    reason: str
    hint: str | None = None
    ends: bool = False  # the whole run: no use in going on


@dataclass(slots=True)
class Tries:
    """Those of one stage. retries: of a task, before it is given up."""

    folder: Path
    retries: int
    given_up: dict[str, str] = field(default_factory=dict)  # task to reason
    fatal: WitError | None = None  # concerns the whole build: no use in going on
    _tries: Counter[str] = field(default_factory=Counter)
    _lost: Counter[str] = field(default_factory=Counter)  # machines of its tries

    def failed(self, task: str, reason: str | BaseException) -> bool:
        """A try is over; whether there is another. reason: an exception, or in words how its process ended."""
        if isinstance(reason, WitError) and not isinstance(reason, Dropped | Busy):
            self.fatal = self.fatal or reason
            self._write_down(task, GivenUp(str(reason), reason.hint, ends=True))
            return False
        self._tries[task] += 1
        if self._tries[task] <= self.retries:
            return True
        told = reason if isinstance(reason, str) else _sentence(reason) + self._written(reason, task)
        self.given_up[task] = told
        if not isinstance(reason, Busy):
            self._write_down(task, GivenUp(told))
        return False

    def lost(self, task: str) -> bool:
        """A try is over because its machine is gone; whether there is another. It costs a try only where it happens
        again and again: machines that are cheap to rent are often taken back."""
        self._lost[task] += 1
        return self._lost[task] % MACHINES != 0 or self.failed(task, f"{MACHINES} machines were lost with it")

    def _write_down(self, task: str, told: GivenUp) -> None:
        """Nothing where the run has gone on without this process."""
        if mirror.exists(self.folder / "plan.json"):
            with suppress(BuildError):  # the disk is full: what went wrong before is worth more
                mirror.write_json(_record(self.folder, task), told._asdict())

    def _written(self, error: BaseException, task: str) -> str:
        """Where the traceback of an unknown exception stands."""
        notes = getattr(error, "__notes__", [])
        if not notes or not mirror.exists(self.folder / "plan.json"):
            return ""
        path = self.folder / f"{task}.error.txt"
        try:
            storage.write_bytes(path, "\n".join(notes).encode("utf-8", "replace"))
            mirror.send([path])
        except BuildError:
            return ""  # as above
        return f" (where: {mirror.name(path)})"


def given_up(folder: Path, tasks: Iterable[str]) -> dict[str, GivenUp]:
    """Which of these tasks were given up when they were last run, and why. folder: of the stage."""
    which = list(tasks)
    said = mirror.each(mirror.now, [_record(folder, task) for task in which])
    return {task: GivenUp(**orjson.loads(one)) for task, one in zip(which, said, strict=True) if one}


def forget(folder: Path, tasks: Iterable[str]) -> None:
    """These tasks are run again: what they were given up for counts no more."""
    mirror.each(mirror.gone, [_record(folder, task) for task in tasks])


def _record(folder: Path, task: str) -> Path:
    return folder / FOLDER / f"{task}.json"


def _sentence(error: BaseException) -> str:
    """What went wrong, in one line."""
    if isinstance(error, MemoryError):
        return "out of memory"
    words = " ".join(str(error).split())[:500]
    return words if isinstance(error, WitError) else f"{type(error).__name__}: {words}"
