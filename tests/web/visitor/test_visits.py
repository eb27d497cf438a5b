"""Visits that go well, redirects, types, sizes and times."""

import asyncio

import pytest

from tests.web.loopback import HERE, Site, answer
from tests.web.visitor.visits import HTML, PNG, Crawl, head_only, to
from wit_builder.errors import Forbidden, Gone, Transient
from wit_builder.web.politeness import HostQueues
from wit_builder.web.settings import Politeness, WebSettings
from wit_builder.web.url import host_of
from wit_builder.web.visitor import MAX_REDIRECTS, Visitor

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
