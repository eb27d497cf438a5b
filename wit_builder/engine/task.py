"""A stage is a plan of tasks and a function; this file says how one task is run and how it is committed.

Rules that make retries, twins and zombies harmless, and every executor equal to every other:

1. A task is (root, stage, id). Its code is an importable `module:function`, its argument stands in the
   stage's plan, which is written once. Any process that sees the root can run it.
2. A task writes files named by its attempt and commits them by creating ONE done record; the first wins.
3. Readers take file names from done records, never from a listing.
4. Tasks are deterministic given plan and inputs, but for collect and fetch, where the done record decides.

    root/session.json            what is of this run only, written at each start
    root/STAGE/plan.json         {version, function, params, needs, tasks: {id: argument}}
    root/STAGE/done/ID.json      {id, attempt, files: {kind: [name]}, funnel, seconds}
    root/STAGE/given-up/ID.json  {reason}, until the task is run again (tries.py)
    root/STAGE/ID.ATTEMPT.*      what the task wrote
    root/STAGE/.ID.ATTEMPT.*.tmp while the attempt is at work; what a killed one wrote goes when a command begins
    root/STAGE/ID/               what the task keeps between its own attempts (a frontier, chunks)
"""

import importlib
import os
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import orjson

from wit_builder import __version__, mirror, settings, storage
from wit_builder.errors import BuildError, WitError, many
from wit_builder.ledger import Funnel

_BELOW = "root"  # type of a path below the root, in JSON
_AT_WORK = re.compile(r"\.(.+)\.([0-9a-f]{8})\.attempt\.\d+-[0-9a-f]{8}\.tmp")

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
    params: Mapping[str, Any]  # the stage's settings, decoded
    cpus: int = 1  # processes the task may keep busy
    report: Report = lambda counts: None
    stopping: Callable[[], bool] = lambda: False
    attempt: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    files: dict[str, list[str]] = field(default_factory=dict)
    funnel: Funnel = field(default_factory=Funnel)
    own: list[Path] = field(default_factory=list)  # what no other attempt knows of

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
        values: dict[str, Any] = moved(self.root, read_json(self.root / "session.json"))
        return values

    def new_file(self, kind: str, suffix: str) -> Path:
        """A path to write to, unique to this attempt; seen by readers once the task is committed."""
        path = self.folder / f"{self.id}.{self.attempt}.{kind}{suffix}"
        self.own.append(path)
        self.keep(kind, path)
        return path

    def new_folder(self) -> Path:
        """A folder unique to this attempt; what is to be handed on of it is named by `keep`."""
        path = self.folder / f"{self.id}.{self.attempt}"
        self.own.append(path)
        path.mkdir()
        return path

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
        """The done record in that file. Raises BuildError when it is damaged."""
        record = read_json(path)
        folder = path.parents[1]
        return cls(
            record["id"],
            {kind: [folder / name for name in names] for kind, names in record["files"].items()},
            Funnel.from_json(record["funnel"]),
            record["seconds"],
        )


def plan(
    root: Path,
    stage: str,
    function: str,
    tasks: Mapping[str, Any],
    params: Mapping[str, Any],
    needs: Mapping[str, Any] | None = None,
) -> None:
    """Write the stage's plan, once: a plan that exists already stays, so that a resume keeps its task ids.

    needs: what its tasks ask of an executor, for executors that know the plan alone.
    """
    path = root / stage / "plan.json"
    if is_planned(root, stage):
        return
    with storage.plain_errors(path):
        (root / stage / "done").mkdir(parents=True, exist_ok=True)
    value = {
        "version": __version__,
        "function": function,
        "params": settings.encode(params),
        "needs": dict(needs or {}),
        "tasks": dict(tasks),
    }
    if mirror.behind(path):
        mirror.create(path, orjson.dumps(movable(root, value)))
    else:
        storage.write_json(path, movable(root, value))


def is_planned(root: Path, stage: str) -> bool:
    """Whether the stage has a plan."""
    return mirror.exists(root / stage / "plan.json")


