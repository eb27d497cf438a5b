"""An application of aiohttp on a port of loopback, in a thread of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web


@contextmanager
def serving(app: web.Application) -> Iterator[int]:
    """The port on 127.0.0.1. At the end whatever still answers is cancelled, and has ended."""
    began, said = threading.Event(), []

    async def main() -> None:
        runner, stop = web.AppRunner(app, access_log=None, shutdown_timeout=0.1), asyncio.Event()
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        said.extend((runner.addresses[0][1], asyncio.get_running_loop(), stop))
        began.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    thread.start()
    assert began.wait(10)
    port, loop, stop = said
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
