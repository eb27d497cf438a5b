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
    """62 kB that inflate to 64 MiB."""
    packer = zlib.compressobj(9, wbits=31)
    chunks = [packer.compress(b"<!DOCTYPE html><title>bomb</title>")]
    chunks += [packer.compress(b" " * (1 << 20)) for _ in range(64)]
    return b"".join([*chunks, packer.flush()])


@lru_cache(maxsize=1)
def png_bomb(side: int = 20_000) -> bytes:
    """A whole and valid PNG of 49 kB: side x side pixels, one bit each, 1.2 GB as RGB."""
    packer = zlib.compressobj(9)
    row = b"\0" * (1 + (side + 7) // 8)
    data = b"".join([*(packer.compress(row) for _ in range(side)), packer.flush()])
    head = side.to_bytes(4, "big") * 2 + bytes((1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
