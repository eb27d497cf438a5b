"""The executor of one machine: tasks in child processes, as many at a time as it has workers."""

import os
import signal
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Protocol

from wit_builder.engine import children
from wit_builder.engine.task import Stopped, open_task, run_task
from wit_builder.errors import BuildError, WitError

GRACE_S = 5.0  # from the wish to stop to the kill


@dataclass(frozen=True, slots=True)
class Needs:
    """What a stage's tasks ask of an executor."""

    io: bool = False  # waits on the network: few at a time, each with several processes for its own pixels
    timeout_s: float | None = None  # for one task
    retries: int = 2  # after an exception, a crash or a timeout


Progress = Callable[[Mapping[str, int], int], None]  # summed counts of all tasks, and how many are done


class Executor(Protocol):
    """Runs task ids of a stage; says which were given up, and why."""

    def run(
        self, root: Path, stage: str, ids: Sequence[str], needs: Needs, progress: Progress
    ) -> dict[str, str]:
        """{task id: reason} of the tasks given up. Raises Stopped, or BuildError when going on is no use."""
        ...


class LocalExecutor:
    """`workers` child processes; a crash, hang or memory blow-up costs that task alone.

    The first SIGINT or SIGTERM asks running tasks to commit and stop, and raises Stopped.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or os.cpu_count() or 1

    def run(
        self, root: Path, stage: str, ids: Sequence[str], needs: Needs, progress: Progress
    ) -> dict[str, str]:
        """See Executor."""
        slots = min(len(ids), max(1, self.workers // 4) if needs.io else self.workers)
        cpus = max(1, self.workers // slots) if needs.io and slots else 1
        with _stop_on_signal() as stop:
            return _Run(root, stage, deque(ids), needs, progress, slots, cpus, stop).finish()


@dataclass(slots=True)
class _Worker:
    child: children.Child
    task: str
    started: float


class _Run:
    """One call of LocalExecutor.run."""

    def __init__(
        self,
        root: Path,
        stage: str,
        todo: deque[str],
        needs: Needs,
        progress: Progress,
        slots: int,
        cpus: int,
        stop: Callable[[], bool],
    ) -> None:
        self.root, self.stage, self.todo, self.needs = root, stage, todo, needs
        self.progress, self.slots, self.cpus, self.stop = progress, slots, cpus, stop
        self.busy: list[_Worker] = []
        self.idle: list[children.Child] = []
        self.tries: Counter[str] = Counter()
        self.given_up: dict[str, str] = {}
        self.news: dict[str, Mapping[str, int]] = {}
        self.done = 0

    def finish(self) -> dict[str, str]:
        try:
            while (self.todo or self.busy) and not self.stop():
                self._start()
                self._listen(0.25)
                self._enforce_timeout()
            if self.stop():
                self._wind_down()
                raise Stopped
        finally:
            for child in [*self.idle, *(worker.child for worker in self.busy)]:
                child.kill()
        return self.given_up

    def _start(self) -> None:
        while self.todo and len(self.busy) < self.slots:
            child = self.idle.pop() if self.idle else children.Child(f"{__name__}:serve_task")
            task = self.todo.popleft()
            self.busy.append(_Worker(child, task, time.monotonic()))
            try:
                child.call(str(self.root), self.stage, task, self.cpus)
            except OSError:
                self._fail(self.busy[-1], "its worker process was gone")

    def _listen(self, timeout: float) -> None:
        pipes = {worker.child.pipe: worker for worker in self.busy}
        for pipe in wait(list(pipes), timeout):
            self._hear(pipes[pipe])  # type: ignore[index]
        counts: Counter[str] = Counter()
        for news in self.news.values():
            counts.update(news)
        self.progress(counts, self.done)

    def _hear(self, worker: _Worker) -> None:
        try:
            kind, value = worker.child.answer()
        except (EOFError, OSError):
            self._fail(worker, None)
            return
        if kind == "news":
            self.news[worker.task] = value
            return
        self.busy.remove(worker)
        self.idle.append(worker.child)
        if kind == "done":
            self.done += 1
        elif isinstance(value, BuildError):
            raise value
        elif not isinstance(value, Stopped):
            self._try_again(worker.task, value)

    def _fail(self, worker: _Worker, reason: str | None) -> None:
        self.busy.remove(worker)
        code = worker.child.kill()
        self._try_again(worker.task, reason or f"its process died ({_exit(code)})")

    def _try_again(self, task: str, reason: str | BaseException) -> None:
        self.tries[task] += 1
        self.news.pop(task, None)
        if isinstance(reason, BaseException):
            known = isinstance(reason, WitError)
            reason = str(reason) if known else "".join(traceback.format_exception(reason)).strip()
        if self.tries[task] > self.needs.retries:
            self.given_up[task] = reason
        else:
            self.todo.append(task)

    def _enforce_timeout(self) -> None:
        limit = self.needs.timeout_s
        for worker in list(self.busy):
            if limit is not None and time.monotonic() - worker.started > limit:
                self._fail(worker, f"it took more than {limit:g} s")

    def _wind_down(self) -> None:
        for worker in self.busy:
            if self.needs.io:
                worker.child.stop_soon()
            else:
                worker.child.kill()
        if not self.needs.io:
            self.busy.clear()
        deadline = time.monotonic() + GRACE_S
        while self.busy and time.monotonic() < deadline:
            self._listen(0.1)


def serve_task(root: str, stage: str, task_id: str, cpus: int, tell: Callable[[Any], None]) -> None:
    """What a worker process runs for each task."""
    task, function = open_task(Path(root), stage, task_id)
    task.cpus, task.report, task.stopping = cpus, tell, children.stopping
    run_task(task, function)


def _exit(code: int | None) -> str:
    if code is None:
        return "it answered no more"
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


@contextmanager
def _stop_on_signal() -> Iterator[Callable[[], bool]]:
    asked: list[int] = []
    previous = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, lambda number, _frame: asked.append(number))
        yield lambda: bool(asked)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
