"""Zero-shot classification (section 3.1): the class whose texts an image is nearest to.

Shapes in this file: n images, T templates, C classes, D width of the joint space.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from wit_builder.errors import ConfigError
from wit_builder.evalset.sets import EvalSet
from wit_builder.evaluate import classifier, measures, metrics
from wit_builder.evaluate.batches import Floats
from wit_builder.evaluate.embed import Embedded
from wit_builder.evaluate.measures import Ints
from wit_builder.evaluate.results import Estimate, Result
from wit_builder.evaluate.work import Work

TASK = "zero-shot"
_CELLS = 1 << 24  # similarities held at a time
_TOP = 5


def evaluate(work: Work) -> Result | None:
    """The set's own metric, top-1, top-5, mean per class, calibration. All ranks call this; the first has the result.

    Of several labels an image: 11-point and plain mean average precision. An image that could not be decoded is a
    wrong answer. Raises ConfigError for a set without two classes.
    """
    which = work.which
    if which.kind not in ("classes", "labels") or len(which.classes) < 2:
        count = "a single class" if which.classes else "no classes"
        raise ConfigError(
            f"{which.name!r} has {count}, and there is nothing to tell apart",
            "a set of two classes or more, a folder or a line of classnames.txt each",
        )
    metrics.check(f"the split {which.split!r} of {which.name!r}", which.metric, which.labels)
    said = classifier.prompts(work.loaded, which, work.ranks, work.precision)
    if not work.ranks.first:
        return None
    judged = _classified if which.kind == "classes" else _labelled
    measured, more, predictions = judged(work, classifier.ensemble(said))
    more = _more(work) | more
    return Result(TASK, which.name, work.split, measured, work.fingerprint, more, predictions)


def _classified(work: Work, classes: Floats) -> tuple[dict[str, Estimate], dict[str, Any], pa.Table]:
    which = work.which
    best, score = answers(work.embedded, classes, scale(work))
    hits = best == which.labels[:, None]
    error, bins = measures.calibration(score, hits[:, 0])
    found = {"acc1": measures.share(int(hits[:, 0].sum()), len(hits))}
    if best.shape[1] == _TOP:
        found["acc5"] = measures.share(int(hits.sum()), len(hits))
    found["mean_per_class_recall"] = measures.mean_per_class(which.labels, hits[:, 0])
    if which.metric and which.metric not in found:
        found[which.metric] = measures.of_logits(which.metric, which.labels, _logits(work, classes))
    own = {which.metric: found[which.metric]} if which.metric else {}
    more = {
        "chance": 1 / len(which.classes),
        "classes": measures.by_class(which.labels, hits[:, 0], which.classes),
        "confusion": measures.confusion(which.labels, best[:, 0], len(which.classes)),
        "calibration": bins,
    }
    told = _predictions(which, best, score)
    if len(which.classes) == 2:
        told = told.append_column("margin", pa.array(metrics.margins(_logits(work, classes))))
    return own | found | {"calibration_error": error}, more, told


def _labelled(work: Work, classes: Floats) -> tuple[dict[str, Estimate], dict[str, Any], pa.Table]:
    which, logits = work.which, _logits(work, classes)
    names = dict.fromkeys((which.metric, "map11", "mean_average_precision"))
    best, _ = answers(work.embedded, classes, scale(work))
    rows = {
        "key": pa.array(which.keys),
        "labels": pa.array([np.flatnonzero(row).tolist() for row in which.labels], pa.list_(pa.int32())),
        "top5": pa.array(best.tolist(), pa.list_(pa.int32())),
        "scores": pa.array(list(logits), pa.list_(pa.float32())),
        "right": pa.array(
            [bool(row[one]) and one >= 0 for row, one in zip(which.labels, best[:, 0], strict=True)]
        ),
    }
    return (
        {name: measures.of_logits(name, which.labels, logits) for name in names if name},
        {},
        pa.table(rows),
    )


def _logits(work: Work, classes: Floats) -> Floats:
    logits = np.concatenate([some for _, some in similarities(work.embedded, classes)])
    return metrics.with_lost(work.which.labels, logits, work.embedded.readable)


def _more(work: Work) -> dict[str, Any]:
    return {
        "samples": len(work.embedded.keys),
        "unreadable": int(np.count_nonzero(~work.embedded.readable)),
        "templates": list(work.which.templates),
        "sources": dict(work.which.sources),
    }


def scale(work: Work) -> float:
    """What the network multiplies similarities by before its softmax."""
    return float(work.loaded.network.logit_scale.detach().exp())


def answers(embedded: Embedded, classes: Floats, scale: float) -> tuple[Ints, Floats]:
    """Of the classes [C, D] those nearest to each image, int64 [n, 5 at most], and the softmax of the nearest, [n].

    Of an image that could not be decoded they are -1 and 0.
    """
    count = min(_TOP, len(classes))
    best = np.full((len(embedded.keys), count), -1, np.int64)
    score = np.zeros(len(embedded.keys), np.float32)
    for rows, logits in similarities(embedded, classes):
        some = np.argpartition(-logits, count - 1, axis=1)[:, :count] if count < len(classes) else None
        some = np.tile(np.arange(count), (len(logits), 1)) if some is None else np.sort(some, axis=1)
        values = np.take_along_axis(logits, some, axis=1)
        best[rows] = np.take_along_axis(some, np.argsort(-values, axis=1, kind="stable"), axis=1)
        score[rows] = 1 / np.exp(scale * (logits - logits.max(axis=1, keepdims=True))).sum(axis=1)
    best[~embedded.readable], score[~embedded.readable] = -1, 0
    return best, score


def similarities(embedded: Embedded, classes: Floats) -> Iterator[tuple[slice, Floats]]:
    """Cosines of some images at a time with all classes."""
    step = max(1, _CELLS // len(classes))
    for at in range(0, len(embedded.keys), step):
        rows = slice(at, at + step)
        yield rows, embedded.images[rows] @ classes.T


def _predictions(which: EvalSet, best: Ints, score: Floats) -> pa.Table:
    lost = best[:, 0] < 0
    return pa.table(
        {
            "key": pa.array(which.keys),
            "label": pa.array(which.labels, pa.int32()),
            "predicted": pa.array(best[:, 0], pa.int32(), mask=lost),
            "top5": pa.array(best.tolist(), pa.list_(pa.int32())),
            "score": pa.array(score, pa.float32(), mask=lost),
            "right": pa.array(best[:, 0] == which.labels),
        }
    )
