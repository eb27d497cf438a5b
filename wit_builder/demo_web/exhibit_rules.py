"""What owners forbid: by robots.txt, by headers, in the page, and by the TDM reservation protocol.

Beside each wish stands its like that is not meant for us, and must not be heeded.
"""

import json
from dataclasses import replace

from wit_builder.demo_web.answers import Answer, status, text
from wit_builder.demo_web.expected import Pair
from wit_builder.demo_web.museum import Answering, Hall, Museum, gallery

SITEMAP_HOST = "sitemap.demo.test"  # a seed: its sitemaps name pages that nobody links to

_PAGE_ROBOTS = {  # directive in a meta element -> whether the pictures may be had
    "noai": False,
    "noimageai": False,
    "NOINDEX, follow": False,
    "none": False,
    "noml": False,
    "max-image-preview:none": True,
    "nosnippet, noarchive": True,
}
_PICTURE_TAGS: dict[tuple[str, ...], bool] = {  # X-Robots-Tag headers -> whether the picture may be had
    ("noai",): False,
    ("noimageindex, nofollow",): False,
    ("wit-builder: noml",): False,
    ("otherbot: noindex", "none"): False,
    ("otherbot: noai, noindex",): True,
    ("unavailable_after: 25 Jun 2095 15:00:00 GMT",): True,
    ("max-snippet: -1, max-image-preview: large",): True,
}


def build(museum: Museum) -> None:
    """Put up the halls."""
    hall = museum.hall("robots")
    _disallowed(hall)
    _named(hall)
    _unreachable(hall)
    _slow(hall)
    hall = museum.hall("wishes")
    _page_wishes(hall)
    _page_headers(hall)
    _picture_headers(hall)
    _nofollow(hall)
    _reservations(museum.hall("tdm"))


def _robots(hall: Hall, host: str, lines: str) -> None:
    hall.serve(f"http://{host}.demo.test/robots.txt", text(lines))


def _disallowed(hall: Hall) -> None:
    _robots(
        hall,
        "robots",
        "User-agent: *\nDisallow: /private/\nAllow: /private/open.html\nDisallow: /*.secret$\n",
    )
    hall.lost_page("private/closed.html", "robots", _a_page(hall, "private/closed.html"))
    hall.lost_page("page.secret", "robots", _a_page(hall, "page.secret"))
    allowed = hall.photo("public/allowed.jpg")
    closed = hall.lost_photo("private/closed.jpg", "fetch", "robots")
    hall.page("private/open.html", gallery([allowed, closed]), [allowed, closed])


def _a_page(hall: Hall, path: str) -> Answering:
    """What nobody should ever ask for: the pair on it is in no truth."""
    pair = hall.photo(f"never/{path}.jpg")
    return lambda _: Answer(body=gallery([pair]).encode())


def _named(hall: Hall) -> None:
    """A group of our own outranks that of everyone; a group of others is none of ours."""
    _robots(
        hall,
        "named-robots",
        "User-agent: *\nDisallow:\n\nUser-agent: OtherBot\nUser-agent: Wit-Builder\nDisallow: /not-for-us/\n",
    )
    hall.lost_page(
        "http://named-robots.demo.test/not-for-us/page.html", "robots", _a_page(hall, "not-for-us.html")
    )
    _robots(hall, "other-robots", "User-agent: otherbot\nUser-agent: wit\nDisallow: /\n")
    pair = hall.photo("http://other-robots.demo.test/picture.jpg")
    hall.page("http://other-robots.demo.test/page.html", gallery([pair]), [pair])


def _unreachable(hall: Hall) -> None:
    """Not knowing is not permission (RFC 9309, 2.3.1.4); a 403 states no wish (2.3.1.3)."""
    hall.serve("http://robots-down.demo.test/robots.txt", status(500))
    hall.lost_page(
        "http://robots-down.demo.test/page.html", "robots_unreachable", _a_page(hall, "robots-down.html")
    )
    lost = hall.lost_photo("http://robots-down.demo.test/picture.jpg", "fetch", "robots_unreachable")
    hall.page("unreachable-picture.html", gallery([lost]), [lost])
    hall.serve("http://robots-403.demo.test/robots.txt", status(403))
    pair = hall.photo("http://robots-403.demo.test/picture.jpg")
    hall.page("http://robots-403.demo.test/page.html", gallery([pair]), [pair])


def _slow(hall: Hall) -> None:
    _robots(hall, "unhurried", "User-agent: *\nCrawl-delay: 0.5\n")
    for n in (1, 2):
        pair = hall.photo(f"http://unhurried.demo.test/{n}.jpg")
        hall.page(f"http://unhurried.demo.test/{n}.html", gallery([pair]), [pair])


