import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest

from tests.web.loopback import HERE, Handler, Site, VirtualLoop, answer, run_virtual
from wit_builder.errors import FetchError, Forbidden, Gone, Transient
from wit_builder.web.client import Client
from wit_builder.web.network import Lookup, NetworkGuard, Resolver
from wit_builder.web.optout import OptOut
from wit_builder.web.politeness import HostQueues, Politeness
from wit_builder.web.settings import WebSettings
from wit_builder.web.url import host_of
from wit_builder.web.visitor import MAX_REDIRECTS, Visit, Visitor, overhear

QUICK = Politeness(host_delay_s=0.0, ip_delay_s=0.0)
HTML = answer(200, b"<p>hello", Content_Type="text/html; charset=utf-8")
PNG = answer(200, b"\x89PNG", Content_Type="image/png")
FILES = ("/robots.txt", "/.well-known/tdmrep.json")


def to(location: str) -> bytes:
    return answer(302, b"moved", Location=location)


class Crawl:
    """Visits URLs of one site one after the other, as a crawler does; remembers what came of each."""

    def __init__(self, pages: Mapping[str, bytes | Handler], **settings: Any) -> None:
        self.site = Site(pages)
        defaults: dict[str, Any] = {"politeness": QUICK, "allow_network": HERE, "deadline_s": 5.0}
        self.settings = WebSettings(**defaults | settings)
        self.routes: dict[str, str | None] = {}
        self.queues: HostQueues[str]
        self.got: list[Visit | FetchError] = []

    def visit(self, *urls: str, want: Any = "page", **how: Any) -> "Crawl":
        asyncio.run(self._run(urls, want, how))
        return self

    async def _run(self, urls: tuple[str, ...], want: Any, how: dict[str, Any]) -> None:
        self.queues = HostQueues(self.settings.politeness)
        async with self.site.open():
            routes = self.routes | {"*": f"127.0.0.1:{self.site.port}"}
            async with Visitor.open(self.settings, self.queues, connect_to=routes) as visitor:
                for url in urls:
                    self.queues.put(host_of(url), url)
                    await self.queues.take()
                    try:
                        self.got.append(await visitor.visit(url, want, **how))
                    except FetchError as error:
                        self.got.append(error)
                    finally:
                        self.queues.release(host_of(url))

    @property
    def had(self) -> Visit:
        """The only visit, which went well."""
        (visit,) = self.got
        assert isinstance(visit, Visit), visit
        return visit

    @property
    def asked(self) -> list[str]:
        """What the site was asked for besides robots.txt and tdmrep.json."""
        return [asked for asked in self.site.asked if not asked.endswith(FILES)]

    def lost(self, kind: type[FetchError], reason: str) -> FetchError:
        """Why the last visit did not go well."""
        error = self.got[-1]
        assert isinstance(error, kind), error
        assert error.reason == reason
        return error


# -- a visit that goes well


def test_a_page_comes_with_all_that_later_stages_ask_for() -> None:
    page = answer(
        200,
        b"<p>hello",
        Content_Type="Text/HTML; charset=utf-8",
        X_Robots_Tag="noai, nofollow",
        tdm_reservation="1",
    )
    had = Crawl({"/p": page}).visit("http://a.test/p").had
    assert (had.url, had.final_url, had.status, had.redirects) == (
        "http://a.test/p",
        "http://a.test/p",
        200,
        0,
    )
    assert (had.content_type, had.body) == ("text/html", b"<p>hello")
    assert (had.directives, had.tdm_header) == (frozenset(("noai", "nofollow")), "1")


def test_a_page_without_headers_has_no_directives() -> None:
    had = Crawl({"/p": HTML}).visit("http://a.test/p").had
    assert (had.directives, had.tdm_header) == (frozenset(), None)


def test_redirects_are_followed_to_the_page() -> None:
    crawl = Crawl({"/1": to("/2"), "/2": to("http://b.test/3"), "/3": HTML}).visit("http://a.test/1")
    assert (crawl.had.url, crawl.had.final_url) == ("http://a.test/1", "http://b.test/3")
    assert crawl.had.redirects == 2
    assert crawl.asked == ["a.test /1", "a.test /2", "b.test /3"]


