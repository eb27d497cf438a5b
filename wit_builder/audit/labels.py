"""What people said of pairs, and the thresholds that follow.

Section 5 of the CLIP paper sets a threshold for each set by hand, "to keep high precision while maximizing recall".
Here it is the lowest similarity from which on so large a share of the labelled pairs are one image twice.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder import stats, storage
from wit_builder.audit.asked import Asked
from wit_builder.errors import ConfigError

FILE = "labels.parquet"
PRECISION = 0.95  # asked for of labelled pairs above the threshold
CONFIDENCE = 0.95  # of the interval of that precision
SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("eval_set", "eval_id", "shard", "key", "detector")]
    + [("similarity", pa.float32()), ("same", pa.bool_())]
)


@dataclass(frozen=True, slots=True)
class Pair:
    """An image of a set and a sample, as a detector found them."""

    eval_set: str
    eval_id: str
    shard: str
    key: str
    detector: str
    similarity: float = field(compare=False)  # 0 to 1


Labels = dict[Pair, bool]  # whether they are one image


@dataclass(frozen=True, slots=True)
class Threshold:
    """What follows for one set and detector.

    similarity: None where no pair may count. same, labelled: pairs at or above it. low, high: between which shares
    the precision is (Clopper and Pearson, 95 %), if the labelled pairs are as good as drawn.
    """

    similarity: float | None
    same: int
    labelled: int
    low: float
    high: float


def read(out: Path) -> Labels:
    """Those that were given in OUT so far. Raises ConfigError for a file that is none of labels."""
    path = out / FILE
    if not path.exists():
        return {}
    try:
        rows = pq.read_table(path, schema=SCHEMA).to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ConfigError(f"{str(path)!r} holds no labels: {error}", f"rm {path}") from error
    return {Pair(**{name: row[name] for name in SCHEMA.names[:-1]}): row["same"] for row in rows}


def write(out: Path, labels: Labels) -> None:
    """All of them, whole or absent."""
    rows = [
        {name: getattr(pair, name) for name in SCHEMA.names[:-1]} | {"same": same}
        for pair, same in labels.items()
    ]
    with storage.whole(out / FILE) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, SCHEMA), temporary, compression="zstd")


def thresholds(labels: Labels, precision: float = PRECISION) -> Mapping[tuple[str, str], Threshold]:
    """By set and detector. precision: 0 to 1, that the labelled pairs above must have."""
    groups: dict[tuple[str, str], list[tuple[float, bool]]] = defaultdict(list)
    for pair, same in labels.items():
        groups[pair.eval_set, pair.detector].append((pair.similarity, same))
    return {group: _threshold(pairs, precision) for group, pairs in sorted(groups.items())}


def following(asked: Asked, given: Labels) -> Asked:
    """The same audit with the thresholds that follow. Where no pair may count, only those of similarity 1 do."""
    found = {
        (name, detector): 1.0 if one.similarity is None else one.similarity
        for (name, detector), one in thresholds(given).items()
        if name in asked.names and detector in asked.by_id
    }
    rest = [one for one in asked.thresholds if one[:2] not in found]
    return replace(asked, thresholds=(*rest, *((*group, value) for group, value in found.items())))


def _threshold(pairs: Iterable[tuple[float, bool]], precision: float) -> Threshold:
    ordered = sorted(pairs, reverse=True)
    best, same = Threshold(None, 0, 0, 0.0, 1.0), 0
    for count, (similarity, is_same) in enumerate(ordered, 1):
        same += is_same
        last = count == len(ordered) or ordered[count][0] < similarity
        if last and same >= precision * count and same:
            best = Threshold(similarity, same, count, *stats.clopper_pearson(same, count, CONFIDENCE))
    return best
