"""A site on loopback, made from a seed: 6.4 KB a page, 8 images with alts, 31 links.

    python benchmarks/crawl/server.py 3000      3,000 pages, closely linked
    python benchmarks/crawl/server.py 0         pages without end, each of 31 links to a new one

Prints its port and serves until its input ends. Of a closely linked site every page links to 10 pages of a
menu, 10 children (page n to 10n + 1 ... 10n + 10) and 11 neighbours, so that a link leads mostly where others
have led before, and 100,000 pages are reached at depth 5.
"""

import asyncio
import random
import sys
from typing import cast

import uvloop

WORDS = (  # noqa: SIM905
    "river stone morning cat garden window market bridge winter harbour light field engine letter mountain "
    "coffee paper forest street violin bread island copper lantern orchard train silver meadow"
).split()
MENU, CHILDREN, NEIGHBOURS = 10, 10, 11
LINKS = MENU + CHILDREN + NEIGHBOURS
IMAGES = 8
PAGE_BYTES = 6_400


def links(number: int, pages: int) -> list[int]:
    """The 31 pages that a page links to; `pages` 0: children only."""
    if not pages:
        return [number * LINKS + n for n in range(1, LINKS + 1)]
    children = [(number * CHILDREN + n) % pages for n in range(1, CHILDREN + 1)]
    return [*range(MENU), *children, *((number + n) % pages for n in range(MENU, MENU + NEIGHBOURS))]


def path(number: int) -> str:
    """Where a page stands."""
    return f"/section-{number % 97}/page-{number}.html"


def page(number: int, pages: int) -> bytes:
    """The HTML of a page."""
    rng = random.Random(number)

    def words(count: int) -> str:
        return " ".join(rng.choices(WORDS, k=count))

    parts = [f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{words(5)}</title><body>']
    parts += [f'<li><a href="{path(n)}">{words(3)}</a></li>' for n in links(number, pages)]
    parts += [
        f'<p><img src="/images/{number}-{n}.jpg" width="640" height="480" alt="{words(7)}">{words(6)}</p>'
        for n in range(IMAGES)
    ]
    html = "".join(parts)
    return f"{html}<p>{words((PAGE_BYTES - len(html)) // 7)}</p></body></html>".encode()


class _Server(asyncio.Protocol):
    answers: dict[bytes, bytes]  # made before the first request, so that serving costs next to nothing
    endless: bool

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            self._transport.write(self._answer(head.split(b" ", 2)[1]))

    def _answer(self, asked: bytes) -> bytes:
        found = self.answers.get(asked)
        if found is None and self.endless and asked.startswith(b"/section-"):
            return _html(page(int(asked[:-5].rpartition(b"-")[2]), 0))
        return found or b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def _html(body: bytes) -> bytes:
    return _answer(body, "text/html; charset=utf-8")


def _answer(body: bytes, kind: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def _serve(pages: int) -> None:
    _Server.endless = not pages
    _Server.answers = {path(n).encode(): _html(page(n, pages)) for n in range(pages)}
    robots = b"User-agent: *\nDisallow: /private/\nDisallow: /*?print=\n"
    _Server.answers[b"/robots.txt"] = _answer(robots, "text/plain")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
