"""What was published: one row per shard with hashes and counts, and the check that it is still so.

    OUT/manifest/shards.parquet   a row per shard (ShardInfo)
    OUT/shards/__len__            number of samples as text, where open_clip looks for the size of a data set

No file of ours in OUT/shards ends in .json but the stats: img2dataset's resume takes `int(prefix)` of each
(section 4.8), so open_clip's other place, sizes.json, will not do.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder import place, storage
from wit_builder.errors import ConfigError, ShardError
from wit_builder.place import Place
from wit_builder.shards.writer import ROW_GROUP, ShardInfo, ShardSpec

FILE = "manifest/shards.parquet"
LENGTH_FILE = "__len__"
_FINISHED = "name the folder of a finished build"
_MEND = "put back an undamaged copy, or build again into another folder with `--out`"
SHARDS_SCHEMA = pa.schema(
    pa.field(
        f.name,
        pa.string() if f.type is str else pa.int64(),
        metadata={"unit": "bytes"} if f.name.endswith("bytes") else None,
    )
    for f in fields(ShardInfo)
)


def plan(kept: int, spec: ShardSpec) -> list[slice]:
    """Which of `kept` samples, in their order, go into which shard: all full, the last one maybe short.

    Raises ConfigError when there are more shards than `spec.index_digits` can number.
    """
    size = spec.samples_per_shard
    starts = range(0, kept, size)
    if len(starts) > spec.max_shards:
        raise ConfigError(
            f"{kept} samples make {len(starts)} shards of {size}; {spec.index_digits} digits number fewer",
            "raise `samples_per_shard` or `index_digits` in the recipe's ShardSpec",
        )
    return [slice(start, min(start + size, kept)) for start in starts]


def write_manifest(out: Path, shards: Iterable[ShardInfo]) -> None:
    """Write the manifest and `__len__` over these shards, whose files must stand in OUT/shards already."""
    ordered = sorted(shards, key=lambda info: info.shard)
    columns = [pa.array([getattr(info, f.name) for info in ordered], type=f.type) for f in SHARDS_SCHEMA]
    table = pa.table(columns, schema=SHARDS_SCHEMA)
    storage.write_bytes(out / "shards" / LENGTH_FILE, _length_of(ordered))
    with storage.whole(out / FILE) as temporary:
        pq.write_table(table, temporary, compression="zstd", row_group_size=ROW_GROUP)


def read_manifest(out: Path | Place) -> list[ShardInfo]:
    """The published shards, by number. Raises ShardError when there is no readable manifest."""
    there = place.at(out)
    path = there.at(FILE)
    try:
        with there.open(FILE) as file:
            table = pq.ParquetFile(file, pre_buffer=False).read(use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise ShardError(f"{path} is no readable manifest: {_first_line(error)}", _FINISHED) from error
    if not table.schema.equals(SHARDS_SCHEMA) or any(column.null_count for column in table.columns):
        raise ShardError(f"{path} has other columns than a manifest: {table.schema.names}", _FINISHED)
    return [ShardInfo(**row) for row in table.to_pylist()]


def verify(out: Path | Place) -> None:
    """Compare every published file with the manifest; reads all of them, where they lie.

    Raises ShardError that names the first file that is missing, changed or too many.
    """
    there = place.at(out)
    shards = read_manifest(there)
    sizes = there.sizes("shards/*")
    for info in shards:
        _verify_shard(there, sizes, info)
    length = f"shards/{LENGTH_FILE}"
    if length not in sizes or _content(there, length) != _length_of(shards):
        raise ShardError(f"{there.at(length)} is not the {_total(shards)} of the manifest", _MEND)
    _refuse_strangers(there, sizes, shards)


def verify_shard(out: Path, info: ShardInfo) -> None:
    """Compare one shard, as `verify` does. Raises ShardError."""
    _verify_shard(place.at(out), place.at(out).sizes("shards/*"), info)


def _verify_shard(there: Place, sizes: Mapping[str, int], info: ShardInfo) -> None:
    for name, size, sha256 in _files(info):
        _verify_file(there, sizes, name, size, sha256)


def _files(info: ShardInfo) -> Iterator[tuple[str, int, str]]:
    yield f"shards/{info.file}", info.bytes, info.sha256
    yield f"shards/{info.sidecar}", info.sidecar_bytes, info.sidecar_sha256
    yield f"shards/{info.stats}", info.stats_bytes, info.stats_sha256


def _verify_file(there: Place, sizes: Mapping[str, int], name: str, size: int, sha256: str) -> None:
    if name not in sizes:
        raise ShardError(f"{there.at(name)} is missing, the manifest lists it", _MEND)
    if sizes[name] != size:
        raise ShardError(f"{there.at(name)} has {sizes[name]} bytes, its manifest says {size}", _MEND)
    with there.open(name) as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # a buffered reader
    if found != sha256:
        raise ShardError(f"{there.at(name)} has other bytes than its manifest says (sha256)", _MEND)


def _content(there: Place, name: str) -> bytes:
    with there.open(name) as file:
        return file.read()


def _refuse_strangers(there: Place, sizes: Mapping[str, int], shards: Sequence[ShardInfo]) -> None:
    """A trainer takes every tar it finds, and img2dataset chokes on a foreign .json."""
    known = {name for info in shards for name, _, _ in _files(info)}
    for name in sizes:
        if PurePosixPath(name).suffix in (".tar", ".parquet", ".json") and name not in known:
            raise ShardError(
                f"{there.at(name)} is not in the manifest",
                f"move it out of {there.at('shards')}, or remove it",
            )


def _length_of(shards: Sequence[ShardInfo]) -> bytes:
    return str(_total(shards)).encode("ascii")


def _total(shards: Sequence[ShardInfo]) -> int:
    return sum(info.samples for info in shards)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
