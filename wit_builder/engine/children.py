"""Child processes that answer calls one at a time over a pipe of their own, and die with their parent.

`concurrent.futures.ProcessPoolExecutor` will not do: one killed worker breaks all calls in flight, and its
workers outlive a killed parent (seen). Here a crash, a hang or a blow-up costs one call. Nor will
`multiprocessing`: its children import the parent's main module anew, 0.4 s of CPU each for what they never use.
"""

import ctypes
import importlib
import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from wit_builder.errors import WitError

LAST_WORDS_S = 1.0  # from the end of its pipe to the end of a child

_EARLIER_TO_GO = 300  # of 1000, how much sooner than its parent the kernel ends a child when memory runs out
_SET = {  # where the user has not set them
    # Arrow's own keeps what was freed: a task takes a fifth more CPU and memory (benchmarks/curate/exact.py).
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    # numpy's OpenBLAS starts a thread a core, 25 ms of CPU on two of them; children have the cores among them.
    "OPENBLAS_NUM_THREADS": "1",
}
_LENGTH = 8  # bytes before each message
_PIECE = 1 << 20  # bytes read at once

Answer = tuple[Literal["ready", "done", "failed", "news"], Any]


class Child:
    """One child process, serving calls of `module:function`.

    The function gets the files, the call's arguments, and `tell`, a function that sends news to the parent while
    it works. memory_bytes: what the child may allocate, None for no limit; over it Python raises MemoryError.
    files: descriptors that the child has too. Linux ends the child with the thread that made it, so that should be
    the main one.
    """

    def __init__(
        self,
        function: str,
        memory_bytes: int | None = None,
        files: Sequence[int] = (),
    ) -> None:
        ours, theirs = socket.socketpair()
        self.pipe = Pipe(ours)
        arguments = (theirs.fileno(), function, memory_bytes, os.getpid(), tuple(files))
        program = f"import sys; sys.path[:] = {sys.path}; import {__name__} as it; it.serve{arguments}"
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", program],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), *files),
                env={**_SET, **os.environ},
            )
        except BaseException:
            self.pipe.close()
            raise
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def call(self, *arguments: Any) -> None:
        """Send one call. Blocks while the child does not read. Raises OSError when the child is gone."""
        self.pipe.send(pickle.dumps(arguments))

    def answer(self) -> Answer:
        """The next message: `ready` once it has started, then for each call its news and its end.

        The end is done with the call's value, or failed with its exception; an exception that is none of
        ours has its traceback as a note. Blocks until there is a message. Raises EOFError or OSError when the
        child died.
        """
        message: Answer = self.pipe.receive()
        return message

    def heard(self) -> Answer | None:
        """As `answer`, but does not block: None where the rest of the message is still to come."""
        with suppress(BlockingIOError):
            message: Answer = self.pipe.receive(socket.MSG_DONTWAIT)
            return message
        return None

    def stop_soon(self) -> None:
        """Ask the call in progress to stop (SIGTERM): `stopping()` is true in the child from then on."""
        self._process.terminate()

    def kill(self, wait_s: float = 0.0) -> int:
        """End the child, after wait_s for it to end by itself; its exit code (negative: the signal)."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(wait_s)
        self._process.kill()
        return self._process.wait()

    def close(self) -> None:
        """Give back the pipe of a killed child. No thread may be using it: its number is used again."""
        self.pipe.close()


class Pipe:
    """One end of a socket that carries pickles, each behind its length."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._came = bytearray()  # of the next message
        self.fileno, self.close = end.fileno, end.close

    def send(self, data: bytes) -> None:
        """Send one pickle. Raises OSError when nobody reads any more."""
        self._end.sendall(len(data).to_bytes(_LENGTH, "big") + data)

    def receive(self, flags: int = 0) -> Any:
        """The next message. Raises EOFError or OSError when nobody writes any more.

        flags: of recv(2). MSG_DONTWAIT: raises BlockingIOError, and the next call goes on from there.
        """
        while missing := self._missing():
            piece = self._end.recv(min(missing, _PIECE), flags)
            if not piece:
                raise EOFError
            self._came += piece
        message = pickle.loads(memoryview(self._came)[_LENGTH:])
        self._came = bytearray()
        return message

    def _missing(self) -> int:
        """Bytes that the message still lacks, as far as one can tell."""
        came = self._came
        return (_LENGTH + int.from_bytes(came[:_LENGTH], "big") if len(came) >= _LENGTH else _LENGTH) - len(
            came
        )


def dismiss(children: Sequence[Child]) -> None:
    """End children that wait for a call: they do so by themselves when nobody can call any more."""
    for child in children:
        child.pipe.close()
    for child in children:
        child.kill(LAST_WORDS_S)


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


def serve(pipe: int, function: str, memory_bytes: int | None, parent: int, files: Sequence[int]) -> None:
    """What a child runs."""
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    signal.signal(signal.SIGTERM, lambda *_: _stopping.set())
    _limit_memory(memory_bytes)
    module, _, name = function.partition(":")
    target = getattr(importlib.import_module(module), name)
    calls = Pipe(socket.socket(fileno=pipe))
    _reply(calls, ("ready", None))
    with suppress(EOFError, ConnectionResetError):  # the parent may go with answers unread
        while True:
            arguments = calls.receive()
            _reply(calls, _answer(target, (*files, *arguments), lambda news: _reply(calls, ("news", news))))
    for said in (sys.stdout, sys.stderr):
        said.flush()
    os._exit(0)  # the kernel is quicker at taking a process apart than Python, up to 0.1 s


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


def _reply(pipe: Pipe, message: Answer) -> None:
    try:
        pipe.send(_packed(message))
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