def movable(root: Path, value: Any) -> Any:
    """JSON in which paths below the root are written relative to it: it may be met elsewhere."""
    if isinstance(value, Mapping):
        return {key: movable(root, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [movable(root, item) for item in value]
    if isinstance(value, str) and value.startswith(f"{root}/"):
        return {"type": _BELOW, "path": value[len(f"{root}/") :]}
    return value


def moved(root: Path, value: Any) -> Any:
    """The inverse of `movable`, for where the root is met now."""
    if isinstance(value, list):
        return [moved(root, item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == _BELOW:
        return f"{root}/{value['path']}"
    return {key: moved(root, item) for key, item in value.items()}


def open_task(root: Path, stage: str, task_id: str) -> tuple[Task, Callable[[Task], None]]:
    """The task as its plan has it, and the function that runs it. Raises BuildError where the plan is gone."""
    path = root / stage / "plan.json"
    if not mirror.behind(path) and not path.exists():
        raise BuildError(f"{root} has no stage {stage} any more: the run has gone on, or begun anew")
    function, params, tasks = _plan(path)
    (root / stage).mkdir(parents=True, exist_ok=True)
    return Task(root, stage, task_id, tasks[task_id], params), function


def run_task(task: Task, function: Callable[[Task], None]) -> None:
    """Run the task and commit it; does nothing when it is committed already. All that executors call.

    Raises BuildError for a full, read-only or forbidden disk. Of an ExceptionGroup one exception is raised.
    """
    record_path = _done_path(task.root, task.stage, task.id)
    if mirror.exists(record_path):
        return
    started = time.monotonic()
    lost = True
    try:
        with (
            storage.plain_errors(task.folder),
            storage.held(task.folder / f"{task.id}.{task.attempt}.attempt"),
        ):
            _call(function, task)
            mirror.send(task.folder / name for names in task.files.values() for name in names)
            record = {
                "id": task.id,
                "attempt": task.attempt,
                "files": task.files,
                "funnel": task.funnel.as_json(),
                "seconds": round(time.monotonic() - started, 3),
            }
            lost = False  # should no answer come to what follows, only the record knows
            lost = not claim(record_path, orjson.dumps(record), task.attempt)
    finally:
        if lost:  # it failed, or a twin was first, whose files are the truth
            mirror.remove(task.own)
        mirror.empty(task.root)


def tidy(folder: Path) -> None:
    """Remove what killed processes left half done directly in that folder, which may be a stage's."""
    for gone in storage.sweep(folder):
        if found := _AT_WORK.fullmatch(gone.name):
            record = folder / "done" / f"{found[1]}.json"
            if not record.exists() or read_json(record)["attempt"] != found[2]:
                mirror.remove(folder.glob(f"{found[1]}.{found[2]}*"))


def claim(path: Path, data: bytes, attempt: str) -> bool:
    """Create the file with these bytes, whole; false when it exists: the first writer wins.

    attempt: 8 hex digits that no other writer has.
    """
    if mirror.behind(path):
        return mirror.create(path, data)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{attempt}.tmp")  # as storage.sweep knows them
    with storage.plain_errors(path):
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, path)
            storage.sync(path.parent)  # so that records last in the order they were made
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
    return True


def read_json(path: Path) -> Any:
    """What a file of the engine holds. Raises BuildError when it is damaged."""
    try:
        return orjson.loads(mirror.here(path).read_bytes())
    except orjson.JSONDecodeError as error:
        name = mirror.name(path)
        raise BuildError(
            f"{name} is damaged ({path.stat().st_size} bytes, expected JSON)",
            f"rm {name}, then run the same command again with `--resume`: it is made anew",
        ) from error


def done(root: Path, stage: str) -> list[Done]:
    """The committed tasks of a stage, in the order of its plan. Raises BuildError when some are missing."""
    records = mirror.each(mirror.here, [_done_path(root, stage, task_id) for task_id in ids(root, stage)])
    missing = [path.stem for path in records if not path.exists()]
    if missing:
        raise BuildError(
            f"stage {stage} has {many(len(missing), 'unfinished task')}, such as {missing[0]}",
            "run the same command again with `--resume`",
        )
    return [Done.read(path) for path in records]


def pending(root: Path, stage: str) -> list[str]:
    """The ids of the plan that have no done record."""
    return unfinished(root, stage, ids(root, stage))


def unfinished(root: Path, stage: str, tasks: Sequence[str]) -> list[str]:
    """Those of these tasks that have no done record."""
    done = mirror.each(mirror.exists, [_done_path(root, stage, task) for task in tasks])
    return [task for task, is_there in zip(tasks, done, strict=True) if not is_there]


def is_done(root: Path, stage: str, task_id: str) -> bool:
    """Whether that task is committed."""
    return mirror.exists(_done_path(root, stage, task_id))


def ids(root: Path, stage: str) -> list[str]:
    """The ids of the plan."""
    return list(read_json(root / stage / "plan.json")["tasks"])


def version(root: Path, stage: str) -> str:
    """That of the wit-builder that planned it."""
    return str(read_json(root / stage / "plan.json").get("version", ""))


def needs(root: Path, stage: str) -> dict[str, Any]:
    """What the plan says that its tasks ask of an executor."""
    found: dict[str, Any] = read_json(root / stage / "plan.json")["needs"]
    return found


def files(records: list[Done], kind: str) -> list[Path]:
    """All files of one kind that these tasks committed, in order."""
    return [path for record in records for path in record.files.get(kind, [])]


@lru_cache(maxsize=1)
def _plan(path: Path) -> tuple[Callable[[Task], None], Mapping[str, Any], Mapping[str, Any]]:
    """Function, parameters and tasks. Kept, as a worker runs task after task of one stage."""
    read = moved(path.parents[1], read_json(path))
    module, _, name = read["function"].partition(":")
    return getattr(importlib.import_module(module), name), settings.decode(read["params"]), read["tasks"]


def _call(function: Callable[[Task], None], task: Task) -> None:
    try:
        function(task)
    except BaseExceptionGroup as group:
        raise _first(group) from group


def _first(error: BaseException) -> BaseException:
    """Of all that went wrong at once, what we raised on purpose, else the first."""
    while isinstance(error, BaseExceptionGroup):
        ours = [inner for inner in error.exceptions if isinstance(inner, WitError)]
        error = ours[0] if ours else error.exceptions[0]
    return error


def _done_path(root: Path, stage: str, task_id: str) -> Path:
    return root / stage / "done" / f"{task_id}.json"
