"""Figure 17 of the CLIP paper: what the overlap did to accuracy, set by set."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from wit_builder import storage
from wit_builder.audit.effect import SIGNIFICANT, Effect
from wit_builder.report.folder import plain

NAME = "effect"  # .png and .svg
_SET, _FOUND, _INK, _SOFT = "#8a8f94", "#b3402f", "#1c2126", "#66707a"


def write(out: Path, effects: Mapping[str, Effect]) -> None:
    """Draw it into OUT; the same bytes for the same numbers and version of matplotlib.

    Left: Overlap - Clean with Overlap's 99.5 % interval, of sets that have both; red where it excludes no difference.
    Right: All - Clean; red where the one-sided test is below 5 %. Both over the share of overlap.
    """
    both = {n: one for n, one in effects.items() if one.overlap.count and one.clean.count}
    with rc_context({"svg.hashsalt": "wit"}):
        figure = Figure(figsize=(10.4, 4.4), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        for name, one in both.items():
            _difference(left, name, one)
            _inflation(right, name, one)
        _framed(left, "accuracy on Overlap less Clean, points")
        _framed(right, "accuracy on All less Clean, points")
        for ending, nothing in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
            with storage.whole(out / f"{NAME}.{ending}") as temporary:
                figure.savefig(temporary, format=ending, dpi=144, metadata=nothing)


def _difference(axes: Axes, name: str, one: Effect) -> None:
    clean = one.clean.right / one.clean.count
    low, high = (100 * (end - clean) for end in one.interval)
    colour = _FOUND if low > 0 or high < 0 else _SET
    share, at = _share(one), 100 * (one.overlap.right / one.overlap.count - clean)
    axes.plot([share, share], [low, high], color=colour, linewidth=1.4)
    _point(axes, share, at, name, colour)


def _inflation(axes: Axes, name: str, one: Effect) -> None:
    found = one.p_greater is not None and one.p_greater < SIGNIFICANT
    _point(axes, _share(one), 100 * (one.inflation or 0.0), name, _FOUND if found else _SET)


def _point(axes: Axes, x: float, y: float, name: str, colour: str) -> None:
    axes.plot(x, y, "o", color=colour, markersize=5)
    axes.annotate(plain(name, 40), (x, y), (6, 3), textcoords="offset points", fontsize=8, color=_SOFT)


def _share(one: Effect) -> float:
    return 100 * one.overlap.count / one.all.count


def _framed(axes: Axes, what: str) -> None:
    axes.axhline(0, color=_SOFT, linewidth=0.8, linestyle=":")
    axes.margins(x=0.25, y=0.15)
    axes.set_xlim(left=0)
    axes.set_xlabel("images that lie in the training data, %", fontsize=9, color=_SOFT)
    axes.set_ylabel(what, fontsize=9, color=_SOFT)
    axes.tick_params(colors=_INK, labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
