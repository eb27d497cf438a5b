"""What people said of pairs, and the thresholds that follow.

Section 5 of the CLIP paper sets a threshold for each set by hand, "to keep high precision while maximizing recall".
Here it is the similarity with the best precision among those above which so large a share of the pairs that were
called one image lies.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder import stats, storage
from wit_builder.audit.asked import Asked
from wit_builder.errors import ConfigError

FILE = "labels.parquet"
RECALL = 0.95  # asked for, of the pairs that were called one image
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


class Labels(dict[Pair, bool]):
    """Whether they are one image; recall: 0 to 1, the share of those that are, which must lie above the threshold."""

    recall: float = RECALL


@dataclass(frozen=True, slots=True)
class Threshold:
    """What follows for one set and detector.

    similarity: None where no pair is one image. same, labelled: pairs at or above it. low, high: between which shares
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
    found = Labels()
    if not path.exists():
        return found
    try:
        table = pq.read_table(path)
        found.recall = float((table.schema.metadata or {}).get(b"recall", RECALL))
        rows = table.cast(SCHEMA).to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ConfigError(f"{str(path)!r} holds no labels: {error}", f"rm {path}") from error
    found.update({Pair(**{name: row[name] for name in SCHEMA.names[:-1]}): row["same"] for row in rows})
    return found


def write(out: Path, labels: Labels) -> None:
    """All of them, whole or absent."""
    rows = [
        {name: getattr(pair, name) for name in SCHEMA.names[:-1]} | {"same": same}
        for pair, same in labels.items()
    ]
    with storage.whole(out / FILE) as temporary:
        schema = SCHEMA.with_metadata({"recall": repr(labels.recall)})
        pq.write_table(pa.Table.from_pylist(rows, schema), temporary, compression="zstd")


def thresholds(labels: Labels) -> Mapping[tuple[str, str], Threshold]:
    """By set and detector."""
    groups: dict[tuple[str, str], list[tuple[float, bool]]] = defaultdict(list)
    for pair, same in labels.items():
        groups[pair.eval_set, pair.detector].append((pair.similarity, same))
    return {group: _threshold(pairs, labels.recall) for group, pairs in sorted(groups.items())}


def following(asked: Asked, given: Labels, own: Mapping[tuple[str, str], float]) -> Asked:
    """The same audit with the thresholds that follow. own: as for `moved`; labels of nothing in it do not count."""
    there = {group for group in own if group[0] in asked.names and group[1] in asked.by_id}
    known = Labels({pair: same for pair, same in given.items() if (pair.eval_set, pair.detector) in there})
    known.recall = given.recall
    found = moved(known, own)
    rest = [one for one in asked.thresholds if one[:2] not in found]
    return replace(asked, thresholds=(*rest, *((*group, value) for group, value in found.items())))


def moved(given: Labels, own: Mapping[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    """By set and detector the threshold to use. own: the same, before anybody looked.

    That is what `thresholds` says; but it rises above that only over pairs that are not the same:
    of what nobody looked at, labels say nothing. Where no labelled pair is the same, all of them are below.
    """
    others: dict[tuple[str, str], list[float]] = defaultdict(list)
    for pair, same in given.items():
        others[pair.eval_set, pair.detector] += [] if same else [pair.similarity]
    found = {}
    for group, one in thresholds(given).items():
        before, wrong = own[group], others[group]
        if one.similarity is None:
            found[group] = max(before, min(1.0, float(np.nextafter(np.float32(max(wrong)), np.float32(2)))))
        elif one.similarity > before and not any(before <= near < one.similarity for near in wrong):
            found[group] = before
        else:
            found[group] = one.similarity
    return found


def _threshold(pairs: Iterable[tuple[float, bool]], recall: float) -> Threshold:
    ordered = sorted(pairs, reverse=True)
    every, same, best = sum(same for _, same in ordered), 0, Threshold(None, 0, 0, 0.0, 1.0)
    for count, (similarity, is_same) in enumerate(ordered, 1):
        same += is_same
        last = count == len(ordered) or ordered[count][0] < similarity
        if last and same and same >= recall * every and same * best.labelled >= best.same * count:
            best = Threshold(similarity, same, count, *stats.clopper_pearson(same, count, CONFIDENCE))
    return best
