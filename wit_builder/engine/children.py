"""Child processes that answer calls one at a time over a pipe of their own, and die with their parent.

`concurrent.futures.ProcessPoolExecutor` will not do: one killed worker breaks all calls in flight, and its
workers outlive a killed parent (seen). Here a crash, a hang or a blow-up costs one call.
"""

import ctypes
import importlib
import multiprocessing
import os
import pickle
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from wit_builder.errors import WitError

LAST_WORDS_S = 1.0  # from the end of its pipe to the end of a child

_SPAWN = multiprocessing.get_context("spawn")  # fork would copy locks and event loops
_EARLIER_TO_GO = 300  # of 1000, how much sooner than its parent the kernel ends a child when memory runs out

Answer = tuple[Literal["ready", "done", "failed", "news"], Any]


class Child:
    """One child process, serving calls of `module:function`.

    The function gets the call's arguments and `tell`, a function that sends news to the parent while it works.
    memory_bytes: what the child may allocate, None for no limit; over it Python raises MemoryError.
    Linux ends the child with the thread that made it, so that should be the main one.
    """

    def __init__(self, function: str, memory_bytes: int | None = None) -> None:
        self.pipe, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(
            target=_serve, args=(theirs, function, memory_bytes, os.getpid()), daemon=False
        )
        try:
            self._process.start()
        except BaseException:
            self.pipe.close()
            raise
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    def call(self, *arguments: Any) -> None:
        """Send one call. Blocks while the child does not read. Raises OSError when the child is gone."""
        self.pipe.send(arguments)

    def answer(self) -> Answer:
        """The next message: `ready` once it has started, then for each call its news and its end.

        The end is done with the call's value, or failed with its exception; an exception that is none of
        ours has its traceback as a note. Blocks until there is a message. Raises EOFError or OSError when the
        child died.
        """
        message: Answer = self.pipe.recv()
        return message

    def stop_soon(self) -> None:
        """Ask the call in progress to stop (SIGTERM): `stopping()` is true in the child from then on."""
        if self._process.is_alive():
            self._process.terminate()

    def kill(self, wait_s: float = 0.0) -> int | None:
        """End the child, after wait_s for it to end by itself; its exit code (negative: the signal)."""
        self._process.join(wait_s)
        self._process.kill()
        self._process.join()
        return self._process.exitcode

    def close(self) -> None:
        """Give back the pipe of a killed child. No thread may be using it: its number is used again."""
        self.pipe.close()
        self._process.close()


def dismiss(children: Sequence[Child]) -> None:
    """End children that wait for a call: they do so by themselves when nobody can call any more."""
    for child in children:
        child.pipe.close()
    for child in children:
        child.kill(LAST_WORDS_S)
        child.close()


_stopping = threading.Event()


def stopping() -> bool:
    """Whether this process, a child, was asked to stop."""
    return _stopping.is_set()


def die_with_parent(parent: int) -> None:
    """Have this process killed when its parent ends, however it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)
        return
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _serve(pipe: Connection, function: str, memory_bytes: int | None, parent: int) -> None:
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    signal.signal(signal.SIGTERM, lambda *_: _stopping.set())
    _limit_memory(memory_bytes)
    module, _, name = function.partition(":")
    target = getattr(importlib.import_module(module), name)
    _reply(pipe, ("ready", None))
    while True:
        try:
            arguments = pipe.recv()
        except EOFError:
            return
        _reply(pipe, _answer(target, arguments, lambda news: _reply(pipe, ("news", news))))


def _limit_memory(limit: int | None) -> None:
    """Bound what is allocated; and should the machine itself run out, this process goes before its parent."""
    if limit is not None:
        # Linux counts what is really allocated as data; libraries reserve gigabytes of address space.
        kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
        _, hard = resource.getrlimit(kind)
        most = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (most, hard))
    score = Path("/proc/self/oom_score_adj")
    with suppress(OSError, ValueError):  # no Linux, or no right to it
        score.write_text(str(min(1000, int(score.read_text()) + _EARLIER_TO_GO)))


def _answer(target: Callable[..., Any], arguments: tuple[Any, ...], tell: Callable[[Any], None]) -> Answer:
    try:
        return "done", target(*arguments, tell)
    except WitError as error:
        return "failed", error
    except BaseException as error:  # noqa: BLE001  (it goes on to the parent)
        error.add_note("".join(traceback.format_exception(error)))
        return "failed", error


def _reply(pipe: Connection, message: Answer) -> None:
    try:
        pipe.send_bytes(_packed(message))
    except OSError:
        os._exit(1)


def _packed(message: Answer) -> bytes:
    """The message as bytes; an exception that cannot travel goes as its text."""
    try:
        data = pickle.dumps(message)
        if message[0] == "failed":
            pickle.loads(data)  # one whose class wants other arguments packs, and does not unpack
        return data
    except Exception as error:  # noqa: BLE001  (whatever somebody's exception does when it is copied)
        value = message[1]
        told = RuntimeError(f"{type(value).__name__}: {value} (cannot be sent: {error})")
        for note in getattr(value, "__notes__", ()):
            told.add_note(note)
        return pickle.dumps(("failed", told))
