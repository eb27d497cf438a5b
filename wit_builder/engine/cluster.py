"""The executor of a Ray cluster: tasks on whatever nodes it has, all of which see the folder of the run.

A task runs as on one machine, in a child process of its own: a crash, a hang or a blow-up of memory ends that child
and is told with the same words. What the cluster loses with a worker or a node is tried again by the same count, not
by Ray's, which has no end for a task that costs a worker each time. Only ids, counts and reasons travel; what tasks
make lies in files.
"""

import logging
import math
import os
import socket
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from wit_builder import __version__, mirror
from wit_builder.engine import children, local, signals
from wit_builder.engine.local import Needs, Progress
from wit_builder.engine.task import Stopped
from wit_builder.engine.tries import Tries
from wit_builder.errors import BuildError, ConfigError

IO_CPUS = 4  # cores of a task that waits on the network, for its own pixels; fewer where no node has as many
AHEAD = 4  # tasks for each core of the cluster that Ray is told of
_PATIENCE_S = 10.0  # with the actor that hears of progress
_POLL_S = 0.5  # between two looks at progress and signals
_ASK_S = 1.0  # between two questions of a network task whether it shall end
_LOOK_S = 5.0  # between two looks at the cluster itself
_GONE_S = 20.0  # without its head until a cluster is given up; after 60 Ray would end this process
_KNOCK_S = 10.0  # until somebody answers at the cluster's address
_QUIET_S = 3.0  # after which it is said that a cluster is waited for
_SETTINGS = b"\x04"  # type of the frame that begins a connection of HTTP/2 (RFC 9113, 3.4)
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + _SETTINGS + bytes(5)
_ALIKE = "the same version of wit-builder, and of what it needs, on every node"
_GOES_ON = "what was done is kept: the same command with `--resume` goes on, there or elsewhere"
_NO_CLUSTER = (
    "start one by `ray start --head`, name it by --address (else RAY_ADDRESS does), or --executor local"
)


