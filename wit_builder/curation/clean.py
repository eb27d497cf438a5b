"""Which samples stay? Filters that see the picture, then one of each image, then one of each near-duplicate.

Three stages: `judge` over the fetched samples, shuffled by sha256; `exact` over partitions of sha256; `near`,
one task over the perceptual hashes of all that is left.

`incumbents` are samples published before (a retry adds to a finished build): they are never dropped, and
what duplicates them is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wit_builder.curation import near, survivor, tables
from wit_builder.curation.semantic import Semantic
from wit_builder.engine import columns, shuffle
from wit_builder.engine.task import Task
from wit_builder.errors import ConfigError
from wit_builder.records import SAMPLE_SCHEMA, Sample, samples
from wit_builder.shards import staged

BATCH = 8_192  # rows in memory as records at a time
INCUMBENT_COLUMNS = ["id", "sha256", "phash"]

_RULE = ["id", "original_width", "original_height", "text_source"]  # what survivors are chosen by


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What counts as the same image twice.

    radius: PDQ bits, 0 to 255, in which two pictures may differ and still be one; None keeps near-duplicates.
        31 is the value PDQ's authors advise.
    placeholder_captions: an image (by its bytes) under at least so many different captions shows none of
        them ("image not available") and is dropped altogether. OBELICS drops image URLs seen more than 10
        times.
    semantic: pictures that show the same are one, see semantic.py; None keeps them.
    """

    radius: int | None = 31
    placeholder_captions: int = 10
    semantic: Semantic | None = None

    def __post_init__(self) -> None:
        if self.radius is not None and not 0 <= self.radius <= 255:
            raise ConfigError(f"Duplicates.radius is {self.radius}; PDQ hashes differ in 0 to 255 bits")
        if self.placeholder_captions < 2:
            raise ConfigError(f"Duplicates.placeholder_captions is {self.placeholder_captions}, below 2")


def judge(task: Task) -> None:
    """Applies the sample filters.

    arg: {samples: [parquet path]}; params: filters, partitions (of sha256), staged (folder that Sample.tar is
    relative to).
    Hands on `samples` (a shuffle file by sha256) and `losses`.
    """
    folder, rules = Path(task.params["staged"]), task.params["filters"]
    kept, losses = [SAMPLE_SCHEMA.empty_table()], []
    for path in task.arg["samples"]:
        for batch in pq.ParquetFile(path).iter_batches(BATCH):
            rows = pa.table(batch)
            survivors, dropped = tables.judged(rows, samples(rows), rules, "clean", partial(_image, folder))
            kept.append(survivors)
            losses.append(dropped)
    table = pa.concat_tables(kept)
    partitions = task.params["partitions"]
    part_of = shuffle.partition_of(table.column("sha256").to_pylist(), partitions)
    shuffle.write(task.new_file("samples", ".shuffle"), table, part_of, partitions)
    tables.hand_on_losses(task, "clean", losses)


def _image(folder: Path, sample: Sample) -> bytes:
    return staged.image(folder, sample.tar, sample.offset, sample.length)


def exact(task: Task) -> None:
    """One of each image by sha256 of its bytes; placeholders go altogether.

    arg: partition; params: inputs, partitions, duplicates, incumbents.
    Hands on `samples` (parquet) and `losses`.
    """
    inputs = [Path(path) for path in task.params["inputs"]]
    table = shuffle.read(inputs, task.arg, task.params["partitions"], SAMPLE_SCHEMA)
    sha = columns.fixed(table.column("sha256"), 64)
    head = survivor.heads(survivor.by_rule(sha, *_rule(table)), sha)
    placeholder = _placeholders(table, sha, head, task.params["duplicates"].placeholder_captions)
    known = _known(task.params["incumbents"], table.column("sha256"))
    published = np.asarray(pc.is_in(table.column("sha256"), known.column("sha256")))
    gone = placeholder | published | (head != np.arange(len(head)))
    dropped = table.filter(columns.mask(gone))
    first = columns.pick(table.column("id"), head[gone])
    reasons = np.where(placeholder[gone], "placeholder", "duplicate_image").tolist()
    losses = tables.losses_of(dropped, "clean", reasons, _whose(dropped.column("sha256"), first, known))
    tables.write_parquet(task.new_file("samples", ".parquet"), table.filter(columns.mask(~gone)))
    tables.hand_on_losses(task, "clean", [losses])


