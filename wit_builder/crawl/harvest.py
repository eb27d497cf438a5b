"""One address at a time: visit it, read what came, note what it leads to."""

import asyncio
import random
from dataclasses import dataclass
from datetime import UTC, datetime

from wit_builder.crawl.batch import Batch
from wit_builder.crawl.frontier import Address
from wit_builder.crawl.levels import depth_of, holds_sitemaps, next_hop, sitemap_level
from wit_builder.crawl.scope import Scope
from wit_builder.crawl.settings import Crawl
from wit_builder.crawl.sitemap import MAX_NESTING, parse
from wit_builder.crawl.visits import CrawlVisitor
from wit_builder.errors import BuildError, FetchError, Gone, Transient, WitError
from wit_builder.extract.html import extract
from wit_builder.extract.settings import Extraction
from wit_builder.records import url_id
from wit_builder.web.charset import utf8_html
from wit_builder.web.politeness import HostQueues, backoff
from wit_builder.web.url import host_of, origin_of, registrable_domain


@dataclass(frozen=True, slots=True)
class Job:
    """An address in the queue of its host."""

    address: Address
    tries: int = 0  # made before


class Harvester:
    """Settles jobs into a batch. A redirect is not followed but noted, for a turn of its own (crawler.py)."""

    def __init__(
        self,
        settings: Crawl,
        extraction: Extraction,
        scope: Scope,
        visitor: CrawlVisitor,
        queues: HostQueues[Job],
    ) -> None:
        self._sitemaps = settings.sitemaps
        self._extraction = extraction
        self._scope = scope
        self._visitor = visitor
        self._queues = queues
        self._parsing = asyncio.Lock()  # a sitemap takes several times its size meanwhile
        self._random = random.Random()  # spreads retries; what is kept does not depend on it

    async def settle(self, job: Job, batch: Batch) -> None:
        """Keep or lose the job's address, or queue it again after a failure that may pass.

        Raises BuildError when our own code fails on what came.
        """
        address = job.address
        target = _Target()
        try:
            if holds_sitemaps(batch.level):
                await self._sitemap(address, target, batch)
            else:
                await self._page(address, target, batch)
        except FetchError as error:
            if isinstance(error, Transient) and self._again(job, error):
                return
            if target.url:
                self._redirected(address, target.url, batch)
            else:
                batch.lose(address, error, _now())
        except WitError:
            raise
        except Exception as error:
            raise BuildError(
                f"page {address.url!r} makes our code fail: {type(error).__name__}: {error}",
                "please report it; what was committed is whole, and --resume goes on from there",
            ) from error
        if self._sitemaps and depth_of(batch.level) == 0 and not holds_sitemaps(batch.level):
            for url in self._visitor.sitemaps(origin_of(address.url)):
                if self._may_hold_sitemaps(url, address):
                    batch.move(_key(url), url, sitemap_level())

    async def _page(self, address: Address, target: "_Target", batch: Batch) -> None:
        visit = await self._visitor.visit(address.url, "page", target)
        page = extract(
            utf8_html(bytes(visit.body), visit.headers.get("Content-Type")),
            address.url,
            settings=self._extraction,
            directives=visit.directives,
            tdm_header=visit.tdm_header,
            found_at=visit.fetched_at,
        )
        batch.keep(address, page.candidates, page.losses)
        batch.link(page.links, visit.fetched_at)

    async def _sitemap(self, address: Address, target: "_Target", batch: Batch) -> None:
        try:
            body = await self._visitor.sitemap(address.url, target)
            async with self._parsing:
                found = await asyncio.to_thread(parse, body, address.url)  # 0.5 s for the largest allowed
        finally:
            self._visitor.room.leave()
        batch.keep_sitemap(address, found.cut, _now())
        batch.link(found.pages, _now())
        for url in found.sitemaps:
            if self._may_hold_sitemaps(url, address):
                self._nested(url, batch)

    def _nested(self, url: str, batch: Batch) -> None:
        level = next_hop(batch.level)
        if level is None:
            batch.refuse(_key(url), url, "too_deep", f"sitemaps nested more than {MAX_NESTING} deep", _now())
        else:
            batch.move(_key(url), url, level)

    def _redirected(self, address: Address, target: str, batch: Batch) -> None:
        """The address is lost; where it leads is asked for in the next round, once for all who lead there."""
        level = next_hop(batch.level)
        sitemaps = holds_sitemaps(batch.level)
        ours = self._may_hold_sitemaps(target, address) if sitemaps else self._scope.holds(host_of(target))
        if not ours:
            batch.lose(address, Gone("redirect_out_of_scope", target), _now())
        elif level is None:
            batch.lose(address, Gone("too_many_redirects", target), _now())
        else:
            batch.lose(address, Gone("redirected", target), _now())
            if sitemaps:
                batch.move(_key(target), target, level)
            else:
                batch.redirect(_key(target), target, level, _now())

    def _may_hold_sitemaps(self, url: str, parent: Address) -> bool:
        """Whether it is in the scope, or of the owner of what names it."""
        host = host_of(url)
        return registrable_domain(host) == registrable_domain(parent.host) or self._scope.holds(host)

    def _again(self, job: Job, error: Transient) -> bool:
        """Queue the job again, later, unless it was tried often enough or took all its time."""
        tries = job.tries + 1
        politeness = self._queues.politeness
        if tries > politeness.retries or error.reason == "timeout":
            return False
        wait = backoff(politeness, tries, error.retry_after, self._random)
        self._queues.put(job.address.host, Job(job.address, tries), self._queues.now() + wait)
        return True


class _Target:
    """Says no to a redirect, and remembers where it led."""

    __slots__ = ("url",)

    def __init__(self) -> None:
        self.url = ""

    def __call__(self, url: str) -> bool:
        self.url = url
        return False


def _key(url: str) -> bytes:
    return bytes.fromhex(url_id(url))


def _now() -> datetime:
    return datetime.now(UTC)
