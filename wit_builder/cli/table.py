"""The live table of a build on a terminal: a row a stage, and below it what the present one is at."""

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table as RichTable
from rich.text import Text

from wit_builder.cli.progress import RULES, WHAT, Clock, Follower, Stage, clock, how_far, lost
from wit_builder.errors import many

_BAR = 12  # columns
_WIDE = 76  # columns that it takes to say what each stage does


class Table(Follower):
    """Redraws itself four times a second; goes when the build ends well, as the result then says it all."""

    def __init__(
        self, stages: Sequence[str], out: Path | None, clock: Clock = time.monotonic, *, console: Console
    ) -> None:
        super().__init__(stages, out, clock)
        self._console = console
        self._live = Live(console=console, get_renderable=self.render, refresh_per_second=4)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._live.transient = kind is None
        self._live.__exit__(kind, error, trace)

    def say(self, sentence: str) -> None:
        """Above the table."""
        self._console.print(Text(sentence), soft_wrap=True)  # a command must stay one line to be copied

    def render(self) -> Group:
        """The table as it is now."""
        wide = self._console.width >= _WIDE
        table = RichTable(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
        for name in ("stage", *[""] * wide, "", "kept", "lost", "per s", "time"):
            numeric = name in ("kept", "lost", "per s", "time")
            table.add_column(name, justify="right" if numeric else "left", no_wrap=True)
        for stage in list(self.stages.values()):
            what = [WHAT.get(stage.name, RULES)] * wide
            table.add_row(stage.name, *what, *_row(stage), style="dim" if stage.state == "waiting" else "")
        return Group(table, *_details(self.now, self._console.width))


def _row(stage: Stage) -> list[RenderableType]:
    """Bar, kept, lost, rate and time; nothing of a stage that waits."""
    if stage.state == "waiting":
        return []
    share = stage.share
    return [
        ProgressBar(total=1.0 if share is not None else None, completed=share or 0.0, width=_BAR),
        _kept(stage),
        "" if stage.lost is None else f"{stage.lost:,}",
        f"{stage.rate:,.0f}" if stage.rate else "",
        clock(stage.seconds),
    ]


def _kept(stage: Stage) -> str:
    if stage.step == "pack-write":
        return many(stage.tasks if stage.state == "ended" else stage.finished, "shard")
    if stage.kept is None:
        return ""
    return many(stage.kept, "page" if stage.name == "collect" else "pair")


def _details(stage: Stage | None, width: int) -> list[RenderableType]:
    """Two lines at most, cut to the width there is."""
    if stage is None or stage.state != "running":
        return []
    lines = [how_far(stage), lost(stage, width)] if stage.counts else []
    return [Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in ["", *lines]]
