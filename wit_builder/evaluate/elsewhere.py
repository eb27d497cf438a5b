"""The pass over a set's images as tasks of an executor, so that other machines hash and embed them.

A task has so many images as whole calls of the network take, and a call sees the images that it would see in one
process: what comes of it is the same to the bit on processors of one kind. They compute on their CPUs.

    ROOT/digest-RANDOM/   the hashes of one set, once: another pass asks all bytes again
    ROOT/HASH/            its embeddings, under a hash of all that they depend on: a killed pass goes on there
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from wit_builder import storage
from wit_builder.engine import task as engine
from wit_builder.engine.local import Executor, Needs, Progress
from wit_builder.engine.stage import number, run_stage
from wit_builder.engine.task import Task
from wit_builder.errors import ConfigError
from wit_builder.evalset.sets import Place
from wit_builder.evaluate import batches, calls
from wit_builder.evaluate.batches import Image, Rows
from wit_builder.evaluate.calls import Precision
from wit_builder.model.loaded import Loaded, opened

HASHED = 8_192  # images of a task that hashes
EMBEDDED = 32 * batches.SIZE["cpu"]  # of one that embeds: whole calls
CPU = torch.device("cpu")

_BOUNDED = Needs(timeout_s=6 * 3600.0)
_KINDS = ("images", "features", "readable")
_IMAGES = pa.schema(  # path: bytes, as a file system has it
    {"path": pa.binary(), "offset": pa.int64(), "length": pa.int64(), "sha256": pa.binary()}
)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Where the tasks run, and a folder that all machines see, of this command alone."""

    executor: Executor
    root: Path

    def digests(self, places: Sequence[Place]) -> list[bytes]:
        """sha256 of each image's bytes, in their order."""
        root = self.root / f"digest-{uuid.uuid4().hex[:8]}"
        _write_images(root, [(place, b"") for place in places])
        done = self._run(root, "digest", HASHED, len(places), {}, lambda counts, finished: None)
        found = b"".join(path.read_bytes() for path in engine.files(done, "digests"))
        return [found[at : at + 32] for at in range(0, len(found), 32)]

    def rows(
        self, loaded: Loaded, images: Sequence[Image], fingerprint: str, precision: Precision, progress: Any
    ) -> Iterator[Rows]:
        """Of some images after the other, in their order. progress: is told how many are done.

        fingerprint: of all that the rows depend on.
        """
        model = Path(loaded.name)
        params = {
            "model": str(model.absolute()) if model.exists() else loaded.name,
            "checkpoint": str(Path(loaded.checkpoint).absolute()),
            "fingerprint": loaded.fingerprint,
            "precision": precision,
        }
        root = self.root / hashlib.sha256(json.dumps([fingerprint, params]).encode()).hexdigest()
        _write_images(root, images)

        def tell(counts: Mapping[str, int], finished: int) -> None:
            progress(max(counts.get("done", 0), min(finished * EMBEDDED, len(images))))

        done = self._run(root, "embed", EMBEDDED, len(images), params, tell)
        for paths in zip(*(engine.files(done, kind) for kind in _KINDS), strict=True):
            found = [np.load(path) for path in paths]
            yield found[0], found[1], found[2]

    def clear(self) -> None:
        """Remove what tasks have made: all of it is in the cache."""
        shutil.rmtree(self.root, ignore_errors=True)

    def _run(
        self,
        root: Path,
        name: str,
        together: int,
        count: int,
        params: Mapping[str, Any],
        progress: Progress,
    ) -> list[engine.Done]:
        tasks = number([[at, min(at + together, count)] for at in range(0, count, together)])
        own = {**params, "images": str(root / "images.parquet")}
        return run_stage(self.executor, root, name, f"{__name__}:{name}", tasks, own, _BOUNDED, progress)


def digest(task: Task) -> None:
    """Hashes images. arg: [first, behind the last]; params: images (parquet). Hands on `digests` (32 bytes each)."""
    places = [place for place, _ in _read_images(task)]
    task.new_file("digests", ".bin").write_bytes(b"".join(calls.each(batches.digest, places, task.cpus)))


def embed(task: Task) -> None:
    """Embeds images.

    arg: [first, behind the last]; params: images (parquet), model, checkpoint, fingerprint (of the loaded model),
    precision. Hands on `images`, `features` and `readable` (npy), see batches.Rows.
    Raises ConfigError where the checkpoint is another than the driver's.
    """
    params = task.params
    loaded = _opened(params["model"], params["checkpoint"])
    if loaded.fingerprint != params["fingerprint"]:
        raise ConfigError(
            f"{params['checkpoint']!r} is another checkpoint on the machine that embeds",
            "the same files on every machine",
        )
    found: list[Rows] = []
    done = 0
    for rows in batches.rows(
        loaded, batches.cut(_read_images(task), CPU), CPU, params["precision"], task.cpus
    ):
        found.append(rows)
        done += len(rows[0])
        task.report({"done": done})
    for kind, arrays in zip(_KINDS, zip(*found, strict=True), strict=True):
        with task.new_file(kind, ".npy").open("wb") as file:
            np.save(file, np.concatenate(arrays))


@lru_cache(maxsize=1)
def _opened(model: str, checkpoint: str) -> Loaded:
    return opened(model, checkpoint)


def _write_images(root: Path, images: Sequence[Image]) -> None:
    rows = [
        {**asdict(place), "path": os.fsencode(place.path.absolute()), "sha256": digest}
        for place, digest in images
    ]
    with storage.whole(root / "images.parquet") as temporary:
        pq.write_table(pa.Table.from_pylist(rows, _IMAGES), temporary)


def _read_images(task: Task) -> list[Image]:
    """Those of a task."""
    first, end = task.arg
    rows = pq.read_table(task.params["images"], schema=_IMAGES).slice(first, end - first).to_pylist()
    return [
        (Place(Path(os.fsdecode(row["path"])), row["offset"], row["length"]), row["sha256"]) for row in rows
    ]
