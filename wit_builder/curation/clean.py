"""Which samples stay? Filters that see the picture, then one of each image, then one of each near-duplicate.

Three stages: `judge` over the fetched samples, shuffled by sha256; `exact` over partitions of sha256; `near`,
one task over the perceptual hashes of all that is left.

`incumbents` are samples published before (a retry adds to a finished build): they are never dropped, and
what duplicates them is.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wit_builder import filtering
from wit_builder.curation import near, survivor, tables
from wit_builder.engine import shuffle
from wit_builder.engine.task import Task
from wit_builder.errors import ConfigError
from wit_builder.records import SAMPLE_SCHEMA, Loss, Sample, samples, to_table

BATCH = 8_192  # rows in memory as records at a time
INCUMBENT_COLUMNS = ["id", "sha256", "phash", "phash_quality"]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What counts as the same image twice.

    radius: PDQ bits, 0 to 255, in which two pictures may differ and still be one; None keeps near-duplicates.
        31 is the value PDQ's authors advise.
    placeholder_captions: an image (by its bytes) under at least so many different captions shows none of
        them ("image not available") and is dropped altogether. OBELICS drops image URLs seen more than 10
        times.
    """

    radius: int | None = 31
    placeholder_captions: int = 10

    def __post_init__(self) -> None:
        if self.radius is not None and not 0 <= self.radius <= 255:
            raise ConfigError(f"Duplicates.radius is {self.radius}; PDQ hashes differ in 0 to 255 bits")
        if self.placeholder_captions < 2:
            raise ConfigError(f"Duplicates.placeholder_captions is {self.placeholder_captions}, below 2")


def judge(task: Task) -> None:
    """Applies the sample filters.

    arg: {samples: [parquet path]}; params: filters, partitions (of sha256).
    Hands on `samples` (a shuffle file by sha256) and `losses`.
    """
    kept: list[pa.Table] = []
    losses: list[Loss] = []
    now = datetime.now(UTC)
    for path in task.arg["samples"]:
        for batch in pq.ParquetFile(path).iter_batches(BATCH):
            survivors = []
            for item in samples(batch):
                verdict = filtering.judge(item, task.params["filters"])
                if verdict.reason is None:
                    survivors.append(item)
                else:
                    losses.append(_loss(item, verdict.reason, verdict.evidence, now))
            kept.append(to_table(survivors, SAMPLE_SCHEMA))
    table = pa.concat_tables(kept) if kept else SAMPLE_SCHEMA.empty_table()
    partitions = task.params["partitions"]
    part_of = shuffle.partition_of(table.column("sha256").to_pylist(), partitions)
    shuffle.write(task.new_file("samples", ".shuffle"), table, part_of, partitions)
    _hand_on_losses(task, losses)


def exact(task: Task) -> None:
    """One of each image by sha256 of its bytes; placeholders go altogether.

    arg: partition; params: inputs, partitions, duplicates, incumbents.
    Hands on `samples` (parquet) and `losses`.
    """
    table = shuffle.read(
        [Path(path) for path in task.params["inputs"]], task.arg, task.params["partitions"], SAMPLE_SCHEMA
    )
    sha = tables.ascii_column(table.column("sha256"), 64)
    placeholder = _placeholders(table, task.params["duplicates"].placeholder_captions)
    order = survivor.by_rule(sha, *_rule(table))
    head = survivor.heads(order, sha)
    known = _known_images(task.params["incumbents"])
    reasons = [
        _exact_reason(row, int(head[row]), sha[row].decode(), placeholder, known)
        for row in range(table.num_rows)
    ]
    lost = [row for row, reason in enumerate(reasons) if reason]
    kept = [row for row, reason in enumerate(reasons) if not reason]
    ids = table.column("id")
    evidence = [
        f"sha256 {sha[row].decode()[:16]}, first is {known.get(sha[row].decode()) or ids[int(head[row])].as_py()}"
        for row in lost
    ]
    tables.write_parquet(task.new_file("samples", ".parquet"), table.take(pa.array(kept, pa.int64())))
    dropped = table.take(pa.array(lost, pa.int64()))
    _hand_on_losses(task, tables.losses_of(dropped, "clean", [reasons[row] or "" for row in lost], evidence))


def similar(task: Task) -> None:
    """One of each connected group of near-duplicates.

    arg: {samples: [parquet path]}; params: duplicates, incumbents.
    Hands on `dropped` (parquet of ids, sorted) and `losses`; counts what the whole clean step kept.
    """
    paths = [Path(path) for path in task.arg["samples"]]
    table = _read(
        paths, ["id", "url", "caption", "phash", "original_width", "original_height", "text_source"]
    )
    incumbents = _incumbents(task.params["incumbents"])
    radius = task.params["duplicates"].radius
    head = np.arange(table.num_rows)
    if radius is not None:
        strength = survivor.by_rule(*_rule(table))
        head = near.heads(
            near.bits(table.column("phash")), strength, near.bits(incumbents.column("phash")), radius
        )
    lost = np.flatnonzero(head != np.arange(table.num_rows))
    everyone = [*table.column("id").to_pylist(), *incumbents.column("id").to_pylist()]
    dropped = table.take(pa.array(lost))
    losses = tables.losses_of(
        dropped,
        "clean",
        ["near_duplicate"] * len(lost),
        [f"within {radius} bits of the group of {everyone[h]}" for h in head[lost].tolist()],
    )
    tables.write_parquet(task.new_file("dropped", ".parquet"), dropped.select(["id"]).sort_by("id"))
    _hand_on_losses(task, losses)
    task.funnel["clean"].kept += table.num_rows - len(lost)


def _rule(table: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bytes_]]:
    """Columns that order duplicates, strongest first: area, text source, id (survivor.py)."""
    area = np.asarray(table.column("original_width")) * np.asarray(table.column("original_height"))
    return -area, survivor.text_rank(table.column("text_source")), tables.ascii_column(table.column("id"), 32)


def _placeholders(table: pa.Table, captions: int) -> set[str]:
    seen: dict[str, set[str]] = defaultdict(set)
    for sha, caption in zip(
        table.column("sha256").to_pylist(), table.column("caption").to_pylist(), strict=True
    ):
        seen[sha].add(caption)
    return {sha for sha, texts in seen.items() if len(texts) >= captions}


def _exact_reason(row: int, head: int, sha: str, placeholders: set[str], known: dict[str, str]) -> str | None:
    if sha in placeholders:
        return "placeholder"
    return "duplicate_image" if head != row or sha in known else None


def _known_images(path: str | None) -> dict[str, str]:
    table = _incumbents(path)
    return dict(zip(table.column("sha256").to_pylist(), table.column("id").to_pylist(), strict=True))


def _incumbents(path: str | None) -> pa.Table:
    if path is None:
        return pa.schema([SAMPLE_SCHEMA.field(name) for name in INCUMBENT_COLUMNS]).empty_table()
    return pq.read_table(path, columns=INCUMBENT_COLUMNS)


def _read(paths: list[Path], columns: list[str]) -> pa.Table:
    return pa.concat_tables([pq.read_table(path, columns=columns) for path in paths])


def _loss(item: Sample, reason: str, evidence: str, at: datetime) -> Loss:
    return Loss(item.id, "clean", reason, item.url, item.caption, evidence, at)


def _hand_on_losses(task: Task, losses: list[Loss]) -> None:
    for loss in losses:
        task.funnel["clean"].drop(loss.reason)
    tables.write_losses(task.new_file("losses", ".parquet"), losses)
