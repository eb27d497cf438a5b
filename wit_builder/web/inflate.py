"""Bodies that were compressed on their way: undone piece by piece, and never far beyond what is asked for."""

import zlib

from wit_builder.errors import Gone, Transient

MAX_MEMBERS = 64  # gzip members of one answer; empty ones cost time without end


class Inflater:
    """Undoes gzip, of at most so many members, or deflate: 10 MB can hold 10 GB. Raises Gone(bad_response)."""

    def __init__(self, deflate: bool, max_members: int = MAX_MEMBERS) -> None:
        self._gzip = not deflate
        self._max_members = max_members
        self._stream = None if deflate else zlib.decompressobj(31)
        self._members = 1
        self._behind = b""  # first byte behind a member: the next member may begin with it

    def feed(self, data: bytes, room: int) -> bytes:
        """What the data inflates to, but not more than room + 1 bytes."""
        if self._stream is None:
            self._stream = zlib.decompressobj(15 if _has_zlib_header(data) else -15)
        out, rest = _inflate(self._stream, self._behind + data, room)
        while self._gzip and rest[:2] == b"\x1f\x8b":
            self._members += 1
            if self._members > self._max_members:
                raise Gone("bad_response", f"more than {self._max_members} gzip members")
            self._stream = zlib.decompressobj(31)
            more, rest = _inflate(self._stream, rest, room - len(out))
            out += more
        self._behind = rest[:1]
        return out

    def finish(self) -> None:
        """Raises Transient(truncated) where the stream ends early."""
        if self._stream is not None and not self._stream.eof:
            raise Transient("truncated", "the compressed body ends early")


def inflater(encoding: str) -> Inflater | None:
    """What undoes a Content-Encoding, None where nothing is to be undone. Raises Gone for one not asked for."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name not in ("gzip", "x-gzip", "deflate"):
        raise Gone("bad_response", f"Content-Encoding {encoding[:50]!r} was not asked for")
    return Inflater(deflate=name == "deflate")


def _inflate(stream: "zlib._Decompress", data: bytes, room: int) -> tuple[bytes, bytes]:
    """The output, and the data behind the end of the stream."""
    if stream.eof:
        return b"", data
    try:
        return stream.decompress(data, max(room, 0) + 1), stream.unused_data
    except zlib.error as error:
        raise Gone("bad_response", str(error)) from None


def _has_zlib_header(data: bytes) -> bool:
    """RFC 9110 section 8.4.1.2: deflate is the zlib format, yet some servers send the bare stream."""
    return data[0] & 15 == 8 and (len(data) < 2 or (data[0] << 8 | data[1]) % 31 == 0)
