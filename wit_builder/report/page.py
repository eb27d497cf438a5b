"""OUT/report.html: the build on one self-contained page, without scripts and without anything fetched.

Captions and addresses are foreign. jinja2 escapes every one of them, links are http(s) only, and a content
security policy in the page forbids whatever might get through all the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import orjson

from wit_builder import storage
from wit_builder.place import Place
from wit_builder.report.contact_sheet import contact_sheet
from wit_builder.report.folder import REPORT, Folder, plain
from wit_builder.report.tally import Count
from wit_builder.report.terminal import bytes_text, percent, queries_text
from wit_builder.report.totals import Example, StageRow, Summary, summarise

COLOURS = 6  # reasons with a colour of their own; the others share one
REASONS = 25  # rows of a stage's table
MAX_RECIPE_CHARS = 50_000

WHAT = {
    "pages": "pages",
    "extract": "image references, or rows of a list",
    "select": "candidates",
    "fetch": "downloads",
    "clean": "pictures",
}  # what a stage counts


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a funnel's bar, in percent of its width."""

    start: float
    width: float
    kind: str  # class of its colour: kept, r0 to r5, rest
    title: str


@dataclass(frozen=True, slots=True)
class Reason:
    """A row of a stage's table."""

    name: str
    n: int
    kind: str
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage as the page shows it."""

    row: StageRow
    what: str
    bar: tuple[Segment, ...]  # as wide as its share of the largest stage
    split: tuple[Segment, ...]  # the same parts over the whole width
    reasons: tuple[Reason, ...]
    more: int  # reasons that are not named


def write_report(out: Path | Place) -> Path:
    """Write report.html into the folder of OUT, whole or absent, and return its path.

    Raises ConfigError when OUT is no build folder, BuildError when it cannot be written.
    """
    folder = Folder(out)
    shown = summarise(folder, curve=True)
    tiles = contact_sheet(folder)
    page = template("report/page.html.j2").render(
        shown=shown,
        facts=_facts(shown),
        stages=_stages(shown),
        tiles=tiles,
        recipe=_recipe(folder),
        notes=folder.notes,
    )
    path = folder.there.folder / REPORT
    storage.write_bytes(path, page.encode("utf-8", "replace"))
    return path


def template(name: str) -> jinja2.Template:
    """A page by its path in the package: `report/page.html.j2`."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("wit_builder", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": "{:,}".format, "bytes": bytes_text}
    environment.globals["percent"] = percent
    environment.globals["queries_text"] = queries_text
    environment.globals["share"] = _share
    return environment.get_template(name)


def _share(n: int, counts: tuple[Count, ...]) -> float:
    """n in percent of the largest of the counts."""
    return round(100 * n / max(1, *(count.n for count in counts)), 2)


def _facts(shown: Summary) -> list[str]:
    times = [("started", shown.started_at), ("finished", shown.finished_at)]
    told = [f"{word} {time.replace('T', ' ').replace('+00:00', ' UTC')}" for word, time in times if time]
    return told + [f"{name} {version}" for name, version in shown.versions]


def _stages(shown: Summary) -> list[Stage]:
    largest = max((row.seen for row in shown.funnel), default=0)
    return [_stage(row, largest, shown.examples) for row in shown.funnel]


def _stage(row: StageRow, largest: int, examples: tuple[Example, ...]) -> Stage:
    kinds = [f"r{i}" if i < COLOURS else "rest" for i in range(len(row.dropped))]
    reasons = tuple(
        Reason(count.name, count.n, kind, _examples_of(row.stage, count.name, examples))
        for count, kind in zip(row.dropped[:REASONS], kinds, strict=False)
    )
    return Stage(
        row=row,
        what=WHAT[row.stage],
        bar=_segments(row, kinds, largest),
        split=_segments(row, kinds, row.seen),
        reasons=reasons,
        more=max(0, len(row.dropped) - REASONS),
    )


def _examples_of(stage: str, reason: str, examples: tuple[Example, ...]) -> tuple[Example, ...]:
    return tuple(example for example in examples if (example.stage, example.reason) == (stage, reason))


def _segments(row: StageRow, kinds: list[str], whole: int) -> tuple[Segment, ...]:
    parts = [("kept", row.kept, "kept")]
    parts += [(count.name, count.n, kind) for count, kind in zip(row.dropped, kinds, strict=True)]
    parts[COLOURS + 1 :] = [("all other reasons", sum(n for _, n, _ in parts[COLOURS + 1 :]), "rest")]
    return segments(parts, whole)


def segments(parts: Iterable[tuple[str, int, str]], whole: int) -> tuple[Segment, ...]:
    """A bar of parts (name, number, kind), as wide as their share of the whole."""
    found, start = [], 0.0
    for name, n, kind in parts:
        if n and whole:
            width = 100 * n / whole
            found.append(Segment(round(start, 3), round(width, 3), kind, f"{name}: {n:,}"))
            start += width
    return tuple(found)


def _recipe(folder: Folder) -> str:
    recipe: Any = folder.json("build.json").get("recipe")
    return _plain_lines(orjson.dumps(recipe, option=orjson.OPT_INDENT_2).decode()) if recipe else ""


def _plain_lines(text: str) -> str:
    return "\n".join(plain(line, 1_000) for line in text[:MAX_RECIPE_CHARS].split("\n"))
