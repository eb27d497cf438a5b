"""Requests, and the connections they use."""

import asyncio
import contextlib
from datetime import UTC, datetime

import aiohttp.web
import pytest

from tests.web.client.asking import client, fails, get, sends, sends_and_stays
from tests.web.loopback import Site, answer
from wit_builder.errors import Gone
from wit_builder.web.client import Response, user_agent


def test_a_body_comes_with_all_that_is_known_of_it() -> None:
    got = get(Site({"/": answer(200, b"hello", Content_Type="text/plain")}))
    assert (got.url, got.status, got.body, got.ip) == ("http://a.test/", 200, b"hello", "127.0.0.1")
    assert abs((datetime.now(UTC) - got.fetched_at).total_seconds()) < 5


def test_headers_are_found_in_any_case_and_every_time_they_stand_there() -> None:
    page = b"HTTP/1.1 200 OK\r\nX-Robots-Tag: noai\r\nx-robots-tag: noindex\r\nContent-Length: 0\r\n\r\n"
    headers = get(Site({"/": page})).headers
    assert headers.getall("X-ROBOTS-TAG", []) == ["noai", "noindex"]
    assert headers.getall("absent", []) == []


def test_a_real_server_is_understood() -> None:
    async def reply(request: aiohttp.web.Request) -> aiohttp.web.Response:
        return aiohttp.web.Response(text="hi" * 100)

    async def run() -> Response:
        app = aiohttp.web.Application()
        app.router.add_get("/", reply)
        runner = aiohttp.web.AppRunner(app)
        await runner.setup()
        await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
        async with client(runner.addresses[0][1]) as web:
            response = await web.get("http://a.test/", max_bytes=200, deadline_s=5)
        await runner.cleanup()
        return response

    assert asyncio.run(run()).body == b"hi" * 100


def test_the_request_says_who_asks_and_what_for() -> None:
    site = Site({"/p?q=1": answer()})
    get(site, "/p?q=1", accept="image/*")
    assert site.heads[0].startswith("GET /p?q=1 HTTP/1.1\r\nHost: a.test\r\n")
    assert "\r\nUser-Agent: wit-builder/" in site.heads[0]
    assert "\r\nAccept-Encoding: gzip, deflate\r\n" in site.heads[0]
    assert "\r\nAccept: image/*\r\n" in site.heads[0]


def test_no_cookie_comes_back() -> None:
    site = Site({"/": answer(200, b"", Set_Cookie="id=1; Path=/")})
    get(site, "/", "/")
    assert "cookie" not in site.heads[1].lower()


@pytest.mark.parametrize(
    ("contact", "text"),
    [
        (None, "wit-builder/0.1.0"),
        ("https://a.test/bot", "wit-builder/0.1.0 (+https://a.test/bot)"),
        ("mail@a.test", "wit-builder/0.1.0 (mail@a.test)"),
        ("evil\r\nX-Header: 1", "wit-builder/0.1.0 (evil X-Header: 1)"),
        ("Jürgen", "wit-builder/0.1.0 (Jrgen)"),
    ],
)
def test_the_user_agent_names_a_contact_on_one_line(contact: str | None, text: str) -> None:
    assert user_agent(contact) == text


def test_a_connection_is_used_again() -> None:
    site = Site({"/": answer(200, b"x" * 1000), "/r": answer(302, b"see", Location="/")})
    get(site, "/", "/r", "/")
    assert site.connections == 1


def test_a_connection_is_used_again_after_an_error_page() -> None:
    async def run() -> None:
        async with site.open(), client(site.port) as web:
            for path in ("/no", "/"):
                with contextlib.suppress(Gone):
                    await web.get(f"http://a.test{path}", max_bytes=10, deadline_s=5)

    site = Site({"/": answer(), "/no": sends_and_stays(answer(404, b"x" * 60_000))})
    asyncio.run(run())
    assert site.connections == 1


def test_a_large_error_page_is_not_read() -> None:
    sent: list[int] = []
    page = answer(404, b"", Content_Length="70000")
    fails(Site({"/": sends(page, b"x" * 70_000, every_s=0.1, memory=sent)}), Gone, "http_404")
    assert sent == [0]


def test_an_error_page_that_drips_does_not_hide_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    page = answer(404, b"", Content_Length="60000")
    monkeypatch.setattr("wit_builder.web.links.DRAIN_S", 0.05)
    fails(Site({"/": sends(page, *[b"x"] * 100, every_s=0.02)}), Gone, "http_404", deadline_s=1.0)


def test_connections_that_idle_are_bounded() -> None:
    async def run() -> int:
        async with site.open(), client(site.port, connections=3) as web:
            for n in range(10):
                await web.get(f"http://h{n}.test/", max_bytes=10, deadline_s=5)
            await asyncio.sleep(0.02)
            return site.connected

    site = Site({"/": answer()})
    assert asyncio.run(run()) == 3


@pytest.mark.parametrize(("hosts", "most"), [(8, 4), (1, 2)])
def test_requests_at_the_same_time_are_bounded_in_all_and_for_each_host(hosts: int, most: int) -> None:
    busy: list[int] = [0]

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        busy.append(busy[-1] + 1)
        await asyncio.sleep(0.005)
        busy.append(busy[-1] - 1)
        writer.write(answer())

    async def run() -> None:
        site = Site({"/": handle})
        async with site.open(), client(site.port, connections=4, host_connections=2) as web:
            urls = [f"http://h{n % hosts}.test/" for n in range(8)]
            await asyncio.gather(*(web.get(url, max_bytes=10, deadline_s=5) for url in urls))

    asyncio.run(run())
    assert max(busy) == most
