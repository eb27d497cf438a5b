"""One model on its sets: each embedded once, each task done once, its files written before the next begins."""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import torch

from wit_builder import __version__
from wit_builder.errors import ConfigError
from wit_builder.evalset.sets import EvalSet, Kind
from wit_builder.evaluate import few_shot, probe, prompt_ablation, results, retrieval, worth, zero_shot
from wit_builder.evaluate.calls import Precision
from wit_builder.evaluate.elsewhere import Elsewhere
from wit_builder.evaluate.embed import embed
from wit_builder.evaluate.results import Result
from wit_builder.evaluate.training import Training
from wit_builder.evaluate.work import Split, Work
from wit_builder.model.loaded import Loaded
from wit_builder.model.ranks import Ranks, gathered


@dataclass(frozen=True, slots=True)
class Task:
    """What can be asked of a set, of which kinds, and whether it learns from the set's training split."""

    evaluate: Callable[[Work], Result | None]
    kinds: tuple[Kind, ...]
    learns: bool = False


TASKS: Mapping[str, Task] = {
    zero_shot.TASK: Task(zero_shot.evaluate, ("classes", "labels")),
    prompt_ablation.TASK: Task(prompt_ablation.evaluate, ("classes",)),
    probe.TASK: Task(probe.evaluate, ("classes", "labels"), learns=True),
    few_shot.TASK: Task(few_shot.evaluate, ("classes",), learns=True),
    retrieval.TASK: Task(retrieval.evaluate, ("captions",)),
}


def learning(tasks: Sequence[str], which: EvalSet) -> bool:
    """Whether one of these tasks, on this set, learns from its training split."""
    return any(TASKS[task].learns and which.kind in TASKS[task].kinds for task in tasks if task in TASKS)


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
    training: Mapping[str, Training] = MappingProxyType({}),
    elsewhere: Elsewhere | None = None,
) -> list[Result]:
    """The tasks on the sets of their kinds, and all their files in OUT; what is finished there is not done again.

    training: the other splits of each set, by its name, where a task learns from them. elsewhere: where images are
    embedded, in place of this process.

    All ranks call this together; the first has the results. Raises ConfigError for what cannot work, before the first
    set is embedded.
    """
    check(loaded, sets, tasks, out, precision)
    model, found = described(loaded, precision, ranks), list[Result]()

    def embedded(which: EvalSet, name: str) -> Split:
        shown.begin(name, len(which.images))
        return Split(which, embed(loaded, which, ranks, cache, precision, shown.done, elsewhere))

    for which in sets:
        own = embedded(which, which.name)
        work = Work(loaded, which, which.split, own.embedded, ranks, precision)
        taught = work
        if which.name in training:
            train, held = training[which.name].train, training[which.name].validation
            taught = replace(
                work,
                train=embedded(train, f"{which.name} {train.split}"),
                validation=embedded(held, f"{which.name} {held.split}") if held else None,
            )
        for task in tasks:
            if which.kind in TASKS[task].kinds:
                found += _done(taught if TASKS[task].learns else work, task, out, model)
                if ranks.first:
                    results.write_all(out, model, found)
                    worth.write(out)
    return found


def check(
    loaded: Loaded, sets: Sequence[EvalSet], tasks: Sequence[str], out: Path, precision: Precision
) -> None:
    """Raises ConfigError for what cannot work."""
    if unknown := [task for task in tasks if task not in TASKS]:
        raise ConfigError(f"no task is called {unknown[0]!r}", f"some of {','.join(TASKS)}")
    for which in sets:
        suitable = [task for task, one in TASKS.items() if which.kind in one.kinds]
        if not set(suitable) & set(tasks):
            raise ConfigError(
                f"none of {','.join(tasks)} can be asked of {which.name!r}, a set of {which.kind}",
                f"--tasks {','.join(suitable)}" if suitable else "another set",
            )
    names = [which.name for which in sets]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigError(
            f"two evaluation sets are called {twice[0]!r}, and their results would share a folder",
            "each set once, or another --out for the second",
        )
    results.refuse_other(
        out,
        {
            "weights_sha256": loaded.weights_sha256,
            "fingerprint": loaded.fingerprint,
            "precision": precision,
        },
    )
    if (out / results.ALL).exists():
        _check_splits(sets, results.read_all(out)[1], out)


def _check_splits(sets: Sequence[EvalSet], there: Sequence[Result], out: Path) -> None:
    """Raises ConfigError where results of another split of a set would be written over."""
    splits = {which.name: which.split for which in sets}
    for one in there:
        now = splits.get(one.set, one.split)
        if one.split != now:
            raise ConfigError(
                f"{str(out)!r} holds results of the split {one.split!r} of {one.set!r}, now it is {now!r}",
                "another --out",
            )


def described(loaded: Loaded, precision: Precision, ranks: Ranks) -> dict[str, Any]:
    """What results.json says of the model."""
    return {
        "name": loaded.name,
        "checkpoint": loaded.checkpoint,
        "weights_sha256": loaded.weights_sha256,
        "fingerprint": loaded.fingerprint,
        "preprocess": asdict(loaded.preprocess),
        "precision": precision,
        "device": ranks.device.type,
        "versions": {
            "wit-builder": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__.split("+")[0],
        },
    }


def _done(work: Work, task: str, out: Path, model: Mapping[str, Any]) -> list[Result]:
    """The task's result on the first rank, from its file where that is of the same work; else done and written.

    Raises ConfigError where another command has meanwhile written results of another model.
    """
    before = results.read(out, work.which.name, task) if work.ranks.first else None
    fresh = before is None or before.fingerprint != work.fingerprint
    if not gathered(fresh, work.ranks.world)[0]:
        return [before] if before else []
    result = TASKS[task].evaluate(work)
    if result is None:
        return []
    results.refuse_other(out, model)
    result = replace(result, data_sha256=work.embedded.data_sha256)
    results.write(out, result)
    return [result]
