"""Linear probe: how well a logistic regression on the features tells the classes (section 3.2, appendix A.3)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import xxhash

from wit_builder.errors import ConfigError
from wit_builder.evaluate.logistic import Features, Labels, Linear, Regression, Solver

DECADE = 8  # strengths a decade
STRENGTHS = tuple(float(10 ** (step / DECADE)) for step in range(-6 * DECADE, 6 * DECADE + 1))  # 96 steps
FIRST = range(0, len(STRENGTHS), 2 * DECADE)  # 1e-6, 1e-4, ..., 1e6
HELD = (
    5  # of so many training samples of a class one is held for the sweep, where a set has no validation split
)

Metric = Callable[[Labels, npt.NDArray[np.float32]], float]  # of labels, logits [n, K]


@dataclass(frozen=True, slots=True)
class Samples:
    """Of one split: features float32 [n, P]; labels int64 [n], or uint8 [n, K] where an image may have several."""

    features: Features
    labels: Labels

    def __getitem__(self, which: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> "Samples":
        return Samples(self.features[which], self.labels[which])


@dataclass(frozen=True, slots=True)
class Probed:
    """What a probe says of a test split.

    logits: float32 [n, K]. strength: of the penalty, the best of the sweep; see `logistic`. sweep: the metric on the
    validation split by strength. converged: whether each fit of the sweep and the last one did.
    """

    logits: npt.NDArray[np.float32]
    strength: float
    sweep: Mapping[float, float]
    converged: bool
    solver: Solver


def probe(
    train: Samples,
    validation: Samples,
    test: Features,
    metric: Metric,
    *,
    solver: Solver | None = None,
    device: torch.device | None = None,
) -> Probed:
    """Finds the strength on validation, fits anew on train and validation, and looks at test once."""
    regression = Regression(train.features, train.labels, solver=solver, device=device)
    fits: dict[int, Linear] = {}

    def score(step: int) -> float:
        nearest = min(fits, key=lambda other: abs(other - step), default=None)
        fits[step] = regression.fit(STRENGTHS[step], None if nearest is None else fits[nearest])
        return metric(validation.labels, fits[step].logits(validation.features))

    sweep = peak(score)
    best = max(sweep, key=lambda step: (sweep[step], step))
    features = np.concatenate([train.features, validation.features])
    labels = np.concatenate([train.labels, validation.labels])
    last = Regression(features, labels, solver=regression.solver, device=device).fit(
        STRENGTHS[best], fits[best]
    )
    return Probed(
        last.logits(test),
        STRENGTHS[best],
        {STRENGTHS[step]: found for step, found in sorted(sweep.items())},
        last.converged and all(fit.converged for fit in fits.values()),
        regression.solver,
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


def carved(keys: Sequence[str], labels: Labels, seed: int) -> npt.NDArray[np.bool_]:
    """bool [n]: which training samples are held for the sweep, a fifth of each class, at least one of two and more.

    They are those whose keys have the lowest hashes with this seed, whatever their order. Of labels that do not
    exclude each other it is a fifth of all.
    """
    order = by_hash(keys, seed)
    held = np.zeros(len(keys), bool)
    groups = [order] if labels.ndim > 1 else [order[labels[order] == one] for one in np.unique(labels)]
    for group in groups:
        held[group[: max(len(group) // HELD, min(1, len(group) - 1))]] = True
    return held


def by_hash(keys: Sequence[str], seed: int) -> npt.NDArray[np.int64]:
    """int64 [n]: the samples in the order of the hashes of their keys."""
    hashes = [xxhash.xxh3_64_intdigest(key.encode("utf-8", "surrogatepass"), seed) for key in keys]
    return np.array(sorted(range(len(keys)), key=lambda at: (hashes[at], keys[at])), np.int64)


def check(name: str, labels: Labels, classes: Sequence[str]) -> None:
    """Raises ConfigError when a probe cannot learn every class from the training samples.

    labels: of the training split. classes: a name each.
    """
    if labels.ndim == 1 and len(classes) < 2:
        raise ConfigError(f"{name!r} has a single class, {classes[0]!r}, and there is nothing to tell apart")
    counts = labels.sum(axis=0) if labels.ndim > 1 else np.bincount(labels, minlength=len(classes))
    missing = [one for one, count in zip(classes, counts, strict=True) if not count]
    if missing:
        raise ConfigError(
            f"the training split of {name!r} has no image of {_named(missing)}, and the probe is to tell all "
            f"{len(classes)} classes",
            "a training split with images of every class",
        )
    if labels.ndim > 1 and (counts == len(labels)).any():
        always = classes[int(np.argmax(counts == len(labels)))]
        raise ConfigError(f"every image of the training split of {name!r} is of {always!r}")


def _named(classes: Sequence[str]) -> str:
    return repr(classes[0]) + (f" and {len(classes) - 1} more classes" if len(classes) > 1 else "")