def test_an_image_comes_with_the_directives_that_the_policy_allows() -> None:
    image = answer(200, b"\x89PNG", Content_Type="image/png", X_Robots_Tag="noarchive")
    had = Crawl({"/i": image}).visit("http://a.test/i", want="image").had
    assert (had.body, had.content_type, had.directives) == (
        b"\x89PNG",
        "image/png",
        frozenset(("noarchive",)),
    )


def test_pages_and_images_are_asked_for_as_such() -> None:
    crawl = Crawl({"/p": HTML}).visit("http://a.test/p")
    assert "\r\nAccept: text/html" in crawl.site.heads[-1]
    crawl = Crawl({"/i": PNG}).visit("http://a.test/i", want="image")
    assert "\r\nAccept: image/" in crawl.site.heads[-1]


def test_the_contact_stands_in_every_request() -> None:
    crawl = Crawl({"/p": HTML}, contact="mail@a.test").visit("http://a.test/p")
    assert len(crawl.site.heads) == 3
    assert all("(mail@a.test)\r\n" in head for head in crawl.site.heads)


# -- redirects that go wrong


def test_as_many_redirects_as_are_followed_and_one_more() -> None:
    ring = {f"/{n}": to(f"/{n + 1}") for n in range(9)}
    crawl = Crawl(ring | {f"/{MAX_REDIRECTS}": HTML}).visit("http://a.test/0")
    assert crawl.had.redirects == MAX_REDIRECTS
    crawl = Crawl(ring).visit("http://a.test/0")
    crawl.lost(Gone, "too_many_redirects")
    assert len(crawl.asked) == MAX_REDIRECTS + 1


@pytest.mark.parametrize("back", ["/1", "/2", "http://a.test/1#top", "http://A.TEST:80/1?utm_source=x"])
def test_a_ring_of_redirects_is_noticed_where_it_closes(back: str) -> None:
    crawl = Crawl({"/1": to("/2"), "/2": to(back)}).visit("http://a.test/1")
    crawl.lost(Gone, "redirect_loop")
    assert crawl.asked == ["a.test /1", "a.test /2"]


def test_a_redirect_out_of_scope_is_not_followed() -> None:
    crawl = Crawl({"/1": to("http://b.test/2"), "/2": HTML})
    crawl.visit("http://a.test/1", in_scope=lambda url: host_of(url) == "a.test")
    assert crawl.lost(Forbidden, "redirect_out_of_scope").evidence == "http://b.test/2"
    assert not any("b.test" in asked for asked in crawl.site.asked)


def test_the_scope_is_not_asked_about_the_url_itself() -> None:
    assert Crawl({"/1": HTML}).visit("http://a.test/1", in_scope=lambda url: False).had


@pytest.mark.parametrize("location", ["ftp://a.test/", "javascript:alert(1)", "http://", "data:text/html,x"])
def test_a_redirect_to_no_web_address_is_a_bad_url(location: str) -> None:
    Crawl({"/1": to(location)}).visit("http://a.test/1").lost(Gone, "bad_url")


@pytest.mark.parametrize(
    "location", ["http://169.254.169.254/", "http://[::1]/", "http://0x0a.1/", "//10.1/"]
)
def test_a_redirect_to_a_private_address_is_refused_and_nothing_asked_there(location: str) -> None:
    crawl = Crawl({"/1": to(location)}, allow_network=("127.0.0.1/32",)).visit("http://a.test/1")
    crawl.lost(Forbidden, "network_refused")
    assert crawl.asked == ["a.test /1"]
    assert crawl.queues.hosts == 1


def test_a_redirect_to_a_name_with_a_private_address_is_refused() -> None:
    crawl = Crawl({"/1": to("http://inside.test/2")})
    crawl.routes = {"inside.test": "10.0.0.1:80"}
    crawl.visit("http://a.test/1").lost(Forbidden, "network_refused")


