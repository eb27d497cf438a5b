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
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Literal

from wit_builder.errors import WitError

_SPAWN = multiprocessing.get_context("spawn")  # fork would copy locks and event loops

Answer = tuple[Literal["done", "failed", "news"], Any]


class Child:
    """One child process, serving calls of `module:function`.

    The function gets the call's arguments and `tell`, a function that sends news to the parent while it works.
    memory_bytes: address space the child may take, None for no limit; over it Python raises MemoryError.
    """

    def __init__(self, function: str, memory_bytes: int | None = None) -> None:
        self.pipe, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(
            target=_serve, args=(theirs, function, memory_bytes, os.getpid()), daemon=False
        )
        self._process.start()
        theirs.close()

    def call(self, *arguments: Any) -> None:
        """Send one call. Raises OSError when the child is gone."""
        self.pipe.send(arguments)

    def answer(self) -> Answer:
        """The next message: news, or the call's end (done with its value, failed with its exception).

        Blocks until there is one. Raises EOFError when the child died.
        """
        message: Answer = self.pipe.recv()
        return message

    def stop_soon(self) -> None:
        """Ask the call in progress to stop (SIGTERM): `stopping()` is true in the child from then on."""
        if self._process.is_alive():
            self._process.terminate()

    def kill(self) -> int | None:
        """End the child at once; its exit code (negative: the signal that ended it)."""
        if self._process.is_alive():
            self._process.join(0.05)  # a child that just crashed has its own exit code to tell
        code = self._process.exitcode
        self._process.kill()
        self._process.join()
        self.pipe.close()
        return code


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
    if memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    module, _, name = function.partition(":")
    target = getattr(importlib.import_module(module), name)
    while True:
        try:
            arguments = pipe.recv()
        except EOFError:
            return
        _reply(pipe, _answer(target, arguments, lambda news: _reply(pipe, ("news", news))))


def _answer(target: Callable[..., Any], arguments: tuple[Any, ...], tell: Callable[[Any], None]) -> Answer:
    try:
        return "done", target(*arguments, tell)
    except WitError as error:
        return "failed", error
    except BaseException as error:  # noqa: BLE001  (it goes on to the parent)
        error.add_note(f"raised in a child process running {target.__module__}:{target.__name__}")
        return "failed", error


def _reply(pipe: Connection, message: Answer) -> None:
    try:
        data = pickle.dumps(message)
    except Exception as error:  # noqa: BLE001  (an exception that cannot travel; its text can)
        data = pickle.dumps(("failed", RuntimeError(f"{message[1]!r} ({error})")))
    try:
        pipe.send_bytes(data)
    except OSError:
        os._exit(1)
