"""OUT/report.html and OUT/results.png, .svg of `wit eval`: what was measured, and the worst mistakes as pictures.

Reads what evaluate/results.py wrote. Names of classes and sets are foreign: all are escaped, and nothing is fetched.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from wit_builder import storage
from wit_builder.errors import ConfigError
from wit_builder.evalset.sets import EvalSet
from wit_builder.evaluate import results
from wit_builder.evaluate.results import Result
from wit_builder.report.contact_sheet import data_uri
from wit_builder.report.folder import REPORT, plain
from wit_builder.report.page import template

PLOT = "results"  # .png and .svg
FIGURES = ("few-shot", "zero-shot-worth")  # .png, which evaluate/worth.py draws
MISTAKES = 12  # pictures of a set
BEST = 12  # templates
WORST = 8  # classes, and pairs of classes, of a set

_INK, _SOFT, _DOT, _CHANCE = "#1c2126", "#66707a", "#2b7a66", "#b85f6b"
_ROW = 0.3  # inches


@dataclass(frozen=True, slots=True)
class Mistake:
    """An image that was taken for something else."""

    image: str  # data: URI, "" where it cannot be read
    key: str
    label: str
    predicted: str
    score: float  # of the answer, 0 to 1


@dataclass(frozen=True, slots=True)
class Shown:
    """One task on one set."""

    result: Result
    templates: tuple[dict[str, Any], ...]  # of an ablation, the best first
    worst: tuple[dict[str, Any], ...]  # of `classes`
    confused: tuple[tuple[str, str, int], ...]  # taken for what, how often
    mistakes: tuple[Mistake, ...]


def write(out: Path, sets: Sequence[EvalSet]) -> Path:
    """Draw them, whole or absent, and return the page's path.

    sets: those that were evaluated, for the pictures. Raises ConfigError for a folder without results.
    """
    model, found = results.read_all(out)
    _plot(out, found)
    by_name = {one.name: one for one in sets}
    page = template("report/evaluation.html.j2").render(
        model=model,
        shown=[_shown(out, one, by_name.get(one.set)) for one in found],
        plot=_figure(out / f"{PLOT}.png"),
        figures=[_figure(path) for name in FIGURES if (path := out / f"{name}.png").exists()],
    )
    storage.write_bytes(out / REPORT, page.encode("utf-8", "replace"))
    return out / REPORT


def _shown(out: Path, one: Result, which: EvalSet | None) -> Shown:
    names = [plain(names[0], 60) for names in which.classes] if which else []
    templates = one.more.get("templates", ()) if "selected" in one.more else ()
    return Shown(
        one,
        tuple(sorted(templates, key=lambda row: -row["acc1"])[:BEST]),
        tuple(sorted(one.more.get("classes", ()), key=lambda row: (row["recall"], -row["n"]))[:WORST]),
        tuple(
            (names[row["label"]], names[row["predicted"]], row["n"])
            for row in one.more.get("confusion", ())[:WORST]
            if max(row["label"], row["predicted"]) < len(names)
        ),
        tuple(_mistakes(out, one, which, names)) if which else (),
    )


def _mistakes(out: Path, one: Result, which: EvalSet, names: Sequence[str]) -> Iterator[Mistake]:
    """The wrong answers of which the model was surest."""
    try:
        read = results.read(out, one.set, one.task, predictions=True)
    except ConfigError:  # a task without predictions has no file of them
        return
    rows = read.predictions if read else None
    if rows is None or not {"label", "predicted", "score", "right"} <= set(rows.column_names):
        return
    wrong = rows.filter(pc.and_(pc.invert(rows["right"]), pc.is_valid(rows["predicted"])))
    places = dict(zip(which.keys, which.images, strict=True))
    for row in wrong.sort_by([("score", "descending"), ("key", "ascending")]).slice(0, MISTAKES).to_pylist():
        if row["key"] in places and max(row["label"], row["predicted"]) < len(names):
            image = data_uri(places[row["key"]].read())
            label, predicted = names[row["label"]], names[row["predicted"]]
            yield Mistake(image, plain(row["key"], 80), label, predicted, row["score"])


def _plot(out: Path, found: Sequence[Result]) -> None:
    """The first metric of each result with its interval; the same bytes for the same numbers."""
    rows = [
        (f"{one.set}, {one.task}", *next(iter(one.metrics.items())), one.more.get("chance")) for one in found
    ]
    with rc_context({"svg.hashsalt": "wit"}):
        figure = Figure(figsize=(7.2, 1.1 + _ROW * max(1, len(rows))), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        for at, (_, _, one, chance) in enumerate(rows):
            low, high = one.ends
            axes.plot([100 * low, 100 * high], [at, at], color=_DOT, linewidth=2, solid_capstyle="butt")
            axes.plot(100 * one.value, at, "o", color=_DOT, markersize=5)
            if chance is not None:
                axes.plot(100 * chance, at, "|", color=_CHANCE, markersize=11)
        axes.set_yticks(range(len(rows)), [f"{plain(name, 60)}  {metric}" for name, metric, _, _ in rows])
        axes.tick_params(colors=_INK, labelsize=9, length=0)
        axes.set(xlim=(0, 100), ylim=(len(rows) - 0.5, -0.5))
        axes.set_xlabel("percent, with its interval; red: chance", fontsize=9, color=_SOFT)
        for ending, nothing in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
            with storage.whole(out / f"{PLOT}.{ending}") as temporary:
                figure.savefig(temporary, format=ending, dpi=144, metadata=nothing)


def _figure(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
