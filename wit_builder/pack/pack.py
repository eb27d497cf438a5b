"""Copies the survivors' images, byte for byte, into equal-size shards.

Samples lie in the order of their ids, which are hashes: a random mixture of hosts, the same on every run.
A failed download stands in the sidecar of the shard its id falls into. Three stages: `order` finds where
shards begin, `route` sends each row to its shard, `write` writes one shard.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wit_builder import storage
from wit_builder.engine import shuffle
from wit_builder.engine.task import Task
from wit_builder.errors import BuildError
from wit_builder.records import FAILURE_SCHEMA, SAMPLE_SCHEMA, Sample, failures, samples
from wit_builder.shards.writer import write_shard

OPEN_TARS = 64


def order(task: Task) -> None:
    """Finds the first id of each shard.

    arg: {samples: [parquet path], dropped: [parquet path]}; params: per_shard.
    Hands on `starts` (JSON list of ids, one a shard).
    """
    dropped = _ids(task.arg["dropped"])
    ids = np.setdiff1d(_ids(task.arg["samples"]), dropped)
    starts = ids[:: task.params["per_shard"]]
    storage.write_json(task.new_file("starts", ".json"), [start.decode() for start in starts.tolist()])


def route(task: Task) -> None:
    """Sends rows to their shards.

    arg: {samples: [parquet path], failures: [parquet path]}; params: starts (JSON path), dropped ([parquet
    path]). Hands on `samples` and `failures`, shuffle files by shard.
    """
    starts = np.array(orjson.loads(Path(task.params["starts"]).read_bytes()), dtype="S32")
    dropped = _ids(task.params["dropped"])
    rows = _concat(task.arg["samples"], SAMPLE_SCHEMA)
    rows = rows.filter(pa.array(~np.isin(_column(rows), dropped)))
    for kind, table in (("samples", rows), ("failures", _concat(task.arg["failures"], FAILURE_SCHEMA))):
        shard = np.maximum(np.searchsorted(starts, _column(table), side="right") - 1, 0)
        shuffle.write(task.new_file(kind, ".shuffle"), table, shard, len(starts))


def write(task: Task) -> None:
    """Writes one shard into a folder of this attempt.

    arg: number of the shard within this run; params: samples, failures ([shuffle path]), shards (how many),
    first (number of the first shard), spec, staged (folder that Sample.tar is relative to).
    Hands on `shard`: tar, sidecar, stats, and its ShardInfo as JSON.
    """
    params = task.params
    picked = shuffle.read(_paths(params["samples"]), task.arg, params["shards"], SAMPLE_SCHEMA)
    lost = shuffle.read(_paths(params["failures"]), task.arg, params["shards"], FAILURE_SCHEMA)
    folder = task.home / task.attempt
    folder.mkdir()
    with ExitStack() as stack:
        info = write_shard(
            folder,
            params["first"] + task.arg,
            list(samples(picked.sort_by("id"))),
            _image_reader(Path(params["staged"]), stack),
            list(failures(lost.sort_by("id"))),
            params["spec"],
        )
    storage.write_json(folder / "info.json", asdict(info))
    for name in (info.file, info.sidecar, info.stats, "info.json"):
        task.keep("shard", folder / name)


def _image_reader(folder: Path, stack: ExitStack) -> Callable[[Sample], bytes]:
    files: dict[str, BinaryIO] = {}

    def read(sample: Sample) -> bytes:
        if sample.tar not in files:
            if len(files) >= OPEN_TARS:
                files.pop(next(iter(files))).close()
            files[sample.tar] = stack.enter_context((folder / sample.tar).open("rb"))
        file = files[sample.tar]
        file.seek(sample.offset)
        image = file.read(sample.length)
        if len(image) != sample.length:
            raise BuildError(f"staged tar {sample.tar} ends before the image of {sample.id}")
        return image

    return read


def _ids(paths: list[str]) -> NDArray[np.bytes_]:
    return np.sort(
        np.concatenate(
            [np.array([], "S32"), *(_column(pq.read_table(path, columns=["id"])) for path in paths)]
        )
    )


def _column(table: pa.Table) -> NDArray[np.bytes_]:
    return np.array(table.column("id").to_pylist(), dtype="S32")


def _concat(paths: list[str], schema: pa.Schema) -> pa.Table:
    return pa.concat_tables([schema.empty_table(), *(pq.read_table(path) for path in paths)])


def _paths(names: list[str]) -> list[Path]:
    return [Path(name) for name in names]
