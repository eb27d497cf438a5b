"""A site of N pages on loopback, made from a seed: 6.4 KB a page, 8 images with alts, 31 links.

Every page links to 10 pages of a menu, to 10 children (page n to 10n + 1 ... 10n + 10) and to 11 neighbours, so
that all are reached at depth 5 with 100,000 pages and a link leads mostly where other links have led before.

Run as a program: `python benchmarks/crawl/server.py PAGES` prints its port and serves until its input ends.
"""

import asyncio
import random
import sys
from typing import cast

import uvloop

WORDS = (
    "river stone morning cat garden window market bridge winter harbour light field engine letter mountain "
    "coffee paper forest street violin bread island copper lantern orchard train silver meadow"
).split()
MENU = 10
CHILDREN = 10
NEIGHBOURS = 11
IMAGES = 8
PAGE_BYTES = 6_400


def links(number: int, pages: int) -> list[int]:
    """The 31 pages that a page links to."""
    children = [(number * 10 + n) % pages for n in range(1, CHILDREN + 1)]
    return [*range(MENU), *children, *((number + n) % pages for n in range(MENU, MENU + NEIGHBOURS))]


def page(number: int, pages: int) -> bytes:
    """The HTML of a page."""
    rng = random.Random(number)
    words = lambda n: " ".join(rng.choices(WORDS, k=n))  # noqa: E731
    parts = [f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{words(5)}</title></head><body>']
    parts += [f'<li><a href="/section-{n % 97}/page-{n}.html">{words(3)}</a></li>' for n in links(number, pages)]
    parts += [
        f'<p><img src="/images/{number}-{n}.jpg" width="640" height="480" alt="{words(7)}">{words(6)}</p>'
        for n in range(IMAGES)
    ]
    html = "".join(parts)
    html += f"<p>{words((PAGE_BYTES - len(html) - 20) // 7)}</p></body></html>"
    return html.encode()


class _Server(asyncio.Protocol):
    pages: dict[bytes, bytes]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by type
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1]
            self._transport.write(self.pages.get(path, _NOT_FOUND))


_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def _answer(body: bytes, kind: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def _serve(pages: int) -> None:
    html = "text/html; charset=utf-8"
    _Server.pages = {
        f"/section-{n % 97}/page-{n}.html".encode(): _answer(page(n, pages), html) for n in range(pages)
    }
    _Server.pages[b"/robots.txt"] = _answer(b"User-agent: *\nDisallow: /private/\nDisallow: /*?print=\n", "text/plain")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
