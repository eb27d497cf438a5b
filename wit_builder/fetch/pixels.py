"""Pixels in child processes: a hostile image can crash, hang or swell its process, and costs only itself."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from wit_builder.engine.children import LAST_WORDS_S, Answer, Child, dismiss
from wit_builder.errors import BuildError, ImageError
from wit_builder.images.listed import process_listed
from wit_builder.images.process import ImageSpec, Picture

DEADLINE_S = 20.0  # for one image; 100 megapixels of progressive JPEG take about 1 s
START_S = 120.0  # for a process to start, which takes 0.3 s on a machine that is not overloaded
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
        serve: str = f"{__name__}:serve_image",
    ) -> None:
        self._spec, self._serve = spec, serve
        self._deadline_s, self._memory_bytes = deadline_s, memory_bytes
        self._idle: list[Child] = []
        self._free = asyncio.Semaphore(processes)
        # Threads wait for the answers: libuv makes a pipe it watches non-blocking, which multiprocessing
        # cannot read. Two a child, for one may be waiting for its end.
        self._threads = ThreadPoolExecutor(2 * processes)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        dismiss(self._idle)
        self._threads.shutdown()

    async def process(self, body: bytes, extra: str = "") -> Picture:
        """The picture of these bytes; extra: what its list says of it.

        Raises ImageError; also image_timeout, and image_crash where the process died, ran out of memory or
        raised anything else. Raises BuildError when no process can be started.
        """
        async with self._free:
            child = self._idle.pop() if self._idle else await self._start()
            try:
                kind, value = await self._told(
                    child, lambda: _ask(child, body, self._spec, extra), self._deadline_s
                )
            except TimeoutError:
                raise ImageError("image_timeout", f"over {self._deadline_s:g} s") from None
            except _Died as end:
                raise ImageError("image_crash", f"decoder ended with {end.code}") from None
            if kind == "failed" and not isinstance(value, ImageError):
                await self._end(child)
                raise ImageError("image_crash", _words(value))
            self._idle.append(child)
        if kind == "failed":
            raise value
        picture: Picture = value
        return picture

    async def _start(self) -> Child:
        child = Child(self._serve, self._memory_bytes)
        try:
            await self._told(child, child.answer, START_S)
        except (TimeoutError, _Died) as error:
            why = f"ended with {error.code}" if isinstance(error, _Died) else f"took over {START_S:g} s"
            raise BuildError(f"a process for images did not start: it {why}") from None
        return child

    async def _told(self, child: Child, ask: Callable[[], Answer], limit_s: float) -> Answer:
        """What the child answers. It is ended when it does not in time, and when nobody waits any more.

        Raises TimeoutError or _Died.
        """
        asked = asyncio.get_running_loop().run_in_executor(self._threads, ask)
        try:
            return await asyncio.wait_for(asyncio.shield(asked), limit_s)
        except TimeoutError:
            await self._end(child, asked)
            raise
        except (EOFError, OSError):
            raise _Died(await self._end(child, asked, LAST_WORDS_S)) from None
        except asyncio.CancelledError:
            await self._end(child, asked)
            raise

    async def _end(
        self, child: Child, asked: asyncio.Future[Answer] | None = None, wait_s: float = 0.0
    ) -> int | None:
        code = await asyncio.get_running_loop().run_in_executor(self._threads, child.kill, wait_s)
        if asked is not None:  # its thread may still hold the pipe
            await asyncio.gather(asked, return_exceptions=True)
        child.close()
        return code


class _Died(Exception):
    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


def serve_image(body: bytes, spec: ImageSpec, extra: str, _tell: Any) -> Picture:
    """What the child runs."""
    return process_listed(body, spec, extra)


def _ask(child: Child, body: bytes, spec: ImageSpec, extra: str) -> Answer:
    child.call(body, spec, extra)
    return child.answer()


def _words(error: BaseException) -> str:
    return "out of memory" if isinstance(error, MemoryError) else f"{type(error).__name__}: {error}"
