"""What robots.txt and opt-outs say."""

import asyncio

import pytest

from tests.web.loopback import answer
from tests.web.visitor.visits import HTML, PNG, QUICK, Crawl, head_only, to
from wit_builder.errors import Forbidden, Transient
from wit_builder.web.politeness import HostQueues
from wit_builder.web.settings import OptOut, Politeness
from wit_builder.web.visitor import Visit, Visitor

# -- robots.txt


def robots(text: bytes, status: int = 200) -> bytes:
    return answer(status, text, Content_Type="text/plain")


def test_a_refused_path_is_never_asked_for() -> None:
    crawl = Crawl({"/robots.txt": robots(b"user-agent: *\ndisallow: /no"), "/no": HTML, "/yes": HTML})
    crawl.visit("http://a.test/yes", "http://a.test/no")
    assert "Disallow: /no" in crawl.lost(Forbidden, "robots").evidence
    assert crawl.asked == ["a.test /yes"]


def test_robots_txt_is_asked_for_once_and_first() -> None:
    crawl = Crawl({"/1": HTML, "/2": HTML}).visit("http://a.test/1", "http://a.test/2")
    assert crawl.site.asked.count("a.test /robots.txt") == 1
    assert crawl.site.asked[0] == "a.test /robots.txt"


def test_a_redirect_is_judged_by_the_robots_txt_of_where_it_leads() -> None:
    crawl = Crawl(
        {"/robots.txt": robots(b"user-agent: wit-builder\ndisallow: /no"), "/1": to("http://b.test/no")}
    )
    crawl.visit("http://a.test/1").lost(Forbidden, "robots")
    assert crawl.asked == ["a.test /1"]


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_robots_txt_that_cannot_be_had_refuses_everything(status: int) -> None:
    crawl = Crawl({"/robots.txt": robots(b"", status), "/1": HTML}).visit("http://a.test/1")
    crawl.lost(Transient, "robots_unreachable")
    assert crawl.asked == []


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_robots_txt_that_is_not_there_allows_everything(status: int) -> None:
    assert Crawl({"/robots.txt": robots(b"", status), "/1": HTML}).visit("http://a.test/1").had


def test_a_robots_txt_elsewhere_is_found_within_five_redirects() -> None:
    hops = {f"/r{n}": to(f"http://h{n}.test/r{n + 1}") for n in range(5)}
    rules = robots(b"user-agent: *\ndisallow: /")
    crawl = Crawl({**hops, "/robots.txt": to("/r1"), "/r5": rules, "/1": HTML}).visit("http://a.test/1")
    crawl.lost(Forbidden, "robots")
    crawl = Crawl({**hops, "/robots.txt": to("/r0"), "/r5": rules, "/1": HTML}).visit("http://a.test/1")
    crawl.lost(Forbidden, "robots_unreachable")


def test_a_robots_txt_at_a_private_address_is_not_fetched_from_there() -> None:
    crawl = Crawl({"/robots.txt": to("http://169.254.169.254/latest"), "/1": HTML}).visit("http://a.test/1")
    assert "network_refused" in crawl.lost(Forbidden, "robots_unreachable").evidence


def test_of_a_robots_txt_without_end_the_first_part_counts() -> None:
    text = b"user-agent: *\ndisallow: /no\n" + b"# nothing\n" * 100_000
    crawl = Crawl({"/robots.txt": robots(text), "/no": HTML, "/yes": HTML})
    crawl.visit("http://a.test/yes", "http://a.test/no").lost(Forbidden, "robots")
    assert isinstance(crawl.got[0], Visit)


def test_a_crawl_delay_is_kept() -> None:
    crawl = Crawl({"/robots.txt": robots(b"user-agent: *\ncrawl-delay: 0.05"), "/1": HTML})
    started = asyncio.run(timed(crawl, "http://a.test/1"))
    assert started >= 0.1  # robots.txt, tdmrep.json, the page
    assert crawl.had


async def timed(crawl: Crawl, url: str) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await crawl._run((url,), "page", {})
    return loop.time() - began


@pytest.mark.parametrize(("delay", "reason"), [("0.01", None), ("0.011", "robots")])
def test_a_host_that_asks_for_too_long_a_delay_is_left_alone(delay: str, reason: str | None) -> None:
    text = f"user-agent: *\ncrawl-delay: {delay}".encode()
    politeness = Politeness(host_delay_s=0.0, ip_delay_s=0.0, max_crawl_delay_s=0.01)
    crawl = Crawl({"/robots.txt": robots(text), "/1": HTML}, politeness=politeness).visit("http://a.test/1")
    assert getattr(crawl.got[0], "reason", None) == reason
    assert len(crawl.asked) == (0 if reason else 1)


