"""Where the samples of a tar lie, found by walking its headers; nothing is unpacked, and nothing is trusted.

Shards may come from anywhere: ours, img2dataset's, webdataset's, GNU tar's. A sample is a run of members with one
key, KEY.jpg (jpeg, png, webp) with KEY.txt or KEY.json; a key is a member's name up to the first dot of its last
part, as webdataset has it; a name without one (`README`, `._KEY.jpg`) has no key. Whatever else lies in the tar is
passed over.
"""

import mmap
import re
import zlib
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from wit_builder.shards.tar import BLOCK

IMAGES = ("jpg", "jpeg", "png", "webp")
TEXTS = ("txt", "json")
MAX_IMAGE_BYTES = 64 << 20
MAX_TEXT_BYTES = 16 << 20
MAX_SAMPLE_BYTES = 256 << 20  # from its first part to its last, with what lies between: it is read as one
MAX_NAME_BYTES = 4096  # of a long name, and of what a pax header says

_ZERO = bytes(BLOCK)
_NAME = re.compile(r"((?:.*/)?[^./]+)\.([^/]*)", re.DOTALL)
_PAX_RECORD = re.compile(rb"([0-9]{1,5}) ([A-Za-z.]+)=")
_PLAIN, _PAX, _LONG_NAME = b"0\0", b"x", b"L"


@dataclass(frozen=True, slots=True)
class Member:
    """A plain file in a tar whose name has a key."""

    key: str
    extension: str  # lower case
    start: int  # of its first header
    offset: int  # of its data
    length: int

    @property
    def usable(self) -> bool:
        """Whether it is part of a sample, and no larger than such parts may be."""
        most = MAX_IMAGE_BYTES if self.extension in IMAGES else MAX_TEXT_BYTES
        return self.extension in (*IMAGES, *TEXTS) and self.length <= most


@dataclass(slots=True)
class Index:
    """The samples of a tar, by number: where the first member of each begins, and the last one ends.

    counts: of what was passed over. no_image, no_text: samples that lack one; duplicate_key: images that their
    sample has already; too_big: samples and parts of them over the bounds above; other: members that are no part of a
    sample; excluded: samples left out on purpose; cut: 1 where the tar ends too early; damaged: 1 where no header
    stands where one should.
    """

    bounds: "array[int]" = field(default_factory=lambda: array("Q"))  # begin and end of each, by turns
    counts: Counter[str] = field(default_factory=Counter)


def index(tar: mmap.mmap | bytes, excluded: frozenset[str] = frozenset(), *, captioned: bool = True) -> Index:
    """All samples of the tar that can be used, up to where it is cut or damaged. About 3 us a member.

    captioned: a sample needs a text; else its image is enough.
    """
    made = Index()
    parts: dict[str, Member] = {}
    for member in walk(tar, 0, made.counts):
        if parts and member.key != next(iter(parts.values())).key:
            _close(made, parts, excluded, captioned)
            parts = {}
        if member.usable:
            if parts.setdefault(member.extension, member) is not member:
                made.counts["duplicate_key" if member.extension in IMAGES else "other"] += 1
        elif member.extension in (*IMAGES, *TEXTS):
            made.counts["too_big"] += 1
        else:
            made.counts["other"] += 1
    if parts:
        _close(made, parts, excluded, captioned)
    return made


def parts_of(sample: bytes) -> dict[str, Member]:
    """The parts of a sample, whose bytes these are from its begin to its end, by extension."""
    parts: dict[str, Member] = {}
    for member in walk(sample, 0, Counter()):
        if member.usable:
            parts.setdefault(member.extension, member)
    return parts


def walk(tar: mmap.mmap | bytes, start: int, counts: Counter[str]) -> Iterator[Member]:
    """The members from that header on, as long as they are whole; counts what ends the walk, and others."""
    size, at, first, name, length = len(tar), start, start, "", -1
    while at + BLOCK <= size:
        header = tar[at : at + BLOCK]
        if header == _ZERO:
            return
        own_length = _own_length(header)
        if own_length < 0:
            counts["damaged"] = 1
            return
        kind, data = header[156:157], at + BLOCK
        length = own_length if length < 0 or kind not in _PLAIN else length
        if data + length > size:
            break
        following = data + length + -length % BLOCK
        if kind in _PLAIN:
            found = _NAME.fullmatch(name or _name(header))
            if found:
                yield Member(found[1], found[2].lower(), first, data, length)
            else:
                counts["other"] += 1
            first, name, length = following, "", -1
        elif kind in (_PAX, _LONG_NAME) and length <= MAX_NAME_BYTES:
            said = tar[data : data + length]
            name, length = _pax(said, name) if kind == _PAX else (_text(said), -1)
        else:
            counts["other"] += kind not in b"xg"
            first, name, length = following, "", -1
        at = following
    counts["cut"] = 1


def _close(made: Index, parts: dict[str, Member], excluded: frozenset[str], captioned: bool) -> None:
    first = next(iter(parts.values()))
    end = max(part.offset + part.length for part in parts.values())
    if first.key in excluded:
        made.counts["excluded"] += 1
    elif not parts.keys() & set(IMAGES):
        made.counts["no_image"] += 1
    elif captioned and not parts.keys() & set(TEXTS):
        made.counts["no_text"] += 1
    elif end - first.start > MAX_SAMPLE_BYTES:
        made.counts["too_big"] += 1
    else:
        made.bounds.extend((first.start, end))


def _own_length(header: bytes) -> int:
    """What the header says of its data's length, in bytes; -1 where it is no header."""
    checksum, length = header[148:156].strip(b"\0 "), header[124:136].strip(b"\0 ")
    if not checksum.isdigit() or not length.isdigit():
        return -1
    # adler32 sums bytes, modulo 65521 and from 1, in a tenth of the time of sum(); its field counts as spaces
    due = 1 + int(checksum, 8) - 8 * ord(" ") + sum(header[148:156]) if _is_octal(checksum) else -1
    if due < 0 or zlib.adler32(header) & 0xFFFF != due % 65_521 or not _is_octal(length):
        return -1
    return int(length, 8)


def _is_octal(digits: bytes) -> bool:
    return not digits.translate(None, b"01234567")


def _name(header: bytes) -> str:
    name = header[:100].partition(b"\0")[0]
    prefix = header[345:500].partition(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    return _text(prefix + b"/" + name if prefix else name)


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\0").decode("utf-8", "replace")


def _pax(said: bytes, name: str) -> tuple[str, int]:
    """The name, and the length (-1: none), that a pax header gives to the member behind it (POSIX, pax)."""
    at, length = 0, -1
    while record := _PAX_RECORD.match(said, at):
        end = at + int(record[1])
        if end < record.end():
            break
        value = said[record.end() : end - 1]
        if record[2] == b"path":
            name = _text(value)
        elif record[2] == b"size" and value.isdigit():
            length = int(value)
        at = end
    return name, length
