"""What one sees while a build runs: a live table on a terminal, a line a stage in a pipe, or JSON lines."""

import json
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import click
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from wit_builder import build, report
from wit_builder.engine.local import Progress

LOST = "lost "  # counts named "lost REASON" are shown as failures by reason

# Counts a stage tells: "done" of "total" items, "kept", "lost REASON"; anything else is shown as it is.


class Watcher(build.Watcher, AbstractContextManager["Watcher"], Protocol):
    """A build.Watcher that is switched on and off."""


def watcher(*, quiet: bool, json: bool) -> Watcher:
    """The one that fits: JSON lines if asked, else live on a terminal, else plain lines."""
    if quiet:
        return _Quiet()
    if json:
        return _JsonLines()
    console = Console(stderr=True)
    return _Table(console) if console.is_terminal else _Lines()


def result(out: Path, json: bool) -> None:
    """Print what the build in OUT has come to: the funnel, and where things are."""
    if json:
        click.echo((out / "funnel.json").read_text(), nl=False)
        return
    console = Console(highlight=False)
    console.print(report.render_text(report.summary(out)))


class Stage:
    """A stage as the display follows it."""

    def __init__(self, name: str, tasks: int) -> None:
        self.name, self.tasks = name, tasks
        self.began = time.monotonic()
        self.finished = 0
        self.counts: dict[str, int] = {}

    def tell(self, counts: Mapping[str, int], finished: int) -> None:
        """Take in how far it is."""
        self.counts, self.finished = dict(counts), finished

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self.began

    @property
    def share(self) -> float:
        """How far it is, 0 to 1: by items where they are counted, else by tasks."""
        if self.counts.get("total"):
            return self.counts.get("done", 0) / self.counts["total"]
        return self.finished / self.tasks if self.tasks else 1.0

    @property
    def rate(self) -> float:
        """Items a second."""
        return self.counts.get("done", 0) / max(self.seconds, 1e-3)

    @property
    def eta_s(self) -> float | None:
        """Seconds left at the rate so far, None before one can say."""
        return self.seconds / self.share * (1 - self.share) if 0.01 < self.share < 1 else None

    @property
    def lost(self) -> list[tuple[str, int]]:
        """Reasons and how often, most frequent first."""
        found = [(key.removeprefix(LOST), n) for key, n in self.counts.items() if key.startswith(LOST)]
        return sorted(found, key=lambda item: -item[1])


class _Quiet:
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def stage(self, name: str, tasks: int) -> Progress:
        return Stage(name, tasks).tell


class _Lines(_Quiet):
    """A line when a stage begins, and one every ten seconds."""

    every_s = 10.0

    def stage(self, name: str, tasks: int) -> Progress:
        stage = Stage(name, tasks)
        said = [time.monotonic()]
        click.echo(f"{name}: {tasks} task{'s' * (tasks != 1)}", err=True)

        def tell(counts: Mapping[str, int], finished: int) -> None:
            stage.tell(counts, finished)
            if time.monotonic() - said[0] >= self.every_s:
                said[0] = time.monotonic()
                click.echo(f"{name}: {_sentence(stage)}", err=True)

        return tell


class _JsonLines(_Quiet):
    """One JSON object a second and stage on stderr."""

    every_s = 1.0

    def stage(self, name: str, tasks: int) -> Progress:
        stage = Stage(name, tasks)
        said = [0.0]

        def tell(counts: Mapping[str, int], finished: int) -> None:
            stage.tell(counts, finished)
            if time.monotonic() - said[0] >= self.every_s:
                said[0] = time.monotonic()
                line = {
                    "stage": name,
                    "tasks": tasks,
                    "tasks_done": finished,
                    "counts": stage.counts,
                    "rate": round(stage.rate, 2),
                    "eta_s": stage.eta_s and round(stage.eta_s, 1),
                }
                print(json.dumps(line), file=sys.stderr, flush=True)

        tell({}, 0)
        return tell


class _Table(_Quiet):
    """A live table, a row a stage."""

    def __init__(self, console: Console) -> None:
        self._stages: list[Stage] = []
        self._ended: dict[str, float] = {}
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def stage(self, name: str, tasks: int) -> Progress:
        for earlier in self._stages:
            self._ended.setdefault(earlier.name, earlier.seconds)
        self._stages.append(Stage(name, tasks))
        return self._stages[-1].tell

    def _render(self) -> Group:
        table = Table(box=None, padding=(0, 1), header_style="bold")
        for column in ("stage", "", "done", "per s", "took", "left"):
            table.add_column(column, justify="left" if column in ("stage", "") else "right")
        for stage in self._stages:
            ended = self._ended.get(stage.name)
            share = 1.0 if ended is not None else stage.share
            done = stage.counts.get("done")
            table.add_row(
                stage.name,
                ProgressBar(total=1.0, completed=share, width=24),
                f"{done:,}" if done else f"{stage.finished}/{stage.tasks}",
                f"{done / max(ended or stage.seconds, 1e-3):,.0f}" if done else "",
                _clock(ended if ended is not None else stage.seconds),
                "" if ended is not None or stage.eta_s is None else _clock(stage.eta_s),
            )
        return Group(table, Text(_sentence(self._stages[-1]), style="dim") if self._stages else Text())


def _sentence(stage: Stage) -> str:
    shown = [f"{n:,} {key}" for key, n in stage.counts.items() if not key.startswith(LOST) and key != "total"]
    if stage.lost:
        reasons = ", ".join(f"{reason} {n:,}" for reason, n in stage.lost[:5])
        shown.append(f"{sum(n for _, n in stage.lost):,} lost ({reasons})")
    if stage.eta_s is not None:
        shown.append(f"about {_clock(stage.eta_s)} left")
    return ", ".join(shown) or f"{stage.finished} of {stage.tasks} tasks done"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
