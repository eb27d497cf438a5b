"""Answers that end early, or are none."""

import asyncio
import errno
import gzip
import socketserver
import threading
import time

import pytest

from tests.web.client.asking import CHUNKED, client, fails, get, sends, sends_and_stays
from tests.web.loopback import Site, answer, chunk
from wit_builder.errors import Gone, Transient
from wit_builder.web import links


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
