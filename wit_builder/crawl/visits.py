"""A visitor that also fetches sitemaps, by the rules that hold for pages."""

from collections.abc import Callable

from wit_builder.crawl.sitemap import MAX_BYTES
from wit_builder.errors import Forbidden, Gone
from wit_builder.web.client import REDIRECTS
from wit_builder.web.url import normalise
from wit_builder.web.visitor import Visitor


class CrawlVisitor(Visitor):
    """What a crawl asks of the web."""

    async def sitemap(self, url: str, in_scope: Callable[[str], bool]) -> bytes:
        """The body of a sitemap, at most 50 MiB, still compressed if it is a .gz file.

        Its X-Robots-Tag says nothing of the pages it names, so it is not asked. A redirect is not followed:
        raises Forbidden("redirect_out_of_scope") when `in_scope` has seen its target. Else as `visit`.
        """
        host = self._host(url)
        self._not_given_up(host)
        await self._permission(url, host)
        response = await self._request(
            url, host, max_bytes=MAX_BYTES, accept="application/xml,text/plain;q=0.5"
        )
        if response.status not in REDIRECTS:
            return bytes(response.body)
        try:
            target = normalise(response.headers["Location"], url)
        except ValueError as error:
            raise Gone("bad_url", f"Location: {error}") from None
        in_scope(target)
        raise Forbidden("redirect_out_of_scope", target)