def test_the_sitemaps_of_an_origin_are_known_after_a_visit() -> None:
    async def run() -> list[str]:
        crawl = Crawl({"/robots.txt": robots(b"sitemap: /map.xml"), "/1": HTML})
        queues: HostQueues[str] = HostQueues(QUICK)
        async with crawl.site.open():
            routes = {"*": f"127.0.0.1:{crawl.site.port}"}
            async with Visitor.open(crawl.settings, queues, connect_to=routes) as visitor:
                queues.put("a.test", "http://a.test/1")
                await queues.take()
                await visitor.visit("http://a.test/1", "page")
                return visitor.sitemaps("http://a.test")

    assert asyncio.run(run()) == ["http://a.test/map.xml"]


# -- opt-outs

RESERVED = answer(200, b'[{"location": "/art/*", "tdm-reservation": 1}]', Content_Type="application/json")


def test_a_path_reserved_in_tdmrep_json_is_never_asked_for() -> None:
    crawl = Crawl({"/.well-known/tdmrep.json": RESERVED, "/art/1": PNG, "/free": PNG})
    crawl.visit("http://a.test/free", "http://a.test/art/1", want="image").lost(Forbidden, "opt_out_tdmrep")
    assert crawl.asked == ["a.test /free"]
    assert crawl.site.asked.count("a.test /.well-known/tdmrep.json") == 1


def test_reservations_are_not_asked_for_where_the_policy_leaves_them_out() -> None:
    crawl = Crawl({"/.well-known/tdmrep.json": RESERVED, "/art/1": PNG}, optout=OptOut(tdmrep=False))
    assert crawl.visit("http://a.test/art/1", want="image").had
    assert "a.test /.well-known/tdmrep.json" not in crawl.site.asked


@pytest.mark.parametrize(
    ("headers", "reason", "evidence"),
    [
        ({"X_Robots_Tag": "noindex"}, "opt_out_x_robots_tag", "noindex"),
        ({"X_Robots_Tag": "max-snippet:-1, NoImageAI"}, "opt_out_x_robots_tag", "noimageai"),
        ({"X_Robots_Tag": "wit-builder: noai"}, "opt_out_x_robots_tag", "noai"),
        ({"tdm_reservation": "1"}, "opt_out_tdmrep", "tdm-reservation: 1"),
    ],
)
def test_an_image_that_opts_out_in_its_headers_is_refused_before_its_body(
    headers: dict[str, str], reason: str, evidence: str
) -> None:
    sent: list[str] = []
    crawl = Crawl({"/i": head_only(sent, Content_Type="image/png", **headers)})
    error = crawl.visit("http://a.test/i", want="image").lost(Forbidden, reason)
    assert evidence in error.evidence
    assert sent == ["head only"]


@pytest.mark.parametrize(
    "tag", ["otherbot: noai", "noarchive", "max-image-preview:none", "unavailable_after: 1 Jan"]
)
def test_an_image_whose_headers_ask_nothing_of_us_is_had(tag: str) -> None:
    page = answer(200, b"\x89PNG", Content_Type="image/png", X_Robots_Tag=tag, tdm_reservation="0")
    assert Crawl({"/i": page}).visit("http://a.test/i", want="image").had.body


def test_the_policy_says_which_directives_opt_out() -> None:
    page = answer(200, b"\x89PNG", Content_Type="image/png", X_Robots_Tag="noindex", tdm_reservation="1")
    crawl = Crawl({"/i": page}, optout=OptOut(directives=("noai",), tdmrep=False))
    assert crawl.visit("http://a.test/i", want="image").had.directives == {"noindex"}


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"X_Robots_Tag": "noai"}, "opt_out_x_robots_tag"),
        ({"tdm_reservation": "1"}, "opt_out_tdmrep"),
        ({"X_Robots_Tag": "noarchive", "tdm_reservation": "0"}, None),
    ],
)
def test_a_redirect_on_the_way_to_an_image_may_opt_out_too(
    headers: dict[str, str], reason: str | None
) -> None:
    moved = answer(302, b"", Location="http://cdn.test/i", **headers)
    crawl = Crawl({"/1": to("/2"), "/2": moved, "/i": PNG}).visit("http://a.test/1", want="image")
    assert getattr(crawl.got[0], "reason", None) == reason
    assert ("cdn.test /i" in crawl.asked) == (reason is None)


def test_the_policy_holds_for_redirects_too() -> None:
    moved = answer(302, b"", Location="/i", X_Robots_Tag="noindex", tdm_reservation="1")
    crawl = Crawl({"/1": moved, "/i": PNG}, optout=OptOut(directives=("noai",), tdmrep=False))
    assert crawl.visit("http://a.test/1", want="image").had.redirects == 1
