"""The stages between the sets and the report, each over shards: make rows, search them, read what was found.

A sample of the shards is known by one number: its shard's, times 2**32, plus its own in the tar.
"""

import mmap
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wit_builder.audit import cached, exact, held, search
from wit_builder.audit.detectors import MARGIN, Detector, Rows
from wit_builder.audit.search import Nearest, Numbers, nobody
from wit_builder.curation import tables
from wit_builder.engine.task import Task, read_json
from wit_builder.errors import BuildError, ImageError
from wit_builder.images.square import decoded
from wit_builder.shards import index, sample
from wit_builder.shardset.cache import Cache
from wit_builder.shardset.shard import Shard

SHARD_BITS = 32  # of a sample's number that are its own
SEARCHED = 250_000  # samples of a task that searches
NO_PIXELS = b""

Piece = tuple[Rows, Numbers]  # rows, and the numbers of their samples

MATCHED = pa.schema(
    [
        ("number", pa.int64()),
        ("shard", pa.string()),
        ("key", pa.string()),
        ("url", pa.string()),
        ("caption", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("sha256", pa.string()),
        ("pixels", pa.binary()),
    ]
)


def make_rows(task: Task) -> None:
    """Sees that what the detectors make of a shard is kept.

    arg: number of the shard; params: shards, detectors, cache (folder or None).
    Hands on `told` (JSON of cached.Told).
    """
    told = _hashed(task, task.params["shards"][task.arg])
    task.new_file("told", ".json").write_bytes(orjson.dumps(told))


def _hashed(task: Task, shard: Shard) -> cached.Told:
    """What is told of it, and the detectors' rows are kept now."""
    cache = task.params["cache"] and Path(task.params["cache"])
    return cached.make(
        shard, task.params["detectors"], cache, Cache(), lambda samples: task.report({"done": samples})
    )


def groups(samples: Sequence[int]) -> list[list[int]]:
    """The numbers of the shards, as many together as have SEARCHED samples."""
    found: list[list[int]] = []
    full = SEARCHED
    for shard, count in enumerate(samples):
        if full >= SEARCHED:
            found.append([])
            full = 0
        found[-1].append(shard)
        full += count
    return found


def look(task: Task) -> None:
    """Searches some shards.

    arg: [[number of a shard, path of its `told`]]; params: shards, detectors, cache, held (paths), counts (images of
    each set), thresholds ({detector: of each set}), neighbours.
    Hands on `found` (npz), of each detector ID: ID.near (search.sparse), ID.back (of samples that are near a set its
    number, image, distance and set; float64 [4, n]), ID.counts (samples, and those that could not be read).
    """
    params = task.params
    images = held.load(params["held"], params["counts"])
    arrays: dict[str, Any] = {}
    for name, detector in params["detectors"].items():
        sought = images.sought(name, detector, params["thresholds"][name], MARGIN[detector.kind])
        found = nobody(len(images.group), params["neighbours"])
        back, counts = [np.zeros((4, 0))], np.zeros(2, np.int64)
        for rows, numbers in _pieces(_kept(task, detector, counts), search.most(sought)):
            back.append(_near(search.search(sought, rows, numbers, found), np.unique(numbers)))
        near = search.sparse(found)
        arrays |= {f"{name}.near": near, f"{name}.back": np.concatenate(back, 1), f"{name}.counts": counts}
    with task.new_file("found", ".npz").open("wb") as file:
        np.savez(file, **arrays)


def _kept(task: Task, detector: Detector, counts: Numbers) -> Iterator[Piece]:
    """The rows of each shard, with the numbers of their samples. Counts samples, and those that cannot be read."""
    cache = task.params["cache"] and Path(task.params["cache"])
    for number, told in task.arg:
        where = cached.path(task.params["shards"][number], detector, cache)
        kept = cached.read(where, read_json(Path(told))["tar"], detector)
        counts += (kept.samples, kept.unreadable)
        yield kept.rows, (number << SHARD_BITS) + kept.sample


def _pieces(kept: Iterable[Piece], most: int) -> Iterator[Piece]:
    """The same in pieces of so many rows, the last one smaller."""
    waiting: list[Piece] = []
    for rows, numbers in kept:
        waiting += [(rows, numbers)] * (len(rows) > 0)
        if sum(len(some) for some, _ in waiting) >= most:
            joined = _joined(waiting)
            whole = len(joined[0]) // most * most
            for start in range(0, whole, most):
                yield joined[0][start : start + most], joined[1][start : start + most]
            waiting = [(joined[0][whole:], joined[1][whole:])] * (whole < len(joined[0]))
    if waiting:
        yield _joined(waiting)


def _joined(some: list[Piece]) -> Piece:
    return np.concatenate([rows for rows, _ in some]), np.concatenate([numbers for _, numbers in some])


def _near(back: Nearest, numbers: Numbers) -> NDArray[np.float64]:
    row, group = np.nonzero(back.other >= 0)
    return np.stack([numbers[row], back.other[row, group], back.distance[row, group], group])


def read_matched(task: Task) -> None:
    """Reads what is said of the samples of a shard that are near a set.

    arg: number of the shard, path of its `told`; params: shards, detectors, cache, wanted (npy of int64 [2, n]:
    numbers, ascending, and whether the pixels are wanted). Hands on `samples` (parquet of MATCHED).
    Raises BuildError when the shard is another than was searched.
    """
    place, told = task.arg
    shard: Shard = task.params["shards"][place]
    if _hashed(task, shard).tar != read_json(Path(told))["tar"]:
        raise BuildError(f"{shard.url} changed while it was audited", "--out OTHER_FOLDER")
    numbers, pixels = _wanted(task.params["wanted"])
    begin, end = np.searchsorted(numbers, [place << SHARD_BITS, (place + 1) << SHARD_BITS])
    own = numbers[begin:end] - (place << SHARD_BITS)
    descriptor = Cache().open(shard)
    try:
        with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as tar:
            bounds = cached.bounds(tar)[0][own]
            rows = [
                _row(shard, (place << SHARD_BITS) + int(number), tar[first:last], of_pixels)
                for number, (first, last), of_pixels in zip(own, bounds, pixels[begin:end], strict=True)
            ]
    finally:
        os.close(descriptor)
    tables.write_parquet(task.new_file("samples", ".parquet"), pa.Table.from_pylist(rows, MATCHED))


@lru_cache(maxsize=1)
def _wanted(path: str) -> Any:
    return np.load(path)


def _row(shard: Shard, number: int, body: bytes, of_pixels: bool) -> dict[str, Any]:
    parts = index.parts_of(body)
    said = sample.fields(body, parts)
    captions = sample.captions(body, parts, said)
    return {
        "number": number,
        "shard": shard.name,
        "key": next(iter(parts.values())).key,
        "url": _text(said.get("url")),
        "caption": captions[0] if captions else None,
        "width": _size(said.get("width")),
        "height": _size(said.get("height")),
        "sha256": _text(said.get("sha256")),
        "pixels": _pixels(sample.image(body, parts)) if of_pixels else NO_PIXELS,
    }


def _text(value: Any) -> str | None:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def _size(value: Any) -> int | None:
    return value if isinstance(value, int) and 0 < value < 1 << 31 else None


def _pixels(body: bytes) -> bytes:
    try:
        return exact.pixels(decoded(body))
    except ImageError:
        return NO_PIXELS


def samples(paths: list[Path]) -> pa.Table:
    """What `read_matched` handed on, in the order of the numbers."""
    found = [pq.read_table(path) for path in paths]
    return pa.concat_tables([MATCHED.empty_table(), *found]).sort_by("number")
