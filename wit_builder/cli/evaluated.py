"""Runs `wit eval`: options become a model and sets, and results a few lines."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from wit_builder.cli import executors, typed
from wit_builder.cli.progress import clock
from wit_builder.errors import ConfigError
from wit_builder.model import load

EVERY_S = 10.0  # between two lines in a pipe
PATIENCE = timedelta(days=1)  # of other ranks, while the first one fits a probe

if TYPE_CHECKING:
    from wit_builder.evaluate.elsewhere import Elsewhere
    from wit_builder.evaluate.results import Estimate, Result
    from wit_builder.model.ranks import Ranks


def run(values: Mapping[str, Any]) -> None:
    """Do what the options say, and tell of it. Raises ConfigError before anything is started."""
    found = measure(values)
    for result in found:
        click.echo(line(result))
    if found:
        from wit_builder.evaluate import worth

        for one in worth.every(Path(values["out"])):
            if one.words:
                click.echo(f"{one.set}: zero-shot is worth {one.words} labelled images a class")


def measure(values: Mapping[str, Any]) -> "list[Result]":
    """Do what the options say; the results, on the first rank. Raises ConfigError as `run`."""
    for name in ("model", "checkpoint", "eval_set", "out"):
        if not values[name]:
            raise ConfigError(f"--{name.replace('_', '-')} is not given", f"{typed.command('eval')} --help")
    load.require("wit eval")
    import torch

    from wit_builder.cli.trained import once
    from wit_builder.evalset import sets
    from wit_builder.evaluate import run as runs
    from wit_builder.evaluate import training
    from wit_builder.model.loaded import opened
    from wit_builder.model.ranks import joined

    with (
        joined(PATIENCE) as ranks,
        once(ranks),
        display(values["quiet"] or not ranks.first) as shown,
        _elsewhere(values, ranks, shown) as elsewhere,
    ):
        tasks = values["tasks"].split(",")
        some = [sets.read(word, values["split"], say=shown.say) for word in values["eval_set"]]
        found = runs.run(
            opened(values["model"], values["checkpoint"]),
            some,
            tasks,
            Path(values["out"]),
            cache=Path(values["cache"] or default_cache()),
            ranks=replace(ranks, device=torch.device("cpu")) if elsewhere else ranks,
            precision=values["precision"],
            shown=shown,
            training={
                which.name: training.read(word, which, shown.say)
                for word, which in zip(values["eval_set"], some, strict=True)
                if runs.learning(tasks, which)
            },
            elsewhere=elsewhere,
        )
        if ranks.first:
            from wit_builder.report import evaluation

            shown.say(f"pictures: {evaluation.write(Path(values['out']), some)}")
    return found


@contextmanager
def _elsewhere(values: Mapping[str, Any], ranks: "Ranks", shown: "Silent") -> "Iterator[Elsewhere | None]":
    """Where images are embedded, None for here. What tasks make lies in OUT, which all machines see."""
    if values["executor"] == "local":
        yield None
        return
    if ranks.world > 1:
        raise ConfigError(
            f"{ranks.world} ranks embed by themselves, and --executor {values['executor']} has others do it",
            "the same command without torchrun, or without --executor",
        )
    from wit_builder import build
    from wit_builder.cli.stopping import repeatable, stoppable
    from wit_builder.evaluate.elsewhere import Elsewhere

    out = Path(values["out"]).absolute()
    out.mkdir(parents=True, exist_ok=True)
    with (
        repeatable(),
        build.only_one(out),
        stoppable(shown.say),
        executors.opened(values, shown.say) as executor,
    ):
        elsewhere = Elsewhere(executor, out / ".work")
        yield elsewhere
        elsewhere.clear()


def default_cache() -> Path:
    """`wit-builder/eval` in the user's cache folder."""
    return (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "wit-builder" / "eval"
    )


def line(result: "Result") -> str:
    """In words: `cifar10 zero-shot: acc1 41.2% (99.5%: 36.8% to 45.7%), ...; 1,000 images, chance 10.0%`."""
    told = ", ".join(f"{name} {_estimate(one)}" for name, one in result.metrics.items())
    more = [f"{result.more['samples']:,} images"] if "samples" in result.more else []
    more += [f"chance {result.more['chance']:.1%}"] if "chance" in result.more else []
    more += [f"{result.more['unreadable']:,} of them unreadable"] if result.more.get("unreadable") else []
    more += [f"{shots} shots left out: {why}" for shots, why in result.more.get("left_out", {}).items()]
    return f"{result.set} {result.task}: {told}{'; ' if more else ''}{', '.join(more)}"


def _estimate(one: "Estimate") -> str:
    if one.low is None or one.high is None:
        return f"{one.value:.1%} (no interval, {one.method.removeprefix('none: ')})"
    return f"{one.value:.1%} ({one.confidence:.1%}: {one.low:.1%} to {one.high:.1%})"


class Silent:
    """Shows nothing; what all displays have in common."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def begin(self, name: str, images: int) -> None:
        """A set of so many images is embedded."""

    def done(self, images: int) -> None:
        """So many of them are."""

    def say(self, sentence: str) -> None:
        """Something besides."""


class Lines(Silent):
    """Lines on stderr, one now and then."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now

    def begin(self, name: str, images: int) -> None:
        """Says so."""
        self._name, self._images, self._began = name, images, self._now()
        self._said = self._began
        self.say(f"{name}: {images:,} images")

    def done(self, images: int) -> None:
        """Once in EVERY_S."""
        if self._now() - self._said >= EVERY_S:
            self._said = self._now()
            speed = f", {self._speed(images)}" if images else ""
            self.say(f"{self._name}: {images:,} of {self._images:,} images{speed}")

    def say(self, sentence: str) -> None:
        """On stderr."""
        click.echo(sentence, err=True)

    def _speed(self, images: int) -> str:
        rate = images / max(self._now() - self._began, 1e-9)
        return f"{rate:,.0f} images/s, about {clock((self._images - images) / rate)} left"


class Live(Lines):
    """A bar that redraws itself."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(" of "))
        self._bar = Progress(
            *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True
        )
        self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def begin(self, name: str, images: int) -> None:
        """The bar has its length."""
        self._bar.reset(self._task, total=images, description=name)

    def done(self, images: int) -> None:
        """The bar grows."""
        self._bar.update(self._task, completed=images)

    def say(self, sentence: str) -> None:
        """Above the bar."""
        self._bar.console.print(Text(sentence), soft_wrap=True)


def display(quiet: bool) -> Silent:
    """The one that fits."""
    if quiet:
        return Silent()
    console = Console(stderr=True, highlight=False)
    return Live(console) if console.is_terminal and not console.is_dumb_terminal else Lines()
