"""Canaries: how many copies would this audit find, and from which similarity on? Images of the sets are changed as
copies are, and looked for.

A canary is a copy of an evaluation image, made by one of `transforms.CANARIES`. Whether it would be found is asked of
the detector at the threshold in use, as if the copy lay in a shard; and so is how often another image would be taken
for it. What is told of them is what thresholds are had from (calibrate.py). torch is not imported here.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wit_builder.audit import cached, held
from wit_builder.audit.calibrate import DUPLICATES, LEAST, PRECISION, Seen, lowest
from wit_builder.audit.detectors import BITS, Detector, Image, Kind, Rows
from wit_builder.audit.held import Held
from wit_builder.audit.learned.transforms import CANARIES, Transform, encoded
from wit_builder.audit.learned.views import picture
from wit_builder.audit.search import Numbers
from wit_builder.curation import tables
from wit_builder.engine.task import Task, read_json
from wit_builder.errors import ImageError

MOST_SIDE = 512  # pixels; larger images are brought down to between this and twice as much first
SIDES = (0, 64, 128, 256, 512)  # pixels: short sides from which on images are counted together
SAMPLES, SHARDS = 4096, 64  # of the shards, that say how alike strangers are there
TRANSFORMS: tuple[tuple[str, Transform], ...] = tuple(CANARIES.items())
_TOGETHER = 64  # copies that a detector gets at once
_PRODUCTS = 512  # images of the other side that are compared at once

Similarities = NDArray[np.float32]

COPIES = pa.schema(
    [(name, pa.string()) for name in ("eval_set", "eval_id", "transform")]
    + [("side", pa.int32()), ("detector", pa.string()), ("similarity", pa.float32()), ("other", pa.float32())]
)


@dataclass(frozen=True, slots=True)
class Copy:
    """transform: its name. side: the largest of SIDES that the image has. body: b"" of what is no image."""

    transform: str
    side: int
    body: bytes


def plant(task: Task) -> None:
    """Makes copies of images of a set, sees how alike they are, and what threshold follows.

    arg: number of the set; params: sets, detectors, held (paths), counts (images of each set), canaries, shards, told
    (of each shard its path), cache. Hands on `copies` (parquet of COPIES) and `said` (JSON of {detector: threshold,
    and source: where it comes from}).
    """
    params, place = task.params, task.arg
    images = held.load(params["held"], params["counts"])
    own, first = held.opened(params["sets"][place]), images.first[place]
    numbers = chosen(images, place, params["canaries"])
    keys = [own.keys[number - first] for number in numbers]
    bodies = [own.images[number - first].read() for number in numbers]
    made = [changed(body, at, key) for at, (body, key) in enumerate(zip(bodies, keys, strict=True))]
    rows, said = [COPIES.empty_table()], {}
    for name, detector in params["detectors"].items():
        if detector.kind != "key":
            seen = _seen(task, detector, images.of(name, numbers), made)
            rows.append(_rows(own.name, keys, made, name, seen))
            said[name] = _threshold(detector, seen)
    tables.write_parquet(task.new_file("copies", ".parquet"), pa.concat_tables(rows))
    task.new_file("said", ".json").write_bytes(orjson.dumps(said))
    task.report({"done": len(numbers)})


def chosen(images: Held, place: int, most: int) -> Numbers:
    """Images to try: at most so many of a set's, from all over it, each picture once, none that means nothing."""
    begin, end = images.first[place : place + 2]
    usable = np.flatnonzero(images.readable[begin:end] & (images.degenerate[begin:end] == 0))
    pixels = images.pixels[begin:end][usable]
    once = np.sort(np.unique(pixels, axis=0, return_index=True)[1]) if len(pixels) else usable
    places = np.linspace(0, len(once) - 1, min(most, len(once))).round().astype(np.int64)
    return begin + usable[once[places]]


