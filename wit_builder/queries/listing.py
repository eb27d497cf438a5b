"""Files of queries: our own, MetaCLIP's metadata.json, or plain text with an entry a line.

    # wit queries 1, 500000 entries, sha256 5891b5b5...
    entry	source	count
    a	words	1948812

Ours are sorted by entry, and the first line holds the sha256 of all that follows it, so that an edited or
damaged list is never taken for the one that a data set names.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import orjson

from wit_builder import storage
from wit_builder.errors import ConfigError
from wit_builder.queries.settings import Queries

VERSION = 1
HEADER = b"entry\tsource\tcount\n"
GIVEN = "given"  # the source of entries that stand in a recipe
_FIRST_LINE = re.compile(rb"# wit queries (\d+), (\d+) entries, sha256 ([0-9a-f]{64})\n")


@dataclass(frozen=True, slots=True)
class Query:
    """One entry of a list."""

    entry: str  # as it is shown; what is compared is its form under the rule
    source: str  # words, bigrams, titles, wordnet, metaclip, the name of a plain file, or given
    count: int  # how often it was seen, or views; 0 where the source does not say


def load(settings: Queries) -> list[Query]:
    """The queries that a recipe asks for, its files one behind the other; each entry once.

    Raises ConfigError as `read` does, and where a source of `exact_case` has no query.
    """
    if settings.entries:
        return list(_once(Query(entry, GIVEN, 0) for entry in settings.entries))
    queries = list(_once(query for path in settings.files for query in read(Path(path))))
    sources = {query.source for query in queries}
    if missing := set(settings.exact_case) - sources:
        raise ConfigError(
            f"Queries.exact_case names {min(missing)!r}, and the files have only {', '.join(sorted(sources))}"
        )
    return queries


def read(path: Path) -> list[Query]:
    """The queries of a file of any of the three formats, in its order.

    Raises ConfigError for a file that cannot be read, or that holds no query; one of ours that was changed
    since it was written; a JSON that is no list of texts.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if data.startswith(b"# wit queries "):
        return _ours(path, data)
    if data.lstrip()[:1] in (b"[", b"{"):
        return _metaclip(path, data)
    lines = data.decode("utf-8-sig", "replace").splitlines()
    return [Query(line.strip(), path.stem, 0) for line in lines if line.strip()]


def write(path: Path, queries: Iterable[Query]) -> None:
    """The file of these queries, whole or absent; the same bytes whatever their order."""
    rows = sorted(queries, key=lambda query: query.entry)
    lines = (f"{query.entry}\t{query.source}\t{query.count}\n" for query in rows)
    rest = HEADER + "".join(lines).encode()
    digest = hashlib.sha256(rest).hexdigest()
    first = f"# wit queries {VERSION}, {len(rows)} entries, sha256 {digest}\n"
    storage.write_bytes(path, first.encode() + rest)


def _ours(path: Path, data: bytes) -> list[Query]:
    first, rest = data.split(b"\n", 1)
    match = _FIRST_LINE.fullmatch(first + b"\n")
    if not match or hashlib.sha256(rest).hexdigest() != match[3].decode():
        raise ConfigError(f"{path} is not as `wit queries build` wrote it")
    rows = rest[len(HEADER) :].decode().split("\n")[:-1]
    return [Query(entry, source, int(count)) for entry, source, count in (row.split("\t") for row in rows)]


def _metaclip(path: Path, data: bytes) -> list[Query]:
    try:
        entries = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"{path} begins like JSON and is none: {error}") from error
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise ConfigError(f"{path} is no list of texts, as MetaCLIP's metadata.json is")
    return [Query(entry, "metaclip", 0) for entry in entries]


def _once(queries: Iterable[Query]) -> Iterable[Query]:
    first: dict[str, Query] = {}
    for query in queries:
        first.setdefault(query.entry, query)
    return first.values()
