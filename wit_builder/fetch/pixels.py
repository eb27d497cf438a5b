"""Pixels in child processes: a hostile image can crash, hang or swell its process, and costs only itself."""

import asyncio
import os
import pickle
from types import TracebackType
from typing import Self

from wit_builder.engine.children import LAST_WORDS_S, Answer, Child, dismiss
from wit_builder.errors import BuildError, ImageError
from wit_builder.fetch import tray
from wit_builder.images.picture import ImageSpec, Picture

DEADLINE_S = 20.0  # for one image; 100 megapixels of progressive JPEG take about 1 s
START_S = 120.0  # for a process to start, which takes 0.2 s on a machine that is not overloaded
SERVE = "wit_builder.fetch.child:serve_image"
MEMORY_BYTES = 6 << 30  # what one process may allocate; 100 megapixels take up to 1.7 GB


class Pixels:
    """Up to `processes` children that turn bodies into pictures; each call has a deadline.

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
        self._idle: list[_Worker] = []
        self._free = asyncio.Semaphore(processes)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._idle:
            worker.dismiss()

    async def process(self, body: bytes | bytearray, extra: str = "") -> Picture:
        """The picture of these bytes; extra: what its list says of it.

        Raises ImageError; also image_timeout, and image_crash where the process died, ran out of memory or
        raised anything else. Raises BuildError when no process can be started.
        """
        async with self._free:
            worker = self._idle.pop() if self._idle else await self._start()
            try:
                kind, value = await worker.asked(body, self._spec, extra, self._deadline_s)
            except TimeoutError:
                raise ImageError("image_timeout", f"over {self._deadline_s:g} s") from None
            except _Died as end:
                raise ImageError("image_crash", f"decoder ended with {end.code}") from None
            if kind == "failed" and not isinstance(value, ImageError):
                await worker.end()
                raise ImageError("image_crash", _words(value))
            self._idle.append(worker)
        if kind == "failed":
            raise value
        picture: Picture = value
        return picture

    async def _start(self) -> "_Worker":
        try:
            worker = _Worker(self._serve, self._memory_bytes)
        except OSError as error:
            raise BuildError(f"a process for images did not start: {error}") from None
        try:
            await worker.told(START_S)
        except (TimeoutError, _Died) as error:
            why = f"ended with {error.code}" if isinstance(error, _Died) else f"took over {START_S:g} s"
            raise BuildError(f"a process for images did not start: it {why}") from None
        return worker


class _Worker:
    """A child and its tray."""

    _said: asyncio.Future[Answer]  # what is waited for, or was

    def __init__(self, serve: str, memory_bytes: int) -> None:
        self._loop, self._listens = asyncio.get_running_loop(), False
        self._tray = tray.new()
        try:
            self.child = Child(serve, memory_bytes, [self._tray])
        except BaseException:
            os.close(self._tray)
            raise

    async def asked(self, body: bytes | bytearray, spec: bytes, extra: str, limit_s: float) -> Answer:
        """Done with a Picture, or failed with an exception. Raises as `told`.

        spec: an ImageSpec as a pickle, see child.py.
        """
        try:
            tray.put(self._tray, body)
            self.child.call(len(body), spec, extra)
        except OSError:
            raise _Died(await self.end()) from None
        kind, value = await self.told(limit_s)
        if kind == "done":
            try:
                length, *others = value
                value = Picture(tray.take(self._tray, length), *others)
            except (TypeError, ValueError, OverflowError, OSError, MemoryError):  # a child out of its mind
                raise _Died(await self.end()) from None
            if len(value.image) != length:
                raise _Died(await self.end())
        return kind, value

    async def told(self, limit_s: float) -> Answer:
        """What the child says. It is ended when it does not in time, and when nobody waits any more.

        Raises TimeoutError or _Died.
        """
        try:
            async with asyncio.timeout(limit_s):
                return await self._next()
        except (TimeoutError, asyncio.CancelledError):
            await self.end()
            raise
        except (EOFError, OSError):
            raise _Died(await self.end(LAST_WORDS_S)) from None

    async def _next(self) -> Answer:
        self._said = self._loop.create_future()
        self._listen()
        return await self._said

    def _listen(self) -> None:
        """From then on, over all calls, unless something came in between."""
        if not self._listens:
            self._loop.add_reader(self.child.pipe.fileno(), self._hear)
            self._listens = True

    def _deafen(self) -> None:
        if self._listens:
            self._loop.remove_reader(self.child.pipe.fileno())
            self._listens = False

    def _hear(self) -> None:
        if self._said.done():
            return self._deafen()  # nobody waits any more
        try:
            if (message := self.child.heard()) is not None:
                self._said.set_result(message)
        except (EOFError, OSError) as error:
            self._said.set_exception(error)
        return None

    async def end(self, wait_s: float = 0.0) -> int:
        """End the child; its exit code."""
        self._deafen()
        killed = self._loop.run_in_executor(None, self.child.kill, wait_s)
        try:
            return await asyncio.shield(killed)  # also where nobody waits any more
        finally:
            self.child.close()
            os.close(self._tray)

    def dismiss(self) -> None:
        """End the child, which waits for a call."""
        self._deafen()
        dismiss([self.child])
        os.close(self._tray)


class _Died(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def _words(error: BaseException) -> str:
    return "out of memory" if isinstance(error, MemoryError) else f"{type(error).__name__}: {error}"
