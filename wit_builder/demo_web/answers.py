"""What a server answers, as a value; `serve` puts it on the wire."""

import zlib
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Literal

Manner = Literal["plain", "drip", "cut", "chunked", "garbled", "hangup"]

HTML = "text/html; charset=utf-8"
MIME = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "gif": "image/gif"}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to one request."""

    status: int = 200
    body: bytes = b""
    content_type: str = HTML
    headers: tuple[tuple[str, str], ...] = ()
    manner: Manner = "plain"  # drip: a byte each half second, without end; cut: ends before its
    # Content-Length; chunked: no Content-Length; garbled: the body alone goes onto the wire, no HTTP; hangup:
    # not a byte
    repeat: int = 1  # times the body is sent


NOT_FOUND = Answer(404, b"<!DOCTYPE html><title>404</title><p>Nothing here.", HTML)


def text(content: str, content_type: str = "text/plain; charset=utf-8") -> Answer:
    """A text file."""
    return Answer(body=content.encode(), content_type=content_type)


def status(code: int, **headers: str) -> Answer:
    """An error page; headers with "_" for "-"."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(code, f"<!DOCTYPE html><title>{code}</title><p>{code}".encode(), HTML, named)


def redirect(target: str, code: int = 302) -> Answer:
    """A redirect to the target."""
    body = f'<!DOCTYPE html><title>{code}</title><a href="{escape(target)}">there</a>'.encode()
    return Answer(code, body, HTML, (("Location", target),))


@lru_cache(maxsize=1)
def gzip_bomb() -> bytes:
    """293 kB that inflate to 64 MiB."""
    packer = zlib.compressobj(1, wbits=31)  # pages are answered in the loop, so at the quickest level
    return _packed(packer, b"<!DOCTYPE html><title>bomb</title>", b" " * (1 << 20), 64)


@lru_cache(maxsize=1)
def png_bomb() -> bytes:
    """A whole and valid PNG of 49 kB: 20,000 x 20,000 pixels, one bit each, 1.2 GB as RGB."""
    head = (20_000).to_bytes(4, "big") * 2 + bytes((1, 0, 0, 0, 0))
    data = _packed(zlib.compressobj(9), b"", b"\0" * (1 + 20_000 // 8) * 1_000, 20)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _packed(packer: "zlib._Compress", head: bytes, piece: bytes, times: int) -> bytes:
    """In few calls: for each of 20,000 small ones a thread waited for the others' turn at the interpreter."""
    return b"".join([packer.compress(head), *(packer.compress(piece) for _ in range(times)), packer.flush()])


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
