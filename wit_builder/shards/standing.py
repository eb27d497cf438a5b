"""A shard that `wit fetch` has written, read back row by row, to be written again with some rows changed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder.errors import ShardError
from wit_builder.shards.layout import Layout
from wit_builder.shards.listed import Output, Pair
from wit_builder.shards.reader import read_shard
from wit_builder.shards.writer import ShardSpec, paths

Image = tuple[dict[str, Any] | None, bytes]  # fields of its JSON, and its bytes

BATCH = 500  # rows, with their images where these lie in the table


def standing(
    folder: Path, index: int, spec: ShardSpec, layout: Layout, output: Output
) -> Iterator[tuple[int, Pair]]:
    """Number and content of each row, by rising number.

    Raises ShardError where its files are not what one run has written.
    """
    tar, table, _ = paths(folder, spec.stem(index))
    images = _in_tar(tar) if output == "webdataset" else None
    for row in _rows(table, layout, output):
        number = int(row["key"]) - index * 10**spec.key_digits
        inline = row.pop(layout.format, None) if output == "parquet" else None
        if row["reason"] is not None:
            yield number, Pair(row, None, None)
        elif output == "parquet":
            yield number, Pair(row, None, inline)
        elif images is not None:
            yield number, Pair(row, *_next(images, row["key"], tar))
        else:
            yield number, Pair(row, *_in_files(tar.with_suffix(""), row["key"], layout))


def _rows(path: Path, layout: Layout, output: Output) -> Iterator[dict[str, Any]]:
    try:
        file = pq.ParquetFile(path)
        names = layout.columns().names + ([layout.format] if output == "parquet" else [])
        if file.schema_arrow.names != names:
            raise ShardError(f"{path} has other columns than it was written with")
        for batch in file.iter_batches(BATCH):
            yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise ShardError(
            f"{path} cannot be read: {error}", f"delete {path.stem}* there and fetch again"
        ) from error


def _in_tar(path: Path) -> Iterator[tuple[str, dict[str, Any], bytes]]:
    return ((key, meta, image) for key, image, _, meta in read_shard(path))


def _next(
    images: Iterator[tuple[str, dict[str, Any], bytes]], key: str, path: Path
) -> tuple[dict[str, Any], bytes]:
    found, meta, image = next(images, ("", {}, b""))
    if found != key:
        raise ShardError(
            f"{path} has no {key} where its sidecar has one", f"delete {path} and its stats, fetch again"
        )
    return meta, image


def _in_files(folder: Path, key: str, layout: Layout) -> tuple[dict[str, Any], bytes]:
    try:
        meta: dict[str, Any] = orjson.loads((folder / f"{key}.json").read_bytes())
        return meta, (folder / f"{key}.{layout.format}").read_bytes()
    except (OSError, orjson.JSONDecodeError) as error:
        raise ShardError(
            f"{folder} has no whole {key}: {error}", f"delete {folder} and its stats, fetch again"
        ) from error
