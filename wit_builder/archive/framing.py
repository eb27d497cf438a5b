"""The records of a WARC file, one by one, past whatever is broken.

fastwarc reads them, compressed or not, up to the first thing that is no record, and takes a file that ends early
for one that ends. Here a damaged place costs what lies between it and the next record that can be found, and is
told as a `Break`: where, why, and whether the record before it is one to trust. (That a record's length lies is
known only when no record follows where it says.)
"""

import io
import re
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from fastwarc.warc import ArchiveIterator, HeaderMap, WarcRecord

MAX_BREAKS = 1_000  # of one file; the rest of it is not read
MAX_LOOKS = 20_000  # at places of one file that might begin a record: 1 s

_BLOCK = 1 << 20  # bytes that are searched at a time
_GZIP, _PLAIN = b"\x1f\x8b", b"WARC/"
_SIGNS = {  # what a file begins with: where in it a record may begin
    _GZIP: re.compile(rb"\x1f\x8b\x08[\x00-\x1f]"),  # RFC 1952, a member
    b"\x28\xb5\x2f\xfd": re.compile(rb"\x28\xb5\x2f\xfd"),  # RFC 8878, a frame
    b"\x04\x22\x4d\x18": re.compile(rb"\x04\x22\x4d\x18"),  # LZ4, a frame
    _PLAIN: re.compile(rb"(?<![^\n])WARC/[01]\."),
}
_ANY = re.compile(b"|".join(sign.pattern for sign in _SIGNS.values()))  # where its begin is damaged


@dataclass(frozen=True, slots=True)
class Break:
    """A damaged place of a file."""

    offset: int  # in the file as it lies, where what is lost begins
    why: str
    sound: bool  # whether the record before it is whole; if not, it is lost too
    empty: bool = False  # the file holds no record at all


def records(file: BinaryIO) -> Iterator[WarcRecord | Break]:
    """The records in their order, of any type, HTTP not parsed; each is read before the next is asked for.

    file: seekable. What it raises itself is passed on: a network that fails is no damage.
    """
    return _Reading(file).records()