def _page_wishes(hall: Hall) -> None:
    for number, (directive, allowed) in enumerate(_PAGE_ROBOTS.items()):
        _opted_page(hall, f"meta-{number}", allowed, "opt_out_meta_robots", head=_meta("robots", directive))
    _opted_page(hall, "meta-named", False, "opt_out_meta_robots", head=_meta("Wit-Builder", "noai"))
    _opted_page(hall, "meta-of-others", True, "", head=_meta("otherbot", "noai, noindex"))


def _meta(name: str, content: str) -> str:
    return f'<meta name="{name}" content="{content}">\n'


def _opted_page(
    hall: Hall,
    name: str,
    allowed: bool,
    reason: str,
    *,
    head: str = "",
    headers: tuple[tuple[str, str], ...] = (),
) -> None:
    """A page that is kept, and its picture, which is or is not."""
    path = f"{name}.jpg"
    pair = hall.photo(path) if allowed else hall.lost_photo(path, "extract", reason)
    hall.page(f"{name}.html", gallery([pair]), [pair], head=head, headers=headers)


def _page_headers(hall: Hall) -> None:
    tag = "X-Robots-Tag"
    wishes: dict[str, tuple[tuple[tuple[str, str], ...], bool]] = {
        "header": (((tag, "noimageai"),), False),
        "header-second": (((tag, "otherbot: noindex"), (tag, "noai")), False),
        "header-of-others": (((tag, "otherbot: noai"),), True),
        "header-date": (((tag, "unavailable_after: 25 Jun 2095 15:00:00 GMT"),), True),
    }
    for name, (headers, allowed) in wishes.items():
        _opted_page(hall, name, allowed, "opt_out_x_robots_tag", headers=headers)


def _picture_headers(hall: Hall) -> None:
    pairs = []
    for number, (tags, allowed) in enumerate(_PICTURE_TAGS.items()):
        path = f"tagged/{number}.jpg"
        pair = hall.photo(path) if allowed else hall.lost_photo(path, "fetch", "opt_out_x_robots_tag")
        hall.serve(pair.url, _with_headers(hall, pair, *(("X-Robots-Tag", tag) for tag in tags)))
        pairs.append(pair)
    hall.page("tagged-pictures.html", gallery(pairs), pairs)


def _with_headers(hall: Hall, pair: Pair, *headers: tuple[str, str]) -> Answering:
    plain = hall.museum.answers[pair.url]
    return lambda asked: replace(plain(asked), headers=headers)


def _nofollow(hall: Hall) -> None:
    """Its pictures may be had; the page it links to is named nowhere else, and so never met."""
    pair = hall.photo("nofollow.jpg")
    hidden = hall.url("hidden.html")
    hall.serve(hidden, _a_page(hall, "hidden.html"))
    body = f'{gallery([pair])}<a href="{hidden}">hidden</a>'
    hall.page("nofollow.html", body, [pair], head=_meta("robots", "nofollow"))
    other = hall.photo("rel-nofollow.jpg")
    body = f'{gallery([other])}<a rel="nofollow" href="{hidden}">hidden</a>'
    hall.page("rel-nofollow.html", body, [other])


def _reservations(hall: Hall) -> None:
    """The three places of TDMRep: a file of the host, a header, a meta element."""
    rules = [
        {"location": "/reserved/open/", "tdm-reservation": 0},
        {"location": "/reserved/*", "tdm-reservation": 1, "tdm-policy": "https://example.org/policy.json"},
    ]
    hall.serve(hall.url(".well-known/tdmrep.json"), text(json.dumps(rules), "application/json"))
    hall.lost_page("reserved/page.html", "opt_out_tdmrep", _a_page(hall, "reserved.html"))
    pairs = [
        hall.lost_photo("reserved/picture.jpg", "fetch", "opt_out_tdmrep"),
        hall.photo("reserved/open/picture.jpg"),
        hall.lost_photo("header.jpg", "fetch", "opt_out_tdmrep"),
        hall.photo("header-0.jpg"),
    ]
    for pair, value in ((pairs[2], "1"), (pairs[3], "0")):
        hall.serve(pair.url, _with_headers(hall, pair, ("tdm-reservation", value)))
    hall.page("pictures.html", gallery(pairs), pairs)

    _opted_page(hall, "meta", False, "opt_out_tdmrep", head=_meta("tdm-reservation", "1"))
    _opted_page(hall, "meta-0", True, "", head=_meta("tdm-reservation", "0"))
    _opted_page(hall, "page-header", False, "opt_out_tdmrep", headers=(("tdm-reservation", "1"),))
