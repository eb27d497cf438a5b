"""Writes one shard of a list, as img2dataset does: each row has its number there, also where it failed.

    webdataset   00000.tar, 00000.parquet, 00000_stats.json
    files        00000/KEY.jpg, KEY.json, KEY.txt; 00000.parquet, 00000_stats.json
    parquet      00000.parquet with the images in a last column `jpg`; 00000_stats.json
    dummy        00000_stats.json

The same rows give the same bytes (the parquet with the same pyarrow). The files are durable when the call
returns; it is written to a folder where nobody looks yet, so they need no temporary names.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder import storage
from wit_builder.records import Failure, Sample
from wit_builder.shards import sidecar
from wit_builder.shards.layout import Layout
from wit_builder.shards.stats import Stats
from wit_builder.shards.tar import TarWriter
from wit_builder.shards.writer import ROW_GROUP, ShardSpec, image_of, members, paths

Output = Literal["webdataset", "files", "parquet", "dummy"]


@dataclass(frozen=True, slots=True)
class Pair:
    """One row as it stands in a shard."""

    row: dict[str, Any]  # of the sidecar
    meta: dict[str, Any] | None  # of the JSON; None where there is none, or no image
    image: bytes | None

    def members(self, layout: Layout) -> Iterator[tuple[str, bytes]]:
        """Name and data of each of its members."""
        if self.meta is not None and self.image is not None:
            yield from members(self.meta, layout.format, self.image)


MAX_GROUP_BYTES = 128 << 20  # of images in one row group: they are in memory together


Row = tuple[int, Sample | Failure | Pair]  # its number in the shard, and what became of it


def write_listed(
    folder: Path,
    index: int,
    rows: Iterable[Row],
    read_image: Callable[[Sample], bytes],
    spec: ShardSpec,
    layout: Layout,
    output: Output,
) -> list[Path]:
    """Write shard number `index` into the empty `folder`; its files (and folder), the stats last.

    rows: by rising number. Raises BuildError for a disk that is full, read-only or forbidden, and for an image
    that is not as long as its record says.
    """
    tar, table, stats_path = paths(folder, spec.stem(index))
    stats = Stats()
    with storage.plain_errors(table), _images(output, tar) as put, _rows(output, table, layout) as add:
        for number, item in rows:
            pair = _pair(item, spec.key(index, number), read_image, layout)
            for name, data in pair.members(layout):
                put(name, data)
            add(pair.row, pair.image)
            stats.add(pair.row["reason"], pair.row["fetched_at"])
    storage.write_bytes(stats_path, stats.as_json())
    made = (tar, tar.with_suffix(""), table, stats_path)
    return [path for path in made if path.exists()]


def _pair(
    item: Sample | Failure | Pair, key: str, read_image: Callable[[Sample], bytes], layout: Layout
) -> Pair:
    if isinstance(item, Pair):
        return item
    if isinstance(item, Failure):
        return Pair(sidecar.row_of(item, key, layout), None, None)
    meta = sidecar.meta_of(item, key, layout)
    return Pair(sidecar.aside(item, meta), meta, image_of(item, read_image))


@contextmanager
def _images(output: Output, tar: Path) -> Iterator[Callable[[str, bytes], object]]:
    """Where the members of a sample go."""
    if output == "webdataset":
        with TarWriter(tar) as writer:
            yield writer.add
    elif output == "files":
        folder = tar.with_suffix("")
        folder.mkdir()
        yield lambda name, data: (folder / name).write_bytes(data)
        os.sync()  # 30,000 files; one by one takes minutes
    else:
        yield lambda name, data: None


@contextmanager
def _rows(
    output: Output, path: Path, layout: Layout
) -> Iterator[Callable[[dict[str, Any], bytes | None], None]]:
    """Where the rows go: the sidecar, with the images in it where there is no other place for them."""
    if output == "dummy":
        yield lambda row, image: None
        return
    with _Table(path, layout, output == "parquet") as table:
        yield table.add
    storage.sync(path)


class _Table:
    """A sidecar, written a row group at a time."""

    def __init__(self, path: Path, layout: Layout, with_images: bool) -> None:
        self._layout, self._with_images = layout, with_images
        self._schema = layout.columns()
        if with_images:
            self._schema = self._schema.append(pa.field(layout.format, pa.binary()))
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []
        self._images: list[bytes | None] = []
        self._size = 0

    def __enter__(self) -> "_Table":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def add(self, row: dict[str, Any], image: bytes | None) -> None:
        self._rows.append(row)
        if self._with_images:
            self._images.append(image)
            self._size += len(image or b"")
        if len(self._rows) == ROW_GROUP or self._size > MAX_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if not self._rows:
            return
        table = sidecar.table_of(self._rows, self._layout)
        if self._with_images:
            table = table.append_column(self._layout.format, pa.array(self._images, pa.binary()))
        self._writer.write_table(table.cast(self._schema), ROW_GROUP)
        self._rows, self._images, self._size = [], [], 0
