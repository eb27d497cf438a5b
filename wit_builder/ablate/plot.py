"""The sets as an UpSet plot (Lex et al. 2014): a column for each combination of presets, dots for its members."""

import io
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

COLUMNS = 24  # combinations that are drawn: those of most pairs

_KEPT, _DOT, _NONE, _INK, _SOFT = "#2b7a66", "#1c2126", "#dcddd8", "#1c2126", "#66707a"
_STRIPE = "#f3f3ef"
_ROW, _COLUMN, _SIZES = 0.32, 0.3, 3.0  # inches

Sets = Sequence[tuple[tuple[str, ...], int]]  # exactly these presets, and their pairs; most first


def upset(kept: Mapping[str, int], sets: Sets, pool: int) -> bytes:
    """A PNG, the same bytes for the same numbers and version of matplotlib.

    kept: pairs of each preset. sets: no presets for what none keeps. pool: pairs in all.
    """
    names = sorted(kept, key=lambda name: (-kept[name], name))
    shown = sets[:COLUMNS]
    columns = _COLUMN * max(4, len(shown))
    width, height = _SIZES + 0.5 + columns, 2.5 + _ROW * len(names)
    figure = Figure(figsize=(width, height), dpi=144, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        2,
        2,
        width_ratios=(_SIZES, columns),
        height_ratios=(2.0, _ROW * len(names)),
        hspace=0.03,
        wspace=0.02,
    )
    rows, matrix = figure.add_subplot(grid[1, 0]), figure.add_subplot(grid[1, 1])
    _sizes(rows, names, kept, pool)
    _dots(matrix, names, shown)
    _bars(figure.add_subplot(grid[0, 1]), shown)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _bars(axes: Axes, sets: Sets) -> None:
    """Pairs of each combination."""
    counts = [count for _, count in sets]
    colours = [_KEPT if held else "#b5b8b4" for held, _ in sets]
    axes.bar(range(len(sets)), counts, width=0.62, color=colours)
    for at, count in enumerate(counts):
        axes.annotate(
            _short(count),
            (at, count),
            (0, 2),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=_INK,
        )
    axes.set(xlim=_limits(sets), ylim=(0, max([*counts, 1]) * 1.12))
    axes.set_xticks([])
    axes.set_ylabel("pairs kept by exactly these", fontsize=9, color=_SOFT)
    _quiet(axes, "left")


def _sizes(axes: Axes, names: Sequence[str], kept: Mapping[str, int], pool: int) -> None:
    """Pairs of each preset, growing to the left, towards its name."""
    axes.barh(range(len(names)), [kept[name] for name in names], height=0.56, color=_KEPT)
    for at, name in enumerate(names):
        label = f"{_short(kept[name])}  "
        axes.annotate(label, (kept[name], at), ha="right", va="center", fontsize=8, color=_SOFT)
    axes.set(xlim=(max([*kept.values(), 1]) * 1.3, 0), ylim=(len(names) - 0.5, -0.5))
    axes.yaxis.tick_right()
    axes.set_yticks(range(len(names)), names, fontsize=9, color=_INK)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.set_xlabel(f"pairs kept of {pool:,}", fontsize=9, color=_SOFT)
    _quiet(axes, "bottom")


def _dots(axes: Axes, names: Sequence[str], sets: Sets) -> None:
    """Who is in each combination."""
    for at in range(0, len(names), 2):
        axes.axhspan(at - 0.5, at + 0.5, color=_STRIPE, linewidth=0, zorder=0)
    for column, (held, _) in enumerate(sets):
        rows = [at for at, name in enumerate(names) if name in held]
        empty = [at for at, name in enumerate(names) if name not in held]
        axes.scatter([column] * len(empty), empty, s=26, color=_NONE, linewidths=0, zorder=2)
        axes.scatter([column] * len(rows), rows, s=30, color=_DOT, linewidths=0, zorder=3)
        if len(rows) > 1:
            axes.plot([column, column], [rows[0], rows[-1]], color=_DOT, linewidth=1.5, zorder=2.5)
    axes.set(xlim=_limits(sets), ylim=(len(names) - 0.5, -0.5))
    axes.set_xticks([])
    axes.set_yticks([])
    _quiet(axes, "")


def _limits(sets: Sets) -> tuple[float, float]:
    return -0.6, max(4, len(sets)) - 0.4


def _quiet(axes: Axes, spine: str) -> None:
    for name, line in axes.spines.items():
        line.set_visible(name == spine)
        line.set_color("#c9cbc6")
    axes.tick_params(
        axis="both", labelsize=8, color="#c9cbc6", labelcolor=_SOFT if spine != "bottom" else _INK
    )


def _short(n: int) -> str:
    """At most five characters: 1,096; 12.3k; 4.56M."""
    for size, unit in ((1_000_000_000, "B"), (1_000_000, "M"), (10_000, "k")):
        if n >= size:
            return f"{n / (1_000 if unit == 'k' else size):.3g}{unit}"
    return f"{n:,}"
