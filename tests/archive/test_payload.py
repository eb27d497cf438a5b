"""Bodies with their codings undone, within bounds."""

import gzip
import zlib

import brotli
import pytest

from tests.archive.archives import zstd
from wit_builder.archive.payload import MAX_CHUNKS, MAX_CODINGS, decoded
from wit_builder.errors import Gone, Transient

BODY = b"<html><p>" + b"All about cats. " * 200
MOST = 10_000


def undone(body: bytes, content: str = "", transfer: str = "", most: int = MOST) -> bytes:
    return decoded(body, transfer, content, most)


def chunked(body: bytes, size: int = 100, extension: bytes = b"", line: bytes = b"\r\n") -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x%b%b%b%b" % (len(p), extension, line, p, line) for p in [*pieces, b""])


@pytest.mark.parametrize(
    ("coding", "code"),
    [
        ("", bytes),
        ("identity", bytes),
        ("gzip", gzip.compress),
        ("X-GZip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body, wbits=-15)),
        ("br", brotli.compress),
        ("zstd", zstd),
        ("gzip, br", lambda body: brotli.compress(gzip.compress(body))),
    ],
)
def test_codings_are_undone(coding, code):
    assert undone(code(BODY), coding) == BODY


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_coding_that_is_undone_already_is_left(coding):
    assert undone(BODY, coding) == BODY
    assert undone(b"", coding) == b""


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "aws-chunked", "rot13"])
@pytest.mark.parametrize("begin", [b"\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n \t"])
def test_what_begins_like_html_is_left_whatever_its_header_says(coding, begin):
    assert undone(begin + BODY, coding) == begin + BODY


def test_gzip_is_undone_where_no_header_tells_of_it():
    assert undone(gzip.compress(BODY)) == BODY
    assert undone(gzip.compress(gzip.compress(BODY)), "gzip") == BODY


@pytest.mark.parametrize("transfer", ["gzip, chunked", "GZip,Chunked", "deflate, chunked", "binary, chunked"])
def test_codings_of_the_transfer_are_undone_behind_its_chunks(transfer):
    code = zlib.compress if "deflate" in transfer else gzip.compress
    assert undone(chunked(code(BODY)), "", transfer) == BODY
    assert undone(chunked(gzip.compress(brotli.compress(BODY))), "br", "gzip, chunked") == BODY


@pytest.mark.parametrize("how", [{}, {"size": 1}, {"extension": b";name=value"}, {"line": b"\n"}])
def test_chunks_are_joined(how):
    assert undone(chunked(BODY, **how), transfer="Chunked") == BODY


def test_chunks_of_a_compressed_body_are_joined_first():
    assert undone(chunked(gzip.compress(BODY)), "gzip", "chunked") == BODY


def test_what_is_not_chunked_is_left():
    assert undone(BODY, transfer="chunked") == BODY


def test_members_are_joined_and_what_follows_them_is_left():
    assert undone(gzip.compress(BODY) + gzip.compress(BODY) + b"\n\n", "gzip") == BODY * 2


@pytest.mark.parametrize(
    ("body", "content", "transfer"),
    [
        (gzip.compress(BODY)[:-9], "gzip", ""),
        (gzip.compress(BODY)[:-9], "", ""),
        (chunked(gzip.compress(BODY)[:-9]), "", "gzip, chunked"),
        (zlib.compress(BODY)[:-9], "deflate", ""),
        (zstd(BODY)[:-9], "zstd", ""),
        (chunked(BODY)[:-300], "", "chunked"),
        (chunked(BODY)[:-5], "", "chunked"),
    ],
    ids=["gzip", "no header", "transfer", "deflate", "zstd", "chunks", "last chunk"],
)
def test_a_body_that_ends_early_is_truncated(body, content, transfer):
    with pytest.raises(Transient) as lost:
        undone(body, content, transfer)
    assert lost.value.reason == "truncated"


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (b"\x1f\x8b" + BODY, "gzip"),
        (b"\x78\x9c" + BODY, "deflate"),
        (b"\x8b" + BODY, "br"),
        (b"\x28\xb5\x2f\xfd" + BODY, "zstd"),
        (brotli.compress(BODY)[:-9], "br"),  # the reader does not tell a cut from junk
        (b"\x1f\x9d" + BODY, "compress"),
        (BODY, ", ".join(["gzip"] * (MAX_CODINGS + 1))),
    ],
)
def test_what_cannot_be_undone_is_a_bad_record(body, content):
    with pytest.raises(Gone) as lost:
        undone(body, content)
    assert lost.value.reason == "bad_record"


def test_more_chunks_than_anybody_sends_are_a_bad_record():
    with pytest.raises(Gone, match="chunks"):
        undone(chunked(bytes(MAX_CHUNKS + 1), size=1), transfer="chunked", most=10**6)


@pytest.mark.parametrize("code", [gzip.compress, brotli.compress, zstd, zlib.compress])
def test_a_body_of_exactly_the_most_is_kept_and_one_byte_more_is_too_big(code):
    coding = {gzip.compress: "gzip", brotli.compress: "br", zstd: "zstd", zlib.compress: "deflate"}[code]
    assert len(undone(code(bytes(MOST)), coding)) == MOST
    with pytest.raises(Gone) as lost:
        undone(code(bytes(MOST + 1)), coding)
    assert lost.value.reason == "page_too_big"