@pytest.mark.parametrize(
    "url", ["http://a.test/", "http://127.0.0.1/", "http://[::1]/", "http://2130706433/"]
)
def test_private_networks_are_refused_unless_allowed(url: str) -> None:
    crawl = Crawl({"/": HTML}, allow_network=()).visit(url)
    crawl.lost(Forbidden, "network_refused")
    assert crawl.site.connections == 0


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


def head_only(sent: list[str], **headers: str) -> Handler:
    """Sends a head, and its body only when the client is still there a little later."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, b"", Content_Length="1000", **headers))
        try:
            left = await asyncio.wait_for(reader.read(1), 0.5)
        except TimeoutError:
            left = b"still there"
        sent.append("body" if left else "head only")
        writer.write(b"x" * 1000)

    return handle


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


# -- types and sizes


@pytest.mark.parametrize("kind", ["image/png", "application/pdf", "text/plain", "application/json", "x"])
def test_what_is_no_page_is_refused_before_its_body(kind: str) -> None:
    sent: list[str] = []
    crawl = Crawl({"/p": head_only(sent, Content_Type=kind)}).visit("http://a.test/p")
    assert crawl.lost(Gone, "not_html").evidence == kind
    assert sent == ["head only"]


@pytest.mark.parametrize(
    "kind", ["text/html", "TEXT/HTML;charset=x", "application/xhtml+xml", " text/html ; q"]
)
def test_what_is_a_page_is_had(kind: str) -> None:
    assert Crawl({"/p": answer(200, b"x", Content_Type=kind)}).visit("http://a.test/p").had.body == b"x"


@pytest.mark.parametrize("body", [b"<!doctype html>", b"\xef\xbb\xbf\r\n <html>"])
def test_a_page_of_no_type_is_had_where_it_begins_like_one(body: bytes) -> None:
    assert Crawl({"/p": answer(200, body)}).visit("http://a.test/p").had.body == body


@pytest.mark.parametrize("body", [b"", b"%PDF-1.7", b" " * 600 + b"<"])
def test_a_page_of_no_type_is_refused_where_it_begins_otherwise(body: bytes) -> None:
    Crawl({"/p": answer(200, body)}).visit("http://a.test/p").lost(Gone, "not_html")


@pytest.mark.parametrize(
    "kind", ["text/html", "application/xhtml+xml", "application/json; v=1", "video/mp4", "audio/ogg"]
)
def test_what_is_surely_no_image_is_refused_before_its_body(kind: str) -> None:
    sent: list[str] = []
    crawl = Crawl({"/i": head_only(sent, Content_Type=kind)}).visit("http://a.test/i", want="image")
    crawl.lost(Gone, "not_image")
    assert sent == ["head only"]


@pytest.mark.parametrize(
    "kind", ["image/jpeg", "application/octet-stream", "binary/octet-stream", "text/plain", ""]
)
def test_what_may_be_an_image_is_had(kind: str) -> None:
    page = answer(200, b"\xff\xd8", **({"Content_Type": kind} if kind else {}))
    assert Crawl({"/i": page}).visit("http://a.test/i", want="image").had.body == b"\xff\xd8"


@pytest.mark.parametrize(("want", "page"), [("page", HTML), ("image", PNG)])
def test_pages_and_images_have_caps_of_their_own(want: str, page: bytes) -> None:
    caps = {"max_page_bytes": 8, "max_image_bytes": 4}
    assert Crawl({"/x": page}, **caps).visit("http://a.test/x", want=want).had
    small = {name: cap - 1 for name, cap in caps.items()}
    Crawl({"/x": page}, **small).visit("http://a.test/x", want=want).lost(Gone, "too_big")


# -- times and connections


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.3)


def test_the_deadline_of_the_settings_holds() -> None:
    crawl = Crawl({"/1": silent}, deadline_s=0.05).visit("http://a.test/1")
    assert "not done in 0.05 s" in crawl.lost(Transient, "timeout").evidence


def test_the_time_to_connect_of_the_settings_holds() -> None:
    crawl = Crawl({}, connect_s=0.05).visit("https://a.test/1")
    assert "Connection timeout" in crawl.lost(Forbidden, "robots_unreachable").evidence


def test_as_many_requests_to_a_host_as_the_politeness_allows() -> None:
    busy = [0]

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        busy.append(busy[-1] + 1)
        await asyncio.sleep(0.005)
        busy.append(busy[-1] - 1)
        writer.write(HTML)

    async def run() -> None:
        politeness = Politeness(host_delay_s=0.0, ip_delay_s=0.0, host_connections=3)
        site, queues = Site({"/1": handle}), HostQueues[str](politeness)
        settings = WebSettings(politeness=politeness, allow_network=HERE)

        async def work(visitor: Visitor) -> None:
            while (url := await queues.take()) is not None:
                await visitor.visit(url, "page")
                queues.release("a.test")

        async with site.open():
            routes = {"*": f"127.0.0.1:{site.port}"}
            async with Visitor.open(settings, queues, connect_to=routes) as visitor:
                for _ in range(9):
                    queues.put("a.test", "http://a.test/1")
                await asyncio.gather(*(work(visitor) for _ in range(9)))

    asyncio.run(run())
    assert max(busy) == 3


# -- hosts that fail


def test_a_429_makes_the_host_wait_as_long_as_it_asks() -> None:
    crawl = Crawl({"/1": answer(429, b"", Retry_After="30")}).visit("http://a.test/1")
    error = crawl.lost(Transient, "http_429")
    assert isinstance(error, Transient)
    assert error.retry_after == 30.0
    assert 29 < crawl.queues._hosts["a.test"].opens - crawl.queues.now() <= 30


@pytest.mark.parametrize(("status", "pause"), [(429, 4.0), (503, 4.0), (500, 0.0), (404, 0.0)])
def test_a_busy_host_that_does_not_say_for_how_long_waits_longer_each_time(status: int, pause: float) -> None:
    crawl = Crawl(
        {"/1": answer(status)}, politeness=Politeness(host_delay_s=0.0, ip_delay_s=0.0, backoff_s=0.04)
    )

    async def run() -> float:
        await crawl._run(("http://a.test/1",) * 3, "page", {})
        return crawl.queues._hosts["a.test"].opens - crawl.queues.now()

    left = asyncio.run(run())
    assert (0.02 * pause < left <= 0.04 * pause) if pause else left <= 0.0


def test_a_host_that_keeps_failing_is_given_up_and_not_asked_again() -> None:
    crawl = Crawl(
        {"/1": answer(500)}, politeness=Politeness(host_delay_s=0.0, ip_delay_s=0.0, circuit_failures=3)
    )
    crawl.visit(*["http://a.test/1"] * 5)
    errors = [error for error in crawl.got if isinstance(error, FetchError)]
    assert [error.reason for error in errors] == ["http_500"] * 5
    assert [error.evidence.startswith("not asked for: a.test failed 3 times") for error in errors] == [
        *[False] * 3,
        *[True] * 2,
    ]
    assert crawl.asked == ["a.test /1"] * 3


def test_a_404_is_an_answer_and_no_failure() -> None:
    politeness = Politeness(host_delay_s=0.0, ip_delay_s=0.0, circuit_failures=2)
    crawl = Crawl({"/1": answer(500)}, politeness=politeness)
    crawl.visit(*["http://a.test/1", "http://a.test/404"] * 2)
    crawl.lost(Gone, "http_404")


def test_a_host_that_does_not_exist_is_a_dns_failure_and_given_up() -> None:
    crawl = Crawl({}, politeness=Politeness(host_delay_s=0.0, circuit_failures=3))
    crawl.routes = {"none.test": None}
    crawl.visit(*["http://none.test/"] * 3)
    errors = [error for error in crawl.got if isinstance(error, FetchError)]
    assert [error.reason for error in errors] == ["dns"] * 3
    assert errors[2].evidence.startswith("not asked for")


def test_the_address_of_a_host_is_learnt_from_its_answers() -> None:
    crawl = Crawl({"/1": HTML}, politeness=Politeness(host_delay_s=0.0, ip_delay_s=0.001)).visit(
        "http://a.test/1"
    )
    assert crawl.queues._hosts["a.test"].ip == "127.0.0.1"


def test_hosts_at_one_address_are_asked_one_after_the_other() -> None:
    crawl = Crawl({"/1": HTML}, politeness=Politeness(host_delay_s=0.0, ip_delay_s=0.05))
    urls = ("http://a.test/1", "http://b.test/1", "http://a.test/1", "http://b.test/1")

    async def run() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await crawl._run(urls, "page", {})
        return loop.time() - began

    assert asyncio.run(run()) >= 0.1


class Deaf(Client):
    """Remembers when it was asked, in seconds of the queues' clock, and has one answer for everything."""

    def __init__(self, lookup: Lookup, error: FetchError, clock: Callable[[], float]) -> None:
        super().__init__(Resolver(NetworkGuard(), lookup=lookup, clock=clock))
        self.error, self.clock = error, clock
        self.asked: list[float] = []

    async def get(self, url: str, **how: Any) -> Any:
        self.asked.append(round(self.clock(), 6))
        raise self.error


