"""Rows out of a text file (csv, tsv, json, jsonl, txt), some thousand at a time, however long it is."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from wit_builder.errors import Dropped
from wit_builder.lists import carried, delimited, objects
from wit_builder.lists.files import Opened, chunks
from wit_builder.lists.lines import Broken, lines
from wit_builder.lists.rows import Rows, Why
from wit_builder.lists.slices import Slice

BATCH_ROWS = 4_096
BATCH_BYTES = 32 << 20  # of text in a batch

Record = Any  # cells, an object, or the address itself


def records(
    format: str, text: Iterable[bytes], width: int | None = None, url: int = 0
) -> Iterator[Record | Broken]:
    """The records of a text in that format. width, url: as delimited.rows wants them."""
    if format == "json":
        return objects.of_array(text)
    if format == "jsonl":
        return objects.of_lines(lines(text))
    if format == "txt":
        return (line for raw in lines(text) if (line := raw if isinstance(raw, Broken) else raw.strip()))
    return delimited.rows(lines(text), delimited.DELIMITERS[format], width, url)


def read(file: Opened, part: Slice) -> Iterator[Rows]:
    """All rows, in batches. What follows a damage in the file is one bad row (reason damaged)."""
    text = _Counted(chunks(file))
    at = part.cells.index(part.url) if part.cells else 0
    found = records(part.format, text, len(part.cells) or None, at)
    number = 0
    damage = None
    if part.header:
        next(found, None)
    while damage is None:
        batch, damage = _batch(found, text)
        if not batch and damage is None:
            return
        rows = _rows(batch, part, number)
        number += len(batch)
        if damage is not None:
            rows.bad[number] = ("damaged", f"row {number} and all that follow: {damage.evidence}")
        yield rows


class _Counted:
    """Chunks of which the bytes are counted."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.bytes += len(chunk)
            yield chunk


def _batch(found: Iterator[Record | Broken], text: _Counted) -> tuple[list[Record | Broken], Dropped | None]:
    batch: list[Record | Broken] = []
    until = text.bytes + BATCH_BYTES
    try:
        while len(batch) < BATCH_ROWS and text.bytes < until:
            before = len(batch)
            batch += islice(found, 64)
            if len(batch) == before:
                break
    except Dropped as damage:
        return batch, damage
    return batch, None


def _rows(batch: Sequence[Record | Broken], part: Slice, first: int) -> Rows:
    bad = {first + i: ("bad_row", it.evidence) for i, it in enumerate(batch) if isinstance(it, Broken)}
    numbers = [n for n in range(first, first + len(batch)) if n not in bad]
    good: list[Any] = [batch[n - first] for n in numbers]
    if part.format == "txt":
        return Rows(numbers, good, [""] * len(good), [b""] * len(good), bad)
    if part.cells:
        return _of_cells(good, numbers, part, bad)
    return _of_objects(good, numbers, part, bad)


def _of_cells(good: Sequence[list[str]], numbers: list[int], part: Slice, bad: dict[int, Why]) -> Rows:
    columns = (
        dict(zip(part.cells, zip(*good, strict=True), strict=True)) if good else dict.fromkeys(part.cells, ())
    )
    extra = {key: columns[name] for name, key in part.extra.items()}
    captions = columns[part.caption] if part.caption else [""] * len(good)
    return Rows(numbers, list(columns[part.url]), list(captions), carried.objects(extra, len(good)), bad)


def _of_objects(good: Sequence[dict[str, Any]], numbers: list[int], part: Slice, bad: dict[int, Why]) -> Rows:
    """A value that could not come back as its column's type makes its row a bad one."""
    columns = {}
    types = carried.schema_of(part.types)
    for name, key in part.extra.items():
        kind = types.field(key).type
        columns[key], misfits = carried.fitted([row.get(name) for row in good], kind)
        for i in misfits:
            bad[numbers[i]] = ("bad_row", f"{name} is {str(good[i][name])[:200]}, expected {kind}")
    fit = [i for i, number in enumerate(numbers) if number not in bad]
    extra = {key: [values[i] for i in fit] for key, values in columns.items()}
    return Rows(
        [numbers[i] for i in fit],
        [good[i].get(part.url) for i in fit],
        [good[i].get(part.caption) for i in fit] if part.caption else [""] * len(fit),
        carried.objects(extra, len(fit)),
        bad,
    )
