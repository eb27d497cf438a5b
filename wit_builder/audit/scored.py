"""Audit and evaluation brought together: which images a model had right, by whether they lie in the shards."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from wit_builder.audit.effect import Effect, among, effect
from wit_builder.audit.overlap import CLEAN, OVERLAP
from wit_builder.errors import ConfigError
from wit_builder.evaluate import results

TASK = "zero-shot"


def predictions(folder: Path, name: str, data_sha256: str) -> pa.Table:
    """What `wit eval` wrote there of the set. data_sha256: of its images, as EvalSet has it.

    Raises ConfigError when it wrote nothing of it, or of other images.
    """
    found = results.read(folder, name, TASK, predictions=True)
    if found is None or found.predictions is None:
        raise ConfigError(
            f"{str(folder)!r} holds no {TASK} predictions of the set {name}",
            f"wit eval --model NAME --checkpoint FILE --eval-set {name} --out {folder}",
        )
    if found.data_sha256 != data_sha256:
        raise _other_data(name, "are of other images than were audited")
    return found.predictions


def _other_data(name: str, why: str) -> ConfigError:
    return ConfigError(
        f"the results of {name} {why}",
        f"wit eval --model NAME --checkpoint FILE --eval-set {name} --out OTHER_FOLDER",
    )


def effects(images: pa.Table, said: Mapping[str, pa.Table]) -> dict[str, Effect]:
    """By set, in the order of `said`.

    images: of overlap.IMAGES. said: by set, the columns key, label and right. Images whose look means nothing, or
    that cannot be read, are neither Overlap nor Clean, and count for none. Raises ConfigError where keys or labels
    are others.
    """
    groups: dict[str, tuple[list[bool], list[bool], list[int]]] = {name: ([], [], []) for name in said}
    answers = {
        name: {row["key"]: row for row in rows.select(["key", "label", "right"]).to_pylist()}
        for name, rows in said.items()
    }
    for row in images.to_pylist():
        name = row["eval_set"]
        if name in groups and row["state"] in (OVERLAP, CLEAN):
            answer = answers[name].get(row["eval_id"])
            if answer is None:
                raise _other_data(name, f"have no image {row['eval_id']!r}, so they are of other data")
            if answer["label"] != row["label"]:
                raise _other_data(
                    name, f"have another label of {row['eval_id']!r}, so they are of other data"
                )
            rights, overlap, labels = groups[name]
            rights.append(answer["right"])
            overlap.append(row["state"] == OVERLAP)
            labels.append(row["label"])
    found = [
        effect(np.array(a, bool), np.array(b, bool), np.array(c, np.int64)) for a, b, c in groups.values()
    ]
    return dict(zip(groups, among(found), strict=True))
