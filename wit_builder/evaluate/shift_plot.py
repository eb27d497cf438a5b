"""A shift as Taori et al. draw it, and figure 13 of the CLIP paper: accuracies of models, on axes of logits."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from wit_builder import storage
from wit_builder.evaluate.references import FITTED, Reference
from wit_builder.evaluate.robustness import Shift

_GREY, _OTHER, _LINE, _OURS = "#9aa0a6", "#c9a227", "#66707a", ("#2b7a66", "#b3402f", "#2f5fb3", "#7a3f8f")
_TICKS = np.array([0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99])
_EDGE = 0.0005  # nearest to 0 and 1 that is drawn
_ALONG = 400  # points of a line

Floats = npt.NDArray[np.float64]


def write(found: Shift, references: Sequence[Reference], title: str, out: Path) -> None:
    """Draw it as OUT/robustness-SHIFT.png and .svg; the same bytes for the same numbers and version of matplotlib."""
    with rc_context({"svg.hashsalt": "wit"}):
        figure = Figure(figsize=(6.4, 5.6), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        _published(axes, found, references)
        _ours(axes, found)
        _scaled(axes)
        axes.set(xlabel=f"top-1 on {_called(found.on)}", ylabel=f"top-1 on {title}")
        axes.legend(fontsize=8, frameon=False, loc="upper left")
        for ending, nothing in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
            with storage.whole(out / f"robustness-{found.name}.{ending}") as temporary:
                figure.savefig(temporary, format=ending, dpi=144, metadata=nothing)


def _published(axes: Axes, found: Shift, references: Sequence[Reference]) -> None:
    for fitted, colour, label in (
        (True, _GREY, "trained on ImageNet"),
        (False, _OTHER, "other published models"),
    ):
        some = [
            (one.accuracy[found.on], one.accuracy[found.name])
            for one in references
            if (one.group == FITTED) is fitted and found.on in one.accuracy and found.name in one.accuracy
        ]
        if some:
            x, y = _inside(np.array(some)).T
            axes.plot(x, y, "o", color=colour, markersize=4, alpha=0.7, label=f"{label} ({len(some)})")
    along = np.linspace(_EDGE, 1 - _EDGE, _ALONG)
    axes.plot(along, along, linestyle=":", color=_LINE, linewidth=1, label="no gap")
    if found.fit:
        y = np.array([found.fit.foretold(x) for x in along])
        axes.plot(along, y, color=_LINE, linewidth=1, label=f"line through {found.fit.models} models")


def _ours(axes: Axes, found: Shift) -> None:
    """Each model with its intervals."""
    for number, one in enumerate(found.standings):
        x, y = one.imagenet, one.accuracy
        (x_low, x_at, x_high), (y_low, y_at, y_high) = (
            _inside(np.array([each.low, each.value, each.high])) for each in (x, y)
        )
        axes.errorbar(
            [x_at],
            [y_at],
            xerr=[[x_at - x_low], [x_high - x_at]],
            yerr=[[y_at - y_low], [y_high - y_at]],
            fmt="*",
            markersize=11,
            color=_OURS[number % len(_OURS)],
            label=one.model,
        )


def _scaled(axes: Axes) -> None:
    """Logits on both axes, from a little below the least that is drawn to a little above the most."""
    for axis, scaled, bounds in (
        (axes.xaxis, axes.set_xscale, axes.set_xlim),
        (axes.yaxis, axes.set_yscale, axes.set_ylim),
    ):
        drawn = [np.asarray(line.get_data()[axis is axes.yaxis], np.float64) for line in axes.lines]
        values = np.concatenate([points for points in drawn if len(points) != _ALONG])
        scaled("logit")
        low, high = _logit(values.min()) - 0.3, _logit(values.max()) + 0.3
        axis.set_ticks(_TICKS)
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}"))
        bounds(1 / (1 + np.exp(-low)), 1 / (1 + np.exp(-high)))


def _inside(values: Floats) -> Floats:
    return np.clip(values, _EDGE, 1 - _EDGE)


def _logit(share: float) -> float:
    return float(np.log(share / (1 - share)))


def _called(which: str) -> str:
    within = which.partition("@")[2]
    return f"ImageNet, classes of {within}" if within else "ImageNet"
