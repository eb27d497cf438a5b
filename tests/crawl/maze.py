"""A small web with all that can happen to a page, the same for the same number of pages."""

import random

from tests.crawl.sites import answer, page, redirect

HOSTS = ("a.test", "b.test", "c.d.test")


def maze(pages: int) -> dict[str, bytes]:
    """Answers by "host/path": pages that link to each other, redirects, failures, traps, robots.txt, sitemaps."""
    rng = random.Random(pages)
    addresses = ["a.test/", *(f"{rng.choice(HOSTS)}/{n}" for n in range(1, pages))]
    answers = {address: _answer(rng, n, addresses) for n, address in enumerate(addresses)}
    answers["a.test/robots.txt"] = answer(
        body="User-agent: *\nDisallow: /*7\nSitemap: http://a.test/map.xml\nSitemap: /gone.xml"
    )
    locations = "".join(f"<url><loc>http://{address}</loc></url>" for address in rng.choices(addresses, k=9))
    answers["a.test/map.xml"] = answer(body=f"<urlset>{locations}</urlset>", Content_Type="application/xml")
    return answers


def _answer(rng: random.Random, number: int, addresses: list[str]) -> bytes:
    links = [f"http://{address}" for address in rng.choices(addresses, k=4)]
    if number % 9 == 4:
        return redirect(links[0])
    if number % 13 == 5:
        return answer(rng.choice((404, 410, 503)))
    images = {f"/{number}-{n}.jpg": f"picture {n} of page {number}" for n in range(3)}
    more = f'<img src="/{number}.png"><img src="data:,{number}" alt="inline">'
    return page(*links, f"/x/x/x/{number % 4}", "http://elsewhere.org/", images=images, more=more)
