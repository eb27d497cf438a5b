"""One HTTP/1.1 answer as its bytes come in: a head, then a body, both bounded (RFC 9112).

No socket is touched here. Whoever has bytes puts them into `space()` and says so by `came(count)`; a body whose
length is known is received straight into its place. Servers may be hostile: what head, framing and inflating
cost is bounded, and what is not HTTP is refused for good.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from multidict import CIMultiDict, CIMultiDictProxy

from wit_builder.errors import Gone, Transient
from wit_builder.web.inflate import Inflater, inflater

MAX_HEAD = 64 * 1024  # bytes
MAX_LINE = 32 * 1024
MAX_FIELDS = 200
MAX_DRAINED = 64 * 1024  # an unwanted body up to this size is read, which saves the next request a connection
MAX_FRAMING = 1 << 20  # bytes beyond half of the body
SCRATCH = 256 * 1024  # bytes to receive at once
HEAD_SCRATCH = 8 * 1024  # of that while the head is read, so that little of the body is copied to its place

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_EMPTY = re.compile(rb"\r?\n")
_STATUS = re.compile(r"HTTP/1\.([0-9]) ([0-9]{3})(?: (.*))?")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*)?\r\n")
_MAX_CHUNK_LINE = 16 * 1024
_BODILESS = frozenset((204, 304))


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of an answer before its body; `admit` decides on it."""

    status: int  # 200 to 999
    reason: str  # the server's words for it, "" where it has none
    headers: CIMultiDictProxy[str]  # case-insensitive; `getall(name, [])` gives every repeat


Grow = Callable[[int], None]  # is told how many bytes the body takes, before it takes them
Admit = Callable[[Head], Grow | None]


