"""Writes one shard, as img2dataset names and fills it: 00000.tar, 00000.parquet, 00000_stats.json.

Each file is whole or absent. The stats come last and are the mark that the shard is done, as img2dataset's
resume and DataComp's resharder take it. The same samples and failures give the same bytes, whenever and
wherever they are written (the parquet with the same pyarrow). Over two crawls of the same web the tars
are equal too; the sidecars differ in `found_at` and `fetched_at`, the stats in their times.

Unlike img2dataset's, a shard is full: failures take no number, samples stand in the order they were given.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder import parquet, storage
from wit_builder.errors import BuildError, ConfigError
from wit_builder.records import Failure, Sample
from wit_builder.shards import sidecar
from wit_builder.shards.layout import Layout
from wit_builder.shards.stats import Stats
from wit_builder.shards.tar import TarWriter

ROW_GROUP = 65_536  # rows


@dataclass(frozen=True, slots=True)
class ShardSpec:
    """How many samples a shard holds, and how it and they are numbered."""

    samples_per_shard: int = 10_000
    index_digits: int = 5  # img2dataset's oom_shard_count

    def __post_init__(self) -> None:
        if self.samples_per_shard < 1 or not 1 <= self.index_digits <= 9:
            raise ConfigError(f"{self} is no shard: it takes 1 sample or more, and 1 to 9 digits")

    @property
    def key_digits(self) -> int:
        """Digits of a sample's number within its shard: ceil(log10(samples_per_shard))."""
        return len(str(self.samples_per_shard - 1)) if self.samples_per_shard > 1 else 0

    @property
    def max_shards(self) -> int:
        """How many shards the digits can number."""
        return int(10**self.index_digits)

    def stem(self, index: int) -> str:
        """The shard's name without extension: 00000."""
        if not 0 <= index < self.max_shards:
            raise ValueError(f"shard {index} has no name of {self.index_digits} digits")
        return f"{index:0{self.index_digits}d}"

    def key(self, index: int, number: int) -> str:
        """The key of sample `number` of shard `index`: shard 7, sample 31 is 000070031."""
        return f"{index * 10**self.key_digits + number:0{self.key_digits + self.index_digits}d}"


@dataclass(frozen=True, slots=True)
class ShardInfo:
    """A written shard: a row of the manifest."""

    shard: int  # its number
    file: str  # name of the tar
    sha256: str  # of the tar
    bytes: int  # of the tar
    samples: int
    failures: int  # rows of the sidecar beyond the samples
    first_key: str  # "" where there is no sample
    last_key: str
    sidecar: str  # name of the parquet
    sidecar_sha256: str
    sidecar_bytes: int
    stats: str  # name of the stats file
    stats_sha256: str
    stats_bytes: int


def write_shard(
    folder: Path,
    index: int,
    samples: Sequence[Sample],
    read_image: Callable[[Sample], bytes],
    failures: Sequence[Failure] = (),
    spec: ShardSpec = ShardSpec(),
    layout: Layout = sidecar.BUILD,
) -> ShardInfo:
    """Write shard number `index` into `folder`, replacing an earlier one of that number.

    Samples get the keys 0 to n - 1 of the shard in the order given. `read_image` is asked once for each, in
    that order. Raises ValueError for more samples than fit, BuildError for a disk that is full, read-only or
    forbidden, and for an image that is not as long as its record says.
    """
    if len(samples) > spec.samples_per_shard:
        raise ValueError(f"{len(samples)} samples for a shard of {spec.samples_per_shard}")
    stem = spec.stem(index)
    tar_path, table_path, stats_path = paths(folder, stem)
    with storage.whole(table_path) as table_temporary, storage.whole(tar_path) as tar_temporary:
        rows = _write_tar(tar_temporary, index, samples, read_image, spec, layout)
        rows += [sidecar.row_of(failure, None, layout) for failure in failures]
        _write_sidecar(table_temporary, rows, layout)
        stats_path.unlink(missing_ok=True)  # no mark may stand beside files it was not written for
    storage.write_bytes(stats_path, Stats.of([*samples, *failures]).as_json())
    return read_info(folder, stem)


def read_info(folder: Path, stem: str) -> ShardInfo:
    """The finished shard as it lies on the disk; reads its files whole, for their hashes.

    Raises ShardError when its sidecar is unreadable, FileNotFoundError when another of its files is missing.
    """
    tar_path, table_path, stats_path = paths(folder, stem)
    keys = _keys(table_path)
    taken = keys.drop_null()
    return ShardInfo(
        shard=int(stem),
        file=tar_path.name,
        sha256=file_sha256(tar_path),
        bytes=tar_path.stat().st_size,
        samples=len(taken),
        failures=len(keys) - len(taken),
        first_key=taken[0].as_py() if len(taken) else "",
        last_key=taken[-1].as_py() if len(taken) else "",
        sidecar=table_path.name,
        sidecar_sha256=file_sha256(table_path),
        sidecar_bytes=table_path.stat().st_size,
        stats=stats_path.name,
        stats_sha256=file_sha256(stats_path),
        stats_bytes=stats_path.stat().st_size,
    )


def paths(folder: Path, stem: str) -> tuple[Path, Path, Path]:
    """Where the shard's tar, sidecar and stats stand."""
    return folder / f"{stem}.tar", folder / f"{stem}.parquet", folder / f"{stem}_stats.json"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits; 1.8 GB/s where the file is cached."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def image_of(sample: Sample, read_image: Callable[[Sample], bytes]) -> bytes:
    """The image's bytes. Raises BuildError where they are not as many as the record says."""
    if sample.format not in sidecar.FORMATS:
        raise ValueError(f"sample {sample.id} is a {sample.format!r}; a shard holds {sidecar.FORMATS}")
    image = read_image(sample)
    if len(image) != sample.length:
        raise BuildError(
            f"the image of sample {sample.id} has {len(image)} bytes, its record says {sample.length}",
            f"the staged tar {sample.tar} is damaged: delete it and its stage, then build with `--resume`",
        )
    return image


def members(meta: dict[str, Any], format: str, image: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and data of each member, in the order of their extensions; a text where captions are kept."""
    key = meta["key"]
    yield f"{key}.{format}", image
    yield f"{key}.json", sidecar.json_of(meta)
    if "caption" in meta:
        yield f"{key}.txt", meta["caption"].encode()


def _keys(path: Path) -> pa.ChunkedArray:
    return parquet.table(path, pa.schema([("key", pa.string())])).column("key")


def _write_tar(
    path: Path,
    index: int,
    samples: Sequence[Sample],
    read_image: Callable[[Sample], bytes],
    spec: ShardSpec,
    layout: Layout,
) -> list[dict[str, Any]]:
    """Write all samples; returns the sidecar's row of each."""
    rows = []
    with TarWriter(path) as tar:
        for number, sample in enumerate(samples):
            meta = sidecar.meta_of(sample, spec.key(index, number), layout)
            for name, data in members(meta, sample.format, image_of(sample, read_image)):
                tar.add(name, data)
            rows.append(sidecar.aside(sample, meta))
    return rows


def _write_sidecar(path: Path, rows: Sequence[dict[str, Any]], layout: Layout) -> None:
    with storage.plain_errors(path):
        table = sidecar.table_of(rows, layout)
        pq.write_table(table, path, compression="zstd", row_group_size=ROW_GROUP)
