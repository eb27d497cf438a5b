"""A look at one file of a list: its columns, and whether it holds a row. Only its footer or first rows are read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import pyarrow as pa

from wit_builder import remote
from wit_builder.errors import ConfigError, Dropped
from wit_builder.lists import carried, delimited, parquet, texts
from wit_builder.lists.files import Opened, chunks
from wit_builder.lists.lines import Broken
from wit_builder.remote import Source

SAMPLE = 1_000  # objects of a JSON file that say which columns there are, and of which types
MAX_COLUMNS = 4_096

_NO_LISTS = {
    b"PAR1": "a parquet file",
    b"PK\x03\x04": "a zip archive",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"%PDF": "a PDF",
}
_PAGES = (b"<!doctype html", b"<html", b"<?xml")
_BY_COLUMNS = re.compile(rb'\s*\{\s*"[^"]*"\s*:\s*\{\s*"0"\s*:')  # as pandas' to_json() has it


@dataclass(frozen=True, slots=True)
class Look:
    """What it tells."""

    source: Source
    schema: pa.Schema  # the columns, as they lie; of text formats, texts
    groups: tuple[int, ...] | None  # rows of each row group; (0,) for no row, None where it is not known
    header: bool = False  # whether the first row of a csv or tsv names the columns


def look(source: Source, format: str) -> Look:
    """Look at the file. Raises ConfigError when it cannot be read, or is not of that format."""
    with remote.opened(source.url) as raw:
        file = Opened(raw, source.url)
        try:
            found = _looked(file, source, format)
        except Exception as error:
            if error is not file.failed:
                raise
            raise ConfigError(f"{source.url} cannot be read: {type(error).__name__}: {error}") from error
    if len(found.schema.names) > MAX_COLUMNS:
        raise ConfigError(f"{source.url} has {len(found.schema.names):,} columns, {MAX_COLUMNS:,} at most")
    return found


def _looked(file: Opened, source: Source, format: str) -> Look:
    if format == "parquet":
        schema, groups = parquet.footer(file)
        return Look(source, schema, tuple(groups))
    first: list[Any] = []
    try:
        first += islice(texts.records(format, _text(file, format)), SAMPLE)
    except Dropped as damage:
        if not first:
            raise _no_list(source.url, format, damage.evidence) from damage
    if format == "txt":
        return Look(source, pa.schema([("url", pa.string())]), None if first else (0,))
    return (_of_objects if format in ("json", "jsonl") else _of_cells)(source, format, first)


def _text(file: Opened, format: str) -> Iterator[bytes]:
    """The file's text, unless it begins as something else does."""
    text = chunks(file)
    head = next(text, b"")
    what = next((what for magic, what in _NO_LISTS.items() if head.startswith(magic)), None)
    if head[:1_000].lstrip().lower().startswith(_PAGES):
        what = "a web page"
    if what is not None:
        raise ConfigError(f"{file.url} is {what}, expected {format}")
    if format in ("json", "jsonl") and _BY_COLUMNS.match(head):
        raise ConfigError(
            f"{file.url} has an object for each column, expected one for each row",
            'of pandas: to_json("list.json", orient="records")',
        )
    return chain([head], text)


def _of_cells(source: Source, format: str, rows: list[Any]) -> Look:
    """A row with an address is no header: then the columns are named as CC3M's and CC12M's files need it."""
    if not rows:
        raise _no_list(source.url, format, "it is empty, expected a row that names the columns")
    if isinstance(rows[0], Broken):
        raise _no_list(source.url, format, f"its first row is {rows[0].evidence}")
    cells = [cell.strip() for cell in rows[0]]
    names = [cell or f"column_{i}" for i, cell in enumerate(cells, 1)]
    header = not any(map(delimited.is_address, cells))
    if not header:
        names = [f"column_{i}" for i in range(1, len(cells) + 1)]
        at = next(i for i, cell in enumerate(cells) if delimited.is_address(cell))
        names[at] = "url"
        if len(names) == 2:
            names[1 - at] = "caption"
    schema = pa.schema([(name, pa.string()) for name in names])
    return Look(source, schema, None if rows[header:] else (0,), header)


def _of_objects(source: Source, format: str, found: list[Any]) -> Look:
    objects = [it for it in found if not isinstance(it, Broken)]
    if found and not objects:
        raise _no_list(source.url, format, found[0].evidence)
    names = dict.fromkeys(name for it in objects for name in it)
    schema = pa.schema([(name, carried.kind_of([it.get(name) for it in objects])) for name in names])
    return Look(source, schema, None if objects else (0,))


def _no_list(file: str, format: str, why: str) -> ConfigError:
    other = {"json": "jsonl", "jsonl": "json"}.get(format)
    return ConfigError(f"{file} is no readable {format}: {why}", f"--input-format {other}" if other else None)