class Answer:
    """An answer on its way. Any method may raise what is wrong with it (Gone, Transient, what `admit` raises).

    scratch: where bytes are received that have no place of their own; answers may share it.
    max_bytes, cut, admit: see `Client.get`. A body of another status than 2xx is not wanted: it is read for the
    sake of the connection if it is small, and forgotten.
    """

    def __init__(
        self,
        scratch: memoryview,
        max_bytes: int,
        cut: bool = False,
        admit: Admit | None = None,
    ) -> None:
        self.head: Head | None = None
        self.done = False
        self.reusable = False  # of the connection, once the answer is done
        self.received = 0  # bytes
        self._scratch, self._space = scratch, scratch[:HEAD_SCRATCH]
        self._max_bytes, self._cut, self._admit = max_bytes, cut, admit
        self._rest = b""  # what came and is not understood yet
        self._missing = 0  # bytes of the body, or of the chunk and the end of its line
        self._place: bytearray | None = None  # for a body whose length is known
        self._body = _Body(None, MAX_DRAINED, cut=True)
        self._feed = self._read_head

    @property
    def wanted(self) -> bool:
        """Whether the head is in, and a body is asked for."""
        return self.head is not None and self.head.status < 300

    def body(self) -> bytes | bytearray:
        """Of an answer that is done: inflated; b"" where it was not wanted."""
        if not self.wanted:
            return b""
        return self._body.whole() if self._place is None else self._place

    def drop(self) -> None:
        """Give back the body's memory now: an error's traceback may keep the answer until garbage is collected."""
        self._place, self._rest, self._space = None, b"", self._scratch
        self._body = _Body(None, MAX_DRAINED, cut=True)

    def space(self) -> memoryview:
        """Where the next bytes belong."""
        return self._space

    def came(self, count: int) -> None:
        """So many bytes were put into the space."""
        self.received += count
        if self._place is None:
            self._feed(self._rest + self._scratch[:count])
        else:
            self._space = self._space[count:]
            self._missing -= count
            self.done = not self._missing

    def ended(self, why: str, clean: bool = True) -> None:
        """The connection is gone. Raises Transient, unless that is how the body ends, and it was no failure."""
        if self.head is None:
            raise Transient("connect", why)
        if not clean or self._feed != self._read_to_end:
            sent = self._body.sent if self._place is None else len(self._place) - self._missing
            raise Transient("truncated", f"after {sent} bytes: {why}")
        self.done, self.reusable = True, False

    # -- head

    def _read_head(self, data: bytes) -> None:
        start = max(0, len(self._rest) - 3)  # what was there before has no end in it
        while (end := _HEAD_END.search(data, start)) is not None:
            head, stays_open = _parse(data[: end.start()])
            data, start = data[end.end() :], 0
            if head.status >= 200:
                return self._begin(head, stays_open, data)
            if head.status == 101 or self.received > MAX_FRAMING:
                raise Gone("bad_response", f"status {head.status}, {self.received} bytes in all")
        if len(data) > MAX_HEAD:
            raise Gone("bad_response", f"a head of more than {MAX_HEAD} bytes")
        self._rest = data
        return None

    def _begin(self, head: Head, stays_open: bool, data: bytes) -> None:
        """Decide how the body is read, and read what came of it."""
        self._rest, self._space = b"", self._scratch
        length, chunked = _framing(head)
        self.head = head
        self.reusable = stays_open and not (chunked and "Content-Length" in head.headers)
        if self.wanted:
            grow = self._admit(head) if self._admit is not None else None
            if length is not None and length > self._max_bytes and not self._cut:
                raise Gone("too_big", f"Content-Length {length}, at most {self._max_bytes} bytes are read")
            unpack = inflater(head.headers.get("Content-Encoding", ""))
            self._body = _Body(unpack, self._max_bytes, self._cut, grow)
            if length and unpack is None and length <= self._max_bytes:
                if grow is not None:
                    grow(length)
                return self._receive_in_place(length, data)
        elif length is not None and length > MAX_DRAINED:
            self.done, self.reusable = True, False
            return None
        if chunked:
            self._feed = self._read_chunks
        elif length is not None:
            self._feed, self._missing = self._read_counted, length
        else:
            self._feed, self.reusable = self._read_to_end, False
        return self._feed(data)

    # -- body

    def _receive_in_place(self, length: int, data: bytes) -> None:
        self._missing = length - len(data)
        if self._missing < 0:
            self.reusable, self._missing = False, 0
        self._place = bytearray(length)
        self._place[: len(data)] = data[:length]
        self._space = memoryview(self._place)[len(data) :]
        self.done = not self._missing

    def _read_counted(self, data: bytes) -> None:
        if len(data) > self._missing:
            self.reusable = False
        self._add(data[: self._missing])
        self._missing = max(0, self._missing - len(data))
        self.done = self.done or not self._missing

    def _read_to_end(self, data: bytes) -> None:
        self._add(data)

    def _read_chunks(self, data: bytes) -> None:
        """Section 7.1."""
        if self.received > MAX_FRAMING + 1.5 * self._body.sent:
            raise Gone("bad_response", f"{self.received} bytes for a body of {self._body.sent}")
        at, fresh = 0, len(self._rest)  # what was there before has no end of a size's line in it
        while not self.done:
            if not self._missing:
                whole = data.find(b"\n", max(at, fresh)) >= 0
                line = _CHUNK.match(data, at) if whole else None
                if line is None:
                    _check_chunk_line(data[at : at + _MAX_CHUNK_LINE + 1])
                    break
                at = line.end()
                self._missing = int(line[1], 16) + 2
                if self._missing == 2:
                    self._feed = self._read_trailers
                    self._rest = b""
                    return self._feed(data[at:])
            piece = data[at : at + self._missing - 2]
            self._add(piece)
            at, self._missing = at + len(piece), self._missing - len(piece)
            if self._missing > 2 or len(data) < at + 2:
                break
            if data[at : at + 2] != b"\r\n":
                raise Gone("bad_response", "a chunk is longer than it says")
            at, self._missing = at + 2, 0
        self._rest = data[at:]
        return None

    def _read_trailers(self, data: bytes) -> None:
        """Fields behind the last chunk, which nobody asked for, up to an empty line."""
        seen = max(0, len(self._rest) - 3)
        end = _EMPTY.match(data) or _HEAD_END.search(data, seen)
        if end is None and len(data) > MAX_HEAD:
            raise Gone("bad_response", f"trailers of more than {MAX_HEAD} bytes")
        self._rest, self.done = data, end is not None
        if end is not None and end.end() < len(data):
            self.reusable = False

    def _add(self, data: bytes) -> None:
        self._body.add(data)
        if self._body.full:
            self.done, self.reusable = True, False


