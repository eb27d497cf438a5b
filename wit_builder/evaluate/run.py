"""One model on its sets: each embedded once, each task done once, its files written before the next begins."""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch

from wit_builder import __version__
from wit_builder.errors import ConfigError
from wit_builder.evalset.sets import EvalSet
from wit_builder.evaluate import prompt_ablation, results, zero_shot
from wit_builder.evaluate.calls import Precision
from wit_builder.evaluate.embed import embed
from wit_builder.evaluate.results import Result
from wit_builder.evaluate.work import Work
from wit_builder.model.loaded import Loaded
from wit_builder.model.ranks import Ranks, gathered

Task = Callable[[Work], Result | None]

TASKS: Mapping[str, Task] = {
    zero_shot.TASK: zero_shot.evaluate,
    prompt_ablation.TASK: prompt_ablation.evaluate,
}


class Display(Protocol):
    """What one sees of it."""

    def begin(self, name: str, images: int) -> None:
        """A set of so many images is embedded."""

    def done(self, images: int) -> None:
        """So many of them are."""

    def say(self, sentence: str) -> None:
        """Something besides."""


def run(
    loaded: Loaded,
    sets: Sequence[EvalSet],
    tasks: Sequence[str],
    out: Path,
    *,
    cache: Path,
    ranks: Ranks,
    precision: Precision,
    shown: Display,
) -> list[Result]:
    """The tasks on the sets, and all their files in OUT; what is finished there is not done again.

    All ranks call this together; the first has the results. Raises ConfigError for what cannot work, before the first
    set is embedded.
    """
    check(loaded, sets, tasks, out, precision)
    model, found = described(loaded, precision, ranks), list[Result]()
    for which in sets:
        shown.begin(which.name, len(which.images))
        embedded = embed(loaded, which, ranks, cache, precision, shown.done)
        work = Work(loaded, which, "test", embedded, ranks, precision, cache)
        for task in tasks:
            found += _done(work, task, out)
            if ranks.first:
                results.write_all(out, model, found)
    return found


def check(
    loaded: Loaded, sets: Sequence[EvalSet], tasks: Sequence[str], out: Path, precision: Precision
) -> None:
    """Raises ConfigError for what cannot work."""
    if unknown := [task for task in tasks if task not in TASKS]:
        raise ConfigError(f"no task is called {unknown[0]!r}", f"some of {','.join(TASKS)}")
    names = [which.name for which in sets]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigError(
            f"two evaluation sets are called {twice[0]!r}, and their results would share a folder"
        )
    if (out / results.ALL).exists():
        before = results.read_all(out)[0]
        for key, now in (("weights_sha256", loaded.weights_sha256), ("precision", precision)):
            if before.get(key) != now:
                raise ConfigError(
                    f"{str(out)!r} holds results of another run: {key} {before.get(key)!r}, now it is {now!r}",
                    "another --out",
                )


def described(loaded: Loaded, precision: Precision, ranks: Ranks) -> dict[str, Any]:
    """What results.json says of the model."""
    return {
        "name": loaded.name,
        "checkpoint": loaded.checkpoint,
        "weights_sha256": loaded.weights_sha256,
        "preprocess": asdict(loaded.preprocess),
        "precision": precision,
        "device": ranks.device.type,
        "versions": {
            "wit-builder": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__.split("+")[0],
        },
    }


def _done(work: Work, task: str, out: Path) -> list[Result]:
    """The task's result on the first rank, from its file where that is of the same work; else done and written."""
    before = results.read(out, work.which.name, task) if work.ranks.first else None
    fresh = before is None or before.fingerprint != work.fingerprint
    if not gathered(fresh, work.ranks.world)[0]:
        return [before] if before else []
    result = TASKS[task](work)
    if result is None:
        return []
    results.write(out, result)
    return [result]
