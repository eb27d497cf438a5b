"""Sitemaps in memory together are bounded."""

import asyncio

from tests.site.told import Say, told
from wit_builder.crawl import visits
from wit_builder.crawl.visits import CrawlVisitor
from wit_builder.web.politeness import HostQueues, Politeness
from wit_builder.web.settings import WebSettings

MOST = 40_000  # bytes of one sitemap


def test_sitemaps_in_memory_stay_within_their_room_and_all_are_had(monkeypatch):
    monkeypatch.setattr(visits, "MAX_BYTES", MOST)
    monkeypatch.setattr(visits, "SITEMAP_BYTES", 2 * MOST)
    urls = [f"http://h{n}.test/map.xml" for n in range(8)]
    with told() as web:
        web.answers = {url: Say(bytes(10 + n), chunked=n % 2 == 0, wait=0.02) for n, url in enumerate(urls)}
        sizes, peak = asyncio.run(had(web, urls))
    assert sizes == [10 + n for n in range(8)]
    assert MOST <= peak <= 2 * MOST


async def had(web, urls):
    """(sizes of the sitemaps, most bytes of room that were taken at once); all of them asked for together."""
    politeness = Politeness(host_delay_s=0, ip_delay_s=0)
    queues: HostQueues[str] = HostQueues(politeness)
    peak = 0

    async def one(visitor, url):
        nonlocal peak
        await queues.take()
        try:
            body = await visitor.sitemap(url, lambda target: False)
            peak = max(peak, visitor.room.taken)
            await asyncio.sleep(0.02)  # it is read
            return len(body)
        finally:
            visitor.room.leave()
            queues.release(url.split("/")[2])

    settings = WebSettings(politeness=politeness, allow_network=("127.0.0.0/8",))
    async with CrawlVisitor.open(settings, queues, connect_to=web.connect_to) as visitor:
        for url in urls:
            queues.put(url.split("/")[2], url)
        return await asyncio.gather(*(one(visitor, url) for url in urls)), peak
