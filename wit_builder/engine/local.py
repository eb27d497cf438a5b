"""The executor of one machine: tasks in child processes, as many at a time as it has workers."""

import atexit
import os
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from wit_builder import mirror
from wit_builder.engine import children, signals
from wit_builder.engine.task import Stopped, open_task, run_task
from wit_builder.engine.tries import Tries

GRACE_S = 5.0  # from the wish to stop to the kill
POLL_S = 0.25  # how often signals and timeouts are looked at
SHORT_S = 0.1  # stages that take no longer are left to the workers there are: to start one more takes longer


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
        """{task id: reason} of the tasks given up. Raises Stopped; and a WitError that is no Dropped as it is,
        for it concerns the whole build."""
        ...


class LocalExecutor:
    """`workers` child processes; a crash, hang or memory blow-up costs that task alone.

    memory_bytes: what one worker may allocate; by default as much as the machine or container has.
    The first SIGINT or SIGTERM asks running tasks to commit and stop, and raises Stopped; a second one does
    not wait for them. Workers stay for the next run (starting one takes 0.5 s); `close` ends them.
    """

    def __init__(self, workers: int | None = None, memory_bytes: int | None = None) -> None:
        self.workers = workers or usable_cores()
        self._memory_bytes = memory_bytes or machine_memory()
        self._idle: list[children.Child] = []
        atexit.register(self.close)  # else multiprocessing waits for them when the interpreter ends

    def run(
        self, root: Path, stage: str, ids: Sequence[str], needs: Needs, progress: Progress
    ) -> dict[str, str]:
        """See Executor."""
        if not ids:
            return {}
        slots = min(len(ids), io_tasks(self.workers) if needs.io else self.workers)
        cpus = max(1, self.workers // slots) if needs.io else 1
        self._keep(slots)  # a worker that waits has the memory of the stage before
        with signals.counted() as asked:
            run = _Run(root, stage, deque(ids), needs, progress, slots, cpus, self._worker, self._idle, asked)
            return run.finish()

    def close(self) -> None:
        """End the workers."""
        self._keep(0)

    def _keep(self, count: int) -> None:
        children.dismiss(self._idle[count:])
        del self._idle[count:]

    def _worker(self) -> children.Child:
        """One that waits, or a new one."""
        if self._idle:
            return self._idle.pop()
        return children.Child(f"{__name__}:serve_task", self._memory_bytes)


def serve_task(root: str, stage: str, task_id: str, cpus: int, tell: Callable[[Any], None]) -> None:
    """What a worker process runs for each task."""
    task, function = open_task(mirror.meet(root), stage, task_id)
    task.cpus, task.report, task.stopping = cpus, tell, children.stopping
    run_task(task, function)
    pa.default_memory_pool().release_unused()  # what the task freed goes back to the machine: 6 ms


def io_tasks(workers: int) -> int:
    """How many tasks that wait on the network run at a time."""
    return max(1, workers // 4)


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine_memory() -> int:
    """Bytes of memory that this machine or container has."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for limit in ("memory.max", "memory/memory.limit_in_bytes"):  # cgroup, version 2 and 1
        with suppress(OSError, ValueError):  # not there, or "max"
            found.append(int(Path("/sys/fs/cgroup", limit).read_text()))
    return min(found)


@dataclass(slots=True)
class _Worker:
    child: children.Child
    task: str
    started: float


@dataclass(slots=True)
class _Run:
    """One call of LocalExecutor.run."""

    root: Path
    stage: str
    todo: deque[str]
    needs: Needs
    progress: Progress
    slots: int
    cpus: int
    worker: Callable[[], children.Child]
    idle: list[children.Child]
    asked: Callable[[], int]  # how often a signal asked to stop

    busy: list[_Worker] = field(default_factory=list)
    news: dict[str, Mapping[str, int]] = field(default_factory=dict)  # what running tasks told last
    counts: Counter[str] = field(default_factory=Counter)  # what all tasks told, summed
    done: int = 0
    tries: Tries = field(init=False)
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.tries = Tries(self.root / self.stage, self.needs.retries)

    def finish(self) -> dict[str, str]:
        try:
            while (self.todo or self.busy) and not self.asked() and self.tries.fatal is None:
                self._start()
                self._listen(SHORT_S if self.todo and len(self.busy) < self.slots else POLL_S)
                self._enforce_timeout()
            if self.asked() or self.tries.fatal:
                self._wind_down()
                raise self.tries.fatal or Stopped
        finally:
            for worker in self.busy:
                _end(worker.child)
        return self.tries.given_up

    def _start(self) -> None:
        while self.todo and len(self.busy) < self.slots and (self.idle or self._takes_long()):
            worker = _Worker(self.worker(), self.todo.popleft(), time.monotonic())
            self.busy.append(worker)
            try:
                worker.child.call(mirror.name(self.root), self.stage, worker.task, self.cpus)
            except OSError:
                self._lose(worker, "its worker process was gone")

    def _takes_long(self) -> bool:
        """Whether one worker more is worth its start."""
        return not self.busy or time.monotonic() - self.began >= SHORT_S

    def _listen(self, timeout: float) -> None:
        told = set(wait([worker.child.pipe.fileno() for worker in self.busy], timeout))
        for worker in [worker for worker in self.busy if worker.child.pipe.fileno() in told]:
            self._hear(worker)
        self.progress(self.counts, self.done)

    def _hear(self, worker: _Worker) -> None:
        try:
            kind, value = worker.child.answer()
        except (EOFError, OSError):
            self._lose(worker, None)
            return
        if kind == "news":
            self._note(worker.task, value)
        elif kind == "done":
            self.busy.remove(worker)
            self.idle.append(worker.child)
            self.news.pop(worker.task, None)
            self.done += 1
        elif kind == "failed":
            self._lose(worker, value)

    def _note(self, task: str, told: Mapping[str, int]) -> None:
        self.counts.subtract(self.news.get(task, {}))
        self.counts.update(told)
        self.news[task] = told

    def _lose(self, worker: _Worker, reason: str | BaseException | None) -> None:
        """The task's try is over, and so is its process: whatever it still held goes with it."""
        self.busy.remove(worker)
        code = _end(worker.child, 0.0 if reason else children.LAST_WORDS_S)
        self._note(worker.task, {})
        if self.tries.failed(worker.task, reason or f"its process died ({exit_of(code)})"):
            self.todo.append(worker.task)

    def _enforce_timeout(self) -> None:
        limit = self.needs.timeout_s
        for worker in list(self.busy):
            if limit is not None and time.monotonic() - worker.started > limit:
                self._lose(worker, f"it took more than {limit:g} s")

    def _wind_down(self) -> None:
        """Give network tasks time to commit; the others have nothing to lose."""
        if not self.needs.io:
            return
        for worker in self.busy:
            worker.child.stop_soon()
        deadline = time.monotonic() + GRACE_S
        while self.busy and time.monotonic() < deadline and self.asked() < 2:
            self._listen(0.1)


def _end(child: children.Child, wait_s: float = 0.0) -> int | None:
    code = child.kill(wait_s)
    child.close()
    return code


def exit_of(code: int | None) -> str:
    """How a process ended, in words. code: negative for a signal, None where it did not say."""
    if code is None:
        return "it answered no more"
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
