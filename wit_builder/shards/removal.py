"""Writes a shard again, in its place, without some of its rows. The other samples keep their keys and bytes."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder import parquet, storage
from wit_builder.errors import ShardError
from wit_builder.shards import sidecar
from wit_builder.shards.reader import read_members
from wit_builder.shards.stats import Stats
from wit_builder.shards.tar import TarWriter
from wit_builder.shards.writer import paths

_KEY = re.compile("[0-9]{1,32}")
AUDIT = ".audit"  # beside shards: what an audit made of their images

Texts = Mapping[str, list[dict[str, str]]]
Change = Callable[[pa.Table], tuple[pa.Table, Texts]]
"""Rows of a sidecar, a row group at a time: those that stay, as they are to stand, and the alt_texts of keys
whose texts were changed."""


def rewrite(folder: Path, stem: str, change: Change) -> None:
    """Change the shard of that name, as `change` says.

    Each file is whole at any time, and the tar is replaced first, the stats last; done again after a kill it
    ends with the same files. Raises ShardError where a file of the shard cannot be read, BuildError for a disk
    that is full, read-only or forbidden.
    """
    tar, table, stats_path = paths(folder, stem)
    for path in (folder / AUDIT).glob(f"{stem}.*"):
        path.unlink()
    stats, stay, gone, texts = Stats(), set[str](), set[str](), dict[str, list[dict[str, str]]]()
    with storage.whole(table) as new_table:
        for before, kept, changed in _changed(table, new_table, change):
            texts |= changed
            stay |= keys(kept, table)
            gone |= keys(before, table) - keys(kept, table)
            for row in kept.select(["reason", "fetched_at"]).to_pylist():
                stats.add(row["reason"], row["fetched_at"])
        if tar.exists():
            _write_tar(tar, stay, texts)
        _remove_files(tar.with_suffix(""), gone)
    storage.write_bytes(stats_path, stats.as_json())


def _changed(old: Path, new: Path, change: Change) -> Iterator[tuple[pa.Table, pa.Table, Texts]]:
    """Writes the sidecar; each row group as it was and as it is, and whose texts were changed."""
    with pq.ParquetFile(old) as file, pq.ParquetWriter(new, file.schema_arrow, compression="zstd") as writer:
        groups = (file.read_row_group(number) for number in range(file.num_row_groups))
        for before in parquet.whole(old, groups):
            kept, changed = change(before)
            writer.write_table(kept, max(1, kept.num_rows))
            yield before, kept, changed


def keys(rows: pa.Table, path: Path) -> set[str]:
    """The keys in these rows of the sidecar at that path. Raises ShardError for one that names no sample."""
    found = set(rows.column("key").drop_null().to_pylist())
    if wrong := sorted(key for key in found if not _KEY.fullmatch(key)):
        raise ShardError(f"{path} has the key {wrong[0]!r:.200}, expected digits", parquet.MEND)
    return found


def _remove_files(folder: Path, gone: set[str]) -> None:
    """The members of these samples, where they lie as files."""
    for path in folder.iterdir() if gone and folder.is_dir() else ():
        if path.name.partition(".")[0] in gone:
            path.unlink()


def _write_tar(path: Path, stay: set[str], texts: Texts) -> None:
    with storage.whole(path) as temporary, TarWriter(temporary) as tar:
        for key, members in read_members(path):
            if key not in stay:
                continue
            for extension, data in members.items():
                new = extension == "json" and key in texts
                tar.add(f"{key}.{extension}", _with_texts(data, texts[key]) if new else data)


def _with_texts(json: bytes, texts: list[dict[str, str]]) -> bytes:
    meta: dict[str, Any] = orjson.loads(json)
    return sidecar.json_of(meta | {"alt_texts": texts})
