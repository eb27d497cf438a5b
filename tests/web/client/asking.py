"""Asking a site on loopback."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tests.web.loopback import HERE, Handler, Site
from wit_builder.errors import FetchError
from wit_builder.web.client import Client, Response
from wit_builder.web.network import NetworkGuard, Resolver

CHUNKED = {"Transfer_Encoding": "chunked"}


def client(port: int, routes: Mapping[str, str | None] | None = None, **how: Any) -> Client:
    return Client(Resolver(NetworkGuard(HERE), routes or {"*": f"127.0.0.1:{port}"}), **how)


def get(site: Site, *paths: str, scheme: str = "http", **how: Any) -> Response:
    """The last of some URLs at a.test, one after the other."""

    async def run() -> Response:
        async with site.open(), client(site.port) as web:
            for path in paths or ("/",):
                limits = {"max_bytes": 1000, "deadline_s": 5.0} | how
                response = await web.get(f"{scheme}://a.test{path}", **limits)
            return response

    return asyncio.run(run())


def fails(site: Site, kind: type[FetchError], reason: str, **how: Any) -> FetchError:
    with pytest.raises(kind) as caught:
        get(site, **how)
    assert caught.value.reason == reason
    return caught.value


def sends(*pieces: bytes, every_s: float = 0.0, memory: list[int] | None = None) -> Handler:
    """Sends the pieces one by one, then closes; the memory counts them."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for n, piece in enumerate(pieces):
            if memory is not None:
                memory.append(n)
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(every_s)
        writer.close()

    return handle


def sends_and_stays(page: bytes) -> Handler:
    """The body comes after the head, in a packet of its own."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(page[:60])
        await asyncio.sleep(0.01)
        writer.write(page[60:])

    return handle