class RayExecutor:
    """Runs tasks on the cluster at that address (`auto`: the one that this machine belongs to).

    memory_bytes: what one task's process may allocate; by default as much as its machine has. say: is told what is
    waited for, where that takes long.
    Raises ConfigError when Ray is not installed, no cluster answers, or one of its nodes does not see a run's folder.
    """

    def __init__(
        self,
        address: str = "auto",
        memory_bytes: int | None = None,
        say: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        try:
            import ray
        except ImportError:
            raise ConfigError(
                "--executor ray needs Ray, which is not installed", "pip install 'wit-builder[cluster]'"
            ) from None
        self._ray: Any = ray
        self._memory_bytes = memory_bytes
        try:
            address = _found(address)
            with _told(say, f"waiting for the Ray cluster at {address}: about a minute at most"):
                self._connect(address)
        except (OSError, ValueError, RuntimeError) as error:
            why = " ".join(str(error).split())[:200]
            raise ConfigError(f"no Ray cluster answers at {address!r}: {why}", _NO_CLUSTER) from error
        through = address.startswith("ray://")  # a proxy, and the head behind it may be out of reach
        self._head = address if through else ray.get_runtime_context().gcs_address

    def run(
        self, root: Path, stage: str, ids: Sequence[str], needs: Needs, progress: Progress
    ) -> dict[str, str]:
        """See local.Executor."""
        if not ids:
            return {}
        root = root.absolute()
        run = _Run(self._ray, self._head, root, stage, deque(ids), needs, progress, self._memory_bytes)
        try:
            self._check_head()
            self._check_nodes(root)
            with signals.counted() as asked:
                return run.finish(asked)
        except self._ray.exceptions.RayError as error:
            raise BuildError(
                f"the Ray cluster failed: {' '.join(str(error).split())[:300]}", _GOES_ON
            ) from error
        finally:
            run.close()

    def close(self) -> None:
        """Leave the cluster."""
        self._ray.shutdown()

    def _connect(self, address: str) -> None:
        _knock(address)
        _hush()
        self._ray.init(
            address=address, log_to_driver=False, logging_level=logging.ERROR, namespace=uuid.uuid4().hex
        )

    def _check_head(self) -> None:
        """Raise BuildError where it is gone: Ray's calls would wait for it."""
        try:
            _knock(self._head)
        except OSError as error:
            raise _gone(self._head) from error

    def _check_nodes(self, root: Path) -> None:
        """Raise ConfigError for a node that cannot use what the driver wrote, or has another version of this."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        where = mirror.name(root)
        looks = self._ray.remote(num_cpus=0, max_retries=0)(_looked)
        nodes = [node for node in self._ray.nodes() if node["Alive"]]
        there = [
            looks.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=True)
            ).remote(where)
            for node in nodes
        ]
        for node, answer in zip(nodes, there, strict=True):
            self._check_node(f"the node {node['NodeManagerHostname']} of the Ray cluster", answer, where)

    def _check_node(self, name: str, answer: Any, where: str) -> None:
        errors = self._ray.exceptions
        try:
            version, why = self._ray.get(answer)
        except errors.RayTaskError as error:
            raise ConfigError(f"{name} runs no tasks of ours: {error.cause}", _ALIKE) from error
        except (errors.NodeDiedError, errors.WorkerCrashedError, errors.OutOfMemoryError):
            return  # what is gone or has no room now is no reason to stop
        if why is not None:
            raise ConfigError(f"{name} does not see {where!r}{why[0]}", why[1])
        if version != __version__:
            raise ConfigError(f"{name} has wit-builder {version}, here it is {__version__}", _ALIKE)


@dataclass(slots=True)
class _Run:
    """One call of RayExecutor.run."""

    ray: Any
    head: str  # address
    root: Path
    stage: str
    todo: deque[str]
    needs: Needs
    progress: Progress
    memory_bytes: int | None

    tries: Tries = field(init=False)
    running: dict[Any, str] = field(default_factory=dict)  # reference to task
    news: Any = None  # the actor that hears of all tasks
    done: int = 0
    counts: Counter[str] = field(default_factory=Counter)  # what committed tasks told, summed
    ahead: int = AHEAD  # tasks that Ray is told of
    looked: float = -math.inf  # when the cluster was looked at
    heard: float = field(default_factory=time.monotonic)  # when its head was there

    def __post_init__(self) -> None:
        self.tries = Tries(self.root / self.stage, self.needs.retries)

    def finish(self, asked: Any) -> dict[str, str]:
        cpus = min(IO_CPUS, self._largest_node()) if self.needs.io else 1
        self.news = self._beside_the_driver(self.ray.remote(num_cpus=0)(_News)).remote()
        attempt = self.ray.remote(num_cpus=cpus, max_retries=0)(_attempt)
        while (self.todo or self.running) and not asked() and self.tries.fatal is None:
            self._look()
            while self.todo and len(self.running) < self.ahead:
                task = self.todo.popleft()
                timeout, memory = self.needs.timeout_s, self.memory_bytes
                where = (str(Path.cwd()), mirror.name(self.root), self.stage, task)
                reference = attempt.remote(*where, cpus, timeout, memory, self.news, self.needs.io)
                self.running[reference] = task
            self._listen()
        if asked() or self.tries.fatal:
            self._wind_down(asked)
            raise self.tries.fatal or Stopped
        return self.tries.given_up

    def _look(self) -> None:
        """Now and then at the cluster: it may grow, shrink and go. Raises BuildError where it is gone."""
        now = time.monotonic()
        if now - self.looked < _LOOK_S:
            return
        self.looked = now
        try:
            _knock(self.head)
        except OSError as error:
            if now - self.heard > _GONE_S:
                raise _gone(self.head) from error
            return
        self.heard = now
        self.ahead = AHEAD * max(1, int(self.ray.cluster_resources().get("CPU", 0)))

    def close(self) -> None:
        """No task of this run goes on."""
        with suppress(self.ray.exceptions.RayError):  # of a cluster that is gone, which was said
            for reference in self.running:
                self.ray.cancel(reference, force=True)

    def _listen(self) -> None:
        ready, _ = self.ray.wait(list(self.running), num_returns=len(self.running), timeout=_POLL_S)
        for reference in ready:
            task = self.running.pop(reference)
            if self._again(task, reference):
                self.todo.append(task)
        self.progress(self.counts + self._running_counts(), self.done)

    def _again(self, task: str, reference: Any) -> bool:
        """Takes in how a try has ended; whether there is to be another."""
        errors = self.ray.exceptions
        told: Mapping[str, int] = {}
        try:
            reason, told = self.ray.get(reference)
        except errors.NodeDiedError:
            return self.tries.lost(task)
        except errors.OutOfMemoryError:
            reason = "out of memory"
        except errors.WorkerCrashedError:
            reason = "its worker process was gone"
        except errors.RayTaskError as error:  # it did not come to the task, as on a node that lacks a module
            reason = error.cause or str(error)
        if reason is not None:
            return self.tries.failed(task, reason)
        self.done += 1
        self.counts.update(told)
        return False

    def _running_counts(self) -> Counter[str]:
        """What running tasks told so far; nothing while nobody can say."""
        counts = Counter[str]()
        with suppress(self.ray.exceptions.RayError):
            for told in self.ray.get(self.news.of.remote(list(self.running.values())), timeout=_PATIENCE_S):
                counts.update(told)
        return counts

    def _beside_the_driver(self, what: Any) -> Any:
        """On the driver's node, which lives as long as the driver does."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = self.ray.get_runtime_context().get_node_id()
        return what.options(scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=False))

    def _wind_down(self, asked: Any) -> None:
        """Give network tasks time to commit; the others have nothing to lose."""
        if not self.needs.io:
            return
        self.news.stop.remote()
        deadline = time.monotonic() + local.GRACE_S
        while self.running and time.monotonic() < deadline and asked() < 2:
            self._listen()

    def _largest_node(self) -> int:
        return max(int(node["Resources"].get("CPU", 0)) for node in self.ray.nodes() if node["Alive"]) or 1


