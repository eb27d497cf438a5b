"""Few-shot: the probe on so many images of each class, and how many of them zero-shot is worth (figures 6 and 7).

The paper does not say how it drew images or set the penalty. Here a draw takes the images whose keys have the lowest
hashes with its number, so that 8 shots hold the 4 of that draw. Each number of shots has one strength: the best on the
validation split by the search of the probe, on the mean of the draws. No test image has a say, but that choice
sees more labels than the shots.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from wit_builder.errors import ConfigError
from wit_builder.evaluate.logistic import Features, Linear, Regression
from wit_builder.evaluate.probe import STRENGTHS, Metric, Samples, by_hash, peak

SHOTS = (1, 2, 4, 8, 16)  # images of each class
DRAWS = 5

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shot:
    """What so many images a class come to. logits: float32 [n, K] on the test split, of each draw."""

    shots: int
    strength: float
    logits: tuple[npt.NDArray[np.float32], ...]


def few_shot(
    train: Samples,
    keys: Sequence[str],
    validation: Samples,
    test: Features,
    metric: Metric,
    *,
    draws: int = DRAWS,
    device: torch.device | None = None,
    progress: Callable[[int], None] = lambda shots: None,
) -> list[Shot]:
    """For each number of shots that the smallest class has images for.

    keys: of the training samples, from which shots are drawn; their labels are int64 [n], each class at least once.
    """
    orders = [by_hash(keys, number) for number in range(draws)]
    found = []
    for shots in SHOTS[: np.searchsorted(SHOTS, smallest(train.labels), side="right")]:
        some = [train[drawn(order, train.labels, shots)] for order in orders]
        found.append(_shot(shots, some, validation, test, metric, device))
        progress(shots)
    return found


def smallest(labels: npt.NDArray[np.integer]) -> int:
    """Images of the class that has the fewest. labels: int64 [n]."""
    return int(np.bincount(labels).min())


def check(name: str, labels: npt.NDArray[np.integer]) -> None:
    """Raises ConfigError where the labels of the training split do not exclude each other."""
    if labels.ndim > 1:
        raise ConfigError(
            f"an image of {name!r} may have several labels, and shots are drawn class by class",
            "--tasks zero-shot,linear-probe",
        )


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
        fits[step] = [regression.fit(STRENGTHS[step]) for regression in regressions]
        held = (metric(validation.labels, fit.logits(validation.features)) for fit in fits[step])
        return float(np.mean(list(held)))

    sweep = peak(score)
    best = max(sweep, key=lambda step: (sweep[step], step))
    return Shot(shots, STRENGTHS[best], tuple(fit.logits(test) for fit in fits[best]))
