"""TLS, statuses, and what is not asked for."""

import asyncio
import contextlib
import shutil
import ssl
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web.client.asking import client, fails, get, sends
from tests.web.loopback import Site, answer
from wit_builder.errors import Forbidden, Gone, Transient
from wit_builder.web.client import MAX_RETRY_AFTER_S, Client, Response, retry_after
from wit_builder.web.http1 import Head
from wit_builder.web.network import NetworkGuard, Resolver

# -- TLS


def test_a_server_without_tls_is_given_up() -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(400))
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(reply, "127.0.0.1", 0)
        async with server, client(server.sockets[0].getsockname()[1]) as web:
            await web.get("https://a.test/", max_bytes=10, deadline_s=5)

    with pytest.raises(Gone, match="tls"):
        asyncio.run(run())


def with_tls(url: str, trusted: bool, folder: Path) -> Response:
    make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=a.test -days 2"
    where = f"-addext subjectAltName=DNS:a.test -keyout {folder}/key -out {folder}/cert"
    subprocess.run(["openssl", *make.split(), *where.split()], check=True, capture_output=True)
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(folder / "cert", folder / "key")
    ours = ssl.create_default_context(cafile=folder / "cert") if trusted else None

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, b"secret", Connection="close"))
        writer.close()

    async def run() -> Response:
        server = await asyncio.start_server(reply, "127.0.0.1", 0, ssl=theirs)
        async with server, client(server.sockets[0].getsockname()[1], tls=ours) as web:
            return await web.get(url, max_bytes=10, deadline_s=5)

    return asyncio.run(run())


needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate")


@needs_openssl
def test_a_certificate_that_is_trusted_is_accepted(tmp_path: Path) -> None:
    got = with_tls("https://a.test/", True, tmp_path)
    assert (got.body, got.ip) == (b"secret", "127.0.0.1")


@needs_openssl
@pytest.mark.parametrize(("host", "trusted"), [("a.test", False), ("b.test", True)])
def test_a_certificate_of_nobody_or_somebody_else_is_refused_for_good(
    host: str, trusted: bool, tmp_path: Path
) -> None:
    with pytest.raises(Gone, match="tls"):
        with_tls(f"https://{host}/", trusted, tmp_path)


# -- statuses


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520])
def test_a_status_that_may_pass_is_transient(status: int) -> None:
    error = fails(Site({"/": answer(status, b"", Retry_After="7")}), Transient, f"http_{status}")
    assert isinstance(error, Transient)
    assert error.retry_after == 7.0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418, 451])
def test_a_status_that_will_not_pass_is_gone(status: int) -> None:
    fails(Site({"/": answer(status, b"no")}), Gone, f"http_{status}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_handed_on_and_not_followed(status: int) -> None:
    site = Site({"/": answer(status, b"moved", Location="/there")})
    got = get(site)
    assert (got.status, got.headers["location"], got.body) == (status, "/there", b"")
    assert site.asked == ["a.test /"]


@pytest.mark.parametrize(
    ("status", "headers"), [(301, {}), (302, {}), (300, {"Location": "/x"}), (304, {}), (305, {})]
)
def test_a_redirect_to_nowhere_is_gone(status: int, headers: dict[str, str]) -> None:
    fails(Site({"/": answer(status, b"", **headers)}), Gone, f"http_{status}")


NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("9" * 30, MAX_RETRY_AFTER_S),
        ("9" * 65, None),
        ("١٢", None),
        ("Thu, 01 Jan 2026 12:01:00 GMT", 60.0),
        ("Thu, 01 Jan 2026 13:01:00 +0100", 60.0),
        ("Thu, 01 Jan 2026 12:01:00 -0000", 60.0),
        ("Thu, 01 Jan 2026 12:00:00 GMT", 0.0),
        ("Thu, 01 Jan 2026 11:59:59 GMT", None),
        ("Thu, 01 Jan 2099 12:00:00 GMT", MAX_RETRY_AFTER_S),
        ("Thu, 99 Jan 2026 12:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@given(st.text(max_size=70))
def test_no_retry_after_breaks_the_reader(value: str) -> None:
    seconds = retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER_S


# -- what is refused


def test_a_head_that_is_not_admitted_ends_the_hop_before_the_body() -> None:
    def admit(head: Head) -> None:
        raise Forbidden("opt_out_x_robots_tag", f"{head.status} {head.headers['X-Robots-Tag']}")

    sent: list[int] = []
    page = answer(200, b"", X_Robots_Tag="noai", Content_Length="100")
    site = Site({"/": sends(page, b"x" * 100, every_s=0.1, memory=sent)})
    error = fails(site, Forbidden, "opt_out_x_robots_tag", admit=admit)
    assert (error.evidence, sent) == ("200 noai", [0])


@pytest.mark.parametrize("status", [302, 404])
def test_only_a_head_with_a_body_worth_having_asks_to_be_admitted(status: int) -> None:
    asked: list[Head] = []
    with contextlib.suppress(Gone):
        get(Site({"/": answer(status, b"", Location="/")}), admit=asked.append)
    assert asked == []


@pytest.mark.parametrize("path", ["/a b", "/a\r\nX-Header: 1", "/a\tb", "/ü", "/\x00", "/\x7f"])
def test_a_url_that_could_break_the_request_line_is_not_sent(path: str) -> None:
    site = Site({"/": answer()})
    with pytest.raises(Gone, match="bad_url"):
        get(site, path)
    assert site.connections == 0


@pytest.mark.parametrize(
    "url", ["ftp://a.test/", "a.test", "", "http://", "http:///x", "http://a.test:99999/"]
)
def test_what_is_no_web_address_is_a_bad_url(url: str) -> None:
    async def run() -> None:
        async with client(0) as web:
            await web.get(url, max_bytes=10, deadline_s=1)

    with pytest.raises(Gone, match="bad_url"):
        asyncio.run(run())


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "2130706433", "0x7f.1", "169.254.169.254", "localhost"]
)
def test_a_private_address_is_refused_before_it_is_connected_to(host: str) -> None:
    site = Site({"/": answer()})

    async def run() -> None:
        async with site.open(), Client(Resolver(NetworkGuard())) as web:
            await web.get(f"http://{host}:{site.port}/", max_bytes=10, deadline_s=5)

    with pytest.raises(Forbidden, match="network_refused"):
        asyncio.run(run())
    assert site.connections == 0


def test_an_address_that_is_allowed_is_asked() -> None:
    async def run() -> Response:
        async with site.open(), client(0, {"none.test": None}) as web:
            return await web.get(f"http://127.0.0.1:{site.port}/", max_bytes=10, deadline_s=5)

    site = Site({"/": answer(200, b"here")})
    assert asyncio.run(run()).body == b"here"
