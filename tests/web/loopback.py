"""Doubles for the web's tests: a site on loopback with a memory, and a loop whose time passes at once."""

import asyncio
import selectors
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HERE = ("127.0.0.0/8",)  # what the guard must let through to reach these sites


def answer(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """A whole HTTP answer; underscores of header names become dashes. Its length is added unless given."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if "Transfer-Encoding" not in named:
        named.setdefault("Content-Length", str(len(body)))
    lines = [f"HTTP/1.1 {status} Words", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunk(body: bytes) -> bytes:
    """One chunk of a chunked body."""
    return f"{len(body):x}\r\n".encode() + body + b"\r\n"


class Site:
    """Answers every host alike, by path: bytes to send, or a handler that sends them; else 404."""

    def __init__(self, pages: Mapping[str, bytes | Handler] | None = None) -> None:
        self.pages = dict(pages or {})
        self.asked: list[str] = []  # "host path", in the order they came
        self.heads: list[str] = []  # the requests as they came
        self.connections = 0  # ever made
        self.connected = 0  # now
        self.port = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Site"]:
        """Serve on a free port."""
        self._tasks: set[asyncio.Task[Any]] = set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=0.05)  # to remember that the client left
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.connected += 1
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode("latin-1"):
                await self._asked_for(head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            self.connected -= 1
            writer.close()

    async def _asked_for(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = head.split(" ", 2)[1]
        host = next(line[6:] for line in head.split("\r\n") if line.lower().startswith("host: "))
        self.asked.append(f"{host} {path}")
        self.heads.append(head)
        page = self.pages.get(path, answer(404))
        if isinstance(page, bytes):
            writer.write(page)
            await writer.drain()
        else:
            await page(reader, writer)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time passes when nothing else is to be done, and then at once."""

    def __init__(self) -> None:
        self.passed = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.passed


class _Selector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if not found and timeout is None:
            raise RuntimeError("everybody waits for somebody else")
        if not found and timeout:
            self._loop.passed += timeout
        return found


def run_virtual(main: Callable[[VirtualLoop], Coroutine[Any, Any, ResultT]]) -> ResultT:
    """asyncio.run on a VirtualLoop, which the coroutine function is given."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        return runner.run(main(loop))