def asked_of(
    hosts: Sequence[str], addresses: Sequence[str], error: FetchError, **politeness: Any
) -> list[float]:
    """When requests began, of hosts that nobody knows and that are taken at once, in virtual time."""

    async def lookup(host: str) -> Sequence[str]:
        await asyncio.sleep(0.01)
        return addresses

    async def main(loop: VirtualLoop) -> list[float]:
        queues: HostQueues[str] = HostQueues(Politeness(**politeness), loop.time)
        client = Deaf(lookup, error, loop.time)
        visitor = Visitor(client, queues, WebSettings())

        async def work() -> None:
            while (url := await queues.take()) is not None:
                with suppress(FetchError):
                    await visitor.visit(url, "page")
                queues.release(host_of(url))

        for host in hosts:
            queues.put(host, f"http://{host}/1")
        await asyncio.gather(*(work() for _ in hosts))
        return client.asked

    return run_virtual(main)


@pytest.mark.parametrize("error", [Gone("http_404"), Transient("http_500"), Transient("timeout")])
def test_new_hosts_at_one_address_are_asked_one_after_the_other_whatever_they_answer(
    error: FetchError,
) -> None:
    asked = asked_of([f"h{n}.test" for n in range(40)], ["1.1.1.1", "2.2.2.2"], error, ip_delay_s=0.1)
    assert len(asked) >= 40
    assert all(after - before >= 0.0999 for before, after in pairwise(asked))
    assert asked[0] < 0.1  # nobody was there before it


