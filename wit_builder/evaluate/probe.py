"""Linear probe: how well a logistic regression on the features tells the classes (section 3.2, appendix A.3).

Shapes in this file: n images, P features, K classes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from wit_builder.evaluate import measures, metrics, training
from wit_builder.evaluate.logistic import Bits, Features, Labels, Linear, Regression
from wit_builder.evaluate.results import Estimate, Result
from wit_builder.evaluate.training import Samples, Taught
from wit_builder.evaluate.work import Work

TASK = "linear-probe"

DECADE = 8  # strengths a decade
STRENGTHS = tuple(float(10 ** (step / DECADE)) for step in range(-6 * DECADE, 6 * DECADE + 1))  # 96 steps
FIRST = range(0, len(STRENGTHS), 2 * DECADE)  # 1e-6, 1e-4, ..., 1e6
HELD = (
    5  # of so many training samples of a class one is held for the sweep, where a set has no validation split
)

Metric = Callable[[Labels, npt.NDArray[np.float32]], float]  # of labels, logits [n, K]


@dataclass(frozen=True, slots=True)
class Probed:
    """What a probe says of a test split.

    logits: float32 [n, K]. strength: of the penalty, the best of the sweep; see `logistic`. sweep: the metric on the
    validation split by strength. converged: whether each fit of the sweep and the last one did.
    bits: of sums over samples.
    """

    logits: npt.NDArray[np.float32]
    strength: float
    sweep: Mapping[float, float]
    converged: bool
    bits: Bits


def evaluate(work: Work) -> Result | None:
    """The probe of the set's training split, judged on its test split. All ranks call this; the first has the result.

    An image that could not be decoded is a wrong answer. Raises ConfigError for what cannot be learnt.
    """
    which, lesson = work.which, training.taught(work)
    if not work.ranks.first:
        return None
    found = probe(
        lesson.train,
        lesson.validation,
        work.embedded.features,
        partial(metrics.value, which.metric),
        device=work.ranks.device,
    )
    logits = metrics.with_lost(which.labels, found.logits, work.embedded.readable)
    return Result(
        TASK,
        which.name,
        work.split,
        {f"lp_{name}": one for name, one in _metrics(which.metric, which.labels, logits).items()},
        work.fingerprint,
        _more(work, found, lesson),
        _predictions(work, logits),
    )


def probe(
    train: Samples,
    validation: Samples,
    test: Features,
    metric: Metric,
    *,
    bits: Bits | None = None,
    device: torch.device | None = None,
) -> Probed:
    """Finds the strength on validation, fits anew on train and validation, and looks at test once."""
    regression = Regression(train.features, train.labels, bits=bits, device=device)
    fits: dict[int, Linear] = {}

    def score(step: int) -> float:
        nearest = min(fits, key=lambda other: abs(other - step), default=None)
        fits[step] = regression.fit(STRENGTHS[step], None if nearest is None else fits[nearest])
        return metric(validation.labels, fits[step].logits(validation.features))

    sweep = peak(score)
    best = max(sweep, key=lambda step: (sweep[step], step))
    features = np.concatenate([train.features, validation.features])
    labels = np.concatenate([train.labels, validation.labels])
    last = Regression(features, labels, bits=regression.bits, device=device).fit(STRENGTHS[best], fits[best])
    return Probed(
        last.logits(test),
        STRENGTHS[best],
        {STRENGTHS[step]: found for step, found in sorted(sweep.items())},
        last.converged and all(fit.converged for fit in fits.values()),
        regression.bits,
    )


def peak(score: Callable[[int], float]) -> dict[int, float]:
    """The scores of the steps that the paper's search looks at, the best of them among them.

    It begins with a step every second decade, and halves the interval around the peak down to one step. Of equal
    scores the peak is at the greater strength. The first steps come from the strongest on.
    """
    found: dict[int, float] = {}
    for step in reversed(FIRST):
        found[step] = score(step)
    width = FIRST.step // 2
    while width:
        best = max(found, key=lambda step: (found[step], step))
        for step in (best + width, best - width):
            if 0 <= step < len(STRENGTHS) and step not in found:
                found[step] = score(step)
        width //= 2
    return found


def _metrics(own: str, labels: Labels, logits: npt.NDArray[np.float32]) -> dict[str, Estimate]:
    """The set's own metric first; of classes that exclude each other the usual ones besides."""
    usual = ["acc1", *["acc5"] * (logits.shape[1] > 5), "mean_per_class_recall"] if labels.ndim == 1 else []
    return {name: measures.of_logits(name, labels, logits) for name in dict.fromkeys([own, *usual])}


def _more(work: Work, found: Probed, lesson: Taught) -> dict[str, Any]:
    return {
        "samples": len(work.embedded.keys),
        "unreadable": int(np.count_nonzero(~work.embedded.readable)),
        "trained_on": len(lesson.train.labels) + len(lesson.validation.labels),
        "validation": f"{len(lesson.validation.labels):,} images"
        + (" of the training split" if lesson.carved else ""),
        "strength": found.strength,
        "sweep": [{"strength": strength, "score": score} for strength, score in found.sweep.items()],
        "bits": found.bits,
        "converged": found.converged,
    }


def _predictions(work: Work, logits: npt.NDArray[np.float32]) -> pa.Table:
    labels, lost = work.which.labels, ~work.embedded.readable
    if labels.ndim > 1:
        return pa.table(
            {
                "key": pa.array(work.which.keys),
                "labels": pa.array([np.flatnonzero(row).tolist() for row in labels], pa.list_(pa.int32())),
                "scores": pa.array(list(logits), pa.list_(pa.float32())),
            }
        )
    best = np.argsort(-logits, axis=1, kind="stable")[:, :5]
    best[lost] = -1
    score = np.exp(logits.max(axis=1) - np.logaddexp.reduce(logits, axis=1))
    told = pa.table(
        {
            "key": pa.array(work.which.keys),
            "label": pa.array(labels, pa.int32()),
            "predicted": pa.array(best[:, 0], pa.int32(), mask=lost),
            "top5": pa.array(best.tolist(), pa.list_(pa.int32())),
            "score": pa.array(score, pa.float32(), mask=lost),
            "right": pa.array(metrics.hits(labels, logits, 1)),
        }
    )
    return (
        told
        if logits.shape[1] > 2
        else told.append_column("margin", pa.array(metrics.margins(logits), pa.float32()))
    )
