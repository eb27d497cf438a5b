"""What does a model learn from each? The same small CLIP on what each preset keeps, with several seeds.

All runs see as many images, however many pairs a preset keeps, so that sets are compared at equal compute, as
DataComp does; of a small set each image comes more often. torch is imported only when a run begins.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from wit_builder import settings
from wit_builder.ablate.pool import Pool
from wit_builder.engine.local import Progress
from wit_builder.errors import ConfigError
from wit_builder.road import Watcher
from wit_builder.stats import t_interval
from wit_builder.train.order import MAX_WEIGHT
from wit_builder.train.settings import Training, preset

if TYPE_CHECKING:
    from wit_builder.train.telemetry import Record

TRAIN = "train"  # the stage, as one sees it
RECIPE = replace(preset("tiny"), epochs=1, captions="first")  # rules judge the first caption, so it is learnt
SAMPLES = 51_200  # images that a run sees, unless somebody says otherwise: 400 steps
CONFIDENCE = 0.95

_OWN = ("type", "sources", "weights", "seed")  # fields of a run that the recipe does not fix
_SAVED_EVERY = 100  # steps


@dataclass(frozen=True, slots=True)
class Trial:
    """The runs that are asked for.

    eval_set: folder of classes, as `wit train` reads it, with so many images and classes. seeds: runs of each preset,
    by the seeds 0, 1, ... samples: images that each run sees. Raises ConfigError when they do not fill one batch.
    """

    eval_set: Path
    images: int
    classes: int
    seeds: int
    samples: int

    def __post_init__(self) -> None:
        if self.samples < RECIPE.batch:
            raise ConfigError(
                f"{self.samples} images are to be seen, and one batch has {RECIPE.batch}",
                f"--train-samples {RECIPE.batch}, or more",
            )

    @property
    def least(self) -> int:
        """Pairs that a preset must keep: they fill one batch, and none is seen more than MAX_WEIGHT times."""
        return max(RECIPE.batch, math.ceil(self.samples / MAX_WEIGHT))

    def encoded(self) -> dict[str, Any]:
        """All that decides what comes out, as JSON."""
        recipe = settings.encode(RECIPE)
        return {
            "recipe": {name: value for name, value in recipe.items() if name not in _OWN},
            "samples": self.samples,
            "seeds": list(range(self.seeds)),
            "least": self.least,
            "eval_set": {"name": self.eval_set.name, "images": self.images, "classes": self.classes},
        }


def opened(eval_set: Path, seeds: int, samples: int) -> Trial:
    """Such a trial. Raises ConfigError when that folder is no held-out set of two classes or more."""
    from wit_builder.evalset import sets

    held = sets.read(eval_set)
    if held.kind != "classes":
        raise ConfigError(
            f"the held-out set {str(eval_set)!r} is one of pairs, and accuracy is that of classes",
            "--eval-set FOLDER, with a folder a class",
        )
    if len(held.classes) < 2:
        raise ConfigError(
            f"the held-out set {str(eval_set)!r} has a single class, and there is nothing to tell apart",
            "a set of two classes or more, a folder or a line of classnames.txt each",
        )
    return Trial(eval_set.resolve(), len(held.images), len(held.classes), seeds, samples)


def trained(
    trial: Trial, pool: Pool, kept: Mapping[str, int], dropped: Path, work: Path, watcher: Watcher
) -> dict[str, Any]:
    """By preset its runs ({seed, top1}), and their `spread`; those that keep fewer than trial.least are not there.

    kept: pairs of each. dropped: folder of PRESET.parquet, what each drops. work: folder of the runs; a finished one
    is not done again, an unfinished one goes on. Raises engine.task.Stopped when asked to stop.
    """
    enough = [name for name, pairs in kept.items() if pairs >= trial.least]
    for name in (name for name in kept if name not in enough):
        watcher.say(f"{name}: not trained, a run takes {trial.least:,} pairs and it keeps {kept[name]:,}")
    shown = _Shown(watcher, watcher.stage(TRAIN, len(enough) * trial.seeds), trial.samples)
    found = {}
    for name in enough:
        own = replace(RECIPE, sources=(str(pool.folder / "shards"),), weights=(trial.samples / kept[name],))
        runs = []
        for seed in range(trial.seeds):
            top1 = _top1(trial, replace(own, seed=seed), dropped / f"{name}.parquet", work / name, shown)
            shown.done(f"{name}, seed {seed}: top-1 {top1:.1%}")
            runs.append({"seed": seed, "top1": top1})
        found[name] = {"runs": runs} | spread([run["top1"] for run in runs])
    return found


def _top1(trial: Trial, training: Training, exclude: Path, work: Path, shown: "_Shown") -> float:
    from wit_builder.train import repeated

    return repeated.top1(
        training,
        work / str(training.seed),
        shown,
        eval_set=trial.eval_set,
        exclude=str(exclude),
        cache=work / "index",
        save_every=_SAVED_EVERY,
    )


def spread(scores: Sequence[float]) -> dict[str, float | None]:
    """Mean, sample standard deviation, and Student's interval of the mean (95 %), cut to 0 and 1.

    Of one score alone there is only the mean. Runs differ by their seed; that the eval set is a sample of images
    itself is not in it.
    """
    mean = fmean(scores)
    if len(scores) < 2:
        return {"mean": mean, "sd": None, "low": None, "high": None}
    low, high = t_interval(scores, CONFIDENCE)
    return {"mean": mean, "sd": stdev(scores), "low": max(0.0, low), "high": min(1.0, high)}


class _Shown:
    """Shows a run (train.loop.Watcher) as a part of the stage."""

    def __init__(self, watcher: Watcher, tell: Progress, samples: int) -> None:
        self._watcher, self._tell, self._samples = watcher, tell, samples
        self._runs = self._batch = 0

    def begin(self, step: int, steps: int, batch: int) -> None:
        self._batch = batch
        self.step(step)

    def step(self, step: int) -> None:
        self._tell({"done": self._runs * self._samples + step * self._batch}, self._runs)

    def __call__(self, told: "Record") -> None: ...

    def say(self, sentence: str) -> None:
        self._watcher.say(sentence)

    def done(self, sentence: str) -> None:
        """One more run is."""
        self._runs += 1
        self._tell({"done": self._runs * self._samples}, self._runs)
        self.say(sentence)
