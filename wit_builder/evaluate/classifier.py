"""Texts embedded, and classes made of them: the zero-shot classifier of section 3.1.

Shapes in this file: n texts, T templates, C classes, D width of the joint space.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from wit_builder.errors import BuildError, ConfigError
from wit_builder.evalset.sets import EvalSet, filled
from wit_builder.evaluate import calls
from wit_builder.evaluate.batches import Floats
from wit_builder.evaluate.calls import Precision
from wit_builder.model.loaded import Loaded
from wit_builder.model.ranks import Ranks, gathered

_FEWEST, _MOST = 64, 1024  # texts of a call, of about the same length
_CALLS = 8  # at least, where there are enough of them


def texts(loaded: Loaded, some: Sequence[str], ranks: Ranks, precision: Precision) -> Floats:
    """Texts as float32 [n, D], rows of unit length. All ranks call this together, and all get all of them.

    Raises BuildError when the model gives numbers that are not finite.
    """
    loaded.network.to(ranks.device)
    ids = [loaded.tokenizer(text) for text in some]
    order = sorted(range(len(ids)), key=lambda at: len(ids[at]))
    size = min(_MOST, max(_FEWEST, len(order) // _CALLS))
    parts = [order[at : at + size] for at in range(0, len(order), size)]
    work = partial(_embedded, loaded=loaded, ids=ids, ranks=ranks, precision=precision)
    found = np.empty((len(some), int(loaded.network.config["embed_dim"])), np.float32)
    for own in calls.each(work, calls.shared(parts, [], ranks.rank, ranks.world)):
        for part, rows in gathered(own, ranks.world):
            found[part] = rows
    if not np.isfinite(found).all():
        raise BuildError("the model gives embeddings of texts that are not finite", "check its checkpoint")
    return found


def prompts(loaded: Loaded, which: EvalSet, ranks: Ranks, precision: Precision) -> Floats:
    """The set's classes as each of its templates says them: [T, C, D]; of a class with several names their mean.

    Raises ConfigError for a template without a place for the name.
    """
    for template in which.templates:
        if filled(template, "x") == filled(template, "y"):
            raise ConfigError(
                f"the template {template!r} of {which.name!r} has no place for a class",
                "such as `a photo of a {}.`",
            )
    flat = [(number, name) for number, names in enumerate(which.classes) for name in names]
    said = [filled(template, name) for template in which.templates for _, name in flat]
    rows = texts(loaded, said, ranks, precision).reshape(len(which.templates), len(flat), -1)
    if len(flat) == len(which.classes):
        return rows
    own = np.array([number for number, _ in flat])
    means = [rows[:, own == number].mean(axis=1) for number in range(len(which.classes))]
    return np.stack(means, axis=1, dtype=np.float32)


def ensemble(said: Floats) -> Floats:
    """[T, C, D] -> [C, D], rows of unit length: the mean over templates, normalised again (section 3.1.4)."""
    mean: Floats = said.mean(axis=0)
    return mean / np.linalg.norm(mean, axis=1, keepdims=True)


def _embedded(
    part: Sequence[int],
    *,
    loaded: Loaded,
    ids: Sequence[Sequence[int]],
    ranks: Ranks,
    precision: Precision,
) -> tuple[Sequence[int], Floats]:
    if not part:
        return part, np.empty((0, int(loaded.network.config["embed_dim"])), np.float32)
    with calls.judging(ranks.device, precision):
        rows = loaded.network.encode_text(_padded([ids[at] for at in part]).to(ranks.device))
    return part, rows.cpu().numpy()


def _padded(ids: Sequence[Sequence[int]]) -> Tensor:
    """int64 [n, L], behind each text's end 0."""
    found = torch.zeros((len(ids), max(map(len, ids))), dtype=torch.int64)
    for row, own in zip(found, ids, strict=True):
        row[: len(own)] = torch.tensor(own)
    return found
