"""Bodies: size, encodings, time."""

import asyncio
import contextlib
import gc
import gzip
import time
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from tests.web.client.asking import CHUNKED, client, fails, get, sends, sends_and_stays
from tests.web.loopback import Site, answer, chunk
from wit_builder.errors import FetchError, Gone, Transient
from wit_builder.web.client import Client
from wit_builder.web.network import NetworkGuard, Resolver

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


@pytest.mark.parametrize("how", ["had", "silent", "cut off", "too big"])
def test_a_body_is_out_of_memory_when_nobody_has_it_any_more(how: str) -> None:
    """Not only when garbage is collected."""
    size = 1 << 20
    pages = {
        "had": answer(200, bytes(size)),
        "silent": sends_and_stays(answer(200, b"x", Content_Length=str(size))),
        "cut off": sends(answer(200, b"x", Content_Length=str(size))),
        "too big": answer(200, chunk(bytes(size + 1)), **CHUNKED),
    }

    async def run() -> int:
        site = Site({"/": pages[how]})
        async with site.open(), client(site.port, silence_s=0.05) as web:
            before = 0
            for n in range(12):
                with contextlib.suppress(FetchError):
                    await web.get("http://a.test/", max_bytes=size, deadline_s=5)
                before = before if n > 1 else tracemalloc.get_traced_memory()[0]
            return tracemalloc.get_traced_memory()[0] - before

    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        assert asyncio.run(run()) < 2 * size
    finally:
        tracemalloc.stop()
        gc.enable()


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
