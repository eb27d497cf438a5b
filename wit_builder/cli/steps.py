"""What one sees while a model is trained: a live line on a terminal, a line now and then in a pipe."""

import time
from collections.abc import Callable
from typing import Any, Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from wit_builder.cli.progress import clock

Told = dict[str, Any]

EVERY_S = 10.0  # between two lines in a pipe


class Silent:
    """Shows nothing; what all displays have in common."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def begin(self, step: int, steps: int, batch: int) -> None:
        """The run begins at that step."""

    def step(self, step: int) -> None:
        """One more is done."""

    def __call__(self, told: Told) -> None:
        """A record (train/telemetry.py)."""

    def say(self, sentence: str) -> None:
        """Something besides."""


class Lines(Silent):
    """Lines on stderr."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._said = now, -EVERY_S
        self._steps = self._batch = 0

    def begin(self, step: int, steps: int, batch: int) -> None:
        """How many steps there are."""
        self._steps, self._batch = steps, batch
        self.say(f"from step {step:,} to {steps:,}, {batch:,} samples each")

    def __call__(self, told: Told) -> None:
        """A score at once; how far training is, once in EVERY_S."""
        if "set" in told:
            self.say(f"step {told['step']:,}: {score(told)}")
        elif self._now() - self._said >= EVERY_S or told["step"] == self._steps:
            self._said = self._now()
            self.say(f"step {told['step']:,} of {self._steps:,}: {state(told, self._steps, self._batch)}")

    def say(self, sentence: str) -> None:
        """On stderr."""
        click.echo(sentence, err=True)


class Live(Lines):
    """A bar that redraws itself, and scores above it."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._told: Told = {}
        words = TextColumn("{task.fields[words]}", table_column=Column(no_wrap=True))
        self._bar = Progress(
            BarColumn(20),
            MofNCompleteColumn(" of "),
            TimeElapsedColumn(),
            words,
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, words="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def begin(self, step: int, steps: int, batch: int) -> None:
        """The bar has its length."""
        self._steps, self._batch = steps, batch
        self._bar.update(self._task, total=steps, completed=step)

    def step(self, step: int) -> None:
        """The bar grows."""
        self._bar.update(self._task, completed=step)

    def __call__(self, told: Told) -> None:
        """Beside the bar; a score above it."""
        if "set" in told:
            self.say(f"step {told['step']:,}: {score(told)}")
        else:
            self._bar.update(self._task, words=state(told, self._steps, self._batch))

    def say(self, sentence: str) -> None:
        """Above the bar."""
        self._bar.console.print(Text(sentence), soft_wrap=True)


def display(quiet: bool) -> Silent:
    """The one that fits."""
    if quiet:
        return Silent()
    console = Console(stderr=True, highlight=False)
    return Live(console) if console.is_terminal and not console.is_dumb_terminal else Lines()


def state(told: Told, steps: int, batch: int) -> str:
    """Of a record of training, in words."""
    loss = "not finite" if told["loss"] is None else f"{told['loss']:.3f}"
    left = (steps - told["step"]) * batch / max(told["samples_per_s"], 1e-9)
    parts = [
        f"loss {loss}",
        f"{told['samples_per_s']:,.0f} samples/s",
        f"data wait {told['data_wait']:.0%}",
        f"bound: {told['bound']}",
        f"about {clock(left)} left",
    ]
    if told["skipped"]:
        parts.append(
            f"skipped {', '.join(f'{reason} {count:,}' for reason, count in told['skipped'].items())}"
        )
    return ", ".join(parts)


def score(told: Told) -> str:
    """Of an evaluation, in words: `cifar10: top-1 41.2 % (99 %: 37.1 to 45.4), chance 10.0 %, 1,000 images`."""
    images = f"{told['images']:,} images"
    if told.get("unreadable"):
        images += f" ({told['unreadable']:,} cannot be read)"
    if "top1" in told:
        return (
            f"{told['set']}: top-1 {told['top1']:.1%} (99 %: {told['low']:.1%} to {told['high']:.1%}), "
            f"top-5 {told['top5']:.1%}, chance {told['chance']:.1%}, {images}"
        )
    return (
        f"{told['set']}: R@1 {told['image_recall@1']:.1%} of images by text, {told['text_recall@1']:.1%} of texts "
        f"by image, {images}, {told['texts']:,} texts"
    )
