import asyncio
import contextlib
import errno
import gzip
import shutil
import socketserver
import ssl
import subprocess
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp.web
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web.loopback import HERE, Handler, Site, answer, chunk
from wit_builder.errors import FetchError, Forbidden, Gone, Transient
from wit_builder.web import links
from wit_builder.web.client import MAX_RETRY_AFTER_S, Client, Response, retry_after, user_agent
from wit_builder.web.http1 import Head
from wit_builder.web.network import NetworkGuard, Resolver

CHUNKED = {"Transfer_Encoding": "chunked"}


def client(port: int, routes: Mapping[str, str | None] | None = None, **how: Any) -> Client:
    return Client(Resolver(NetworkGuard(HERE), routes or {"*": f"127.0.0.1:{port}"}), **how)


def get(site: Site, *paths: str, scheme: str = "http", **how: Any) -> Response:
    """The last of some URLs at a.test, one after the other."""

    async def run() -> Response:
        async with site.open(), client(site.port) as web:
            for path in paths or ("/",):
                limits = {"max_bytes": 1000, "deadline_s": 5.0} | how
                response = await web.get(f"{scheme}://a.test{path}", **limits)
            return response

    return asyncio.run(run())


def fails(site: Site, kind: type[FetchError], reason: str, **how: Any) -> FetchError:
    with pytest.raises(kind) as caught:
        get(site, **how)
    assert caught.value.reason == reason
    return caught.value


def sends(*pieces: bytes, every_s: float = 0.0, memory: list[int] | None = None) -> Handler:
    """Sends the pieces one by one, then closes; the memory counts them."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for n, piece in enumerate(pieces):
            if memory is not None:
                memory.append(n)
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(every_s)
        writer.close()

    return handle


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


def sends_and_stays(page: bytes) -> Handler:
    """The body comes after the head, in a packet of its own."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(page[:60])
        await asyncio.sleep(0.01)
        writer.write(page[60:])

    return handle


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


# -- size


@pytest.mark.parametrize("headers", [{}, CHUNKED])
def test_a_body_of_the_cap_is_had_and_one_byte_more_is_not(headers: dict[str, str]) -> None:
    def page(size: int) -> bytes:
        body = b"x" * size
        return answer(200, body if not headers else chunk(body) + chunk(b""), **headers)

    assert len(get(Site({"/": page(1000)})).body) == 1000
    fails(Site({"/": page(1001)}), Gone, "too_big")


def test_an_announced_size_over_the_cap_is_refused_before_the_body() -> None:
    sent: list[int] = []
    site = Site({"/": sends(answer(200, b"", Content_Length="1001"), b"x" * 1001, every_s=0.1, memory=sent)})
    fails(site, Gone, "too_big")
    assert sent == [0]


def test_a_body_without_end_is_left_at_the_cap() -> None:
    sent: list[int] = []
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    fails(Site({"/": sends(head, *[b"x" * 65_536] * 2000, memory=sent)}), Gone, "too_big", max_bytes=200_000)
    assert len(sent) < 1000


@pytest.mark.parametrize("headers", [{}, {"Content_Encoding": "gzip"}])
def test_a_body_may_be_cut_at_the_cap(headers: dict[str, str]) -> None:
    body = b"0123456789" * 101
    page = answer(200, gzip.compress(body) if headers else body, **headers)
    assert get(Site({"/": page}), cut=True).body == body[:1000]


def test_a_gzip_of_10_gigabytes_costs_little_memory_and_time() -> None:
    packer = zlib.compressobj(9, wbits=31)
    start = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    more = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    bomb = start + more * 9_999
    site = Site({"/": answer(200, bomb, Content_Encoding="gzip")})
    tracemalloc.start()
    began, cpu = tracemalloc.get_traced_memory()[0], time.process_time()
    fails(site, Gone, "too_big", max_bytes=len(bomb))
    assert tracemalloc.get_traced_memory()[1] - began < 4 * len(bomb)
    tracemalloc.stop()
    assert time.process_time() - cpu < 1.0


def test_empty_gzip_members_without_end_are_refused() -> None:
    site = Site({"/": answer(200, gzip.compress(b"") * 40_000, Content_Encoding="gzip")})
    cpu = time.process_time()
    fails(site, Gone, "bad_response", max_bytes=1 << 20)
    assert time.process_time() - cpu < 0.5


# -- encodings


def bare_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("x-gzip", gzip.compress),
        ("gzip", lambda body: gzip.compress(body[:3]) + gzip.compress(body[3:])),
        ("gzip", lambda body: gzip.compress(body) + bytes(10)),
        ("deflate", zlib.compress),
        ("deflate", bare_deflate),
        ("identity", bytes),
        ("", bytes),
    ],
)
@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_a_compressed_body_is_inflated(encoding: str, pack: Callable[[bytes], bytes], piece: int) -> None:
    packed = pack(b"hello, hello, hello")
    head = answer(200, b"", Content_Encoding=encoding, Content_Length=str(len(packed)))
    pieces = [packed[at : at + piece] for at in range(0, len(packed), piece)]
    assert get(Site({"/": sends(head, *pieces)})).body == b"hello, hello, hello"


