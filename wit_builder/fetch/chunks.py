"""What a fetch task has settled so far, in chunks: a staged tar, its samples, its failures.

A chunk counts once its record exists; the first record of a number wins. A task that is killed loses the
chunk it was filling, and fetches only that again.

    FOLDER/chunk-00000.json              {samples, failures, funnel}
    FOLDER/chunk-00000.ATTEMPT.tar, .samples.parquet, .failures.parquet
"""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pyarrow.parquet as pq

from wit_builder import storage
from wit_builder.errors import BuildError, Dropped
from wit_builder.images.process import Picture
from wit_builder.ledger import Funnel
from wit_builder.records import (
    LOSS_SCHEMA,
    SAMPLE_SCHEMA,
    Candidate,
    Failure,
    Loss,
    Sample,
    failures_table,
    to_table,
)
from wit_builder.shards.tar import TarWriter
from wit_builder.web.visitor import Visit

CHUNK_ITEMS = 1_000
CHUNK_SECONDS = 30.0  # at most so much work is lost to a kill


class Chunks:
    """The chunks of one task. `settled` holds the ids that need no more work."""

    def __init__(self, folder: Path, attempt: str, base: Path) -> None:
        self._folder, self._attempt, self._base = folder, attempt, base
        self.funnel = Funnel()
        self.settled: set[str] = set()
        self.samples: list[Path] = []
        self.failures: list[Path] = []
        self.losses: list[Path] = []
        self._number = 0
        while (record := self._record(self._number)).exists():
            self._take_in(record)
        self._begin()

    def add_sample(self, candidate: Candidate, visit: Visit, picture: Picture) -> None:
        """Stage a picture that was had."""
        offset, length = self._writer().add(f"{candidate.id}.{picture.format}", picture.image)
        self._samples.append(_sample(candidate, visit, picture, self._tar_name, offset, length))
        self._settle()

    def add_failure(self, candidate: Candidate, why: Dropped) -> None:
        """Write down a picture that was not had."""
        self._failures.append(Failure(candidate, why.reason, why.evidence, datetime.now(UTC)))
        self._settle()

    def commit(self) -> None:
        """Make what was added durable."""
        if not self._samples and not self._failures:
            return
        if self._tar is not None:
            self._tar.close()
        stem = f"chunk-{self._number:05d}.{self._attempt}"
        record: dict[str, object] = {"funnel": self._funnel().as_json(), "tar": self._tar_name}
        for kind, table in (
            ("samples", to_table(self._samples, SAMPLE_SCHEMA)),
            ("failures", failures_table(self._failures)),
            ("losses", to_table([_loss(failure) for failure in self._failures], LOSS_SCHEMA)),
        ):
            name = f"{stem}.{kind}.parquet"
            with storage.whole(self._folder / name) as temporary:
                pq.write_table(table, temporary, compression="zstd")
            record[kind] = name
        self._claim(record)
        self._take_in(self._record(self._number))
        self._begin()

    def _begin(self) -> None:
        self._samples: list[Sample] = []
        self._failures: list[Failure] = []
        self._tar: TarWriter | None = None
        self._since = time.monotonic()
        stem = f"chunk-{self._number:05d}.{self._attempt}"
        self._tar_name = str((self._folder / f"{stem}.tar").relative_to(self._base))

    def _writer(self) -> TarWriter:
        if self._tar is None:
            self._tar = TarWriter(self._base / self._tar_name)
        return self._tar

    def _settle(self) -> None:
        full = len(self._samples) + len(self._failures) >= CHUNK_ITEMS
        if full or time.monotonic() - self._since > CHUNK_SECONDS:
            self.commit()

    def _claim(self, record: dict[str, object]) -> None:
        path = self._record(self._number)
        temporary = path.with_name(f".{path.name}.{self._attempt}.tmp")
        storage.write_bytes(temporary, orjson.dumps(record))
        try:
            os.link(temporary, path)
        except FileExistsError as error:
            raise BuildError(f"another process fetches for {self._folder}; this one stops") from error
        finally:
            temporary.unlink()

    def _take_in(self, record: Path) -> None:
        chunk = orjson.loads(record.read_bytes())
        self.funnel.add(Funnel.from_json(chunk["funnel"]))
        for kind, paths in (("samples", self.samples), ("failures", self.failures), ("losses", self.losses)):
            path = self._folder / chunk[kind]
            paths.append(path)
            if kind != "losses":
                self.settled.update(pq.read_table(path, columns=["id"]).column("id").to_pylist())
        self._number += 1

    def _funnel(self) -> Funnel:
        funnel = Funnel()
        funnel["fetch"].kept = len(self._samples)
        for failure in self._failures:
            funnel["fetch"].drop(failure.reason)
        return funnel

    def _record(self, number: int) -> Path:
        return self._folder / f"chunk-{number:05d}.json"


def _sample(
    candidate: Candidate, visit: Visit, picture: Picture, tar: str, offset: int, length: int
) -> Sample:
    taken = {name: getattr(candidate, name) for name in Candidate.__slots__}
    return Sample(
        **taken,
        final_url=visit.final_url,
        http_status=visit.status,
        content_type=visit.content_type,
        fetched_at=visit.fetched_at,
        original_bytes=len(visit.body),
        original_width=picture.original_width,
        original_height=picture.original_height,
        width=picture.width,
        height=picture.height,
        sha256=picture.sha256,
        phash=picture.phash,
        phash_quality=picture.phash_quality,
        opt_out=", ".join(sorted(visit.directives)),
        queries=(),
        format=picture.format,
        tar=tar,
        offset=offset,
        length=length,
    )


def _loss(failure: Failure) -> Loss:
    pair = failure.candidate
    return Loss(pair.id, "fetch", failure.reason, pair.url, pair.caption, failure.evidence, failure.at)