class _Body:
    """What came so far, sent and inflated, neither beyond the cap."""

    __slots__ = ("_cut", "_data", "_grow", "_inflater", "_max_bytes", "full", "sent", "size")

    def __init__(self, unpack: Inflater | None, max_bytes: int, cut: bool, grow: Grow | None = None) -> None:
        self._inflater, self._max_bytes, self._cut, self._grow = unpack, max_bytes, cut, grow
        self._data = bytearray()  # small pieces of their own would take six times the room
        self.sent = self.size = 0
        self.full = False

    def add(self, piece: bytes) -> None:
        self.sent += len(piece)
        if self._inflater is not None and piece:
            piece = self._inflater.feed(piece, self._max_bytes - self.size)
        self.size += len(piece)
        if self._grow is not None:
            self._grow(self.size)
        self._data += piece
        self.full = self.sent > self._max_bytes or self.size > self._max_bytes
        if self.full and not self._cut:
            raise Gone("too_big", f"{self.sent} bytes are {self.size} or more, {self._max_bytes} at most")

    def whole(self) -> bytearray:
        if self.full:
            del self._data[self._max_bytes :]
        elif self._inflater is not None and self.sent:
            self._inflater.finish()
        return self._data


def _parse(data: bytes) -> tuple[Head, bool]:
    """The head, and whether the connection stays open after the answer (section 9.3)."""
    first, *lines = data.decode("utf-8", "surrogateescape").replace("\r", "").split("\n")
    status = _STATUS.fullmatch(first)
    if status is None or len(lines) > MAX_FIELDS:
        raise Gone("bad_response", f"{len(lines)} header fields behind {first[:100]!a}")
    fields: list[tuple[str, str]] = []
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")  # section 5.1 wants none here; a wish not to be used counts all the same
        if line[:1] in (" ", "\t") and fields:  # folded, section 5.2
            fields[-1] = fields[-1][0], f"{fields[-1][1]} {line.strip()}"
        elif not colon or not _NAME.fullmatch(name) or "\0" in value or len(line) > MAX_LINE:
            raise Gone("bad_response", f"no header field: {line[:100]!a}")
        else:
            fields.append((name, value.strip(" \t")))
    head = Head(int(status[2]), status[3] or "", CIMultiDictProxy(CIMultiDict(fields)))
    options = _tokens(head, "Connection")
    return head, "close" not in options if status[1] != "0" else "keep-alive" in options


def _framing(head: Head) -> tuple[int | None, bool]:
    """The length of the body where it is told beforehand, and whether it comes in chunks (section 6.3)."""
    if head.status in _BODILESS:
        return 0, False
    codings = _tokens(head, "Transfer-Encoding")
    if codings:
        if codings != ["chunked"]:
            raise Gone("bad_response", f"Transfer-Encoding {', '.join(codings)[:100]!r} was not asked for")
        return None, True
    lengths = set(_tokens(head, "Content-Length"))
    if not lengths:
        return None, False
    if len(lengths) > 1 or not _LENGTH.fullmatch(length := lengths.pop()):
        raise Gone("bad_response", f"Content-Length {head.headers.getall('Content-Length')}"[:200])
    return int(length), False


def _tokens(head: Head, name: str) -> list[str]:
    """The members of a header's list, in lower case."""
    values = head.headers.getall(name, ())
    return [token for value in values for part in value.split(",") if (token := part.strip().lower())]


def _check_chunk_line(data: bytes) -> None:
    """Raises for what no more bytes can make a chunk's size."""
    if b"\n" in data or len(data) > _MAX_CHUNK_LINE or data[:1].strip(b"0123456789abcdefABCDEF"):
        raise Gone("bad_response", f"no size of a chunk: {data[:50]!a}")