def test_a_gzip_member_that_begins_at_the_end_of_a_packet_is_inflated() -> None:
    first, second = gzip.compress(b"hello, "), gzip.compress(b"hello")
    head = answer(200, b"", Content_Encoding="gzip", Content_Length=str(len(first + second)))
    pieces = (head + first, second[:1], second[1:])
    assert get(Site({"/": sends(*pieces, every_s=0.01)})).body == b"hello, hello"


def test_no_body_is_no_broken_gzip() -> None:
    assert get(Site({"/": answer(200, b"", Content_Encoding="gzip")})).body == b""


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "gzip, br"])
def test_an_encoding_not_asked_for_is_refused(encoding: str) -> None:
    fails(Site({"/": answer(200, b"x", Content_Encoding=encoding)}), Gone, "bad_response")


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_body_that_is_not_compressed_as_it_says_is_refused(encoding: str) -> None:
    fails(Site({"/": answer(200, b"<html>plain", Content_Encoding=encoding)}), Gone, "bad_response")


def test_an_inflated_body_of_the_cap_is_had_and_one_byte_more_is_not() -> None:
    def page(size: int) -> Site:
        return Site({"/": answer(200, gzip.compress(bytes(size)), Content_Encoding="gzip")})

    assert len(get(page(1000)).body) == 1000
    fails(page(1001), Gone, "too_big")


def test_what_is_sent_behind_an_inflated_body_counts_too() -> None:
    packed = gzip.compress(b"x")
    page = answer(
        200, chunk(packed + bytes(1001 - len(packed))) + chunk(b""), Content_Encoding="gzip", **CHUNKED
    )
    fails(Site({"/": page}), Gone, "too_big")


# -- time


def test_a_body_that_drips_dies_at_the_deadline() -> None:
    page = answer(200, b"", Content_Length="100")
    started = time.monotonic()
    fails(Site({"/": sends(page, *[b"x"] * 100, every_s=0.05)}), Transient, "timeout", deadline_s=0.2)
    assert 0.15 < time.monotonic() - started < 1.0


def test_a_head_that_drips_dies_at_the_deadline() -> None:
    site = Site({"/": sends(b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 100, every_s=0.05)})
    fails(site, Transient, "timeout", deadline_s=0.2)


def test_a_server_that_says_nothing_dies_at_the_deadline() -> None:
    fails(Site({"/": sends(b"", b"", every_s=0.5)}), Transient, "timeout", deadline_s=0.1)


@pytest.mark.parametrize(("every_s", "timeout"), [(0.05, False), (0.4, True)])
def test_a_server_may_be_slow_but_not_silent(every_s: float, timeout: bool) -> None:
    page = answer(200, b"", Content_Length="6")
    site = Site({"/": sends(page, *[b"x"] * 6, every_s=every_s)})

    async def run() -> bytes:
        async with site.open(), client(site.port, silence_s=0.2) as web:
            return (await web.get("http://a.test/", max_bytes=10, deadline_s=5)).body

    if timeout:
        with pytest.raises(Transient, match=r"timeout: nothing came for 0\.2 s"):
            asyncio.run(run())
    else:
        assert asyncio.run(run()) == b"xxxxxx"


def test_a_dns_that_says_nothing_dies_at_the_deadline() -> None:
    async def silent(host: str) -> list[str]:
        await asyncio.sleep(60)
        return []

    async def run() -> None:
        async with Client(Resolver(NetworkGuard(), lookup=silent)) as web:
            await web.get("http://a.test/", max_bytes=10, deadline_s=0.1)

    with pytest.raises(Transient, match="timeout"):
        asyncio.run(run())


def test_a_handshake_that_says_nothing_dies_when_connecting_takes_too_long() -> None:
    async def run() -> None:
        silent = Site()  # it waits for a request that it can read
        async with silent.open(), client(silent.port, connect_s=0.1) as web:
            await web.get("https://a.test/", max_bytes=10, deadline_s=5)

    with pytest.raises(Transient, match="timeout: Connection timeout"):
        asyncio.run(run())


# -- answers that end early, or are none


@pytest.mark.parametrize(
    "page",
    [
        answer(200, b"x" * 10, Content_Length="11"),
        answer(200, chunk(b"x" * 10), **CHUNKED),
        answer(200, b"20\r\nonly", **CHUNKED),
        answer(200, gzip.compress(b"x" * 500, mtime=0)[:-9], Content_Encoding="gzip"),
    ],
)
def test_a_body_that_ends_early_may_be_tried_again(page: bytes) -> None:
    fails(Site({"/": sends(page)}), Transient, "truncated")


