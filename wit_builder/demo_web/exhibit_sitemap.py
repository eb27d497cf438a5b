"""Pages that no link leads to: a sitemap index names a plain and a packed sitemap, and those name them.

Built as a museum of its own, as its pages count only where sitemaps are read.
"""

import gzip

from wit_builder.demo_web.answers import Answer, text
from wit_builder.demo_web.museum import Hall, Museum, gallery

NAME = "sitemap"
SEED = f"http://{NAME}.demo.test/"
_SCHEMA = "http://www.sitemaps.org/schemas/sitemap/0.9"


def build_seed(museum: Museum) -> None:
    """The host's start page, a seed of the crawl: it names none of the others."""
    hall = Hall(museum, NAME)
    pair = hall.photo("start.jpg")
    hall.page(SEED, gallery([pair]), [pair], linked=False)


def build(museum: Museum) -> None:
    """Put up the pages and the sitemaps."""
    hall = museum.hall(NAME)
    hall.serve(f"{SEED}robots.txt", text(f"User-agent: *\nAllow: /\nSitemap: {SEED}sitemap.xml\n"))
    index = _xml("sitemapindex", "sitemap", [f"{SEED}pages.xml", f"{SEED}more.xml.gz"])
    hall.serve(f"{SEED}sitemap.xml", text(index, "application/xml"))
    hall.serve(f"{SEED}pages.xml", text(_xml("urlset", "url", _pages(hall, "plain", 3)), "application/xml"))
    packed = gzip.compress(_xml("urlset", "url", _pages(hall, "packed", 2)).encode(), mtime=0)
    hall.serve(f"{SEED}more.xml.gz", Answer(body=packed, content_type="application/gzip"))


def _pages(hall: Hall, name: str, count: int) -> list[str]:
    pairs = [hall.photo(f"{name}/{n}.jpg") for n in range(count)]
    return [hall.page(f"{name}/{n}.html", gallery([pair]), [pair]) for n, pair in enumerate(pairs)]


def _xml(root: str, entry: str, urls: list[str]) -> str:
    rows = "".join(f"<{entry}><loc>{url}</loc></{entry}>" for url in urls)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{_SCHEMA}">{rows}</{root}>\n'
