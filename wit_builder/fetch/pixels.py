"""Pixels in child processes: a hostile image can crash, hang or swell its process, and costs only itself.

Each child has two bodies in hand, the one it works on and the next: else it would wait for the loop's turn after each
answer (docs/log.md).
"""

import asyncio
import os
import pickle
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from wit_builder.engine.children import LAST_WORDS_S, Answer, Child, dismiss
from wit_builder.errors import BuildError, ImageError
from wit_builder.fetch import tray
from wit_builder.images.picture import ImageSpec, Picture

DEADLINE_S = 20.0  # for one image; 100 megapixels of progressive JPEG take about 1 s
START_S = 120.0  # for a process to start, which takes 0.2 s on a machine that is not overloaded
SERVE = "wit_builder.fetch.child:serve_image"
MEMORY_BYTES = 6 << 30  # what one process may allocate; 100 megapixels take up to 1.7 GB


class Pixels:
    """Up to `processes` children that turn bodies into pictures; each picture has a deadline.

    A child is started when one is needed. Must be used inside a running event loop of the main thread:
    `async with Pixels(spec, processes) as pixels`.
    """

    def __init__(
        self,
        spec: ImageSpec,
        processes: int,
        deadline_s: float = DEADLINE_S,
        memory_bytes: int = MEMORY_BYTES,
        serve: str = SERVE,
    ) -> None:
        self._spec, self._serve = pickle.dumps(spec), serve
        self._deadline_s, self._memory_bytes = deadline_s, memory_bytes
        self._processes = processes
        self._workers: list[_Worker] = []
        self._ends: set[asyncio.Task[int]] = set()  # of workers that are being ended
        self._free = asyncio.Semaphore(processes * len(tray.PLACES))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.dismiss()
        await asyncio.gather(*self._ends)

    async def process(self, body: bytes | bytearray, extra: str = "") -> Picture:
        """The picture of these bytes; extra: what its list says of it.

        Raises ImageError; also image_timeout, and image_crash where the process died, ran out of memory or
        raised anything else. Raises BuildError when no process can be started.
        """
        async with self._free:
            worker, (kind, value) = await self._answered(body, extra)
            if kind == "failed" and not isinstance(value, ImageError):
                worker.end()
                raise ImageError("image_crash", _words(value))
        if kind == "failed":
            raise value
        picture: Picture = value
        return picture

    async def _answered(self, body: bytes | bytearray, extra: str) -> tuple["_Worker", Answer]:
        """Asks one after the other, where one ends before it comes to this body."""
        while True:
            worker = self._worker()
            try:
                return worker, await worker.asked(body, self._spec, extra)
            except _Stranded:
                continue
            except TimeoutError:
                raise ImageError("image_timeout", f"over {self._deadline_s:g} s") from None
            except _Died as end:
                raise ImageError("image_crash", f"decoder ended with {end.code}") from None

    def _worker(self) -> "_Worker":
        """The one with the least in hand: a new one, where all have something and there may be more."""
        worker = min(self._workers, key=lambda worker: worker.in_hand, default=None)
        if worker is None or (worker.in_hand and len(self._workers) < self._processes):
            try:
                worker = _Worker(self._serve, self._memory_bytes, self._deadline_s, self._ended)
            except OSError as error:
                raise BuildError(f"a process for images did not start: {error}") from None
            self._workers.append(worker)
        return worker

    def _ended(self, worker: "_Worker", end: asyncio.Task[int]) -> None:
        self._workers.remove(worker)
        self._ends.add(end)
        end.add_done_callback(self._ends.discard)


