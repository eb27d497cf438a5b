"""What a fetch task has settled so far, in chunks: a staged tar, its samples, its failures.

A chunk counts once its record exists; the first record of a number wins. A task that is killed loses the
chunk it was filling, and fetches only that again. Where the folder is a store's, a chunk is sent while the next one
is filled, and an attempt on another machine goes on from there.

    FOLDER/chunk-00000.json              {attempt, funnel}
    FOLDER/chunk-00000.ATTEMPT.tar, .samples.parquet, .failures.parquet, .losses.parquet
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Self

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder import mirror, storage
from wit_builder.engine.task import claim, read_json
from wit_builder.errors import BuildError, Dropped
from wit_builder.images.picture import Picture
from wit_builder.ledger import Funnel
from wit_builder.records import (
    FAILURE_SCHEMA,
    LOSS_SCHEMA,
    SAMPLE_SCHEMA,
    extended,
)
from wit_builder.shards.tar import TarWriter
from wit_builder.web.visitor import Visit

CHUNK_ITEMS = 1_000
CHUNK_SECONDS = 30.0  # at most so much work is lost to a kill

_KINDS = ("samples", "failures", "losses")
_LOOKED_UP = 16  # records at a time, where they may lie in a store


class Chunks:
    """The chunks of one task. `settled` holds the ids that need no more work.

    folder: the task's own; attempt: 8 hex digits that no other process has; base: what `Sample.tar` is
    relative to; table: the task's candidates, spoken of by their rows, since a record of each would cost as
    much as its download. Where an exception leaves `add_sample` or `commit`, the chunk is lost: nothing may be
    added to it or committed.
    """

    _samples: list[tuple[int, tuple[Any, ...]]]  # of the chunk being filled: row, and what Sample adds to it
    _extras: list[str]  # of these samples: what takes the place of the candidate's, "" where nothing does
    _failures: list[tuple[int, tuple[Any, ...]]]
    _tar: TarWriter | None  # None before the first sample
    _tar_name: str  # as samples have it
    _since: float  # on the monotonic clock

    @classmethod
    @contextmanager
    def open(
        cls, folder: Path, attempt: str, base: Path, table: pa.Table, alone: bool = True
    ) -> Iterator[Self]:
        """The chunks of that folder, until the block ends.

        alone: no other process can be at it, so that what attempts left that were killed is removed.
        """
        chunks = cls(folder, attempt, base, table)
        if alone:
            chunks._sweep()
        with chunks._sender, chunks._open:
            yield chunks
        chunks._settle()

    def __init__(self, folder: Path, attempt: str, base: Path, table: pa.Table) -> None:
        self._folder, self._attempt, self._base = folder, attempt, base
        self._table, self._ids = table, table.column("id").combine_chunks()
        self.funnel = Funnel()
        self.settled: set[str] = set()
        self.samples: list[Path] = []
        self.failures: list[Path] = []
        self.losses: list[Path] = []
        self._stems: set[str] = set()
        self._open = ExitStack()  # the tar being filled
        self._sender = ThreadPoolExecutor(1)
        self._sent: Future[Path] | None = None  # the chunk before, on its way to a store
        self._number = 0
        for record in self._records():
            self._take_in(record)
        self._begin()

    def add_sample(self, row: int, visit: Visit, picture: Picture) -> None:
        """Stage a picture that was had."""
        if self._tar is None:
            self._tar_name = str(self._file("tar").relative_to(self._base))
            self._tar = self._open.enter_context(TarWriter(self._file("tar")))
        place = self._tar.add(f"{self._ids[row]}.{picture.format}", picture.image)
        self._samples.append((row, _fetched(visit, picture, self._tar_name, *place)))
        self._extras.append(picture.extra)
        self.commit_when_due()

    def add_failure(self, row: int, why: Dropped) -> None:
        """Write down a picture that was not had."""
        self._failures.append((row, (why.reason, why.evidence, datetime.now(UTC))))
        self.commit_when_due()

    def commit_when_due(self) -> None:
        """Commit when the chunk is full, or old."""
        full = len(self._samples) + len(self._failures) >= CHUNK_ITEMS
        if full or time.monotonic() - self._since > CHUNK_SECONDS:
            self.commit()

    def commit(self) -> None:
        """Make what was added durable."""
        if not self._samples and not self._failures:
            self._since = time.monotonic()
            return
        self._open.close()
        failures = self._rows(self._failures, FAILURE_SCHEMA)
        tables = (self._sample_rows(), failures, _losses(failures))
        for kind, table in zip(_KINDS, tables, strict=True):
            with storage.whole(self._file(f"{kind}.parquet")) as temporary:
                pq.write_table(table, temporary, compression="zstd")
        self._settle()
        record, summary = self._record(self._number), self._summary()
        self._number += 1
        if mirror.behind(self._folder):
            self._sent = self._sender.submit(self._committed, record, summary)
        else:
            self._take_in(self._committed(record, summary))
        self._begin()

    def _begin(self) -> None:
        self._samples, self._extras, self._failures, self._tar = [], [], [], None
        self._since = time.monotonic()

    def _settle(self) -> None:
        """The chunk that was sent last is part of the result. Raises what went wrong with it."""
        sent, self._sent = self._sent, None
        if sent is not None:
            self._take_in(sent.result())

    def _committed(self, record: Path, summary: bytes) -> Path:
        """The record, once it stands."""
        stem = f"{record.stem}.{self._attempt}"
        tar = self._folder / f"{stem}.tar"
        files = [self._folder / f"{stem}.{kind}.parquet" for kind in _KINDS]
        mirror.send([path for path in (tar, *files) if path.exists()])
        if not claim(record, summary, self._attempt):
            raise BuildError(f"another process fetches for {mirror.name(self._folder)}; this one stops")
        if mirror.behind(tar):
            tar.unlink(missing_ok=True)  # what is to come needs the room
        return record

    def _records(self) -> Iterator[Path]:
        """Those there are, in order; one that was removed as damaged leaves a gap."""
        for first in count(step=_LOOKED_UP):
            asked = mirror.each(mirror.here, [self._record(first + n) for n in range(_LOOKED_UP)])
            if not (found := [record for record in asked if record.exists()]):
                return
            yield from found

    def _record(self, number: int) -> Path:
        return self._folder / f"chunk-{number:05d}.json"

    def _take_in(self, record: Path) -> None:
        chunk = read_json(record)
        stem = f"{record.stem}.{chunk['attempt']}"
        self._stems.add(stem)
        self._number = max(self._number, int(record.stem.removeprefix("chunk-")) + 1)
        self.funnel.add(Funnel.from_json(chunk["funnel"]))
        for kind, paths in zip(_KINDS, (self.samples, self.failures, self.losses), strict=True):
            paths.append(path := self._folder / f"{stem}.{kind}.parquet")
            mirror.there([path])
            if kind != "losses":
                ids = pq.read_table(mirror.here(path), columns=["id"]).column("id")
                self.settled.update(ids.to_pylist())

    def _sweep(self) -> None:
        """Remove what attempts left that were killed before their record: up to a chunk of images each."""
        storage.sweep(self._folder)
        for path in self._folder.glob("chunk-*.*.*"):
            number, attempt, _ = path.name.split(".", 2)
            if f"{number}.{attempt}" not in self._stems:
                path.unlink()

    def _summary(self) -> bytes:
        funnel = Funnel()
        funnel["fetch"].kept = len(self._samples)
        for _, (reason, _, _) in self._failures:
            funnel["fetch"].drop(reason)
        return orjson.dumps({"attempt": self._attempt, "funnel": funnel.as_json()})

    def _sample_rows(self) -> pa.Table:
        table = self._rows(self._samples, SAMPLE_SCHEMA)
        if not any(self._extras):
            return table
        place = table.schema.get_field_index("extra")
        pairs = zip(self._extras, table.column(place).to_pylist(), strict=True)
        return table.set_column(place, table.schema.field(place), [[new or old for new, old in pairs]])

    def _rows(self, added: Sequence[tuple[int, tuple[Any, ...]]], schema: pa.Schema) -> pa.Table:
        rows = self._table.take(pa.array([row for row, _ in added], pa.int64()))
        return extended(rows, schema, [values for _, values in added])

    def _file(self, kind: str) -> Path:
        """Of the chunk being filled, by this attempt."""
        return self._folder / f"chunk-{self._number:05d}.{self._attempt}.{kind}"


def _fetched(visit: Visit, picture: Picture, tar: str, offset: int, length: int) -> tuple[Any, ...]:
    """What a Sample knows beyond its candidate, in the order of its fields."""
    return (
        visit.final_url,
        visit.status,
        visit.content_type,
        visit.fetched_at,
        len(visit.body),
        picture.original_width,
        picture.original_height,
        picture.width,
        picture.height,
        picture.sha256,
        picture.phash,
        picture.phash_quality,
        ", ".join(sorted(visit.directives)),
        picture.format,
        tar,
        offset,
        length,
        picture.original_format,
        picture.animated,
        picture.alpha,
        (),
    )


def _losses(failures: pa.Table) -> pa.Table:
    stage = pa.repeat("fetch", failures.num_rows)
    return failures.append_column("stage", stage).select(LOSS_SCHEMA.names).cast(LOSS_SCHEMA)
