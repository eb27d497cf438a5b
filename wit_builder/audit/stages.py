"""The stages between the sets and the report, each over shards: make rows, search them, read what was found.

A sample of the shards is known by one number: its shard's, times 2**32, plus its own in the tar.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder.audit import cached, exact, held
from wit_builder.audit.detectors import MARGIN
from wit_builder.audit.search import PIECE, Nearest, Numbers, nobody, search
from wit_builder.curation import tables
from wit_builder.engine.task import Task, read_json
from wit_builder.errors import ImageError
from wit_builder.shards import index, sample
from wit_builder.shardset.cache import Cache
from wit_builder.shardset.shard import Shard

SHARD_BITS = 32  # of a sample's number that are its own
SEARCHED = 250_000  # samples of a task that searches
NO_PIXELS = b""

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
    Hands on `told` (JSON: tar, its sha256).
    """
    shard: Shard = task.params["shards"][task.arg]
    cache = task.params["cache"] and Path(task.params["cache"])
    digest = cached.make(
        shard, task.params["detectors"], cache, Cache(), lambda samples: task.report({"done": samples})
    )
    task.new_file("told", ".json").write_bytes(orjson.dumps({"tar": digest}))


def look(task: Task) -> None:
    """Searches some shards.

    arg: [[number of a shard, path of its `told`]]; params: shards, detectors, cache, held (paths), counts (images of
    each set), thresholds ({detector: of each set}), neighbours.
    Hands on `found` (npz): of each detector distance, other and turn of each image's neighbours, and of samples that
    are near a set number, image, distance and set.
    """
    params = task.params
    images = held.load(params["held"], params["counts"])
    arrays: dict[str, Any] = {"samples": 0}
    for name, detector in params["detectors"].items():
        sought = images.sought(name, detector, params["thresholds"][name], MARGIN[detector.kind])
        found = nobody(len(images.group), params["neighbours"])
        back = [np.zeros((4, 0))]
        samples = unreadable = 0
        for number, told in task.arg:
            shard = params["shards"][number]
            where = cached.path(shard, detector, params["cache"] and Path(params["cache"]))
            kept = cached.read(where, read_json(Path(told))["tar"], detector)
            samples, unreadable = samples + kept.samples, unreadable + kept.unreadable
            for rows, own in cached.pieces(kept, PIECE):
                numbers = (number << SHARD_BITS) + own
                back.append(_near(search(sought, rows, numbers, found), np.unique(numbers)))
        arrays |= {f"{name}.{what}": array for what, array in found._asdict().items()}
        arrays |= {f"{name}.back": np.concatenate(back, axis=1)}
        arrays |= {f"{name}.counts": np.array([samples, unreadable])}
    with task.new_file("found", ".npz").open("wb") as file:
        np.savez(file, **arrays)


def _near(back: Nearest, numbers: Numbers) -> Any:
    """Of the samples that are near a set: number, image, distance, set; float64 [4, n]."""
    row, group = np.nonzero(back.other >= 0)
    return np.stack([numbers[row], back.other[row, group], back.distance[row, group], group])


def read_matched(task: Task) -> None:
    """Reads what is said of the samples of a shard that are near a set.

    arg: number of the shard; params: shards, wanted (npy of int64 [2, n]: numbers, ascending, and whether the pixels
    are wanted). Hands on `samples` (parquet of MATCHED).
    """
    shard: Shard = task.params["shards"][task.arg]
    numbers, pixels = _wanted(task.params["wanted"])
    begin, end = np.searchsorted(numbers, [task.arg << SHARD_BITS, (task.arg + 1) << SHARD_BITS])
    own = numbers[begin:end] - (task.arg << SHARD_BITS)
    cache = Cache()
    bounds = np.array(cache.bounds(shard), np.int64).reshape(-1, 2)
    rows = []
    with cache.path(shard).open("rb") as tar:
        for number, (first, last), of_pixels in zip(own, bounds[own], pixels[begin:end], strict=True):
            tar.seek(first)
            rows.append(
                _row(shard, (task.arg << SHARD_BITS) + int(number), tar.read(last - first), of_pixels)
            )
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
        return exact.pixels(body)
    except ImageError:
        return NO_PIXELS


def samples(paths: list[Path]) -> pa.Table:
    """What `read_matched` handed on, in the order of the numbers."""
    found = [pq.read_table(path) for path in paths]
    return pa.concat_tables([MATCHED.empty_table(), *found]).sort_by("number")
