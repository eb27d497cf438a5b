"""Pixels in child processes: a hostile image can crash, hang or swell its process, and costs only itself."""

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from wit_builder.engine.children import Answer, Child
from wit_builder.errors import ImageError
from wit_builder.images.process import ImageSpec, Picture, process

DEADLINE_S = 20.0  # for one image; 100 megapixels of progressive JPEG take about 1 s
MEMORY_BYTES = 6 << 30  # address space of one process; libraries alone map about 1 GB


class Pixels:
    """`processes` children that turn bodies into pictures; each call has a deadline.

    Must be used inside a running event loop: `async with Pixels(spec, processes) as pixels`.
    """

    def __init__(
        self,
        spec: ImageSpec,
        processes: int,
        deadline_s: float = DEADLINE_S,
        serve: str = f"{__name__}:serve_image",
    ) -> None:
        self._spec, self._deadline_s, self._serve = spec, deadline_s, serve
        self._idle = deque(self._child() for _ in range(processes))
        self._free = asyncio.Semaphore(processes)
        self._threads = ThreadPoolExecutor(2 * processes)  # one may still be waiting for a child just killed

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._idle:
            child.kill()
        self._threads.shutdown()

    async def process(self, body: bytes) -> Picture:
        """The picture of these bytes. Raises ImageError (also image_timeout, image_crash)."""
        async with self._free:
            child = self._idle.popleft()
            try:
                loop = asyncio.get_running_loop()
                # In a thread: libuv makes a pipe it watches non-blocking, which multiprocessing cannot read.
                asked = loop.run_in_executor(self._threads, _ask, child, body, self._spec)
                kind, value = await asyncio.wait_for(asked, self._deadline_s)
            except TimeoutError:
                self._replace(child)
                raise ImageError("image_timeout", f"over {self._deadline_s:g} s") from None
            except (EOFError, OSError):
                code = self._replace(child)
                raise ImageError("image_crash", f"decoder ended with {code}") from None
            except asyncio.CancelledError:
                self._replace(child)
                raise
            self._idle.append(child)
        if kind == "failed":
            raise ImageError("image_crash", "out of memory") if isinstance(value, MemoryError) else value
        picture: Picture = value
        return picture

    def _child(self) -> Child:
        return Child(self._serve, MEMORY_BYTES)

    def _replace(self, child: Child) -> int | None:
        code = child.kill()
        self._idle.append(self._child())
        return code


def serve_image(body: bytes, spec: ImageSpec, _tell: Any) -> Picture:
    """What the child runs."""
    return process(body, spec)


def _ask(child: Child, body: bytes, spec: ImageSpec) -> Answer:
    child.call(body, spec)
    return child.answer()
