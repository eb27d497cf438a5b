"""What one sees while a build runs: a live table on a terminal, a few lines a stage in a pipe, or JSON lines.

A build tells of steps (`road.Watcher`), several of which make one of the five stages a user knows. What a
step counts is shown so: "done" of "total" items, "kept", "lost REASON"; a crawl counts "pages", "dropped",
"candidates", "waiting" and "depth". What a finished stage kept and lost is read from OUT/funnel.json.
"""

import json
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import click

from wit_builder.engine.local import Progress
from wit_builder.errors import many
from wit_builder.ledger import Funnel, StageCount

RATE_S = 10.0  # over which a rate is taken
LOST = "lost "  # begins a count of items lost for the reason that follows

STEPS = {  # of each stage, in their order
    "collect": ("collect",),
    "select": ("select-judge", "select-captions", "select-unique"),
    "fetch": ("fetch",),
    "clean": (
        *("clean-judge", "clean-top", "clean-exact", "clean-pairs", "clean-similar"),
        *("clean-embed", "clean-cluster", "clean-assign", "clean-semantic"),  # where the recipe asks for it
        *("clean-spread", "clean-weigh", "clean-need", "clean-solve", "clean-decide", "clean-tell"),
    ),
    "pack": ("pack-order", "pack-route", "pack-write"),
}
WHAT = {
    "read": "read the list",
    "collect": "find images and texts",
    "select": "filter, deduplicate",
    "fetch": "download images",
    "clean": "filter, deduplicate",
    "pack": "write shards",
    "pool": "read its shards",
    "compare": "what each keeps",
    "sets": "read the evaluation sets",
    "hash": "hash the shards' images",
    "search": "compare them",
    "matched": "read what was found",
    "train": "a small CLIP on what each keeps",
    # what `wit worker` runs besides
    "spread": "give rows to downloads",
    "route": "give images to shards",
    "write": "write shards",
    "kept": "what it keeps",
    "lost": "what it loses",
    "meet": "what each keeps",
    "canaries": "plant copies",
    "digest": "hash the sets' images",
    "embed": "embed the sets' images",
}
RULES = "apply its rules"  # what any other stage does: it is a preset's
_WIDTH = 60  # characters of reasons in a line
_IN_FUNNEL = {
    "collect": ("pages", "extract"),
    "select": ("select",),
    "fetch": ("fetch",),
    "clean": ("clean",),
}

Clock = Callable[[], float]  # seconds


def watcher(*, quiet: bool, json: bool, stages: Sequence[str], out: Path | None = None) -> "Follower":
    """The display that fits: none, JSON lines if asked for, else a table on a terminal, else plain lines.

    out: where the build's funnel.json is; None where it does not speak of this run.
    """
    from rich.console import Console

    from wit_builder.cli.table import Table

    if quiet:
        return Follower(stages, out)
    if json:
        return JsonLines(stages, out)
    console = Console(stderr=True, highlight=False)
    fits = console.is_terminal and not console.is_dumb_terminal
    return Table(stages, out, console=console) if fits else Lines(stages, out)


