"""Few-shot: the probe on so many images of each class, and how many of them zero-shot is worth (figures 6 and 7).

The paper does not say how it drew images or set the penalty. Here a draw takes the images whose keys have the lowest
hashes with its number, so that 8 shots hold the 4 of that draw. Each number of shots has one strength: the best on
the validation split by the search of the probe, on the mean of the draws. No test image has a say, but that choice
sees more labels than the shots.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from wit_builder import stats
from wit_builder.evaluate import metrics, training
from wit_builder.evaluate.logistic import Features, Linear, Regression
from wit_builder.evaluate.probe import STRENGTHS, Metric, peak
from wit_builder.evaluate.results import Estimate, Result
from wit_builder.evaluate.training import Samples, Taught, by_hash
from wit_builder.evaluate.work import Work

TASK = "few-shot"
SHOTS = (1, 2, 4, 8, 16)  # images of each class
DRAWS = 5
SAME = "none: all draws take the same images"  # for an interval
CONFIDENCE = 0.95  # of the mean of the draws; five say little of the tails

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shot:
    """What so many images a class come to.

    logits: float32 [n, K] on the test split, of each draw. converged: whether each fit of the sweep did.
    """

    shots: int
    strength: float
    logits: tuple[npt.NDArray[np.float32], ...]
    converged: bool


def evaluate(work: Work) -> Result | None:
    """The set's metric by images a class, the mean of the draws. All ranks call this; the first has the result.

    Raises ConfigError for what cannot be learnt.
    """
    which, lesson = work.which, training.taught(work)
    if not work.ranks.first:
        return None
    found = few_shot(
        lesson.train,
        lesson.keys,
        lesson.validation,
        work.embedded.features,
        partial(metrics.value, which.metric),
        device=work.ranks.device,
    )
    readable = work.embedded.readable
    most = int(np.bincount(lesson.train.labels).max())  # from here on nothing is drawn
    scores = {
        shot.shots: [
            metrics.value(which.metric, which.labels, metrics.with_lost(which.labels, logits, readable))
            for logits in shot.logits
        ]
        for shot in found
    }
    return Result(
        TASK,
        which.name,
        work.split,
        {
            f"{which.metric}_{shots}_shot": _estimate(some, is_drawn=shots < most)
            for shots, some in scores.items()
        },
        work.fingerprint,
        _more(work, found, scores, lesson),
    )


def few_shot(
    train: Samples,
    keys: Sequence[str],
    validation: Samples,
    test: Features,
    metric: Metric,
    *,
    draws: int = DRAWS,
    device: torch.device | None = None,
) -> list[Shot]:
    """For each number of shots that the smallest class has images for.

    keys: of the training samples, from which shots are drawn; their labels are int64 [n], each class at least once.
    """
    orders = [by_hash(keys, number) for number in range(draws)]
    found = []
    for shots in SHOTS[: np.searchsorted(SHOTS, smallest(train.labels), side="right")]:
        some = [train[drawn(order, train.labels, shots)] for order in orders]
        found.append(_shot(shots, some, validation, test, metric, device))
    return found


def smallest(labels: npt.NDArray[np.integer]) -> int:
    """Images of the class that has the fewest. labels: int64 [n]."""
    return int(np.bincount(labels).min())


def drawn(order: Ints, labels: npt.NDArray[np.integer], shots: int) -> Ints:
    """Which samples are taken: of each class the first so many in that order."""
    by_class = order[np.argsort(labels[order], kind="stable")]
    sizes = np.bincount(labels)
    place = np.arange(len(order)) - np.repeat(sizes.cumsum() - sizes, sizes)
    return by_class[place < shots]


def equivalent(zero_shot: float, scores: Mapping[float, float]) -> tuple[float | None, str]:
    """How many images a class are worth zero-shot (figure 7), and that in words: `3.7`, `< 1`, `> 16`.

    scores: by images a class, of the shots and, where it is known, of the whole training split. In between they are
    taken to grow evenly with the logarithm of the images; it is the fewest images that reach zero-shot. None beyond
    what was measured.
    """
    known = sorted(scores.items())
    at = next((at for at, (_, score) in enumerate(known) if score >= zero_shot), None)
    if at is None:
        return None, f"> {known[-1][0]:g}"
    more, high = known[at]
    if at == 0:
        return (float(more), f"{more:g}") if high == zero_shot else (None, f"< {more:g}")
    less, low = known[at - 1]
    found = float(less * (more / less) ** ((zero_shot - low) / (high - low)))
    return found, f"{found:.3g}"


def _shot(
    shots: int,
    some: Sequence[Samples],
    validation: Samples,
    test: Features,
    metric: Metric,
    device: torch.device | None,
) -> Shot:
    regressions = [Regression(one.features, one.labels, device=device) for one in some]
    fits: dict[int, list[Linear]] = {}

    def score(step: int) -> float:
        nearest = min(fits, key=lambda other: abs(other - step), default=None)
        begun = [None] * len(regressions) if nearest is None else fits[nearest]
        fits[step] = [one.fit(STRENGTHS[step], near) for one, near in zip(regressions, begun, strict=True)]
        held = (metric(validation.labels, fit.logits(validation.features)) for fit in fits[step])
        return float(np.mean(list(held)))

    sweep = peak(score)
    best = max(sweep, key=lambda step: (sweep[step], step))
    return Shot(
        shots,
        STRENGTHS[best],
        tuple(fit.logits(test) for fit in fits[best]),
        all(fit.converged for some in fits.values() for fit in some),
    )


def _estimate(scores: Sequence[float], is_drawn: bool) -> Estimate:
    mean = float(np.mean(scores))
    if not is_drawn:
        return Estimate(mean, None, None, CONFIDENCE, len(scores), SAME)
    low, high = stats.t_interval(scores, CONFIDENCE)
    return Estimate(mean, low, high, CONFIDENCE, len(scores), "t, over draws")


def _more(
    work: Work, found: Sequence[Shot], scores: Mapping[int, Sequence[float]], lesson: Taught
) -> dict[str, Any]:
    least = smallest(lesson.train.labels)
    lacking = [shots for shots in SHOTS if shots > least]
    name = work.which.classes[int(np.bincount(lesson.train.labels).argmin())][0]
    return {
        "samples": len(work.embedded.keys),
        "unreadable": int(np.count_nonzero(~work.embedded.readable)),
        "metric": work.which.metric,
        "shots": [
            {
                "shots": shot.shots,
                "strength": shot.strength,
                "draws": list(scores[shot.shots]),
                "converged": shot.converged,
            }
            for shot in found
        ],
        "trained_on_a_class": (len(lesson.train.labels) + len(lesson.validation.labels))
        / len(work.which.classes),
        "left_out": {str(shots): f"{name!r} has {least} training images to draw from" for shots in lacking},
    }
