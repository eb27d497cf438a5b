"""Visits to a site on loopback."""

import asyncio
from collections.abc import Mapping
from typing import Any

from tests.web.loopback import HERE, Handler, Site, answer
from wit_builder.errors import FetchError
from wit_builder.web.politeness import HostQueues
from wit_builder.web.settings import Politeness, WebSettings
from wit_builder.web.url import host_of
from wit_builder.web.visitor import Visit, Visitor

QUICK = Politeness(host_delay_s=0.0, ip_delay_s=0.0)

HTML = answer(200, b"<p>hello", Content_Type="text/html; charset=utf-8")

PNG = answer(200, b"\x89PNG", Content_Type="image/png")

FILES = ("/robots.txt", "/.well-known/tdmrep.json")


def to(location: str) -> bytes:
    return answer(302, b"moved", Location=location)


class Crawl:
    """Visits URLs of one site one after the other, as a crawler does; remembers what came of each."""

    def __init__(self, pages: Mapping[str, bytes | Handler], **settings: Any) -> None:
        self.site = Site(pages)
        defaults: dict[str, Any] = {"politeness": QUICK, "allow_network": HERE, "deadline_s": 5.0}
        self.settings = WebSettings(**defaults | settings)
        self.routes: dict[str, str | None] = {}
        self.queues: HostQueues[str]
        self.got: list[Visit | FetchError] = []

    def visit(self, *urls: str, want: Any = "page", **how: Any) -> "Crawl":
        asyncio.run(self._run(urls, want, how))
        return self

    async def _run(self, urls: tuple[str, ...], want: Any, how: dict[str, Any]) -> None:
        self.queues = HostQueues(self.settings.politeness)
        async with self.site.open():
            routes = self.routes | {"*": f"127.0.0.1:{self.site.port}"}
            async with Visitor.open(self.settings, self.queues, connect_to=routes) as visitor:
                for url in urls:
                    self.queues.put(host_of(url), url)
                    await self.queues.take()
                    try:
                        self.got.append(await visitor.visit(url, want, **how))
                    except FetchError as error:
                        self.got.append(error)
                    finally:
                        self.queues.release(host_of(url))

    @property
    def had(self) -> Visit:
        """The only visit, which went well."""
        (visit,) = self.got
        assert isinstance(visit, Visit), visit
        return visit

    @property
    def asked(self) -> list[str]:
        """What the site was asked for besides robots.txt and tdmrep.json."""
        return [asked for asked in self.site.asked if not asked.endswith(FILES)]

    def lost(self, kind: type[FetchError], reason: str) -> FetchError:
        """Why the last visit did not go well."""
        error = self.got[-1]
        assert isinstance(error, kind), error
        assert error.reason == reason
        return error


def head_only(sent: list[str], **headers: str) -> Handler:
    """Sends a head, and its body only when the client is still there a little later."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, b"", Content_Length="1000", **headers))
        try:
            left = await asyncio.wait_for(reader.read(1), 0.5)
        except TimeoutError:
            left = b"still there"
        sent.append("body" if left else "head only")
        writer.write(b"x" * 1000)

    return handle
