import time
import tracemalloc
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web.loopback import answer, chunk
from wit_builder.errors import FetchError, Gone, Transient
from wit_builder.web import http1
from wit_builder.web.http1 import Answer

CHUNKED = {"Transfer_Encoding": "chunked"}
BODY = b"0123456789" * 30


def fed(pieces: Iterable[bytes], end: bool = False, **how: int) -> Answer:
    """An answer that came in these pieces, up to where it was done."""
    coming = Answer(memoryview(bytearray(1000)), **({"max_bytes": 1000} | how))
    for piece in pieces:
        while piece and not coming.done:
            space = coming.space()
            count = min(len(space), len(piece))
            space[:count] = piece[:count]
            coming.came(count)
            piece = piece[count:]
    if end and not coming.done:
        coming.ended("closed")
    return coming


@pytest.mark.parametrize(
    "page",
    [
        answer(200, BODY),
        answer(200, chunk(BODY[:7]) + chunk(BODY[7:]) + chunk(b""), **CHUNKED),
        answer(200, b"7;x=y\r\n" + BODY[:7] + b"\r\n" + chunk(BODY[7:]) + b"0\r\nX: y\r\n\r\n", **CHUNKED),
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer(200, BODY),
        b"HTTP/1.1 200 OK\nContent-Length: 300\n\n" + BODY,
    ],
)
@given(cuts=st.lists(st.integers(1, 600), max_size=8))
def test_an_answer_is_the_same_however_it_is_cut(page: bytes, cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), len(page)]
    coming = fed(page[start:end] for start, end in pairwise(bounds))
    assert (coming.done, coming.reusable, coming.body()) == (True, True, BODY)


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(junk: bytes) -> None:
    for page in (junk, b"HTTP/1.1 200 OK\r\n" + junk, answer(200, junk, **CHUNKED)):
        try:
            body = fed([page], end=True).body()
        except FetchError as error:
            assert error.reason in ("bad_response", "connect", "truncated", "too_big")
        else:
            assert len(body) <= 1000


@pytest.mark.parametrize(
    ("page", "reusable"),
    [
        (answer(200, BODY), True),
        (answer(200, BODY, Connection="Close"), False),
        (answer(200, BODY, Connection="x, close"), False),
        (answer(200, BODY) + b"more", False),
        (answer(200, chunk(BODY) + chunk(b"") + b"more", **CHUNKED), False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (answer(404, bytes(http1.MAX_DRAINED)), True),
        (answer(404, bytes(http1.MAX_DRAINED + 1)), False),
        (answer(404, chunk(bytes(http1.MAX_DRAINED + 1)), **CHUNKED), False),
    ],
)
def test_a_connection_is_used_again_where_nothing_is_left_on_it(page: bytes, reusable: bool) -> None:
    coming = fed([page])
    assert (coming.done, coming.reusable) == (True, reusable)


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    coming = fed([b"HTTP/1.1 200 OK\r\n\r\n" + BODY], end=True)
    assert (coming.done, coming.reusable, coming.body()) == (True, False, BODY)


@pytest.mark.parametrize(
    ("page", "reason"),
    [(b"", "connect"), (b"HTTP/1.1 200 OK\r\n", "connect"), (answer(200, BODY)[:-1], "truncated")],
)
def test_a_connection_that_ends_early_says_how_far_it_got(page: bytes, reason: str) -> None:
    with pytest.raises(Transient) as caught:
        fed([page], end=True)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 1, 2",
        b"Content-Length: +1",
        b"Content-Length: 1_0",
        "Content-Length: ١".encode(),
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: identity",
        b"X: a\0b",
        b": no name",
        b"two words: x",
        b"X: " + b"y" * http1.MAX_LINE,
        b"X: y\r\n" * http1.MAX_FIELDS + b"X: y",
    ],
)
def test_a_head_that_can_be_read_in_two_ways_is_refused(fields: bytes) -> None:
    with pytest.raises(Gone, match="bad_response"):
        fed([b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\n"])


def test_a_head_without_end_is_refused() -> None:
    with pytest.raises(Gone, match="a head of more than"):
        fed([b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 20_000])


@pytest.mark.parametrize(
    ("line", "value"), [(b"X-Robots-Tag : noai", "noai"), (b"X-Robots-Tag: a,\r\n  noai", "a, noai")]
)
def test_a_wish_counts_however_its_header_is_written(line: bytes, value: str) -> None:
    head = fed([b"HTTP/1.1 200 OK\r\n" + line + b"\r\nContent-Length: 0\r\n\r\n"]).head
    assert head is not None and head.headers["x-robots-tag"] == value


@pytest.mark.parametrize("size", [b"g", b"-1", b"1" * 16, b" 5", b"0x5", b""])
def test_a_chunk_whose_size_is_none_is_refused(size: bytes) -> None:
    with pytest.raises(Gone, match="bad_response"):
        fed([answer(200, size + b"\r\n", **CHUNKED)])


def test_the_length_that_chunks_have_outranks_another() -> None:
    page = answer(200, chunk(BODY) + chunk(b""), Content_Length="5", **CHUNKED)
    coming = fed([page])
    assert (coming.body(), coming.reusable) == (BODY, False)


@pytest.mark.parametrize("reset", [True, False])
def test_a_reset_is_no_end_of_a_body_that_goes_on_to_the_end(reset: bool) -> None:
    coming = fed([b"HTTP/1.1 200 OK\r\n\r\nhello"])
    if not reset:
        coming.ended("closed")
        assert coming.body() == b"hello"
    else:
        with pytest.raises(Transient, match="truncated"):
            coming.ended("connection reset", clean=False)


@pytest.mark.parametrize(
    "dripping",
    [
        b"0\r\n" + b"X: y\r\n" * 5_000,
        b"1" + b" " * 15_000,
        b"1;" + b"x" * 15_000,
    ],
)
def test_what_drips_byte_by_byte_costs_what_its_bytes_do(dripping: bytes) -> None:
    head = answer(200, b"", **CHUNKED)
    began = time.process_time()
    fed([head, *(dripping[n : n + 1] for n in range(len(dripping)))])
    assert time.process_time() - began < 2  # 19 s before


def test_small_chunks_take_the_room_of_their_bytes() -> None:
    body = b"".join(chunk(bytes(10)) for _ in range(20_000))
    tracemalloc.start()
    coming = fed([answer(200, body, **CHUNKED)], max_bytes=1 << 20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert coming._body.size == 200_000
    assert peak - len(body) < 2_000_000  # 11 MB as objects of their own
