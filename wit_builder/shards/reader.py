"""Reads a shard, ours or img2dataset's, without trusting it: its tar may be cut, damaged or made to harm.

Nothing is unpacked to the disk. A shard is plain files in groups: KEY.jpg (or jpeg, png, webp), KEY.json and
KEY.txt. Anything else (links, folders, long names, sizes over the bounds below) ends the reading with a
ShardError that says shard, what and where. pax headers are passed over when they only hold times and
owners: webdataset, and so img2dataset, writes one before each member, for the fraction of its second.
"""

import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from wit_builder.errors import ShardError
from wit_builder.shards.tar import BLOCK

MAX_IMAGE_BYTES = 64 << 20  # our own fetch takes 25 MiB at most
MAX_TEXT_BYTES = 16 << 20  # of the JSON and of the text: 1 MB of caption, each character escaped, and more
MAX_PAX_BYTES = 64 << 10
MAX_SAMPLES = 1_000_000  # in one tar; their keys are kept in memory, some 100 bytes each

Pair = tuple[str, bytes, str, dict[str, Any]]  # key, image as it lies in the tar, caption, fields of the JSON

_IMAGES = ("jpg", "jpeg", "png", "webp")
_NAME = re.compile(rb"([0-9A-Za-z_-]{1,95})\.(jpg|jpeg|png|webp|json|txt)")
_PAX_RECORD = re.compile(rb"([0-9]{1,5}) (mtime|atime|ctime|uid|gid|uname|gname|comment)=")
_ZERO = bytes(BLOCK)
_FEW = 8 * BLOCK  # bytes read at once where data is passed over


def read_shard(path: Path, file: BinaryIO | None = None) -> Iterator[Pair]:
    """Each pair of the tar, in its order. The caption is "" where there is no text member.

    file: the tar's bytes where they do not lie at that path; it can seek.
    Raises ShardError; pairs yielded before it are whole.
    """
    if file is None:
        with _open(path) as own:
            yield from read_shard(path, own)
        return
    seen: set[str] = set()
    for group in _groups(path, file):
        if group.key in seen:
            raise _wrong(path, f"key {group.key} comes a second time", group.offset)
        if len(seen) == MAX_SAMPLES:
            raise _wrong(path, f"more than {MAX_SAMPLES} samples", group.offset)
        seen.add(group.key)
        yield _pair(path, group)