def test_where_no_address_counts_new_hosts_are_asked_without_looking_for_theirs() -> None:
    assert asked_of(["a.test", "b.test"], [], Transient("timeout"), ip_delay_s=0.0) == [0.0, 0.0]


def test_a_host_without_an_address_is_looked_for_and_not_asked() -> None:
    assert asked_of(["a.test"], [], Gone("http_404")) == []


async def learnt(site: Site, addresses: Sequence[str], politeness: Politeness, deadline_s: float) -> str:
    """Where a host lives by a visit that fails."""

    async def lookup(host: str) -> Sequence[str]:
        await asyncio.sleep(0 if addresses else 60)
        return addresses

    queues: HostQueues[str] = HostQueues(politeness)
    settings = WebSettings(politeness=politeness, allow_network=HERE, deadline_s=deadline_s)
    async with site.open(), Client(Resolver(NetworkGuard(HERE), lookup=lookup)) as client:
        with pytest.raises(FetchError):
            await Visitor(client, queues, settings)._file(f"http://a.test:{site.port}/1")
    return queues._hosts["a.test"].ip


def test_the_address_of_a_host_is_the_one_that_was_asked_and_not_the_first_that_it_has() -> None:
    politeness = Politeness(host_delay_s=0.0, ip_delay_s=0.001)
    assert asyncio.run(learnt(Site(), ["127.0.0.2", "127.0.0.1"], politeness, 5.0)) == "127.0.0.1"


