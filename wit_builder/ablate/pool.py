"""What is a pool? The pairs that a finished build has published: each is a candidate and a sample of every preset.

Pairs that the build's own rules dropped are not there, so a pool is built with as few rules as can be. Its captions
are as published, with the texts of its own duplicates; its pictures are the stored ones, and what rules ask of the
originals (sides, bytes, format) is what the sidecars say of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wit_builder import publish
from wit_builder.curation import balance, tables
from wit_builder.engine import columns, shuffle
from wit_builder.engine.task import Task
from wit_builder.errors import ConfigError, ShardError
from wit_builder.records import CANDIDATE_SCHEMA, SAMPLE_SCHEMA
from wit_builder.shards import manifest
from wit_builder.shards.reader import image_places
from wit_builder.shards.sidecar import SUCCESS
from wit_builder.shards.writer import ShardInfo, file_sha256

PLACES = pa.schema(  # of each pair: its shard and key, and where its image lies in the shard's tar
    {name: pa.string() for name in ("id", "shard", "key", "format")}
    | {"offset": pa.int64(), "length": pa.int64()}
)
PER_FILE = 10_000  # samples that a task of the next stage gets at least: with a model 10 minutes of a core

_ASIDE = ("extra", "format", "tar", "offset", "length")  # what no sidecar says
_SAID = [name for name in SAMPLE_SCHEMA.names if name not in _ASIDE]
_OF_IMAGE = ["id", *(name for name in SAMPLE_SCHEMA.names if name not in CANDIDATE_SCHEMA.names)]


@dataclass(frozen=True, slots=True)
class Pool:
    """A finished build, to be judged."""

    folder: Path
    recipe: Mapping[str, Any]  # as build.json has it
    manifest: str  # sha256 of the manifest's file: another pool, or the same one changed, has another
    shards: tuple[ShardInfo, ...]

    @property
    def pairs(self) -> int:
        """How many it has."""
        return sum(info.samples for info in self.shards)

    def tar(self, stem: str) -> Path:
        """The tar of the shard of that name."""
        return self.folder / "shards" / f"{stem}.tar"


def opened(folder: Path) -> Pool:
    """The pool in that folder.

    Raises ConfigError when it holds no finished build, or one without a pair; ShardError without a manifest.
    """
    state = publish.finished(folder, "ablate")
    publish.refuse_half_forgotten(folder)
    if not (isinstance(state["recipe"], dict) and {"name", "source"} <= state["recipe"].keys()):
        raise ConfigError(
            f"the recipe in {str(folder / 'build.json')!r} is none", "put back a copy of the file"
        )
    found = Pool(folder.resolve(), state["recipe"], hash_of(folder), tuple(manifest.read_manifest(folder)))
    if not found.pairs:
        raise ConfigError(f"the build in {str(folder)!r} kept no pair", "build it with fewer rules")
    return found


def hash_of(folder: Path) -> str:
    """The sha256 of the manifest's file, "" where there is none."""
    path = folder / manifest.FILE
    return file_sha256(path) if path.exists() else ""


def read(task: Task) -> None:
    """Reads one shard.

    arg: {sidecar, tar: paths}; params: partitions (of ids). Hands on `candidates` and `samples` (parquet), and
    `places` (a shuffle file by id, of PLACES). Raises ShardError for a shard that is not as it was written.
    """
    path, tar = Path(task.arg["sidecar"]), Path(task.arg["tar"])
    rows = _sidecar(path)
    places = _places(tar)
    at = pc.index_in(rows.column("key"), places.column("key"))
    if at.null_count:
        key = rows.column("key").filter(pc.is_null(at))[0]
        raise ShardError(f"{tar} has no image {key}, its sidecar has one", _mend(path))
    places = places.take(at).set_column(0, "id", rows.column("id"))
    own = {"extra": pa.repeat("", len(at)), "tar": pa.repeat(str(tar), len(at))}
    own |= {name: places.column(name) for name in ("format", "offset", "length")}
    table = pa.table({name: own[name] if name in own else rows.column(name) for name in SAMPLE_SCHEMA.names})
    table = table.cast(SAMPLE_SCHEMA)
    tables.write_parquet(task.new_file("samples", ".parquet"), table)
    found = table.select(CANDIDATE_SCHEMA.names).cast(CANDIDATE_SCHEMA)
    tables.write_parquet(task.new_file("candidates", ".parquet"), found)
    partitions = task.params["partitions"]
    shuffle.write(task.new_file("places", ".shuffle"), places, part_of(places, partitions), partitions)


def part_of(rows: pa.Table, partitions: int) -> Any:
    """The partition of each row by its id: in the order of ids, and about equal, as ids are hashes."""
    share = balance.uniform(columns.digits(rows.column("id"), 32)[0])
    return (share * partitions).astype("int64")


def draw(task: Task) -> None:
    """Makes samples of what was selected, as a download would: with its caption as select left it.

    arg: bin; params: samples ([parquet path] of `read`), and Road.selected's.
    Hands on `samples` (parquet).
    """
    inputs = [Path(path) for path in task.params["inputs"]]
    stays = np.load(task.params["stays"][task.arg])
    chosen = shuffle.read(inputs, task.arg, task.params["bins"], CANDIDATE_SCHEMA, stays)
    found = [pa.schema([SAMPLE_SCHEMA.field(name) for name in _OF_IMAGE]).empty_table()]
    for path in task.params["samples"]:
        for batch in pq.ParquetFile(path).iter_batches(tables.ROW_GROUP, columns=_OF_IMAGE):
            found.append(pa.table(batch).filter(pc.is_in(batch.column("id"), chosen.column("id"))))
    images = pa.concat_tables(found)
    images = images.take(pc.index_in(chosen.column("id"), images.column("id")))
    known = set(CANDIDATE_SCHEMA.names)
    values = [(chosen if name in known else images).column(name) for name in SAMPLE_SCHEMA.names]
    table = pa.table(values, schema=SAMPLE_SCHEMA)
    for start in range(0, table.num_rows, PER_FILE):
        tables.write_parquet(task.new_file("samples", f".{start}.parquet"), table.slice(start, PER_FILE))


def _sidecar(path: Path) -> pa.Table:
    """What it says of the pairs, in its order."""
    names = ["key", *_SAID]
    try:
        file = pq.ParquetFile(path)
        if missing := {"status", *names} - set(file.schema_arrow.names):
            raise ShardError(f"{path} has no column {', '.join(sorted(missing))}", _mend(path))
        rows = file.read(["status", *names])
    except (OSError, pa.ArrowException) as error:
        raise ShardError(
            f"{path} cannot be read: {(str(error).splitlines() or [''])[0]}", _mend(path)
        ) from error
    return rows.filter(pc.equal(rows.column("status"), SUCCESS)).select(names)


def _places(tar: Path) -> pa.Table:
    found = list(image_places(tar))
    keys, formats, offsets, lengths = zip(*found, strict=True) if found else ((), (), (), ())
    kind = {field.name: field.type for field in PLACES}
    stems = pa.repeat(tar.stem, len(keys))
    values = [pa.array(keys, kind["key"]), stems, pa.array(keys, kind["key"]), pa.array(formats, pa.string())]
    values += [pa.array(numbers, pa.int64()) for numbers in (offsets, lengths)]
    return pa.table(values, schema=PLACES)


def _mend(path: Path) -> str:
    return f"wit verify {path.parents[1]}"