def _found(address: str) -> str:
    """Instead of `auto` the address it stands for: RAY_ADDRESS, or the cluster started here. Raises OSError."""
    with suppress(ImportError):  # no part of Ray's interface
        from ray._private import services

        if address == "auto":
            return str(services.get_ray_address_from_environment(address, None))
    return address


def _knock(address: str) -> None:
    """Raise OSError where nobody speaks HTTP/2 at HOST:PORT, as gRPC does; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdigit()):
        return
    with socket.create_connection((host.strip("[]"), int(port)), _KNOCK_S) as knocked:
        if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
            return
        knocked.sendall(_PREFACE)
        if knocked.recv(9)[3:4] != _SETTINGS:
            raise ConnectionError("what listens there is no Ray cluster")


@contextmanager
def _told(say: Callable[[str], None], sentence: str) -> Iterator[None]:
    """Say it if the block takes long."""
    timer = threading.Timer(_QUIET_S, say, [sentence])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _hush() -> None:
    """Keep Ray from printing that a node is gone, with lines of its logs: on stdout a command has its result."""
    with suppress(ImportError):  # no part of Ray's interface
        from ray._private import worker

        worker.listen_error_messages = lambda *_: None


def _gone(head: str) -> BuildError:
    return BuildError(f"the Ray cluster failed: its head {head} is gone", _GOES_ON)


class _News:
    """Hears what tasks tell."""

    def __init__(self) -> None:
        self._told: dict[str, Mapping[str, int]] = {}
        self._stopping = False

    def tell(self, task: str, counts: Mapping[str, int]) -> None:
        self._told[task] = counts

    def of(self, running: list[str]) -> list[Mapping[str, int]]:
        """What these have told last; what others have is forgotten."""
        self._told = {task: self._told[task] for task in running if task in self._told}
        return list(self._told.values())

    def stop(self) -> None:
        """Running tasks shall commit and end."""
        self._stopping = True

    def stopping(self) -> bool:
        """Whether they shall."""
        return self._stopping


def _looked(where: str) -> tuple[str, tuple[str, str] | None]:
    """The version of this that a node has, and why it cannot work at that folder or URL, if it cannot."""
    return __version__, mirror.unreachable(where)


_idle: list[children.Child] = []  # of this worker of Ray's, kept for its next task


def _attempt(
    here: str,
    root: str,
    stage: str,
    task: str,
    cpus: int,
    timeout_s: float | None,
    memory_bytes: int | None,
    news: Any,
    stops: bool,
) -> tuple[str | BaseException | None, Mapping[str, int]]:
    """One try of a task, in a child of this worker: None when it is committed, else why not; what it told last.

    here: the driver's folder, where names such as `pairs.parquet` were typed. stops: whether it asks now and then if
    it shall end.
    """
    with suppress(OSError):  # a node that lacks it has no use for such names
        os.chdir(here)
    child = (
        _idle.pop() if _idle else children.Child("wit_builder.engine.local:serve_task", _memory(memory_bytes))
    )
    began, asked, told = time.monotonic(), time.monotonic(), dict[str, int]()
    try:
        child.call(root, stage, task, cpus)
        while True:
            if wait([child.pipe.fileno()], 0.25):
                kind, value = child.answer()
                if kind == "news":
                    told = value
                    news.tell.remote(task, told)
                elif kind == "done":
                    _idle.append(child)
                    return None, told
                elif kind == "failed":
                    return _ended(child, value), {}
            if timeout_s is not None and time.monotonic() - began > timeout_s:
                return _ended(child, f"it took more than {timeout_s:g} s"), {}
            if stops and time.monotonic() - asked > _ASK_S:
                asked = time.monotonic()
                if _shall_stop(news):
                    child.stop_soon()
    except (EOFError, OSError):
        code = child.kill(children.LAST_WORDS_S)
        return _ended(child, f"its process died ({local.exit_of(code)})"), {}
    except BaseException:  # this worker is cancelled
        _ended(child, "")
        raise


def _shall_stop(news: Any) -> bool:
    import ray

    try:
        return bool(ray.get(news.stopping.remote(), timeout=_PATIENCE_S))
    except ray.exceptions.RayError:  # nobody is there to ask any more
        return False


def _ended(child: children.Child, reason: str | BaseException) -> str | BaseException:
    child.kill()
    child.close()
    return reason


def _memory(asked: int | None) -> int:
    return asked or local.machine_memory()
