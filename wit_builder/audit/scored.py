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


def predictions(folder: Path, name: str) -> pa.Table:
    """What `wit eval` wrote there of the set. Raises ConfigError when it wrote nothing of it."""
    found = results.read(folder, name, TASK, predictions=True)
    if found is None or found.predictions is None:
        raise ConfigError(
            f"{str(folder)!r} holds no {TASK} predictions of the set {name}",
            f"wit eval --eval-set .../{name} --out {folder} ..., or leave the set out",
        )
    return found.predictions


def effects(images: pa.Table, said: Mapping[str, pa.Table]) -> dict[str, Effect]:
    """By set, in the order of `said`.

    images: of overlap.IMAGES. said: by set, the columns key and right. Images whose look means nothing, or that
    cannot be read, are neither Overlap nor Clean, and count for none. Raises ConfigError where keys are others.
    """
    groups: dict[str, tuple[list[bool], list[bool], list[int]]] = {name: ([], [], []) for name in said}
    right = {
        name: dict(zip(*(rows[c].to_pylist() for c in ("key", "right")), strict=True))
        for name, rows in said.items()
    }
    for row in images.to_pylist():
        name = row["eval_set"]
        if name in groups and row["state"] in (OVERLAP, CLEAN):
            if row["eval_id"] not in right[name]:
                raise ConfigError(
                    f"the results of {name} have no image {row['eval_id']!r}, so they are of other data",
                    "evaluate and audit the same folder",
                )
            rights, overlap, labels = groups[name]
            rights.append(right[name][row["eval_id"]])
            overlap.append(row["state"] == OVERLAP)
            labels.append(-1 if row["label"] is None else row["label"])
    found = [
        effect(np.array(a, bool), np.array(b, bool), np.array(c, np.int64)) for a, b, c in groups.values()
    ]
    return dict(zip(groups, among(found), strict=True))