def test_a_dns_that_says_nothing_is_waited_for_until_the_deadline() -> None:
    assert asyncio.run(learnt(Site(), [], Politeness(), 0.05)) == ""


# -- connections that close


def hangs_up(after: int) -> Handler:
    """Answers so many requests, then closes on the next; and so on."""
    seen = [0]

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen[0] += 1
        if seen[0] % (after + 1):
            writer.write(HTML)
        else:
            writer.close()
            raise ConnectionError

    return handle


def test_a_request_that_a_used_connection_closed_on_is_sent_again_in_its_turn() -> None:
    began: list[tuple[float, str]] = []
    crawl = Crawl({"/1": hangs_up(after=1)}, politeness=Politeness(host_delay_s=0.05, ip_delay_s=0.0))
    token = overhear.set(lambda asked: began.append((asked.began, asked.reason)))
    try:
        crawl.visit("http://a.test/1", "http://a.test/1")
    finally:
        overhear.reset(token)
    assert [visit.status for visit in crawl.got if isinstance(visit, Visit)] == [200, 200]
    assert [reason for _, reason in began[2:]] == ["", "connect", ""]
    assert all(after - before >= 0.0499 for (before, _), (after, _) in pairwise(began))


def test_a_new_connection_that_closes_without_an_answer_is_no_reason_to_ask_again_at_once() -> None:
    last = answer(404, Connection="close")
    crawl = Crawl({"/.well-known/tdmrep.json": last, "/1": hangs_up(after=0)}).visit("http://a.test/1")
    crawl.lost(Transient, "connect")
    assert crawl.asked == ["a.test /1"]


# -- slots


def test_a_redirect_gives_every_slot_back() -> None:
    crawl = Crawl({"/1": to("http://b.test/2"), "/2": to("http://c.test/3"), "/3": HTML}).visit(
        "http://a.test/1"
    )
    assert crawl.had
    assert {name: host.in_flight for name, host in crawl.queues._hosts.items()} == dict.fromkeys(
        ("a.test", "b.test", "c.test"), 0
    )


def test_a_redirect_that_fails_gives_every_slot_back() -> None:
    crawl = Crawl({"/1": to("http://b.test/404")}).visit("http://a.test/1")
    crawl.lost(Gone, "http_404")
    assert [host.in_flight for host in crawl.queues._hosts.values()] == [0, 0]


def test_two_hosts_whose_pages_redirect_to_each_other_are_both_visited() -> None:
    async def run() -> tuple[str, str]:
        site = Site({"/a": to("http://b.test/end"), "/b": to("http://a.test/end"), "/end": HTML})
        queues: HostQueues[str] = HostQueues(QUICK)
        settings = WebSettings(politeness=QUICK, allow_network=HERE)

        async def work(visitor: Visitor) -> str:
            url = await queues.take()
            assert url is not None
            visit = await visitor.visit(url, "page")
            queues.release(host_of(url))
            return visit.final_url

        async with site.open():
            routes = {"*": f"127.0.0.1:{site.port}"}
            async with Visitor.open(settings, queues, connect_to=routes) as visitor:
                for name in "ab":
                    queues.put(f"{name}.test", f"http://{name}.test/{name}")
                first, second = await asyncio.gather(work(visitor), work(visitor))
                return first, second

    assert asyncio.run(run()) == ("http://b.test/end", "http://a.test/end")


def test_what_is_no_url_is_a_bad_url() -> None:
    async def run() -> None:
        async with Visitor.open(WebSettings(), HostQueues(QUICK)) as visitor:
            await visitor.visit("nonsense", "page")

    with pytest.raises(Gone, match="bad_url"):
        asyncio.run(run())
