"""What a finished audit is looked at by: effects on scores, what captions give away, and the page.

May be done again whenever there is more to say: with the results of another checkpoint, or after labels.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder import storage
from wit_builder.audit import canary, leakage, page, scored
from wit_builder.audit.pictures import Pictures
from wit_builder.audit.run import COPIES, FILE, IMAGES, PAIRS
from wit_builder.evalset.sets import EvalSet


def finish(out: Path, pictures: Pictures, results: Path | None) -> None:
    """Write audit.json with effects, leaks and recalls in it, and report.html.

    results: folder of `wit eval` on the same sets, those of them that have classes; None leaves effects as they are
    absent. Raises ConfigError when it holds nothing of such a set, or was made of other data.
    """
    told = orjson.loads((out / FILE).read_bytes())
    pairs = pq.read_table(out / PAIRS)
    named = {one.name: one for one in pictures.sets}
    said = predictions(results, pictures.sets, told["asked"]["sets"])
    images = pq.read_table(out / IMAGES)
    effects = scored.effects(images, said)
    rows, copies = pairs.to_pylist(), pq.read_table(out / COPIES)
    for one in told["sets"]:
        one["leaks"] = _leaks(rows, named[one["name"]])
        one["canaries"] = canary.counted(copies, one["name"], one["thresholds"])
        one.pop("effect", None)
        if one["name"] in effects:
            one["effect"] = asdict(effects[one["name"]])
    told["results"] = str(results.absolute()) if results else None
    storage.write_json(out / FILE, told)
    page.write(out, told, pairs, effects, pictures)


def predictions(
    results: Path | None, sets: Sequence[EvalSet], hashes: Mapping[str, str]
) -> dict[str, pa.Table]:
    """What a model said of those that have classes, by name. hashes: of their images.

    Raises ConfigError when `results` holds nothing of one of them, or of other images.
    """
    return {
        one.name: scored.predictions(results, one.name, hashes[one.name])
        for one in sets
        if results and one.kind == "classes"
    }


def results_of(out: Path) -> Path | None:
    """The folder whose results the audit in OUT was finished with; None where there is none, or no more."""
    told = orjson.loads((out / FILE).read_bytes()) if (out / FILE).exists() else {}
    return Path(told["results"]) if told.get("results") and Path(told["results"]).is_dir() else None


def _leaks(rows: Iterable[Mapping[str, Any]], own: EvalSet) -> dict[str, int]:
    """Of each image that overlaps the worst that its duplicates' captions give away: how often what."""
    places = {key: number for number, key in enumerate(own.keys)}
    found = [
        row for row in rows if row["eval_set"] == own.name and row["overlap"] and row["eval_id"] in places
    ]
    captions, numbers = [row["caption"] for row in found], [places[row["eval_id"]] for row in found]
    if own.kind == "classes":
        kinds = leakage.of_classes(captions, [own.classes[own.labels[number]] for number in numbers])
    elif own.kind == "captions":
        kinds = leakage.of_captions(captions, [own.captions[number] for number in numbers])
    else:
        kinds = ["image"] * len(found)
    worst: dict[int, str] = {}
    for number, kind in zip(numbers, kinds, strict=True):
        worst[number] = kind if kind != "image" else worst.get(number, kind)
    return dict(sorted(Counter(worst.values()).items()))