def changed(body: bytes, at: int, key: str) -> Copy:
    """A copy of that image, by one of the transforms in turn."""
    name, transform = TRANSFORMS[at % len(TRANSFORMS)]
    try:
        one = picture(body, MOST_SIDE // 2)
    except ImageError:
        return Copy(name, 0, b"")
    side = max(least for least in SIDES if least <= min(one.size))
    return Copy(name, side, encoded(transform(one, Random(f"{name} {key}"))))


def alike(kind: Kind, one: Sequence[Rows], other: Sequence[Rows]) -> Similarities:
    """How similar each is to each, by the two views that are most alike: [n, m]. Each has one or more rows."""
    if not one or not other:
        return np.zeros((len(one), len(other)), np.float32)
    left, starts = _numbers(kind, one), _starts(one)
    parts = []
    for at in range(0, len(other), _PRODUCTS):
        some = other[at : at + _PRODUCTS]
        best = np.maximum.reduceat(left @ _numbers(kind, some).T, starts, axis=0)
        parts.append(np.maximum.reduceat(best, _starts(some), axis=1))
    found: Similarities = np.concatenate(parts, axis=1)
    if kind == "hash256":
        found = found / np.float32(2 * BITS) + np.float32(0.5)
    return found


def counted(rows: pa.Table, name: str, thresholds: Mapping[str, float]) -> dict[str, list[dict[str, Any]]]:
    """What audit.json says of a set: of each detector, transform and size how many copies were tried, how many are
    found at the threshold, and how many another image would be taken for. rows: of COPIES.
    """
    counts: dict[str, dict[tuple[str, int], Counter[str]]] = {}
    for row in rows.filter(pc.field("eval_set") == name).to_pylist():
        least = np.float32(thresholds[row["detector"]])
        of = counts.setdefault(row["detector"], {}).setdefault((row["transform"], row["side"]), Counter())
        of.update(tried=1, found=int(row["similarity"] >= least), wrong=int(row["other"] >= least))
    return {
        detector: [
            {"transform": way, "side": side, **count}
            for (way, side), count in sorted(each.items(), key=_order)
        ]
        for detector, each in counts.items()
    }


def recalls(told: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """By transform the share of copies that is found, images of all sizes together. told: entries of audit.json."""
    tried, found = Counter[str](), Counter[str]()
    for one in told:
        tried[one["transform"]] += one["tried"]
        found[one["transform"]] += one["found"]
    return {name: found[name] / tried[name] for name in tried}


def mistaken(told: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
    """How many copies another image is taken for, of so many. told: as for `recalls`."""
    entries = list(told)
    return sum(one["wrong"] for one in entries), sum(one["tried"] for one in entries)


def _order(entry: tuple[tuple[str, int], Any]) -> tuple[int, int]:
    (way, side), _ = entry
    return list(CANARIES).index(way), side


def _seen(task: Task, detector: Detector, rows: Sequence[Rows | None], made: Sequence[Copy]) -> Seen:
    """Of images and copies that both could be read, in their order; of the others nan."""
    bodies = [Image(copy.body) for copy in made]
    there = [
        one
        for at in range(0, len(made), _TOGETHER)
        for one in detector.of(bodies[at : at + _TOGETHER], False)
    ]
    good = [
        at for at, (one, other) in enumerate(zip(rows, there, strict=True)) if one is not None is not other
    ]
    known: list[Rows] = [one for at in good if (one := rows[at]) is not None]
    near = alike(detector.kind, known, [one for at in good if (one := there[at]) is not None])
    own, other = np.full((2, len(made)), np.nan)
    own[good] = np.diag(near)
    np.fill_diagonal(near, -1)
    other[good] = near.max(axis=1, initial=-1)
    strangers = _strangers(task, detector)
    apart = alike(detector.kind, known, strangers)
    nearest = np.stack([apart[:, ::2].max(axis=1, initial=-1), apart.max(axis=1, initial=-1)])
    samples = sum(shard.samples for shard in task.params["shards"])
    return Seen(own, other, nearest, max(0.0, math.log2(max(1, samples) / max(1, len(strangers)))))


def _strangers(task: Task, detector: Detector) -> list[Rows]:
    """Rows of SAMPLES samples from all over the shards, or of all."""
    params, found = task.params, list[Rows]()
    if detector.moves == "no":
        return found
    shards = params["shards"]
    places = np.unique(np.linspace(0, len(shards) - 1, min(SHARDS, len(shards))).round().astype(int))
    share = min(1.0, SAMPLES / max(1, sum(shards[place].samples for place in places)))
    for place in places:
        where = cached.path(shards[place], detector, params["cache"] and Path(params["cache"]))
        kept = cached.read(where, read_json(Path(params["told"][place]))["tar"], detector)
        samples = np.unique(kept.sample)
        some = samples[np.linspace(0, len(samples) - 1, math.ceil(share * len(samples))).round().astype(int)]
        found += [
            kept.rows[np.searchsorted(kept.sample, one) : np.searchsorted(kept.sample, one, "right")]
            for one in some
        ]
    return found


def _threshold(detector: Detector, seen: Seen) -> dict[str, Any]:
    threshold, source = detector.threshold, detector.source
    good = ~np.isnan(seen.own)
    own = seen.own[good]
    level = lowest(replace(seen, own=own, other=seen.other[good]), threshold)
    if detector.moves == "no" or level is None:
        few = f"; the set has none of its own, for which {LEAST} images are copied, and here {len(own)}"
        return {"threshold": threshold, "source": source + few * (detector.moves != "no")}
    if detector.moves == "up" and level <= threshold:
        return {
            "threshold": threshold,
            "source": f"{source}; copies of the set's own would allow {level:.4f}",
        }
    source = f"{PRECISION:.0%} precision where {DUPLICATES:.1%} of the images have a copy"
    return {"threshold": level, "source": f"{source}, by {len(own)} copies of the set's own"}


def _rows(name: str, keys: Sequence[str], made: Sequence[Copy], detector: str, seen: Seen) -> pa.Table:
    columns = [
        pa.array([name] * len(keys)),
        keys,
        [one.transform for one in made],
        [one.side for one in made],
    ]
    columns += [[detector] * len(keys), seen.own.astype(np.float32), seen.other.astype(np.float32)]
    table = pa.table([pa.array(column, of.type) for column, of in zip(columns, COPIES, strict=True)], COPIES)
    return table.filter(pa.array(~np.isnan(seen.own)))


def _numbers(kind: Kind, some: Sequence[Rows]) -> Similarities:
    """As what dot products are taken of: hashes as 256 numbers, 1 or -1."""
    rows = np.concatenate(some)
    if kind == "vector":
        return rows.astype(np.float32)
    return np.unpackbits(rows.view(np.uint8), axis=1).astype(np.float32) * 2 - 1


def _starts(some: Sequence[Rows]) -> Numbers:
    return np.cumsum([0, *(len(one) for one in some)])[:-1]
