"""The body of an archived response with its codings undone, within bounds.

What archives hold is what came over the wire (Wget), or what was in it with the headers left as they were
(Common Crawl renames them, others do not). So a coding is taken for undone where a body does not begin like it, or
begins like HTML; and gzip is undone also where no header tells of it.
"""

import io
import re

from fastwarc.stream_io import BrotliReader, ZstdReader

from wit_builder.errors import Gone, Transient
from wit_builder.web.inflate import Inflater

MAX_CHUNKS = 100_000  # of one body: 0.1 s
MAX_CODINGS = 4  # of one body, one in another


def decoded(body: bytes, transfer: str, content: str, most: int) -> bytes:
    """The body without its codings, of at most `most` bytes.

    transfer, content: the Transfer-Encoding and Content-Encoding headers, repeats joined with commas.
    Raises Gone (bad_record, page_too_big), Transient (truncated).
    """
    if "chunked" in transfer.lower():
        body = _unchunked(body)
    codings = [name for name in _names(content) if name not in _NONE]
    codings += [name for name in _names(transfer) if name in _UNDO]
    if len(codings) > MAX_CODINGS:
        raise Gone("bad_record", f"Content-Encoding: {content[:100]}")
    for name in (*reversed(codings), "gzip"):
        if not body or begins_like_html(body):
            break
        undo = _UNDO.get(name)
        if undo is None:
            raise Gone("bad_record", f"Content-Encoding: {content[:100]}")
        body = undo(body, most)
        if len(body) > most:
            raise Gone("page_too_big", f"more than {most} bytes when decoded")
    return body


def begins_like_html(body: bytes) -> bool:
    """Whether a tag comes first, but for a byte order mark and spaces."""
    return body[:512].lstrip(b"\xef\xbb\xbf \t\r\n\f")[:1] == b"<"


def _names(header: str) -> list[str]:
    return [name.strip() for name in header.lower().split(",")]


_NONE = frozenset(("", "identity", "none", "utf-8", "binary", "7bit", "8bit"))
_CHUNK = re.compile(rb"[ \t]*([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")
_END_OF_CHUNK = re.compile(rb"\r?\n")


def _unchunked(body: bytes) -> bytes:
    """RFC 9112 section 7.1, without trailers."""
    chunk = _CHUNK.match(body)
    if chunk is None:
        return body
    chunks: list[bytes] = []
    while chunk is not None and len(chunks) < MAX_CHUNKS:
        start, size = chunk.end(), int(chunk[1], 16)
        if size == 0:
            return b"".join(chunks)
        chunks.append(body[start : start + size])
        end = _END_OF_CHUNK.match(body, start + size)
        if len(body) < start + size or end is None:
            break
        chunk = _CHUNK.match(body, end.end())
    if len(chunks) == MAX_CHUNKS:
        raise Gone("bad_record", f"more than {MAX_CHUNKS} chunks")
    raise Transient("truncated", f"no chunk follows the first {len(chunks)}")


def _gunzipped(body: bytes, most: int) -> bytes:
    return _inflated(Inflater(deflate=False), body, most) if body.startswith(b"\x1f\x8b") else body


def _undeflated(body: bytes, most: int) -> bytes:
    return _inflated(Inflater(deflate=True), body, most)


def _inflated(inflater: Inflater, body: bytes, most: int) -> bytes:
    try:
        out = inflater.feed(body, most)
    except Gone as error:
        raise Gone("bad_record", f"its coding cannot be undone: {error.evidence}") from None
    if len(out) <= most:
        inflater.finish()
    return out


def _unbrotlied(body: bytes, most: int) -> bytes:
    return _read(BrotliReader(io.BytesIO(body)), most)


def _unzstded(body: bytes, most: int) -> bytes:
    return _read(ZstdReader(io.BytesIO(body)), most) if body.startswith(b"\x28\xb5\x2f\xfd") else body


def _read(reader: "BrotliReader | ZstdReader", most: int) -> bytes:
    out = io.BytesIO()
    try:
        while out.tell() <= most and (piece := reader.read(min(most + 1 - out.tell(), 1 << 20))):
            out.write(piece)
    except OSError as error:
        if str(error) == "incomplete frame":  # zstd; brotli's reader has one sentence for all that is wrong
            raise Transient("truncated", "the compressed body ends early") from None
        raise Gone("bad_record", f"its coding cannot be undone: {error}") from None
    return out.getvalue()


_UNDO = {
    "gzip": _gunzipped,
    "x-gzip": _gunzipped,
    "deflate": _undeflated,
    "br": _unbrotlied,
    "zstd": _unzstded,
}
