"""A proxy on loopback in front of a server: it passes requests on, or fails as it is told, and remembers."""

import asyncio
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp
import yarl
from aiohttp import web

from tests.site.serving import serving

Fault = (
    int | float | str | None
)  # a status, seconds to wait, "reset", "cut" (half of the body), "lost" (the answer)


@dataclass
class Proxy:
    """fault: what becomes of a request of that method and path, the n-th of that kind (from 1)."""

    target: int
    port: int = 0
    fault: Callable[[str, str, int], Fault] = lambda method, path, n: None
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        asked = (request.method, request.path)
        self.asked.append(asked)
        fault = self.fault(*asked, self.asked.count(asked))
        if fault == "reset":
            request.transport.abort()
            return web.Response()
        if isinstance(fault, int):
            await request.read()
            return web.Response(status=fault)
        await asyncio.sleep(fault if isinstance(fault, float) else 0)
        return await self._passed_on(request, fault)

    async def _passed_on(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        url = yarl.URL(f"http://127.0.0.1:{self.target}{request.raw_path}", encoded=True)
        headers = {k: v for k, v in request.headers.items() if k.lower() != "transfer-encoding"}
        body = io.BytesIO(await request.read())
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(request.method, url, headers=headers, data=body, allow_redirects=False) as answer,
        ):
            said = await answer.read()
            if fault == "lost":
                request.transport.abort()
                return web.Response()
            kept = {k: v for k, v in answer.headers.items() if k.lower() != "transfer-encoding"}
            stream = web.StreamResponse(status=answer.status, headers=kept)
            await stream.prepare(request)
            await stream.write(said[: len(said) // 2] if fault == "cut" else said)
            if fault == "cut":
                request.transport.abort()
            return stream


@contextmanager
def before(port: int) -> Iterator[Proxy]:
    """A proxy in front of the server at that port."""
    proxy, app = Proxy(port), web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", proxy.answer)
    with serving(app) as proxy.port:
        yield proxy