def read_members(path: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Key and members (extension to bytes) of each sample as they lie in the tar, in order. Raises ShardError."""
    with _open(path) as file:
        yield from ((group.key, group.members) for group in _groups(path, file))


def image_places(path: Path) -> Iterator[tuple[str, str, int, int]]:
    """Key, extension, and place in the tar (offset and length, in bytes) of each image; headers alone are read.

    Raises ShardError.
    """
    with _open(path, _FEW) as file:
        for header, offset in _headers(path, file):
            if header.extension in _IMAGES:
                yield header.key, header.extension, offset + BLOCK, header.length


@dataclass(slots=True)
class _Group:
    key: str
    offset: int  # of its first member
    members: dict[str, bytes]  # by extension


@dataclass(frozen=True, slots=True)
class _Header:
    """A pax header has neither key nor extension."""

    key: str
    extension: str
    length: int  # bytes of data behind it

    @property
    def name(self) -> str:
        return f"{self.key}.{self.extension}" if self.key else "a pax header"


@dataclass(frozen=True, slots=True)
class _Member:
    key: str
    extension: str
    offset: int  # of its header
    data: bytes


def _groups(path: Path, file: BinaryIO) -> Iterator[_Group]:
    """Runs of members with one key."""
    group: _Group | None = None
    for member in _members(path, file):
        if group is None or group.key != member.key:
            if group is not None:
                yield group
            group = _Group(member.key, member.offset, {})
        if member.extension in group.members:
            raise _wrong(path, f"{member.key}.{member.extension} comes a second time", member.offset)
        group.members[member.extension] = member.data
    if group is not None:
        yield group


def _pair(path: Path, group: _Group) -> Pair:
    images = [group.members[extension] for extension in _IMAGES if extension in group.members]
    if len(images) != 1:
        raise _wrong(path, f"sample {group.key} has {len(images)} images, not one", group.offset)
    if "json" not in group.members:
        raise _wrong(path, f"sample {group.key} has no JSON member", group.offset)
    try:
        meta = json.loads(group.members["json"])
        caption = group.members.get("txt", b"").decode()
    except (ValueError, RecursionError) as error:
        raise _wrong(path, f"sample {group.key} is unreadable: {error}", group.offset) from error
    if not isinstance(meta, dict):
        raise _wrong(path, f"the JSON of sample {group.key} is no object", group.offset)
    return group.key, images[0], caption, meta


def _members(path: Path, file: BinaryIO) -> Iterator[_Member]:
    for header, offset in _headers(path, file):
        yield _Member(header.key, header.extension, offset, file.read(header.length))


def _headers(path: Path, file: BinaryIO) -> Iterator[tuple[_Header, int]]:
    """The header of each member, and where it begins; the file then stands at the member's data."""
    size = file.seek(0, os.SEEK_END)
    offset = file.seek(0)
    while (block := file.read(BLOCK)) != _ZERO:
        header = _read_header(path, block, offset)
        if header.length > size - offset - BLOCK:
            raise _wrong(path, f"cut: {header.name} should have {header.length} bytes", offset)
        if header.extension:
            yield header, offset
        elif not _is_harmless(file.read(header.length)):
            raise _wrong(path, f"{header.name} changes more than times and owners", offset)
        offset += BLOCK + header.length + -header.length % BLOCK
        file.seek(offset)
    if file.read(BLOCK) != _ZERO:
        raise _wrong(path, "cut: the end mark is not whole", offset)


def _open(path: Path, buffer: int = 1 << 20) -> BinaryIO:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # opening a pipe must not wait for a writer
    except OSError as error:
        raise ShardError(f"shard {path} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ShardError(f"shard {path} is no regular file")
    return open(descriptor, "rb", buffering=buffer)  # noqa: PTH123  (a descriptor, not a path)


def _read_header(path: Path, block: bytes, offset: int) -> _Header:
    if len(block) < BLOCK:
        raise _wrong(path, "cut: the end mark is missing", offset)
    if _octal(block[148:156]) != sum(block) - sum(block[148:156]) + 8 * ord(" "):
        raise _wrong(path, "no tar header, or a damaged one (checksum)", offset)
    key, extension = _read_name(path, block, offset)
    length = _octal(block[124:136])
    header = _Header(key, extension, length or 0)
    limit = _limit_of(extension)
    if length is None or length > limit:
        raise _wrong(path, f"size of {header.name} is {length}; it may be {limit} bytes", offset)
    return header


def _read_name(path: Path, block: bytes, offset: int) -> tuple[str, str]:
    """Key and extension, both empty for a pax header."""
    kind, raw_name = block[156:157], block[:100].rstrip(b"\0")
    if kind in (b"x", b"g"):
        return "", ""
    if kind not in (b"0", b"\0"):
        raise _wrong(path, f"member {raw_name!r} is no plain file (type {kind!r})", offset)
    name = _NAME.fullmatch(raw_name)
    if name is None or block[345:500].strip(b"\0") != b"":
        raise _wrong(path, f"member {raw_name!r} has no name of a sample's member", offset)
    return name[1].decode(), name[2].decode()


def _limit_of(extension: str) -> int:
    if not extension:
        return MAX_PAX_BYTES
    return MAX_IMAGE_BYTES if extension in _IMAGES else MAX_TEXT_BYTES


def _is_harmless(records: bytes) -> bool:
    """Whether a pax header holds only times and owners, no other name, size or link for its member."""
    at = 0
    while at < len(records):
        record = _PAX_RECORD.match(records, at)
        end = at + int(record[1]) if record else 0
        if record is None or end < record.end() or records[end - 1 : end] != b"\n":
            return False
        at = end
    return True


def _octal(field: bytes) -> int | None:
    """The number in a header field, None where it is none. (GNU's base-256 has no place in a shard.)"""
    digits = field.strip(b"\0 ")
    return int(digits, 8) if re.fullmatch(rb"[0-7]+", digits) else None


def _wrong(path: Path, what: str, offset: int) -> ShardError:
    return ShardError(f"shard {path}: {what}, at byte {offset}", "fetch or build that shard again")
