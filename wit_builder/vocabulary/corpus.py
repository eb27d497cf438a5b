"""The lines of a corpus: plain text or WET archives (the texts of Common Crawl's pages), packed or not."""

import re
from collections import Counter
from collections.abc import Iterator

from fastwarc.warc import WarcRecordType

from wit_builder import remote
from wit_builder.archive.framing import Break, records
from wit_builder.errors import Dropped
from wit_builder.lists import files
from wit_builder.remote import Source

MAX_LINE = 1 << 20  # bytes; a longer one is cut at a space
_ARCHIVE = re.compile(r"\.(?:wet|warc)(?:\.|$)")  # also known by how it begins
_MAX_TEXT = 10 << 20  # bytes of a record, as of a page


def lines(source: Source, skipped: Counter[str]) -> Iterator[tuple[list[str], int]]:
    """The lines of a file, some hundred kilobytes at a time, and how many bytes of it, as it lies, those took.

    skipped: counts by reason what is left out: `not_utf8` (lines), `damaged` (places of a file; of a packed text
    all that follows), `too_long` (records of over 10 MiB).
    """
    told = 0
    for block, taken in blocks(source, skipped):
        yield _decoded(block, skipped), max(0, taken - told)
        told = max(told, taken)


def blocks(source: Source, skipped: Counter[str]) -> Iterator[tuple[bytes, int]]:
    """Whole lines as bytes, and how many of the file, as it lies, have been read in all."""
    if _ARCHIVE.search(files.name_of(source.url)):
        yield from _records(source, skipped)
        return
    with files.opened(source) as file:
        rest = b""
        try:
            for number, chunk in enumerate(files.chunks(file)):
                if not number and chunk.startswith(b"WARC/"):
                    break
                block, rest = _cut(rest + chunk)
                yield block, file.taken
            else:
                yield rest, file.taken
                return
        except Dropped:
            skipped["damaged"] += 1
            yield rest, file.taken
            return
    yield from _records(source, skipped)


def _cut(data: bytes) -> tuple[bytes, bytes]:
    """Whole lines, and what begins the next."""
    end = data.rfind(b"\n") + 1
    if not end and len(data) > MAX_LINE:
        end = data.rfind(b" ") + 1 or len(data)
    return data[:end], data[end:]


def _records(source: Source, skipped: Counter[str]) -> Iterator[tuple[bytes, int]]:
    with remote.opened(source.url) as file:
        for record in records(file):
            if isinstance(record, Break):
                skipped["damaged"] += 1
            elif record.record_type == WarcRecordType.conversion:
                text = record.reader.read(_MAX_TEXT + 1)
                if len(text) > _MAX_TEXT:
                    skipped["too_long"] += 1
                else:
                    yield text, file.tell()
        yield b"", source.bytes or 0


def _decoded(block: bytes, skipped: Counter[str]) -> list[str]:
    try:
        return block.decode().splitlines()
    except UnicodeDecodeError:
        decoded = [line.decode("utf-8", "replace") for line in block.splitlines()]
        whole = [line for line in decoded if "\ufffd" not in line]
        skipped["not_utf8"] += len(decoded) - len(whole)
        return whole
