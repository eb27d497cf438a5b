"""A stage is a plan of tasks and a function; this file says how one task is run and how it is committed.

Rules that make retries, twins and zombies harmless, and every executor equal to every other:

1. A task is (root, stage, id). Its code is an importable `module:function`, its argument stands in the
   stage's plan, which is written once. Any process that sees the root can run it.
2. A task writes files named by its attempt and commits them by creating ONE done record; the first wins.
3. Readers take file names from done records, never from a listing.
4. Tasks are deterministic given plan and inputs, but for collect and fetch, where the done record decides.

    root/session.json            what is of this run only, written at each start
    root/STAGE/plan.json         {function, params, tasks: {id: argument}}
    root/STAGE/done/ID.json      {id, attempt, files: {kind: [name]}, funnel, seconds}
    root/STAGE/ID.ATTEMPT.*      what the task wrote
    root/STAGE/ID/               what the task keeps between its own attempts (a frontier, chunks)
"""

import importlib
import os
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import orjson

from wit_builder import settings, storage
from wit_builder.errors import BuildError
from wit_builder.ledger import Funnel

Report = Callable[[Mapping[str, int]], None]  # cumulative counts of one task, for the progress display


class Stopped(Exception):
    """A task was asked to stop, committed what it had, and did not finish."""


@dataclass(slots=True)
class Task:
    """One task while it runs: its argument, where it writes, what it counts."""

    root: Path
    stage: str
    id: str
    arg: Any  # JSON
    params: dict[str, Any]  # the stage's settings, decoded
    cpus: int = 1  # processes the task may keep busy
    report: Report = lambda counts: None
    stopping: Callable[[], bool] = lambda: False
    attempt: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    files: dict[str, list[str]] = field(default_factory=dict)
    funnel: Funnel = field(default_factory=Funnel)

    @property
    def folder(self) -> Path:
        """The stage's folder."""
        return self.root / self.stage

    @property
    def home(self) -> Path:
        """A folder of this task's own that outlives its attempts."""
        home = self.folder / self.id
        home.mkdir(parents=True, exist_ok=True)
        return home

    @property
    def session(self) -> dict[str, Any]:
        """What is of this run and not of the plan: root/session.json, written at each start."""
        values: dict[str, Any] = orjson.loads((self.root / "session.json").read_bytes())
        return values

    def new_file(self, kind: str, suffix: str) -> Path:
        """A path to write to, unique to this attempt; seen by readers once the task is committed."""
        name = f"{self.id}.{self.attempt}.{kind}{suffix}"
        self.files.setdefault(kind, []).append(name)
        return self.folder / name

    def keep(self, kind: str, path: Path) -> None:
        """Name a file (below the stage's folder) that this task hands on under that kind."""
        self.files.setdefault(kind, []).append(str(path.relative_to(self.folder)))


@dataclass(frozen=True, slots=True)
class Done:
    """A committed task."""

    id: str
    files: dict[str, list[Path]]  # kind to files, absolute
    funnel: Funnel
    seconds: float

    @classmethod
    def read(cls, path: Path) -> Self:
        """The done record in that file."""
        record = orjson.loads(path.read_bytes())
        folder = path.parents[1]
        return cls(
            record["id"],
            {kind: [folder / name for name in names] for kind, names in record["files"].items()},
            Funnel.from_json(record["funnel"]),
            record["seconds"],
        )


def plan(root: Path, stage: str, function: str, tasks: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """Write the stage's plan, once: a plan that exists already stays, so that a resume keeps its task ids."""
    path = root / stage / "plan.json"
    if path.exists():
        return
    (root / stage / "done").mkdir(parents=True, exist_ok=True)
    storage.write_json(path, {"function": function, "params": settings.encode(params), "tasks": dict(tasks)})


def open_task(root: Path, stage: str, task_id: str) -> tuple[Task, Callable[[Task], None]]:
    """The task as its plan has it, and the function that runs it."""
    plan_ = orjson.loads((root / stage / "plan.json").read_bytes())
    module, _, name = plan_["function"].partition(":")
    function = getattr(importlib.import_module(module), name)
    return Task(root, stage, task_id, plan_["tasks"][task_id], settings.decode(plan_["params"])), function


def run_task(task: Task, function: Callable[[Task], None]) -> None:
    """Run the task and commit it; does nothing when it is committed already. All that executors call."""
    record_path = _done_path(task.root, task.stage, task.id)
    if record_path.exists():
        return
    started = time.monotonic()
    function(task)
    record = {
        "id": task.id,
        "attempt": task.attempt,
        "files": task.files,
        "funnel": task.funnel.as_json(),
        "seconds": round(time.monotonic() - started, 3),
    }
    _commit(record_path, record, task)


def _commit(path: Path, record: dict[str, Any], task: Task) -> None:
    temporary = path.with_name(f".{path.name}.{task.attempt}.tmp")
    with storage.plain_errors(path):
        with temporary.open("wb") as file:
            file.write(orjson.dumps(record))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)  # fails when a twin was first; then the twin's files are the truth
        except FileExistsError:
            for names in task.files.values():
                for name in names:
                    (task.folder / name).unlink(missing_ok=True)
        finally:
            temporary.unlink()


def done(root: Path, stage: str) -> list[Done]:
    """The committed tasks of a stage, in the order of its plan. Raises BuildError when some are missing."""
    missing = pending(root, stage)
    if missing:
        raise BuildError(f"stage {stage} has {len(missing)} unfinished tasks, such as {missing[0]}")
    return [Done.read(_done_path(root, stage, task_id)) for task_id in _ids(root, stage)]


def pending(root: Path, stage: str) -> list[str]:
    """The ids of the plan that have no done record."""
    return [task_id for task_id in _ids(root, stage) if not _done_path(root, stage, task_id).exists()]


def files(records: list[Done], kind: str) -> list[Path]:
    """All files of one kind that these tasks committed, in order."""
    return [path for record in records for path in record.files.get(kind, [])]


def _ids(root: Path, stage: str) -> list[str]:
    return list(orjson.loads((root / stage / "plan.json").read_bytes())["tasks"])


def _done_path(root: Path, stage: str, task_id: str) -> Path:
    return root / stage / "done" / f"{task_id}.json"
