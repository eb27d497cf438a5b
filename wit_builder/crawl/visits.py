"""A visitor that also fetches sitemaps, by the rules that hold for pages."""

from collections.abc import Callable
from typing import Any

from wit_builder.crawl.sitemap import MAX_BYTES
from wit_builder.errors import Forbidden, Gone
from wit_builder.web.client import REDIRECTS, Client, Response
from wit_builder.web.politeness import HostQueues
from wit_builder.web.room import NoRoom, Room
from wit_builder.web.settings import WebSettings
from wit_builder.web.url import normalise
from wit_builder.web.visitor import Visitor

SITEMAP_BYTES = 8 * MAX_BYTES  # of sitemaps in memory together


class CrawlVisitor(Visitor):
    """What a crawl asks of the web. The caller does `room.leave()` when it is done with a sitemap."""

    def __init__(self, client: Client, queues: HostQueues[Any], settings: WebSettings) -> None:
        super().__init__(client, queues, settings)
        self.room = Room(SITEMAP_BYTES)

    async def sitemap(self, url: str, in_scope: Callable[[str], bool]) -> bytes:
        """The body of a sitemap, at most 50 MiB, still compressed if it is a .gz file.

        Its X-Robots-Tag says nothing of the pages it names, so it is not asked. A redirect is not followed:
        raises Forbidden("redirect_out_of_scope") when `in_scope` has seen its target. Else as `visit`.
        """
        host = self._host(url)
        self._not_given_up(host)
        await self._permission(url, host)
        await self.room.quiet()
        try:
            response = await self._ask_for(url, host)
        except NoRoom:
            self.room.leave()
            await self.room.wait_for(MAX_BYTES)
            response = await self._ask_for(url, host)
        if response.status not in REDIRECTS:
            return bytes(response.body)
        try:
            target = normalise(response.headers["Location"], url)
        except ValueError as error:
            raise Gone("bad_url", f"Location: {error}") from None
        in_scope(target)
        raise Forbidden("redirect_out_of_scope", target)

    async def _ask_for(self, url: str, host: str) -> Response:
        admit = self.room.gate(MAX_BYTES)
        accept = "application/xml,text/plain;q=0.5"
        return await self._request(url, host, max_bytes=MAX_BYTES, admit=admit, accept=accept)