class Stage:
    """One of the five stages, as a display follows it."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.name, self._clock = name, clock
        self.step, self.tasks, self.finished = "", 0, 0
        self.counts: dict[str, int] = {}
        self.funnel: dict[str, StageCount] = {}  # once it has ended
        self._began: float | None = None
        self._ended: float | None = None
        self._lately: deque[tuple[float, int]] = deque()  # when how much was done, for the rate

    def begin(self, step: str, tasks: int) -> None:
        """The next of its steps begins."""
        self.step, self.tasks, self.finished, self.counts = step, tasks, 0, {}
        if self._began is None:
            self._began = self._clock()

    def tell(self, counts: Mapping[str, int], finished: int) -> None:
        """Take in how far the step is. A task that is tried again takes its counts back; what was seen stays."""
        self.counts = {key: n for key, n in counts.items() if n} or self.counts
        self.finished = finished
        now = self._clock()
        if self.counts and (not self._lately or now - self._lately[-1][0] >= 0.5):
            self._lately.append((now, self.done))
        while len(self._lately) > 2 and now - self._lately[0][0] > RATE_S:
            self._lately.popleft()

    def end(self, funnel: Funnel | None) -> None:
        """All its steps are through."""
        self._ended = self._clock()
        if funnel is not None:
            known = [name for name in _IN_FUNNEL.get(self.name, ()) if name in list(funnel)]
            self.funnel = {name: funnel[name] for name in known}

    @property
    def state(self) -> str:
        """waiting, running or ended."""
        return "waiting" if self._began is None else "running" if self._ended is None else "ended"

    @property
    def seconds(self) -> float:
        """That it took, or takes since it began."""
        if self._began is None:
            return 0.0
        return (self._clock() if self._ended is None else self._ended) - self._began

    @property
    def done(self) -> int:
        """Items settled."""
        return self.counts.get("done", self.counts.get("pages", 0) + self.counts.get("dropped", 0))

    @property
    def kept(self) -> int | None:
        """Pages or pairs that stay, None where that is not counted yet."""
        if self.funnel:
            return next(iter(self.funnel.values())).kept
        return self.counts.get("kept", self.counts.get("pages"))

    @property
    def lost(self) -> int | None:
        """Pages or pairs that do not stay, None where that is not counted yet."""
        if self.funnel:
            return next(iter(self.funnel.values())).dropped.total()
        if "dropped" in self.counts or self.kept is None:
            return self.counts.get("dropped")
        return sum(n for _, n in self.reasons)

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Why items were lost, the most frequent first."""
        found = [(key.removeprefix(LOST), n) for key, n in self.counts.items() if key.startswith(LOST)]
        for count in self.funnel.values():
            found += count.dropped.items()
        return sorted(found, key=lambda item: (-item[1], item[0]))

    @property
    def rate(self) -> float:
        """Items a second, lately: an earlier run of the same build does not count."""
        if len(self._lately) < 2 or self._ended is not None:
            return 0.0
        (began, before), (now, done) = self._lately[0], self._lately[-1]
        return (done - before) / (now - began)

    @property
    def share(self) -> float | None:
        """How far it is, 0 to 1; None where nobody knows."""
        if self._ended is not None:
            return 1.0
        if total := self.counts.get("total"):  # of the tasks that have begun
            return min(self.done / total, (self.finished + 1) / max(self.tasks, 1))
        steps = STEPS.get(self.name, ())
        passed = steps.index(self.step) if self.step in steps else 0
        share = (passed + self.finished / max(self.tasks, 1)) / max(len(steps), 1)
        return share or None

    @property
    def eta_s(self) -> float | None:
        """Seconds that are left at the rate so far, None before one can say."""
        share = self.share
        if "total" not in self.counts or share is None or not 0.01 < share < 1 or self.rate <= 0:
            return None
        return (self.done / share - self.done) / self.rate


class Follower:
    """Follows a build and says nothing: what `--quiet` shows, and what all displays have in common."""

    every_s = 10.0  # between two words on the same stage

    def __init__(self, stages: Sequence[str], out: Path | None, clock: Clock = time.monotonic) -> None:
        self._out, self._clock, self._said = out, clock, 0.0
        self.stages = {name: Stage(name, clock) for name in stages}
        self.now: Stage | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._end()

    def stage(self, name: str, tasks: int) -> Progress:
        """A step begins; returns what is told its counts as they grow."""
        stage = name if name in self.stages else name.partition("-")[0]
        fresh = self.now is None or self.now.name != stage
        if fresh:
            self._end()
            self.now = self.stages.setdefault(stage, Stage(stage, self._clock))
        assert self.now
        self.now.begin(name, tasks)
        if fresh:
            self._said = self._clock()
            self.began(self.now)
        return self._tell

    def began(self, stage: Stage) -> None:
        """Say that it begins."""

    def goes_on(self, stage: Stage) -> None:
        """Say how far it is; called once in `every_s`."""

    def ended(self, stage: Stage) -> None:
        """Say what it has come to."""

    def say(self, sentence: str) -> None:
        """Say something besides."""

    def _tell(self, counts: Mapping[str, int], finished: int) -> None:
        assert self.now
        self.now.tell(counts, finished)
        if self._clock() - self._said >= self.every_s:
            self._said = self._clock()
            self.goes_on(self.now)

    def _end(self) -> None:
        if self.now is not None:
            self.now.end(_funnel(self._out))
            self.ended(self.now)


