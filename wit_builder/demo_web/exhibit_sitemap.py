"""Pages that no link leads to: a sitemap index names a plain and a packed sitemap, and those name them.

Built as a museum of its own, as its pages count only where sitemaps are read.
"""

import gzip

from wit_builder.demo_web.answers import Answer, text
from wit_builder.demo_web.museum import Hall, Museum, gallery
from wit_builder.demo_web.settings import SITEMAP

NAME = "sitemap"
_SCHEMA = "http://www.sitemaps.org/schemas/sitemap/0.9"


def build_seed(museum: Museum) -> None:
    """The host's start page, a seed of the crawl: it names none of the others."""
    hall = Hall(museum, NAME)
    pair = hall.photo("start.jpg")
    hall.page(SITEMAP, gallery([pair]), [pair], linked=False)


def build(museum: Museum) -> None:
    """Put up the pages and the sitemaps."""
    hall = museum.hall(NAME)
    hall.serve(f"{SITEMAP}robots.txt", text(f"User-agent: *\nAllow: /\nSitemap: {SITEMAP}sitemap.xml\n"))
    index = _xml("sitemapindex", "sitemap", [f"{SITEMAP}pages.xml", f"{SITEMAP}more.xml.gz"])
    hall.serve(f"{SITEMAP}sitemap.xml", text(index, "application/xml"))
    hall.serve(
        f"{SITEMAP}pages.xml", text(_xml("urlset", "url", _pages(hall, "plain", 3)), "application/xml")
    )
    packed = gzip.compress(_xml("urlset", "url", _pages(hall, "packed", 2)).encode(), mtime=0)
    hall.serve(f"{SITEMAP}more.xml.gz", Answer(body=packed, content_type="application/gzip"))


def _pages(hall: Hall, name: str, count: int) -> list[str]:
    pairs = [hall.photo(f"{name}/{n}.jpg") for n in range(count)]
    return [hall.page(f"{name}/{n}.html", gallery([pair]), [pair]) for n, pair in enumerate(pairs)]


def _xml(root: str, entry: str, urls: list[str]) -> str:
    rows = "".join(f"<{entry}><loc>{url}</loc></{entry}>" for url in urls)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{_SCHEMA}">{rows}</{root}>\n'