@pytest.mark.parametrize(
    "page",
    [
        b"<html>HTTP/0.9\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 huh\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
)
def test_an_answer_that_is_no_http_is_refused_for_good(page: bytes) -> None:
    fails(Site({"/": sends(page)}), Gone, "bad_response")


@pytest.mark.parametrize("body", [b"zz\r\nbody", b"3\r\nmore than three\r\n0\r\n\r\n"])
def test_a_malformed_chunk_behind_the_head_is_refused_at_once(body: bytes) -> None:
    site = Site({"/": sends(answer(200, b"", **CHUNKED), body, b"", every_s=0.01)})
    started = time.monotonic()
    fails(site, Gone, "bad_response")
    assert time.monotonic() - started < 1.0


@pytest.mark.parametrize(
    "flood",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        answer(200, b"", **CHUNKED) + b"1;" + b"x" * 65_536,
        answer(200, b"", **CHUNKED) + b"1\r\nx\r\n" * 10_000,
        answer(200, b"", **CHUNKED) + b"3\r\nabc\r\n" * 10_000,
    ],
)
def test_a_server_that_sends_little_but_framing_is_left(flood: bytes) -> None:
    sent: list[int] = []
    rest = flood[flood.index(b"\r\n\r\n") + 4 :] or flood
    pieces = [flood, *[rest * (100_000 // len(rest))] * 200]
    fails(Site({"/": sends(*pieces, memory=sent)}), Gone, "bad_response", max_bytes=1 << 25)
    assert sum(len(pieces[n]) for n in sent) < 8 << 20


def test_a_long_body_in_small_chunks_is_had() -> None:
    body = chunk(b"x" * 20) * 80_000 + chunk(b"")
    assert len(get(Site({"/": answer(200, body, **CHUNKED)}), max_bytes=1 << 21).body) == 1_600_000


def test_framing_is_counted_for_each_answer_of_a_connection() -> None:
    site = Site({"/": answer(200, b"", X="y" * 16_000)})
    assert get(site, *["/"] * 100).status == 200
    assert site.connections == 1


def test_a_connection_that_gives_others_their_turn_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "TURN_S", -1.0)  # after each piece
    site = Site({"/": answer(200, b"y" * 1_000_000)})
    assert get(site, *["/"] * 50, max_bytes=1 << 21).status == 200
    assert site.connections == 1


def test_a_slow_body_over_a_used_connection_is_had() -> None:
    page = answer(200, b"x" * 100)
    site = Site({"/": sends_and_stays(page), "/quick": answer(200, b"y")})
    assert get(site, "/", "/quick", "/", "/").body == b"x" * 100
    assert site.connections == 1


def test_a_long_header_is_no_reason_to_refuse() -> None:
    assert get(Site({"/": answer(200, b"ok", Content_Security_Policy="x" * 20_000)})).body == b"ok"


def test_a_server_that_hangs_up_may_be_tried_again() -> None:
    fails(Site({"/": sends()}), Transient, "connect")


def test_a_server_that_is_not_there_may_be_tried_again() -> None:
    async def run() -> None:
        site = Site()
        async with site.open():
            port = site.port
        async with client(port) as web:
            await web.get("http://a.test/", max_bytes=10, deadline_s=5)

    with pytest.raises(Transient, match="connect"):
        asyncio.run(run())


def test_without_a_socket_a_request_may_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    async def run() -> None:
        async with client(1) as web:
            monkeypatch.setattr(links.socket, "socket", none_left)
            await web.get("http://a.test/", max_bytes=10, deadline_s=5)

    with pytest.raises(Transient, match="connect"):
        asyncio.run(run())


class Speaks(socketserver.BaseRequestHandler):
    """Answers, and a moment later once more, without being asked."""

    def handle(self) -> None:
        while asked := self.request.recv(10_000):
            self.request.sendall(answer(200, b"second" if b" /2 " in asked else b"first"))
            time.sleep(0.02)
            self.request.sendall(answer(200, b"nobody asked"))


def test_what_comes_on_a_connection_that_idles_is_no_answer() -> None:
    async def run(port: int) -> bytes:
        async with client(port) as web:
            await web.get("http://a.test/", max_bytes=1000, deadline_s=5)
            time.sleep(0.1)  # noqa: ASYNC251  (so that the loop does not look in between)
            return bytes((await web.get("http://a.test/2", max_bytes=1000, deadline_s=5)).body)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Speaks) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert asyncio.run(run(server.server_address[1])) == b"second"
        server.shutdown()


def test_a_connection_that_is_done_after_the_client_was_closed_is_not_kept() -> None:
    async def run() -> None:
        asked, may_answer, left = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.set()
            await may_answer.wait()
            writer.write(answer(200, b"late"))
            assert not await reader.read()
            left.set()

        async with Site({"/": late}).open() as site:
            async with client(site.port) as web:
                under_way = asyncio.create_task(web.get("http://a.test/", max_bytes=10, deadline_s=5))
                await asked.wait()
            may_answer.set()
            assert (await under_way).body == b"late"
            await asyncio.wait_for(left.wait(), 5)

    asyncio.run(run())


def test_a_host_that_does_not_exist_may_be_tried_again() -> None:
    async def run() -> None:
        async with client(0, {"*": None}) as web:
            await web.get("http://a.test/", max_bytes=10, deadline_s=5)

    with pytest.raises(Transient, match="dns"):
        asyncio.run(run())


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