class Lines(Follower):
    """Plain lines on stderr, for pipes and logs."""

    def began(self, stage: Stage) -> None:
        """What it does."""
        self.say(f"{stage.name}: {WHAT.get(stage.name, RULES)}")

    def goes_on(self, stage: Stage) -> None:
        """How far it is."""
        self.say("; ".join(filter(None, (f"{stage.name}: {how_far(stage)}", lost(stage, _WIDTH)))))

    def ended(self, stage: Stage) -> None:
        """What it kept and lost."""
        for name, count in stage.funnel.items():
            why = f" ({shortened(count.dropped.most_common(), _WIDTH)})" if count.dropped else ""
            self.say(
                f"  {name}: {count.seen:,} seen, {count.kept:,} kept, {count.dropped.total():,} lost{why}"
            )

    def say(self, sentence: str) -> None:
        """On stderr."""
        click.echo(sentence, err=True)


class JsonLines(Follower):
    """JSON objects on stderr, one a line: when a stage begins, once a second, and when it has ended."""

    every_s = 1.0

    def began(self, stage: Stage) -> None:
        """The first line of a stage."""
        self.goes_on(stage)

    def goes_on(self, stage: Stage) -> None:
        """How far it is."""
        eta = stage.eta_s
        self._write(
            stage=stage.name,
            step=stage.step,
            tasks=stage.tasks,
            tasks_done=stage.finished,
            counts=stage.counts,
            rate=round(stage.rate, 2),
            eta_s=None if eta is None else round(eta, 1),
        )

    def ended(self, stage: Stage) -> None:
        """The last line of a stage, with its part of the funnel."""
        funnel = {
            name: {"seen": count.seen, "kept": count.kept, "dropped": dict(count.dropped)}
            for name, count in stage.funnel.items()
        }
        self._write(stage=stage.name, ended=True, seconds=round(stage.seconds, 2), funnel=funnel)

    def say(self, sentence: str) -> None:
        """As the object {"note": ...}."""
        self._write(note=sentence)

    def _write(self, **values: Any) -> None:
        print(json.dumps(values), file=sys.stderr, flush=True)


def how_far(stage: Stage) -> str:
    """How far a stage is, in words."""
    counts = stage.counts
    if "pages" in counts:
        parts = [
            many(counts["pages"], "page"),
            f"{many(counts.get('candidates', 0), 'pair')} found",
            f"{many(counts.get('waiting', 0), 'page')} waiting",
            f"depth {counts.get('depth', 0)}",
        ]
    elif "total" in counts:
        parts = [f"{stage.done:,} of {counts['total']:,}", f"{stage.kept or 0:,} kept"]
    else:
        parts = [f"{stage.finished:,} of {many(stage.tasks, 'task')}"]
    if stage.rate:
        parts.append(f"{stage.rate:,.0f} a second")
    if stage.eta_s is not None:
        parts.append(f"about {clock(stage.eta_s)} left")
    return ", ".join(parts)


def lost(stage: Stage, width: int) -> str:
    """How many items a stage lost, and why, in about so many characters; "" when none."""
    head = f"{stage.lost or 0:,} lost: "
    return head + shortened(stage.reasons, width - len(head)) if stage.reasons else ""


def shortened(reasons: Sequence[tuple[str, int]], width: int) -> str:
    """As many of the reasons as stand in that many characters, and how many more there are; one at least."""
    for n in range(len(reasons), 0, -1):
        shown = [f"{reason} {count:,}" for reason, count in reasons[:n]]
        if rest := len(reasons) - n:
            shown.append(many(rest, "more reason"))
        text = ", ".join(shown)
        if len(text) <= width:
            return text
    return text if reasons else ""


def clock(seconds: float) -> str:
    """Seconds as 1:05 or 2:00:07."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _funnel(out: Path | None) -> Funnel | None:
    path = out and out / "funnel.json"
    return Funnel.from_json(json.loads(path.read_bytes())) if path and path.is_file() else None