class _Worker:
    """A child, its tray, and what it was asked: the first is what it works on."""

    def __init__(
        self,
        serve: str,
        memory_bytes: int,
        deadline_s: float,
        ended: Callable[["_Worker", asyncio.Task[int]], None],
    ) -> None:
        """ended: called when it is of no more use, with what comes to its exit code."""
        self._loop, self._deadline_s, self._tell_end = asyncio.get_running_loop(), deadline_s, ended
        self._tray, self._places = tray.new(), list(tray.PLACES)
        try:
            self.child = Child(serve, memory_bytes, [self._tray])
        except BaseException:
            os.close(self._tray)
            raise
        self._ready = False
        self._asked: deque[asyncio.Future[Answer]] = deque()
        self._end: asyncio.Task[int] | None = None
        self._late = self._loop.call_later(START_S, self.end, TimeoutError)
        self._loop.add_reader(self.child.pipe.fileno(), self._hear)

    @property
    def in_hand(self) -> int:
        """How many bodies."""
        return len(tray.PLACES) - len(self._places)

    async def asked(self, body: bytes | bytearray, spec: bytes, extra: str) -> Answer:
        """Done with a Picture, or failed with an exception. spec: an ImageSpec as a pickle, see child.py.

        Raises TimeoutError when it takes too long for this body, _Died when it ends over it, _Stranded when it
        ends before it comes to it, BuildError when it never started.
        """
        place, said = self._places.pop(), self._loop.create_future()
        self._asked.append(said)
        try:
            self._send(place, body, spec, extra)
            kind, value = await said
            if kind == "done":
                value = await self._picture(value, place)
        except asyncio.CancelledError:
            self.end()
            raise
        finally:
            self._places.append(place)
        return kind, value

    def _send(self, place: int, body: bytes | bytearray, spec: bytes, extra: str) -> None:
        try:
            tray.put(self._tray, body, place)
            self.child.call(place, len(body), spec, extra)
        except OSError:
            self.end(_Died)
        if len(self._asked) == 1:
            self._watch()

    async def _picture(self, value: Any, place: int) -> Picture:
        try:
            length, *others = value
            picture = Picture(tray.take(self._tray, length, place), *others)
        except (TypeError, ValueError, OverflowError, OSError, MemoryError):  # a child out of its mind
            raise _Died(await self.end()) from None
        if len(picture.image) != length:
            raise _Died(await self.end())
        return picture

    def _hear(self) -> None:
        try:
            message = self.child.heard()
        except (EOFError, OSError):
            self.end(_Died, LAST_WORDS_S)
            return
        if message is None:
            return
        if not self._ready:
            self._ready = True
        elif self._asked:
            said = self._asked.popleft()
            if not said.done():
                said.set_result(message)
        self._watch()

    def _watch(self) -> None:
        """From now on the first has its time."""
        if self._ready and self._end is None:
            self._late.cancel()
            if self._asked:
                self._late = self._loop.call_later(self._deadline_s, self.end, TimeoutError)

    def end(self, fault: "Fault | None" = None, wait_s: float = 0.0) -> asyncio.Task[int]:
        """End the child, after wait_s for it to end by itself; its exit code.

        fault: of the body that it works on. All others are stranded.
        """
        if self._end is None:
            self._deafen()
            self._end = self._loop.create_task(self._killed(fault, wait_s))
            self._tell_end(self, self._end)
        return self._end

    async def _killed(self, fault: "Fault | None", wait_s: float) -> int:
        code = await self._loop.run_in_executor(None, self.child.kill, wait_s)
        self.child.close()
        os.close(self._tray)
        for n, said in enumerate(self._asked):
            over_this = fault if n == 0 or not self._ready else None
            if not said.done():
                said.set_exception(self._told(over_this, code) if over_this else _Stranded())
        return code

    def _told(self, fault: "Fault", code: int) -> Exception:
        if self._ready:
            return fault(code)
        why = f"took over {START_S:g} s" if fault is TimeoutError else f"ended with {code}"
        return BuildError(f"a process for images did not start: it {why}")

    def _deafen(self) -> None:
        self._late.cancel()
        self._loop.remove_reader(self.child.pipe.fileno())

    def dismiss(self) -> None:
        """End the child, which waits for a call."""
        self._deafen()
        dismiss([self.child])
        os.close(self._tray)


class _Died(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class _Stranded(Exception):
    """Its process ended before it came to this body."""


Fault = type[_Died] | type[TimeoutError]


def _words(error: BaseException) -> str:
    return "out of memory" if isinstance(error, MemoryError) else f"{type(error).__name__}: {error}"
