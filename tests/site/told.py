"""A web that answers as it is told, on loopback, and remembers every request."""

import asyncio
import io
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp import web
from PIL import Image, ImageDraw

from tests.site.serving import serving

REACH = "*.test"  # all its hosts


@dataclass(frozen=True)
class Say:
    """One answer."""

    body: bytes = b""
    status: int = 200
    type: str = "image/png"
    wait: float = 0.0  # seconds before the answer
    chunked: bool = False  # without Content-Length
    location: str = ""  # of a redirect
    headers: tuple[tuple[str, str], ...] = ()  # and these
    first: Callable[[], object] = lambda: None  # done when asked


MISSING = Say(b"nothing here", 404, "text/plain")


@dataclass
class Web:
    """answers: URL to what is said, the n-th time the n-th of several, then the last of them."""

    port: int = 0
    answers: dict[str, Say | list[Say]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # robots.txt and the like left out
    rules: list[str] = field(default_factory=list)  # these alone
    log: list[tuple[float, str, str]] = field(default_factory=list)  # when a request came, its host and URL
    at_once: int = 0  # requests that wait for their answers
    most_at_once: int = 0

    @property
    def connect_to(self) -> dict[str, str | None]:
        return {REACH: f"127.0.0.1:{self.port}", "*": None}

    def times(self, url: str) -> int:
        return self.asked.count(url)

    def page(self, url: str, images: dict[str, str]) -> None:
        """A page of these images, URL to caption."""
        tags = "".join(f'<p><img src="{src}" alt="{alt}"></p>' for src, alt in images.items())
        self.answers[url] = Say(f"<!doctype html><html lang=en>{tags}".encode(), type="text/html")

    async def answer(self, request: web.Request) -> web.StreamResponse:
        url = f"http://{request.host.partition(':')[0]}{request.raw_path}"
        asked = self.rules if url.endswith(("/robots.txt", "/tdmrep.json")) else self.asked
        asked.append(url)
        self.log.append((time.monotonic(), request.host.partition(":")[0], url))
        says = self.answers.get(url, MISSING)
        say = says[min(asked.count(url), len(says)) - 1] if isinstance(says, list) else says
        say.first()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(say.wait)
        self.at_once -= 1
        headers = {"Content-Type": say.type} | ({"Location": say.location} if say.location else {})
        headers |= dict(say.headers)
        if not say.chunked:
            return web.Response(body=say.body, status=say.status, headers=headers)
        stream = web.StreamResponse(status=say.status, headers=headers)
        await stream.prepare(request)
        await stream.write(say.body)
        return stream


@contextmanager
def told() -> Iterator[Web]:
    """A web that nothing was told yet."""
    told_web, app = Web(), web.Application()
    app.router.add_get("/{path:.*}", told_web.answer)
    with serving(app) as told_web.port:
        yield told_web


def picture(n: int, side: int = 96) -> bytes:
    """A PNG of rectangles; no two numbers are near-duplicates."""
    rng = random.Random(n)
    image = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(40):
        x, y = rng.randrange(side), rng.randrange(side)
        colour = tuple(rng.randrange(256) for _ in range(3))
        draw.rectangle((x, y, x + rng.randrange(4, side // 2), y + rng.randrange(4, side // 2)), fill=colour)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
