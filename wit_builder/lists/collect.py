"""A list as a stage: one task for each slice of a file.

`collect` is the first stage of a build. `rows` is what `wit fetch` begins with: every row is an item there, and
keeps its number.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc

from wit_builder import storage
from wit_builder.engine.task import Task
from wit_builder.lists import files, parquet, texts
from wit_builder.lists.parts import written
from wit_builder.lists.rows import Judge, Rows, losses
from wit_builder.lists.slices import Slice
from wit_builder.records import CANDIDATE_SCHEMA, FAILURE_SCHEMA, LOSS_SCHEMA

ROWS_PER_PART = 200_000  # of a build: as many as a filter task goes through
CARRIED = b"carried"  # key in the metadata of parts of candidates: Arrow types of what `extra` holds


def collect(task: Task) -> None:
    """Reads one slice. A row without a URL or a caption that can be used is a loss.

    arg: Slice as JSON; params: carried (carried.schema_text), mask (of Extraction). Hands on `candidates`, parts
    of at most ROWS_PER_PART rows, and `losses` (parquet); counts the stage extract.
    """
    part = Slice.from_json(task.arg)
    judge = Judge(part.name, datetime.fromisoformat(part.at), texts=True, mask=task.params["mask"])
    schema = _schema(task)
    with written(task.new_file("losses", ".parquet"), LOSS_SCHEMA) as lose:
        for block, pieces in _blocks(part, part.first, part.end, ROWS_PER_PART):
            with written(task.new_file("candidates", f".{block:05d}.parquet"), schema) as keep:
                for rows in pieces:
                    kept, failed = judge(rows)
                    keep(kept)
                    lose(losses(failed))
                    _count(task, kept, failed)


def rows(task: Task) -> None:
    """Reads one slice, of which every row is an item: its id is the file's number and the row's, in hex.

    arg: Slice as JSON; params: rows_per_part, and carried, if any. A row without caption has caption "".
    Hands on `candidates` and `failures` (FAILURE_SCHEMA), part k of the one beside part k of the other: the
    rows of one block of rows_per_part rows of one file, in order; and `counts`, JSON {number, file, rows}:
    of the parts of a file the largest `rows` is how many the file has.

    A slice that begins within a block leaves it to the one before, which reads on to the block's end.
    """
    part, size = Slice.from_json(task.arg), task.params["rows_per_part"]
    judge = Judge(
        part.name,
        datetime.fromisoformat(part.at),
        texts=False,
        id_of=lambda number: f"{part.number:08x}{number:024x}",
    )
    schema, last = _schema(task), -1
    begin, end = _up(part.first, size), None if part.end is None else _up(part.end, size)
    for block, pieces in _blocks(part, begin, end, size):
        with (
            written(task.new_file("candidates", f".{block:09d}.parquet"), schema) as keep,
            written(task.new_file("failures", f".{block:09d}.parquet"), FAILURE_SCHEMA) as fail,
        ):
            for piece in pieces:
                kept, failed = judge(piece)
                keep(kept)
                fail(failed)
                _count(task, kept, failed)
                last = piece.last
    counts = {"number": part.number, "file": part.source.url, "rows": part.end or last + 1}
    storage.write_json(task.new_file("counts", ".json"), counts)


def _up(row: int, size: int) -> int:
    """The first row of the next block, or of this one where it is the first."""
    return -(-row // size) * size


def _schema(task: Task) -> pa.Schema:
    carried = task.params.get("carried")
    return CANDIDATE_SCHEMA.with_metadata({CARRIED: carried}) if carried else CANDIDATE_SCHEMA


def _blocks(part: Slice, begin: int, end: int | None, size: int) -> Iterator[tuple[int, Iterator[Rows]]]:
    """The rows by blocks of `size` row numbers."""
    for block, numbered in groupby(_pieces(read(part, begin, end), size), lambda piece: piece[0]):
        yield block, (piece for _, piece in numbered)


def read(part: Slice, begin: int, end: int | None) -> Iterator[Rows]:
    """The slice's rows from `begin` to before `end`; of text formats all of them."""
    with files.opened(part.source) as file:
        if part.format == "parquet":
            yield from parquet.read(file, part, begin, end)
        else:
            yield from texts.read(file, part)


def _pieces(batches: Iterator[Rows], size: int) -> Iterator[tuple[int, Rows]]:
    for rest in batches:
        while rest:
            block = rest.first // size
            piece, rest = rest.split((block + 1) * size)
            yield block, piece


def _count(task: Task, kept: pa.Table, failed: pa.Table) -> None:
    counts = task.funnel["extract"]
    counts.kept += kept.num_rows
    found = pc.value_counts(failed.column("reason")).to_pylist()
    counts.dropped.update(Counter({row["values"]: row["counts"] for row in found}))
    lost = {f"lost {reason}": n for reason, n in counts.dropped.items()}
    task.report({"done": counts.seen, "kept": counts.kept} | lost)
