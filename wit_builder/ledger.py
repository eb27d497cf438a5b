"""What became of every item: counts per stage (the funnel), and the dropped ones as parquet (the ledger)."""

import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wit_builder import parquet, storage
from wit_builder.mirror import here
from wit_builder.records import LOSS_SCHEMA

ROW_GROUP = 65_536

STAGES = ("pages", "extract", "select", "fetch", "clean")  # in the order an item meets them


@dataclass(slots=True)
class StageCount:
    """How many items one stage kept, and how many it dropped for each reason."""

    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def seen(self) -> int:
        """Kept plus dropped: no item is anything else."""
        return self.kept + self.dropped.total()

    def drop(self, reason: str, n: int = 1) -> None:
        """Count n items dropped for that reason."""
        self.dropped[reason] += n


class Funnel:
    """Counts of all stages; adds up over tasks, and is what `funnel.json` holds."""

    def __init__(self) -> None:
        self._stages: dict[str, StageCount] = {}

    def __getitem__(self, stage: str) -> StageCount:
        if stage not in STAGES:
            raise KeyError(f"{stage!r} is no stage of the funnel; those are {', '.join(STAGES)}")
        return self._stages.setdefault(stage, StageCount())

    def __iter__(self) -> Iterator[str]:
        return (stage for stage in STAGES if stage in self._stages)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Funnel) and self.as_json() == other.as_json()

    __hash__ = None  # type: ignore[assignment]  # it counts on

    def add(self, other: "Funnel") -> None:
        """Add another funnel's counts to this one."""
        for stage in other:
            self[stage].kept += other[stage].kept
            self[stage].dropped.update(other[stage].dropped)

    def as_json(self) -> dict[str, Any]:
        """{stage: {seen, kept, dropped: {reason: n}}}, reasons by falling count."""
        return {
            stage: {
                "seen": self[stage].seen,
                "kept": self[stage].kept,
                "dropped": dict(sorted(self[stage].dropped.items(), key=lambda item: (-item[1], item[0]))),
            }
            for stage in self
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `as_json`."""
        funnel = cls()
        for stage, counts in value.items():
            funnel[stage].kept = counts["kept"]
            funnel[stage].dropped.update(counts["dropped"])
        return funnel


# The ledger on disk: OUT/ledger/stage=NAME/part-00000.parquet. The stage stands in the folder's name and not
# in the file, so that `pandas.read_parquet("OUT/ledger")` and pyarrow, duckdb or polars read it as one table.

FILE_SCHEMA = pa.schema([field_ for field_ in LOSS_SCHEMA if field_.name != "stage"])
PART_ROWS = 1_000_000


def write(out: Path, losses: Iterable[pa.Table]) -> None:
    """Write OUT/ledger from tables of LOSS_SCHEMA, replacing what was there when all is written.

    `losses` may read the old ledger. Raises BuildError for a full, read-only or forbidden disk.
    """
    restore(out)
    folder, new, old = _folders(out)
    with storage.plain_errors(folder):
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        try:
            with _Parts(new) as parts:
                for table in losses:
                    for stage in pc.unique(table.column("stage")).to_pylist():
                        parts.add(stage, table.filter(pc.equal(table.column("stage"), stage)))
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        _swap(folder, new, old)


def restore(out: Path) -> None:
    """Take the old ledger back where a kill came between the two renames of `write`."""
    folder, _, old = _folders(out)
    if old.exists() and not folder.exists():
        with storage.plain_errors(folder):
            old.rename(folder)


def tables(paths: Iterable[Path]) -> Iterator[pa.Table]:
    """The rows of parquet files of LOSS_SCHEMA, a row group at a time."""
    for path in paths:
        for batch in pq.ParquetFile(here(path)).iter_batches(ROW_GROUP):
            yield pa.table(batch)


def read(out: Path, stage: str) -> Iterator[pa.Table]:
    """The ledger's rows of one stage, with LOSS_SCHEMA's columns, a row group at a time. Raises ShardError."""
    for path in sorted((out / "ledger" / f"stage={stage}").glob("part-*.parquet")):
        for rows in parquet.batches(path, FILE_SCHEMA, ROW_GROUP):
            names = pa.array([stage] * rows.num_rows)
            yield rows.append_column("stage", names).select(LOSS_SCHEMA.names)


def count(out: Path) -> dict[str, Counter[str]]:
    """How many rows the ledger on disk has, per stage and reason."""
    counts: dict[str, Counter[str]] = {stage: Counter() for stage in STAGES}
    for stage in STAGES:
        for table in read(out, stage):
            for found in pc.value_counts(table.column("reason")).to_pylist():
                counts[stage][found["values"]] += found["counts"]
    return counts


def reasons_meant(words: Iterable[str], present: Iterable[str]) -> list[str]:
    """Those of the present reasons that these words mean: reasons, or families of them (4xx, 5xx)."""
    return sorted(set().union(*(_meant(word, present) for word in words)))


def _meant(word: str, present: Iterable[str]) -> set[str]:
    pattern = rf"http_{word[0]}\d\d" if re.fullmatch(r"[45]xx", word) else re.escape(word)
    return {reason for reason in present if re.fullmatch(pattern, reason)}


def _folders(out: Path) -> tuple[Path, Path, Path]:
    """The ledger, the one being written, the one being replaced."""
    return out / "ledger", out / ".ledger.new", out / ".ledger.old"


def _swap(folder: Path, new: Path, old: Path) -> None:
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    storage.sync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


class _Parts:
    """Writes the ledger's parts into a folder, at most PART_ROWS rows each; durable when the block ends well."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._rows: Counter[str] = Counter()  # of the part being written
        self._parts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def add(self, stage: str, table: pa.Table) -> None:
        if stage not in self._writers or self._rows[stage] + table.num_rows > PART_ROWS:
            self._roll(stage)
        self._writers[stage].write_table(table.select(FILE_SCHEMA.names).cast(FILE_SCHEMA), ROW_GROUP)
        self._rows[stage] += table.num_rows

    def _roll(self, stage: str) -> None:
        if stage in self._writers:
            self._writers.pop(stage).close()
        path = self._folder / f"stage={stage}" / f"part-{self._parts[stage]:05d}.parquet"
        path.parent.mkdir(exist_ok=True)
        self._writers[stage] = pq.ParquetWriter(path, FILE_SCHEMA, compression="zstd")
        self._parts[stage] += 1
        self._rows[stage] = 0

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for writer in self._writers.values():
            with suppress(*(() if kind is None else (OSError,))):  # the first error is the one to tell
                writer.close()
        if kind is None:
            for path in (*self._folder.rglob("*"), self._folder):
                storage.sync(path)
