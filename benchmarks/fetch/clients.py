"""One GET by our client, by aiohttp and by libcurl, over the same nginx: CPU microseconds of a request.

    python benchmarks/fetch/clients.py [--requests 2000] [--rounds 5]        # libcurl where pycurl is installed

Bodies of 200 KiB from 100 hosts, 64 at a time; every connection carries one request, or many. Certificates are
verified. Ours reads what is in this checkout, with its guard, its limits and its deadlines.
"""

import argparse
import asyncio
import ssl
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp
import uvloop
import web

from wit_builder.web.client import Client
from wit_builder.web.network import NetworkGuard, Resolver

try:
    import pycurl
except ImportError:
    pycurl = None

AT_ONCE = 64
LIMITS = {"max_bytes": 1 << 20, "deadline_s": 30.0}


def main() -> None:
    """A row for each way to connect, medians over the rounds; the clients take turns."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--requests", type=int, default=2000)
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    clients = {"ours": ours, "aiohttp": by_aiohttp} | ({"libcurl": by_curl} if pycurl else {})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for body in ("root", "server"):
            (folder / body).mkdir()
        (folder / "root" / "body").write_bytes(bytes(200 * 1024))
        with web.served(folder / "root", folder / "server", 100) as site:
            print(f"{'':16}" + "".join(f"{name:>10}" for name in clients))
            for scheme in ("http", "https"):
                for keep in (True, False):
                    urls = [site.url(scheme, n, "body") for n in range(given.requests)]
                    costs: dict[str, list[float]] = {name: [] for name in clients}
                    for _ in range(given.rounds):
                        for name, client in clients.items():
                            began = time.process_time()
                            client(urls, site.authorities, keep)
                            costs[name].append(1e6 * (time.process_time() - began) / len(urls))
                    row = "".join(f"{statistics.median(cost):10.0f}" for cost in costs.values())
                    print(f"{scheme:6}{'keep-alive' if keep else 'new':10}{row}")


def ours(urls: Sequence[str], authorities: Path, keep: bool) -> None:
    """All of them by `Client`; where no connection may be kept, none may idle."""

    async def run() -> None:
        tls = ssl.create_default_context(cafile=authorities)
        resolver = Resolver(NetworkGuard(("127.0.0.0/8",)))
        async with Client(resolver, connections=AT_ONCE, host_connections=AT_ONCE, tls=tls) as client:
            if not keep:
                client._links._most_idle = 0
            await in_turns(urls, lambda url: client.get(url, **LIMITS))

    uvloop.run(run())


def by_aiohttp(urls: Sequence[str], authorities: Path, keep: bool) -> None:
    """The same by aiohttp."""

    async def run() -> None:
        tls = ssl.create_default_context(cafile=authorities)
        connector = aiohttp.TCPConnector(ssl=tls, limit=0, force_close=not keep)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def get(url: str) -> None:
                async with session.get(url, timeout=aiohttp.ClientTimeout(30)) as answer:
                    await answer.read()

            await in_turns(urls, get)

    uvloop.run(run())


async def in_turns(urls: Sequence[str], get: Callable[[str], Awaitable[object]]) -> None:
    """So many at once."""
    left = iter(urls)

    async def work() -> None:
        for url in left:
            await get(url)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


def by_curl(urls: Sequence[str], authorities: Path, keep: bool) -> None:
    """The same by libcurl's multi interface."""
    multi, left = pycurl.CurlMulti(), iter(urls)
    multi.setopt(pycurl.M_MAXCONNECTS, 256)
    free = [_handle(authorities, keep) for _ in range(AT_ONCE)]
    running = 0
    while True:
        while free and (url := next(left, None)) is not None:
            handle = free.pop()
            pieces: list[bytes] = []
            handle.setopt(pycurl.URL, url)
            handle.setopt(pycurl.WRITEFUNCTION, pieces.append)
            multi.add_handle(handle)
            running += 1
        if not running:
            return
        multi.perform()
        _, done, failed = multi.info_read()
        assert not failed, failed
        for handle in done:
            multi.remove_handle(handle)
            free.append(handle)
            running -= 1
        if not done:
            multi.select(1.0)


def _handle(authorities: Path, keep: bool) -> "pycurl.Curl":
    handle = pycurl.Curl()
    handle.setopt(pycurl.CAINFO, str(authorities))
    handle.setopt(pycurl.FORBID_REUSE, not keep)
    handle.setopt(pycurl.BUFFERSIZE, 512 * 1024)
    return handle


if __name__ == "__main__":
    main()
