"""Sitemaps in memory together are bounded."""

from tests.site.told import Say, told
from tests.web.rooms import together
from wit_builder.crawl import visits
from wit_builder.crawl.visits import CrawlVisitor

MOST = 40_000  # bytes of one sitemap


def test_sitemaps_in_memory_stay_within_their_room_and_all_are_had(monkeypatch):
    monkeypatch.setattr(visits, "MAX_BYTES", MOST)
    monkeypatch.setattr(visits, "SITEMAP_BYTES", 2 * MOST)
    urls = [f"http://h{n}.test/map.xml" for n in range(8)]
    with told() as web:
        web.answers = {url: Say(bytes(10 + n), chunked=n % 2 == 0, wait=0.02) for n, url in enumerate(urls)}
        sizes, peak = together(CrawlVisitor, web, urls, ask)
    assert sizes == [10 + n for n in range(8)]
    assert MOST <= peak <= 2 * MOST


async def ask(visitor, url):
    return await visitor.sitemap(url, lambda target: False)