class _Reading:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, io.SEEK_END)
        self._sign = self._sign_at(0) or _ANY
        self._begin: int | None = 0 if self._size else None  # where reading goes on
        self._last: WarcRecord | None = None  # handed out last
        self._looks = 0

    def records(self) -> Iterator[WarcRecord | Break]:
        if self._begin is None:
            yield Break(0, "it is empty", sound=True, empty=True)
        breaks = 0
        while self._begin is not None:
            begin = self._begin
            why = yield from self._run(begin)
            trouble = self._trouble(begin, why)
            if trouble is not None:
                yield trouble
                breaks += 1
            if breaks > MAX_BREAKS and self._begin is not None:
                yield Break(self._begin, f"{MAX_BREAKS} places before it are damaged", sound=True)
                self._begin = None

    def _run(self, begin: int) -> Generator[WarcRecord, None, str]:
        """The records from there to the first that cannot be read; returns why, "" at what looks like the end."""
        window = _Window(self._file, begin, self._size)
        self._last = None
        short, unread = False, ""
        try:
            for record in ArchiveIterator(window, parse_http=False):
                self._last, unread = record, _unread(record)
                yield record
                short = _is_short(record)
        except OSError as error:
            if window.failed is not None:
                raise window.failed from None
            return unread or str(error)
        return unread or ("it ends early" if short else "")

    def _trouble(self, begin: int, why: str) -> Break | None:
        """What is wrong where `_run` has stopped, None where the file is at its end; sets where reading goes on."""
        if self._last is None:
            _, self._begin = self._after(begin)
            empty = begin == 0 and self._begin is None
            return Break(begin, self._beginning() if empty else why or "no record", sound=True, empty=empty)
        last = self._last.stream_pos
        if why and self._is_shared(self._last):
            _, self._begin = self._after(max(begin, last - 1))
            return Break(last, f"{why}; what follows in its member or frame is lost too", sound=False)
        damaged, self._begin = self._after(last)
        if not why and damaged is None and self._begin is None and not self._is_cut(last):
            return None
        if self._is_whole(last, next((at for at in (damaged, self._begin) if at is not None), self._size)):
            return Break(last if damaged is None else damaged, why or "it ends early", sound=True)
        return Break(last, why or "its length is wrong", sound=False)

    def _after(self, start: int) -> tuple[int | None, int | None]:
        """The next place behind `start` that looks as if a record began there, and cannot; and the next that can."""
        damaged = None
        for at in self._signs(start + 1):
            self._looks += 1
            if self._looks > MAX_LOOKS:
                break
            if self._record(at) is not None:
                self._sign = self._sign_at(at) or self._sign
                return damaged, at
            if damaged is None:
                damaged = at
        return damaged, None

    def _signs(self, start: int) -> Iterator[int]:
        while start < self._size:
            block = _Window(self._file, start - 1, self._size).read(_BLOCK + 16)
            for sign in self._sign.finditer(block, 1):
                if sign.start() <= _BLOCK:
                    yield start - 1 + sign.start()
            start += _BLOCK

    def _sign_at(self, at: int) -> re.Pattern[bytes] | None:
        """What a file has before each record if that is what lies there."""
        head = _Window(self._file, at, self._size).read(16)
        return next((sign for begin, sign in _SIGNS.items() if head.startswith(begin)), None)

    def _record(self, at: int) -> WarcRecord | None:
        """What fastwarc reads there, if it does."""
        window = _Window(self._file, at, self._size)
        head = window.read(1024)
        if head.startswith(_GZIP) and not _inflated(head).startswith(_PLAIN):
            return None
        window.seek(at)
        try:
            return next(iter(ArchiveIterator(window, parse_http=False)), None)
        except OSError:
            return None

    def _is_shared(self, record: WarcRecord) -> bool:
        """Whether it lies behind another in one member or frame; its place is then where fastwarc had read to."""
        there = self._record(record.stream_pos)
        return there is None or list(there.headers.items()) != list(record.headers.items())

    def _beginning(self) -> str:
        """What kind of file it may be instead."""
        data = _Window(self._file, 0, self._size).read(1024)
        data = _inflated(data) if data.startswith(_GZIP) else data
        if data.startswith(b"filedesc:"):
            return "it is an ARC file, and only WARC is read"
        return f"it begins with {data[:24]!r}"

    def _is_whole(self, start: int, end: int) -> bool:
        """Whether exactly one record lies there, and to its end. False where several share a gzip member.

        end: where the next sign is; the record's own end counts first, as signs may be damaged too.
        """
        missing = []
        window = _Window(self._file, start, self._own_end(start) or end)
        try:
            for record in ArchiveIterator(window, parse_http=False):
                missing.append(record.content_length - record.consume())
        except OSError:
            return False
        return missing == [0]

    def _own_end(self, start: int) -> int | None:
        """Where a record's gzip member, or the four bytes after its block, end; None where that cannot be told."""
        sign, window = self._sign_at(start), _Window(self._file, start, self._size)
        if sign is _SIGNS[_GZIP]:
            return _member_end(window)
        head = window.read(_BLOCK)
        behind = head.find(b"\r\n\r\n") + 4
        length = _LENGTH.search(head, 0, behind - 2)
        if sign is not _SIGNS[_PLAIN] or length is None or start + behind + int(length[1]) > self._size:
            return None
        end = window.seek(start + behind + int(length[1]))
        return end + 4 if window.read(4) == b"\r\n\r\n" else None

    def _is_cut(self, last: int) -> bool:
        """Whether the file ends within the gzip member that begins there, or within the sign of another."""
        if self._sign_at(last) is not _SIGNS[_GZIP]:
            return False
        end = self._own_end(last)
        return end is None or (
            0 < self._size - end < 4
            and b"\x1f\x8b\x08".startswith(_Window(self._file, end, self._size).read(4))
        )


_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,15})[ \t]*\r\n", re.IGNORECASE)


class _Window:
    """A part of a file, as a file: positions are those of the whole."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        self._file, self._at, self._end = file, start, end
        self.failed: Exception | None = None  # what the file itself raised
        file.seek(start)

    def read(self, size: int = -1) -> bytes:
        left = max(self._end - self._at, 0)
        try:
            data = self._file.read(left if size < 0 else min(size, left))
        except Exception as error:
            self.failed = error
            raise
        self._at += len(data)
        return data

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = self._file.seek(offset, whence)
        return self._at

    def close(self) -> None:
        """The file is its owner's to close."""


def _member_end(window: _Window) -> int | None:
    stream = zlib.decompressobj(31)
    try:
        while not stream.eof and (data := stream.unconsumed_tail or window.read(1 << 16)):
            stream.decompress(data, 1 << 20)
    except zlib.error:
        return None
    return window.tell() - len(stream.unused_data) if stream.eof else None


def _is_short(record: WarcRecord) -> bool:
    """Whether the file ends within the record; reads the record to its end."""
    record.consume()
    length, read = record.content_length, record.reader.tell()
    return read < length or (length == 0 and not header(record.headers, "Content-Length").isdigit())


def _unread(record: WarcRecord) -> str:
    """Why fastwarc has found no length in a record that says one; "" where that is not so."""
    if record.content_length:
        return ""
    if "\n" in header(record.headers, "WARC-Type"):
        return "its lines end with LF alone, not with CRLF"
    names = (
        name for name, value in record.headers.items() if name.lower() == "content-length" and value != "0"
    )
    written = next(names, "Content-Length")
    return "" if written == "Content-Length" else f"its length stands under {written}, not Content-Length"


def header(headers: HeaderMap, name: str) -> str:
    """The value of a header, "" where it is not there; of several the first."""
    return headers.get(name) or ""


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(31).decompress(data, 64)
    except zlib.error:
        return b""