def similar(task: Task) -> None:
    """One of each connected group of near-duplicates.

    arg: {samples: [parquet path]}; params: duplicates, incumbents.
    Hands on `dropped` (parquet of ids, sorted) and `losses`; counts what the whole clean step kept.
    """
    table = _read(task.arg["samples"], [*_RULE, "phash"])
    incumbents = _incumbents(task.params["incumbents"])
    radius = task.params["duplicates"].radius
    head = np.arange(table.num_rows)
    if radius is not None:
        strength = survivor.by_rule(*_rule(table))
        hashes, published = (near.bits(rows.column("phash")) for rows in (table, incumbents))
        head = near.heads(hashes, strength, published, radius)
    gone = np.flatnonzero(head != np.arange(len(head)))
    everyone = pa.chunked_array([*table.column("id").chunks, *incumbents.column("id").chunks], pa.string())
    dropped = pa.table({"id": columns.pick(table.column("id"), gone)})
    group = columns.pick(everyone, head[gone])
    evidence = pc.binary_join_element_wise(f"within {radius} bits of the group of", group, " ")
    lost = _texts_of(task.arg["samples"], dropped.append_column("evidence", evidence))
    losses = tables.losses_of(lost, "clean", "near_duplicate", lost.column("evidence"))
    tables.write_parquet(task.new_file("dropped", ".parquet"), dropped.sort_by("id"))
    tables.hand_on_losses(task, "clean", [losses])
    task.funnel["clean"].kept += table.num_rows - len(gone)


def _rule(table: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bytes_]]:
    """Columns that order duplicates, strongest first: area, text source, id (survivor.py)."""
    area = np.asarray(table.column("original_width")) * np.asarray(table.column("original_height"))
    return -area, survivor.text_rank(table.column("text_source")), columns.fixed(table.column("id"), 32)


def _placeholders(
    table: pa.Table, sha: NDArray[np.bytes_], head: NDArray[np.int64], captions: int
) -> NDArray[np.bool_]:
    """Which rows are of an image under at least so many captions."""
    often = np.bincount(head, minlength=len(head))[head] >= captions
    rows = table.select(["sha256", "caption"]).filter(columns.mask(often))
    counts = rows.group_by("sha256").aggregate([("caption", "count_distinct")])
    found = counts.filter(pc.greater_equal(counts.column("caption_count_distinct"), captions))
    return np.isin(sha, columns.fixed(found.column("sha256"), 64))


def _whose(sha: pa.ChunkedArray, first: pa.ChunkedArray, known: pa.Table) -> pa.ChunkedArray:
    """Evidence: which image it is, and the published sample, else the one of this build, that it repeats."""
    published = known.column("id").take(pc.index_in(sha, known.column("sha256")))
    start = pc.utf8_slice_codeunits(sha, 0, 16)
    return pc.binary_join_element_wise("sha256 ", start, ", first is ", pc.coalesce(published, first), "")


def _known(path: str | None, sha: pa.ChunkedArray) -> pa.Table:
    """The incumbents with one of these hashes."""
    if path is None:
        return _incumbents(None)
    batches = pq.ParquetFile(path).iter_batches(columns=INCUMBENT_COLUMNS)
    found = [pa.table(batch).filter(pc.is_in(batch.column("sha256"), sha)) for batch in batches]
    return pa.concat_tables([_incumbents(None), *found])


def _incumbents(path: str | None) -> pa.Table:
    if path is None:
        return pa.schema([(name, pa.string()) for name in INCUMBENT_COLUMNS]).empty_table()
    return pq.read_table(path, columns=INCUMBENT_COLUMNS)


def _read(paths: Iterable[str], names: list[str]) -> pa.Table:
    empty = pa.schema([SAMPLE_SCHEMA.field(name) for name in names]).empty_table()
    return pa.concat_tables([empty, *(pq.read_table(path, columns=names) for path in paths)])


def _texts_of(paths: Iterable[str], rows: pa.Table) -> pa.Table:
    """The rows, which have an id, with their url and caption; these few are read only now."""
    found = [_read([], ["id", "url", "caption"])]
    for path in paths:
        table = pq.read_table(path, columns=["id", "url", "caption"])
        found.append(table.filter(pc.is_in(table.column("id"), rows.column("id"))))
    return pa.concat_tables(found).join(rows, "id").sort_by("id")
