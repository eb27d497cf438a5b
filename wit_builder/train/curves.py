"""What a run came to, as curves: loss and scores against images processed, in one PNG."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from wit_builder import storage

FILE = "curves.png"

Points = Sequence[tuple[float, float]]


def of_run(records: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the records of one metrics.jsonl: the loss, and each held-out set's main score with its interval."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    loss, score = figure.subplots(1, 2)
    loss.plot(
        *_columns([(one["images_seen"], one["loss"]) for one in records if one.get("loss") is not None])
    )
    loss.set(xlabel="images processed", ylabel="loss (nats)")
    sets = list(dict.fromkeys(one["set"] for one in records if "set" in one))
    for name in sets:
        some = [one for one in records if one.get("set") == name]
        main = "top1" if "top1" in some[0] else "image_recall@1"
        xs, ys = _columns([(one["images_seen"], one[main]) for one in some])
        score.plot(xs, ys, marker="o", label=f"{name}, {main}")
        if "low" in some[0]:
            score.fill_between(xs, [one["low"] for one in some], [one["high"] for one in some], alpha=0.2)
            score.axhline(some[0]["chance"], linestyle=":", color="grey")
    score.set(xlabel="images processed", ylabel="share right", ylim=(0, 1))
    if sets:
        score.legend()
    _write(figure, path)


def compared(curves: Mapping[str, Points], chance: float, path: Path) -> None:
    """Draw zero-shot accuracy against images processed, a curve for each name (figure 2 of the paper)."""
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, points in curves.items():
        axes.plot(*_columns(points), marker="o", label=name)
    axes.axhline(chance, linestyle=":", color="grey", label="chance")
    axes.set(xlabel="images processed", ylabel="zero-shot accuracy")
    axes.legend()
    _write(figure, path)


def _columns(points: Points) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _write(figure: Figure, path: Path) -> None:
    with storage.whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
