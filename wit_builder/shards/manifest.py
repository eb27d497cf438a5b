"""What was published: one row per shard with hashes and counts, and the check that it is still so.

    OUT/manifest/shards.parquet   a row per shard (ShardInfo)
    OUT/shards/__len__            number of samples as text, where open_clip looks for the size of a data set

No file of ours in OUT/shards ends in .json but the stats: img2dataset's resume takes `int(prefix)` of each
(section 4.8), so open_clip's other place, sizes.json, will not do.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder import storage
from wit_builder.errors import ConfigError, ShardError
from wit_builder.shards.writer import ROW_GROUP, ShardInfo, ShardSpec, file_sha256

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
    with storage.whole(_path(out)) as temporary:
        pq.write_table(table, temporary, compression="zstd", row_group_size=ROW_GROUP)


def read_manifest(out: Path) -> list[ShardInfo]:
    """The published shards, by number. Raises ShardError when there is no readable manifest."""
    path = _path(out)
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise ShardError(f"{path} is no readable manifest: {_first_line(error)}", _FINISHED) from error
    if not table.schema.equals(SHARDS_SCHEMA) or any(column.null_count for column in table.columns):
        raise ShardError(f"{path} has other columns than a manifest: {table.schema.names}", _FINISHED)
    return [ShardInfo(**row) for row in table.to_pylist()]


def verify(out: Path) -> None:
    """Compare every published file with the manifest; reads all of them.

    Raises ShardError that names the first file that is missing, changed or too many.
    """
    shards = read_manifest(out)
    folder = out / "shards"
    for info in shards:
        for path, size, sha256 in _files(folder, info):
            _verify_file(path, size, sha256)
    length = folder / LENGTH_FILE
    if not length.is_file() or length.read_bytes() != _length_of(shards):
        raise ShardError(f"{length} is not the {_total(shards)} of the manifest", _MEND)
    _refuse_strangers(folder, shards)


def _files(folder: Path, info: ShardInfo) -> Iterator[tuple[Path, int, str]]:
    yield folder / info.file, info.bytes, info.sha256
    yield folder / info.sidecar, info.sidecar_bytes, info.sidecar_sha256
    yield folder / info.stats, info.stats_bytes, info.stats_sha256


def _verify_file(path: Path, size: int, sha256: str) -> None:
    if not path.is_file():
        raise ShardError(f"{path} is missing, the manifest lists it", _MEND)
    found = path.stat().st_size
    if found != size:
        raise ShardError(f"{path} has {found} bytes, its manifest says {size}", _MEND)
    if file_sha256(path) != sha256:
        raise ShardError(f"{path} has other bytes than its manifest says (sha256)", _MEND)


def _refuse_strangers(folder: Path, shards: Sequence[ShardInfo]) -> None:
    """A trainer takes every tar it finds, and img2dataset chokes on a foreign .json."""
    known = {path for info in shards for path, _, _ in _files(folder, info)}
    for path in sorted(folder.iterdir()):
        if path.suffix in (".tar", ".parquet", ".json") and path not in known:
            raise ShardError(f"{path} is not in the manifest", f"move it out of {folder}, or remove it")


def _path(out: Path) -> Path:
    return out / "manifest" / "shards.parquet"


def _length_of(shards: Sequence[ShardInfo]) -> bytes:
    return str(_total(shards)).encode("ascii")


def _total(shards: Sequence[ShardInfo]) -> int:
    return sum(info.samples for info in shards)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
