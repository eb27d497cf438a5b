"""Robustness to natural shifts of ImageNet, as section 3.3 has it from Taori et al. (2020).

effective   accuracy on the shift above what the line through reference models foretells from that on ImageNet; the
            line is drawn through logits of both
relative    accuracy on the shift above that of a baseline
gap         accuracy on ImageNet less that on the shift

Shapes in this file: R reference models, B draws of the bootstrap.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wit_builder.errors import ConfigError
from wit_builder.evalset import registry
from wit_builder.evaluate import results
from wit_builder.evaluate.measures import CONFIDENCE
from wit_builder.evaluate.references import FITTED, IMAGENET, Reference
from wit_builder.evaluate.results import Estimate

DRAWS = 10_000
LEAST = 3  # reference models that a line is drawn through
_CELLS = 1 << 22  # reference models drawn at a time

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measured:
    """A model's zero-shot top-1 by set, by the registry's names."""

    model: str
    accuracy: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Fit:
    """logit(shift) = intercept + slope * logit(imagenet), through so many models.

    correlation: of the models' logits. least, most: their accuracy on ImageNet; beyond it the line only goes on.
    """

    slope: float
    intercept: float
    models: int
    correlation: float
    least: float
    most: float

    def foretold(self, imagenet: float) -> float:
        """Accuracy on the shift of a model with that accuracy on ImageNet."""
        return float(_expit(self.intercept + self.slope * _logit(np.array(imagenet))))


@dataclass(frozen=True, slots=True)
class Standing:
    """How one model stands on one shift. effective: None without a line; relative: None without a baseline."""

    model: str
    imagenet: Estimate
    accuracy: Estimate
    gap: Estimate
    effective: Estimate | None
    relative: Estimate | None


@dataclass(frozen=True, slots=True)
class Shift:
    """One shift; `on` is what of ImageNet it is compared with: the same classes, where those were measured."""

    name: str
    on: str
    fit: Fit | None
    standings: tuple[Standing, ...]


def measured(folder: Path) -> Measured:
    """What `wit eval` wrote there. Raises ConfigError for a folder without ImageNet, or without a shift of it."""
    _, found = results.read_all(folder)
    shares = {name(one.set): one.metrics["acc1"] for one in found if "acc1" in one.metrics}
    if not any(_on(shift, shares) for shift in shifts() if shift in shares):
        raise ConfigError(
            f"{str(folder)!r} holds zero-shot results of {', '.join(shares) or 'no sets'}, and robustness wants "
            f"ImageNet and a shift of it ({', '.join(shifts())})",
            f"wit eval --eval-set wds/{IMAGENET} --eval-set wds/imagenetv2 --out {folder} ...",
        )
    return Measured(folder.resolve().name, shares)


def shifts() -> tuple[str, ...]:
    """The paper's seven, by the registry's names."""
    return tuple(known.name for known in registry.every() if known.group == "shift")


def title(which: str) -> str:
    """What the paper calls that shift."""
    known = registry.find(which)
    return known.title if known else which


def told(found: Sequence[Shift], references: Sequence[Reference], file: str) -> dict[str, Any]:
    """All of it, as plain values; shares of 1. references: from that file."""
    groups = Counter(one.group for one in references)
    return {
        "references": {"file": file, "models": dict(groups)},
        "draws": DRAWS,
        "shifts": {
            each.name: {key: value for key, value in asdict(each).items() if key != "name"} for each in found
        },
        "mean": {
            model: _mean(model, found)
            for model in dict.fromkeys(one.model for each in found for one in each.standings)
        },
    }


def _mean(model: str, found: Sequence[Shift]) -> dict[str, Any]:
    """Over the shifts that it was measured on; of effective robustness over those that have a line."""
    own = [one for each in found for one in each.standings if one.model == model]
    effective = [one.effective.value for one in own if one.effective]
    return {
        "shifts": len(own),
        "accuracy": sum(one.accuracy.value for one in own) / len(own),
        "gap": sum(one.gap.value for one in own) / len(own),
        "effective": sum(effective) / len(effective) if effective else None,
    }


def name(called: str) -> str:
    """The registry's name of that set, and behind `@` that of its classes' shift; an unknown name stays as it is."""
    parts = [known.name if (known := registry.find(part)) else part for part in called.split("@")]
    return "@".join(parts)


def shift(
    which: str, models: Sequence[Measured], references: Sequence[Reference], baseline: str | None = None
) -> Shift | None:
    """How those models stand on that shift that were measured on it; None where none was.

    baseline: the model that the others are compared with. Raises ConfigError where they have no accuracy on ImageNet
    in common, all its classes or the shift's, and where the references are no line.
    """
    some = [model for model in models if which in model.accuracy and _on(which, model.accuracy)]
    if not some:
        return None
    common = [on for on in (_same_classes(which), IMAGENET) if all(on in model.accuracy for model in some)]
    if not common:
        lacking = next(model.model for model in some if IMAGENET not in model.accuracy)
        raise ConfigError(
            f"{lacking} has no result of {IMAGENET}, on which others are compared for {title(which)}",
            f"wit eval --eval-set wds/{IMAGENET} ..., for each model",
        )
    on = next((on for on in common if _points(references, on, which).size), common[0])
    points = _points(references, on, which)
    if len(points) >= LEAST and (flat := [at for at in (0, 1) if len(np.unique(points[:, at])) == 1]):
        raise ConfigError(
            f"the {len(points)} reference models of {title(which)} have one accuracy on {(on, which)[flat[0]]}, "
            f"{points[0, flat[0]]:.1%}, and no line goes through them",
            "--references FILE.csv, with models of several accuracies",
        )
    fit = fitted(points) if len(points) >= LEAST else None
    base = next((model.accuracy[which] for model in some if model.model == baseline), None)
    return Shift(which, on, fit, tuple(_standing(model, which, on, points, fit, base) for model in some))


def fitted(points: Floats) -> Fit:
    """The line of least squares through these models, float64 [R, 2]: accuracy on ImageNet and on the shift."""
    x, y = _logit(points).T
    slope, intercept = np.polyfit(x, y, 1)
    least, most = float(points[:, 0].min()), float(points[:, 0].max())
    return Fit(float(slope), float(intercept), len(points), float(np.corrcoef(x, y)[0, 1]), least, most)


def _on(which: str, accuracy: Mapping[str, Any]) -> bool:
    return IMAGENET in accuracy or _same_classes(which) in accuracy


def _same_classes(which: str) -> str:
    return f"{IMAGENET}@{which}"


def _points(references: Sequence[Reference], on: str, which: str) -> Floats:
    """Of the models that the line is drawn through; a share of 0 or 1 has no logit and is passed over."""
    rows = [
        (one.accuracy[on], one.accuracy[which])
        for one in references
        if one.group == FITTED and on in one.accuracy and which in one.accuracy
    ]
    found = np.array(rows, np.float64).reshape(-1, 2)
    return found[((found > 0) & (found < 1)).all(axis=1)]


def _standing(
    model: Measured, which: str, on: str, points: Floats, fit: Fit | None, base: Estimate | None
) -> Standing:
    imagenet, accuracy = model.accuracy[on], model.accuracy[which]
    rng = np.random.default_rng(0)
    drawn_imagenet, drawn = _drawn(imagenet, rng), _drawn(accuracy, rng)
    n = min(imagenet.n, accuracy.n)
    gap = _estimate(imagenet.value - accuracy.value, drawn_imagenet - drawn, n)
    effective = relative = None
    if fit:
        foretold = _foretold(points, drawn_imagenet, imagenet.n, rng)
        effective = _estimate(accuracy.value - fit.foretold(_within(imagenet)), drawn - foretold, n)
    if base and base is not accuracy:
        relative = _estimate(accuracy.value - base.value, drawn - _drawn(base, rng), min(base.n, accuracy.n))
    return Standing(model.model, imagenet, accuracy, gap, effective, relative)


def _drawn(one: Estimate, rng: np.random.Generator) -> Floats:
    """The share of B samples of its images: of ones and zeros the bootstrap is the binomial distribution."""
    return rng.binomial(one.n, one.value, DRAWS) / one.n


def _foretold(points: Floats, imagenet: Floats, n: int, rng: np.random.Generator) -> Floats:
    """What B lines foretell, each through R models that are drawn from these and at a draw of our accuracy."""
    logits, at = _logit(points), _logit(np.clip(imagenet, 0.5 / n, 1 - 0.5 / n))
    rows = max(1, _CELLS // len(points))
    found = []
    for some in np.split(at, range(rows, len(at), rows)):
        x, y = logits[rng.integers(0, len(points), (len(some), len(points)))].transpose(2, 0, 1)
        x_mean, y_mean = x.mean(axis=1), y.mean(axis=1)
        spread = ((x - x_mean[:, None]) ** 2).mean(axis=1)
        along = ((x - x_mean[:, None]) * (y - y_mean[:, None])).mean(axis=1)
        slope = np.divide(along, spread, out=np.zeros(len(some)), where=spread > 0)
        found.append(_expit(y_mean + slope * (some - x_mean)))
    return np.concatenate(found)


def _within(one: Estimate) -> float:
    """The share, half an image away from 0 and 1, which have no logit."""
    return float(np.clip(one.value, 0.5 / one.n, 1 - 0.5 / one.n))


def _estimate(value: float, drawn: Floats, n: int) -> Estimate:
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(value, float(low), float(high), CONFIDENCE, n, "bootstrap")


def _logit(share: Floats) -> Floats:
    return np.log(share) - np.log1p(-share)


def _expit(value: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-value)))
