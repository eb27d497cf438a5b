"""What is overlap: pairs above their set's threshold, the images of sets that have one, the samples to leave out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wit_builder.audit import exact
from wit_builder.audit.detectors import Kind, similarity
from wit_builder.audit.held import DEGENERATE, Held
from wit_builder.audit.perceptual import TURNS
from wit_builder.audit.search import Nearest, Numbers

PAIRS = pa.schema(
    [
        ("eval_set", pa.string()),
        ("eval_id", pa.string()),
        ("shard", pa.string()),
        ("key", pa.string()),
        ("url", pa.string()),
        ("caption", pa.string()),
        ("similarity", pa.float32()),
        ("detector", pa.string()),
        ("overlap", pa.bool_()),
        ("rank", pa.int32()),
        ("turn", pa.int8()),
        ("width", pa.int32()),
        ("height", pa.int32()),
    ]
)
IMAGES = pa.schema(
    [("eval_set", pa.string()), ("eval_id", pa.string()), ("label", pa.int64()), ("state", pa.string())]
)
EXCLUDED = pa.schema([(name, pa.string()) for name in ("shard", "key", "why", "url", "sha256")])

OVERLAP, CLEAN, UNREADABLE = "overlap", "clean", "unreadable"  # states, beside those of DEGENERATE


@dataclass(frozen=True, slots=True)
class Found:
    """What one detector found: pairs of images of sets and samples, as far as they are near.

    image, sample (numbers), similarity, rank (0: the nearest of its image), turn: arrays of one length. above:
    whether the pair is over the threshold of its set.
    """

    detector: str
    image: Numbers
    sample: Numbers
    similarity: NDArray[np.float32]
    rank: Numbers
    turn: Numbers
    above: NDArray[np.bool_]


def found(name: str, kind: Kind, nearest: Nearest, held: Held, thresholds: Sequence[float]) -> Found:
    """The neighbours of all images. thresholds: of each set."""
    image, rank = np.nonzero(nearest.other >= 0)
    near = similarity(kind, nearest.distance[image, rank])
    least = np.array(thresholds, np.float32)[held.group[image]]
    other, turn = nearest.other[image, rank], nearest.turn[image, rank]
    return Found(name, image, other, near, rank, turn, near >= least)


def equal_pixels(near: Found, held: Held, samples: pa.Table) -> Found:
    """Of these pairs those with equal pixels. samples: of stages.MATCHED."""
    known = _digests(samples.column("pixels"))
    at = np.searchsorted(samples.column("number").to_numpy(), near.sample)
    equal = np.flatnonzero((known[at] == held.pixels[near.image]).all(axis=1) & held.readable[near.image])
    of = near.image[equal]
    rank = np.arange(len(of)) - np.searchsorted(of, of)  # images stand together
    ones = np.ones(len(of), np.float32)
    return Found(exact.PIXELS, of, near.sample[equal], ones, rank, near.turn[equal] * 0, ones > 0)


def _digests(column: pa.ChunkedArray) -> NDArray[np.uint64]:
    digests = [value if len(value) == 32 else bytes(32) for value in column.to_pylist()]
    return np.frombuffer(b"".join(digests), np.uint64).reshape(-1, 4)


def states(all_found: Sequence[Found], held: Held) -> NDArray[Any]:
    """What each image is: overlap, clean, unreadable, or why its look means nothing.

    What is unreadable may be overlap by its bytes; what means nothing is overlap only by bytes.
    """
    state = np.array([CLEAN, *DEGENERATE[1:]], object)[held.degenerate]
    state[~held.readable] = UNREADABLE
    for one in all_found:
        state[one.image[one.above]] = OVERLAP
    return state


def pairs(
    all_found: Sequence[Found], held: Held, names: Sequence[str], keys: Sequence[str], samples: pa.Table
) -> pa.Table:
    """overlap.parquet: a row for each image of a set, sample and detector; by set, image, detector and rank.

    names: of the sets; keys: of their images. samples: of stages.MATCHED.
    """
    tables = []
    for order, one in enumerate(all_found):
        at = np.searchsorted(samples.column("number").to_numpy(), one.sample)
        said = samples.take(at)
        turn = pa.array(one.turn % TURNS, pa.int8(), mask=np.full(len(one.turn), one.detector != "pdq"))
        columns = {
            "eval_set": pa.array(names).take(pa.array(held.group[one.image])),
            "eval_id": pa.array(keys).take(pa.array(one.image)),
            "similarity": one.similarity,
            "detector": pa.repeat(one.detector, len(one.image)),
            "overlap": one.above,
            "rank": pa.array(one.rank, pa.int32()),
            "turn": turn,
        }
        columns |= {name: said.column(name) for name in ("shard", "key", "url", "caption", "width", "height")}
        table = pa.table([columns[name] for name in PAIRS.names], schema=PAIRS)
        tables.append(
            table.append_column("image", pa.array(one.image)).append_column(
                "order", pa.repeat(order, len(one.image))
            )
        )
    joined = pa.concat_tables(tables)
    by = [("image", "ascending"), ("order", "ascending"), ("rank", "ascending")]
    return joined.sort_by(by).select(PAIRS.names)


@dataclass(frozen=True, slots=True)
class Back:
    """Samples that a detector takes for images of sets: a sample and the nearest image of one set, in rows."""

    detector: str
    kind: Kind
    sample: Numbers
    image: Numbers
    similarity: NDArray[np.float32]


def back(name: str, kind: Kind, rows: NDArray[np.float64], thresholds: Sequence[float]) -> Back:
    """Those above the threshold of the set. rows: float64 [4, n] of stages.look. thresholds: of each set."""
    near = similarity(kind, rows[2])
    kept = near >= np.array(thresholds, np.float32)[rows[3].astype(np.int64)]
    sample, image = rows[:2, kept].astype(np.int64)
    return Back(name, kind, sample, image, near[kept])


def back_of(one: Found) -> Back:
    """The same of pairs that hold for both sides."""
    above = one.above
    return Back(one.detector, "key", one.sample[above], one.image[above], one.similarity[above])


def excluded(
    backs: Sequence[Back], held: Held, names: Sequence[str], keys: Sequence[str], samples: pa.Table
) -> pa.Table:
    """exclude.parquet: each sample that is some image, once; why: who says so first, and of which image."""
    why: dict[int, str] = {}
    for one in backs:
        order = np.lexsort((one.image, -one.similarity))
        for number, image, near in zip(
            one.sample[order], one.image[order], one.similarity[order], strict=True
        ):
            said = f"{one.detector} {near:.4f} {names[held.group[image]]}/{keys[image]}"
            why.setdefault(int(number), said)
    numbers = np.array(sorted(why), np.int64)
    table = samples.take(np.searchsorted(samples.column("number").to_numpy(), numbers))
    table = table.append_column("why", pa.array([why[int(number)] for number in numbers], pa.string()))
    return table.select(EXCLUDED.names).cast(EXCLUDED)


def images(
    state: NDArray[Any], held: Held, names: Sequence[str], keys: Sequence[str], labels: NDArray[np.int64]
) -> pa.Table:
    """images.parquet: a row for each image of each set. labels: -1 where it has no class."""
    columns = [
        pa.array(names, pa.string()).take(pa.array(held.group)),
        pa.array(keys, pa.string()),
        pa.array(labels, pa.int64(), mask=labels < 0),
        pa.array(state, pa.string()),
    ]
    return pa.table(columns, schema=IMAGES)


def counts(state: NDArray[Any], all_found: Sequence[Found], begin: int, end: int) -> dict[str, Any]:
    """Of the images from `begin` to `end`: how many there are, and of which state; all is overlap and clean."""
    own = state[begin:end]
    number = {name: int((own == name).sum()) for name in (OVERLAP, CLEAN, UNREADABLE, *DEGENERATE[1:])}
    every = number[OVERLAP] + number[CLEAN]
    return {
        "images": end - begin,
        "all": every,
        "overlap": number[OVERLAP],
        "clean": number[CLEAN],
        "share": number[OVERLAP] / every if every else 0.0,
        "unreadable": number[UNREADABLE],
        "degenerate": {name: number[name] for name in DEGENERATE[1:]},
        "found": {one.detector: _images(one, begin, end) for one in all_found},
    }


def _images(one: Found, begin: int, end: int) -> int:
    image = np.unique(one.image[one.above])
    return int(((image >= begin) & (image < end)).sum())
