"""Reads lists. A line that cannot be read refuses the whole list: passed over, it would let in what it names.

Text, one entry a line; `#` at its start or behind a blank begins a comment. A line of hashes may have other
columns (quality, id, file name), with commas, semicolons, tabs or blanks between, and one of its columns is a
hash; a first line of column names is known. UTF-8, also as .gz.

Parquet, such as an audit's exclude.parquet: the entries are the column sha256, pdq, url or domain, whichever the list
is said to be of; a row without one is passed over. Tombstones are parquet of their own (tombstones.py).
"""

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder import remote
from wit_builder.blocklist import tombstones
from wit_builder.blocklist.entries import EXPECTED, SCHEMA, Kind, uncommented, value_of
from wit_builder.blocklist.settings import Blocklist
from wit_builder.errors import ConfigError

MAX_LINE = 64 << 10  # bytes
MAX_ENTRIES = 50_000_000  # of one list: 3.2 GB in memory

_ROWS = 65_536
_ENDINGS = (".txt", ".csv", ".tsv", ".gz", ".parquet")
_BETWEEN = re.compile(r"[,;\s]+")
_HASH = re.compile(r"[0-9a-fA-F]{64}")
_HEADERS = {
    "sha256": {"sha256", "hash", "sha256_hash"},
    "pdq": {"pdq", "hash", "pdq_hash", "phash"},
}  # names of a hash's column


def read(lists: Blocklist) -> pa.Table:
    """All entries, with entries.SCHEMA's columns.

    Raises ConfigError that names file and line of the first that cannot be read, and a list without any.
    """
    kinds: tuple[tuple[Kind, tuple[str, ...]], ...] = (
        ("sha256", lists.sha256),
        ("pdq", lists.pdq),
        ("url", lists.urls),
        ("domain", lists.domains),
    )
    tables = [SCHEMA.empty_table()]
    for kind, words in kinds:
        radius = lists.pdq_radius if kind == "pdq" else None
        tables += [_of_file(kind, radius, file.url) for file in remote.expand(words, _ENDINGS)]
    files = remote.expand(lists.tombstones, (".parquet",))
    tables += [tombstones.as_list(file.url, tombstones.read(file.url)) for file in files]
    return pa.concat_tables(tables)


def _of_file(kind: Kind, radius: int | None, url: str) -> pa.Table:
    with remote.opened(url) as file:
        lines = _rows_of(kind, url, file) if url.lower().endswith(".parquet") else _lines(kind, url, file)
        pieces = list(_values(kind, url, lines))
    values = pa.chunked_array(pieces, pa.string())
    if not len(values):
        raise ConfigError(f"{url} lists nothing", "leave it out, or put back the list that it was")
    count = len(values)
    return pa.table(
        [
            pa.repeat(kind, count),
            values,
            pa.repeat(pa.scalar(radius, pa.int32()), count),
            pa.repeat(PurePosixPath(url).name, count),
        ],
        schema=SCHEMA,
    )


def _values(kind: Kind, url: str, words: Iterable[tuple[str, str]]) -> Iterator[pa.Array]:
    """The values of these words, each with its place in the file; many at a time."""
    some: list[str] = []
    total = 0
    for place, word in words:
        try:
            some.append(value_of(kind, word))
        except ConfigError as error:
            raise ConfigError(f"{url}, {place}: {error}", _hint(kind)) from error
        if len(some) == _ROWS:
            total += len(some)
            yield pa.array(some, pa.string())
            some = []
        if total > MAX_ENTRIES:
            raise ConfigError(f"{url} has more than {MAX_ENTRIES} entries", "split it into several files")
    yield pa.array(some, pa.string())


def _word(kind: Kind, line: str, number: int) -> str | None:
    """What of the line is the entry; None where it has none. The line itself where it cannot be told."""
    if not line:
        return None
    if kind not in _HEADERS or _HASH.fullmatch(line):
        return line
    columns = [column.strip("\"'") for column in _BETWEEN.split(line)]
    hashes = [column for column in columns if _HASH.fullmatch(column)]
    if len(hashes) == 1:
        return hashes[0]
    is_header = number == 1 and not hashes and _HEADERS[kind].intersection(map(str.lower, columns))
    return None if is_header else line


def _rows_of(kind: Kind, url: str, file: BinaryIO) -> Iterator[tuple[str, str]]:
    """The entries of a parquet file's column, without those that are null."""
    try:
        rows = pq.ParquetFile(file, pre_buffer=False).read(columns=[kind], use_threads=False)
        column = rows.column(kind).cast(pa.string())
    except (pa.ArrowException, KeyError, OSError, ValueError) as error:
        raise ConfigError(
            f"{url} has no column {kind} of texts that can be read", f"a parquet file with the column {kind}"
        ) from error
    return ((f"row {row}", word) for row, word in enumerate(column.to_pylist()) if word)


def _lines(kind: Kind, url: str, file: BinaryIO) -> Iterator[tuple[str, str]]:
    """The entries of a text."""
    for number, line in _numbered(url, file):
        word = _word(kind, line, number)
        if word is not None:
            yield f"line {number}", word


def _numbered(url: str, file: BinaryIO) -> Iterator[tuple[int, str]]:
    """Each line with its number from 1, without its comment and blanks around it."""
    for number, raw in enumerate(_raw_lines(url, file), 1):
        if len(raw) > MAX_LINE:
            raise ConfigError(f"{url}, line {number} is longer than {MAX_LINE} bytes; an entry is a line")
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ConfigError(f"{url}, line {number} is not UTF-8: {error}") from error
        yield number, uncommented(line)


def _raw_lines(url: str, file: BinaryIO) -> Iterable[bytes]:
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    lines: BinaryIO = gzip.GzipFile(fileobj=file) if packed else file  # type: ignore[assignment]
    try:
        while line := lines.readline(MAX_LINE + 1):
            yield line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ConfigError(f"{url} is cut or damaged: {error}", "get it anew") from error


def _hint(kind: Kind) -> str:
    return f"mend or remove that line; each holds one {EXPECTED[kind]}, # begins a comment"
