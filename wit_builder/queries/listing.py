"""Files of queries: our own, MetaCLIP's metadata.json, or plain text with an entry a line.

    # wit queries 1, 500000 entries, sha256 5891b5b5...
    entry	source	count
    a	words	1948812

Ours are sorted by entry, and the first line holds the sha256 of all that follows it, so that an edited or
damaged list is never taken for the one that a data set names.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow as pa

from wit_builder import remote, storage
from wit_builder.errors import ConfigError
from wit_builder.queries.forms import forms
from wit_builder.queries.settings import Queries
from wit_builder.text.normalize import fold

VERSION = 1
MAX_ENTRY = 256  # characters; MetaCLIP 2 has the same bound (docs/metaclip2.md)
MAX_BYTES = 1 << 30  # of a file
GIVEN = "given"  # the source of entries that stand in a recipe
METACLIP = "metaclip"

_MAGIC = b"# wit queries "
_PACKINGS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_FIRST_LINE = re.compile(rb"# wit queries 1, (\d+) entries, sha256 ([0-9a-f]{64})")
_JSON = re.compile(rb'\s*(?:\[\s*["\[{\]]|\{\s*["}])')  # other words may begin so, as [sic] does
_HEADER = b"entry\tsource\tcount\n"
_CONTROL = re.compile("[\x00-\x08\t\x0b\x0e-\x1f\x7f-\x84\x86-\x9f]")  # Cc but for ends of lines
_PLAIN = "tail -n +3 FILE | cut -f1 > entries.txt makes a plain list of it, which may be edited"


@dataclass(frozen=True, slots=True)
class Query:
    """One entry of a list."""

    entry: str  # as it is shown; what is compared is its form under the rule
    source: str  # words, bigrams, titles, wordnet, metaclip, the name of a plain file, or given
    count: int  # how often it was seen, or its views; 0 where the source does not say


def load(settings: Queries, skipped: Counter[str] | None = None) -> list[Query]:
    """The queries that a recipe asks for, its files one behind the other, each once.

    Two are the same when they match the same: then the first one counts. One that keeps to its case is the same
    as one that does not and is spelled like it, which matches more and counts.
    skipped: counts by reason what is left out: `duplicate`, `no_word`, and what `read` leaves out.
    Raises ConfigError as `read` does; when nothing is left; where a source of `exact_case` has no query.
    """
    skipped = Counter() if skipped is None else skipped
    queries = [query for file in settings.files for query in read(file, skipped)]
    given = (entry for entry in settings.entries if not _counted(why_not(entry), skipped))
    queries += [Query(entry, GIVEN, 0) for entry in given]
    sources = {query.source for query in queries}
    if missing := sorted(set(settings.exact_case) - sources):
        raise ConfigError(
            f"Queries.exact_case names {missing[0]!r}, and the queries are of {', '.join(sorted(sources))}",
            f'exact_case=("{min(sources)}",)',
        )
    kept = list(_once(queries, settings, skipped))
    if not kept:
        raise ConfigError(f"none of the {len(queries):,} queries has a word in it")
    return kept


def read(file: Path | str, skipped: Counter[str] | None = None) -> list[Query]:
    """The queries of a file (a path or URL) in any of the three formats, plain, gzip or zstd, in its order.

    skipped: counts by reason the entries that are left out: `blank`, `too_long` (over 256 characters),
    `control_characters`, `not_utf8`. Of ours none may be, and none is.
    Raises ConfigError for a file that cannot be read or holds no query, one of ours that has changed since it
    was written, and JSON that is no list of texts.
    """
    skipped = Counter() if skipped is None else skipped
    with remote.opened(str(file)) as opened:
        data = _unpacked(str(file), opened.read(MAX_BYTES + 1))
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{file} has over {MAX_BYTES:,} bytes, which no list of queries has")
    if data.startswith(_MAGIC):
        return list(_ours(str(file), data))
    if _JSON.match(data):
        entries, source = _metaclip(str(file), data), METACLIP
    else:
        entries, source = _lines(data, skipped), re.sub(r"(\.[^.]+)?(\.gz|\.zst)?$", "", Path(str(file)).name)
    queries = [Query(entry, source, 0) for entry in entries if not _counted(why_not(entry), skipped)]
    if not queries:
        why = ", ".join(f"{reason} {count:,}" for reason, count in skipped.most_common())
        raise ConfigError(
            f"{file} holds no query{f' ({why})' if why else ''}, expected an entry a line",
            "`wit queries build --words FILE` reads words with their counts" if "control" in why else None,
        )
    return queries


def why_not(entry: str) -> str:
    """The reason for which an entry is left out, "" for one that may stand in a list."""
    if not entry or entry.isspace():
        return "blank"
    if len(entry) > MAX_ENTRY:
        return "too_long"
    return "control_characters" if _CONTROL.search(entry) else ""


def write(path: Path, queries: Iterable[Query]) -> None:
    """The file of these queries, whole or absent; the same bytes whatever their order."""
    rows = sorted(f"{query.entry}\t{query.source}\t{query.count}\n" for query in queries)
    rest = _HEADER + "".join(rows).encode()
    first = f"# wit queries {VERSION}, {len(rows)} entries, sha256 {hashlib.sha256(rest).hexdigest()}\n"
    storage.write_bytes(path, first.encode() + rest)


def digest(file: Path | str) -> str:
    """The sha256 that the first line of one of our files says, in hex; "" for a file of another format."""
    with remote.opened(str(file)) as opened:
        match = _FIRST_LINE.match(opened.read(200))
    return match[2].decode() if match else ""


def _ours(file: str, data: bytes) -> Iterator[Query]:
    first, _, rest = data.partition(b"\n")
    match = _FIRST_LINE.fullmatch(first)
    if not match:
        raise ConfigError(
            f"{file} begins with {first[:100].decode(errors='replace')!r}, expected a list of version {VERSION}",
            "write it anew with `wit queries build`",
        )
    if (found := hashlib.sha256(rest).hexdigest()) != match[2].decode():
        raise ConfigError(
            f"{file} has changed since it was written: the sha256 of its rows is {found[:12]}..., "
            f"its first line says {match[2][:12].decode()}...",
            _PLAIN,
        )
    rows = rest.decode("utf-8", "replace").split("\n")[1:-1]
    if len(rows) != int(match[1]):
        raise ConfigError(f"{file} has {len(rows):,} entries, its first line says {int(match[1]):,}", _PLAIN)
    for row in rows:
        entry, _, rest_of_row = row.partition("\t")
        source, _, count = rest_of_row.partition("\t")
        if not count.isdecimal():
            raise ConfigError(f"{file} has the row {row[:100]!r}, expected entry, source and count", _PLAIN)
        yield Query(entry, source, int(count))


def _unpacked(file: str, data: bytes) -> bytes:
    """What the file holds, where it is gzip or zstd by its first bytes; a byte more than MAX_BYTES at most."""
    packing = next((name for magic, name in _PACKINGS.items() if data.startswith(magic)), None)
    if packing is None:
        return data
    try:
        with pa.CompressedInputStream(pa.BufferReader(data), packing) as unpacked:
            return bytes(unpacked.read(MAX_BYTES + 1))
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(f"{file} begins like {packing} and cannot be unpacked: {error}") from None


def _metaclip(file: str, data: bytes) -> Iterator[str]:
    try:
        entries = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"{file} begins like JSON and is none: {error}") from error
    if not isinstance(entries, list):
        raise ConfigError(
            f'{file} holds one {type(entries).__name__}, expected a list of texts: ["cat", ...]'
        )
    for number, entry in enumerate(entries):
        if not isinstance(entry, str):
            raise ConfigError(f"item {number} of {file} is {entry!r:.100}, expected a text")
        yield entry


def _lines(data: bytes, skipped: Counter[str]) -> Iterator[str]:
    for line in data.removeprefix(b"\xef\xbb\xbf").splitlines():
        try:
            text = line.decode().strip(" ")
        except UnicodeDecodeError:
            skipped["not_utf8"] += 1
            continue
        yield text if _CONTROL.search(text) else fold(text)


def _counted(reason: str, skipped: Counter[str]) -> str:
    if reason:
        skipped[reason] += 1
    return reason


def _once(queries: Sequence[Query], settings: Queries, skipped: Counter[str]) -> Iterator[Query]:
    seen: set[tuple[str, str | None]] = set()
    kept: list[tuple[Query, str]] = []
    found = forms([query.entry for query in queries], settings.rule)
    for query, (words, cased) in zip(queries, found, strict=True):
        key = " ".join(words), cased if query.source in settings.exact_case else None
        if key in seen or not words:
            skipped["duplicate" if words else "no_word"] += 1
        else:
            seen.add(key)
            kept.append((query, cased))
    in_any_case = {cased for query, cased in kept if query.source not in settings.exact_case}
    for query, cased in kept:
        if query.source in settings.exact_case and cased in in_any_case:
            skipped["duplicate"] += 1
        else:
            yield query
