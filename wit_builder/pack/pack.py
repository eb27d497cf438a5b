"""Copies the survivors' images, byte for byte, into equal-size shards.

Samples lie in the order of their ids, which are hashes: a random mixture of hosts, the same on every run.
A failed download stands in the sidecar of the shard its id falls into, if that does not have too many. Three
stages: `order` finds where shards begin, `route` sends each row to its shard, `write` writes one shard.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wit_builder import storage
from wit_builder.engine import columns, shuffle
from wit_builder.engine.task import Task, read_json
from wit_builder.extract import united
from wit_builder.mirror import here
from wit_builder.pack import ranges
from wit_builder.pack.ranges import Ids
from wit_builder.records import FAILURE_SCHEMA, SAMPLE_SCHEMA, Failure, Sample, failures, samples
from wit_builder.shards import listed, staged
from wit_builder.shards.layout import Layout
from wit_builder.shards.standing import standing
from wit_builder.shards.writer import ShardSpec, write_shard

MAX_FAILURES = 100_000  # in one sidecar: 0.4 GB while it is written. The ledger has all of them

_NO_TEXTS = pa.array([], pa.string())
_NO_IDS = pa.schema([SAMPLE_SCHEMA.field("id")]).empty_table()


def order(task: Task) -> None:
    """Finds the first id of each shard, and the last id of the failures in its sidecar.

    arg: {samples: [parquet path], dropped: [parquet path], failures: [parquet path]}; params: per_shard.
    Hands on `shards` (JSON list of [first id, last failure's id or ""], one a shard).
    """
    found, per_shard = _Shards(), task.params["per_shard"]
    passed = 0  # samples before the range
    most = max(ranges.rows(task.arg[kind]) for kind in ("samples", "failures"))
    with ranges.Ranges.open(task.folder, most) as ids:
        for kind in ("samples", "dropped", "failures"):
            ids.add(kind, task.arg[kind])
        for number in range(ids.count):
            kept = ranges.without(ids.sorted("samples", number), ids.sorted("dropped", number))
            found.add(kept[-passed % per_shard :: per_shard], ids.sorted("failures", number))
            passed += len(kept)
    storage.write_json(task.new_file("shards", ".json"), found.ended())


def route(task: Task) -> None:
    """Sends rows to their shards.

    arg: {samples: [parquet path], dropped: [parquet path], failures: [parquet path]}; params: shards (JSON path),
    texts ([parquet path]: id, text, source; each goes to the alt_texts of that sample).
    Hands on `samples` and `failures`, shuffle files by shard.
    """
    shards = np.array(read_json(Path(task.params["shards"])), "S32")
    starts, ends = shards[:, 0], shards[:, 1]  # what else a list's shards say is not of interest here
    rows = _without(_concat(task.arg["samples"], SAMPLE_SCHEMA), _ids(task.arg["dropped"]))
    rows = united.united(rows, _texts_for(rows, task.params["texts"]))
    shuffle.write(task.new_file("samples", ".shuffle"), rows, _shard_of(rows, starts), len(starts))
    lost = _concat(task.arg["failures"], FAILURE_SCHEMA)
    lost = lost.filter(columns.mask(columns.fixed(lost.column("id"), 32) <= ends[_shard_of(lost, starts)]))
    shuffle.write(task.new_file("failures", ".shuffle"), lost, _shard_of(lost, starts), len(starts))


def write(task: Task) -> None:
    """Writes one shard into a folder of this attempt.

    arg: number of the shard within this run; params: samples, failures ([shuffle path]), shards (how many),
    first (number of the first shard), spec, staged (folder that Sample.tar is relative to), carried (see
    Layout; "" when not given). Hands on `shard`: tar, sidecar, stats, and its ShardInfo as JSON.
    """
    params = task.params
    picked = shuffle.read(_paths(params["samples"]), task.arg, params["shards"], SAMPLE_SCHEMA)
    lost = shuffle.read(_paths(params["failures"]), task.arg, params["shards"], FAILURE_SCHEMA)
    folder, picked = task.new_folder(), picked.sort_by("id")
    info = write_shard(
        folder,
        params["first"] + task.arg,
        list(samples(picked)),
        _image_reader(Path(params["staged"]), picked),
        list(failures(lost.sort_by("id"))),
        params["spec"],
        Layout(carried=params.get("carried", "")),
    )
    storage.write_json(folder / "info.json", asdict(info))
    for name in (info.file, info.sidecar, info.stats, "info.json"):
        task.keep("shard", folder / name)


def write_listed(task: Task) -> None:
    """Writes one shard of a list, where each row has its number, into a folder of this attempt.

    arg: which of the shards; params: samples, failures ([shuffle path]), shards (JSON path: list of [first id,
    last id, number of the shard]), spec, layout, output, staged (folder that Sample.tar is relative to),
    published (folder with the shard whose other rows stay as they are, "" where there is none).
    Hands on `shard`: its files and folder, the stats last.
    """
    params = task.params
    spec, layout, output = params["spec"], params["layout"], params["output"]
    shards = read_json(Path(params["shards"]))
    picked = shuffle.read(_paths(params["samples"]), task.arg, len(shards), SAMPLE_SCHEMA)
    lost = shuffle.read(_paths(params["failures"]), task.arg, len(shards), FAILURE_SCHEMA)
    new: list[Sample | Failure] = [*samples(picked), *failures(lost)]
    rows: dict[int, listed.Row] = {row: (row, item) for item in new for row in [_row(item, spec)]}
    index = shards[task.arg][2]
    numbered: Iterable[listed.Row] = (rows[row] for row in sorted(rows))
    if params["published"]:
        stay = standing(Path(params["published"]), index, spec, layout, output)
        numbered = (rows.get(row, (row, pair)) for row, pair in stay)
    image = _image_reader(Path(params["staged"]), picked)
    for path in listed.write_listed(task.new_folder(), index, numbered, image, spec, layout, output):
        task.keep("shard", path)


def _row(item: Sample | Failure, spec: ShardSpec) -> int:
    """Its number in its shard."""
    id_ = item.candidate.id if isinstance(item, Failure) else item.id
    return int(id_[8:], 16) % spec.samples_per_shard


class _Shards:
    """Where shards begin, and the last failure in each one's sidecar: those up to the next shard, if not too many.

    What comes before all samples is the first one's.
    """

    def __init__(self) -> None:
        self._found: list[list[str]] = []  # first id, last failure's id
        self._last, self._failures = "", 0  # in the sidecar that is open

    def add(self, starts: Ids, failed: Ids) -> None:
        """What begins, and what failed, in the next range of ids; both sorted."""
        at = 0
        for start, cut in zip(starts.tolist(), np.searchsorted(failed, starts).tolist(), strict=True):
            if self._found:
                self._take(failed[at:cut])
                at = cut
                self._close()
            self._found.append([start.decode(), ""])
        self._take(failed[at:])

    def ended(self) -> list[list[str]]:
        """All of them."""
        if self._found:
            self._close()
        return self._found

    def _take(self, failed: Ids) -> None:
        taken = failed[: MAX_FAILURES - self._failures]
        if len(taken):
            self._last = bytes(taken[-1]).decode()
            self._failures += len(taken)

    def _close(self) -> None:
        self._found[-1][1] = self._last
        self._last, self._failures = "", 0


def _shard_of(rows: pa.Table, starts: Ids) -> NDArray[np.int64]:
    """The shard each row's id falls into; the first one where it comes before all."""
    shard = np.searchsorted(starts, columns.fixed(rows.column("id"), 32), side="right") - 1
    return np.maximum(shard, 0)


def _image_reader(folder: Path, rows: pa.Table) -> Callable[[Sample], bytes]:
    image = staged.images(folder, rows)
    return lambda sample: image(sample.tar, sample.offset, sample.length)


def _ids(paths: list[str]) -> pa.ChunkedArray:
    return pa.concat_tables([_NO_IDS, *(pq.read_table(here(path), columns=["id"]) for path in paths)]).column(
        "id"
    )


def _without(rows: pa.Table, ids: pa.ChunkedArray) -> pa.Table:
    return rows.filter(pc.invert(pc.is_in(rows.column("id"), ids)))


def _texts_for(rows: pa.Table, paths: list[str]) -> pa.Table:
    """The texts that go to these rows: owner (number of the row, rising), text, source."""
    found = [pa.table({"owner": pa.array([], pa.int64()), **dict.fromkeys(("text", "source"), _NO_TEXTS)})]
    for path in paths:
        for batch in pq.ParquetFile(here(path)).iter_batches(columns=["id", "text", "source"]):
            owner = pc.index_in(batch.column("id"), rows.column("id")).cast(pa.int64())
            texts = pa.table([owner, *batch.columns[1:]], names=["owner", "text", "source"])
            found.append(texts.filter(pc.is_valid(owner)))
    gained = pa.concat_tables(found)
    return gained.take(pa.array(np.argsort(np.asarray(gained.column("owner")), kind="stable")))


def _concat(paths: list[str], schema: pa.Schema) -> pa.Table:
    return pa.concat_tables([schema.empty_table(), *(pq.read_table(here(path)) for path in paths)])


def _paths(names: list[str]) -> list[Path]:
    return [Path(name) for name in names]
