"""Figures 6 and 7 of the CLIP paper, of the sets that were measured."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from wit_builder import storage
from wit_builder.evaluate.results import Estimate

_OURS, _INK, _SOFT, _LINE = "#2b7a66", "#1c2126", "#66707a", "#c9cbc6"
_MOST = 40  # sets, each with a line for its name
_NONE = 0.5  # where no images stand on an axis of logarithms


class Drawn(Protocol):
    """What is drawn of a set, as `worth.Worth` has it."""

    @property
    def set(self) -> str: ...  # noqa: D102

    @property
    def shots(self) -> Mapping[int, Estimate]: ...  # noqa: D102

    @property
    def zero_shot(self) -> Estimate | None: ...  # noqa: D102

    @property
    def equivalent(self) -> float | None: ...  # noqa: D102

    @property
    def words(self) -> str: ...  # noqa: D102


def curves(found: Sequence[Drawn]) -> Figure:
    """Scores by images a class, each set a line with its interval and zero-shot a star, and their mean."""
    figure, axes = _figure(6.4, 4.8)
    for one in found:
        own: dict[str, Any] = {"color": _OURS, "alpha": 1.0 if len(found) == 1 else 0.35}
        at, estimates = list(one.shots), list(one.shots.values())
        axes.plot(
            at, [100 * each.value for each in estimates], marker="o", markersize=4, linewidth=1.2, **own
        )
        low, high = ([100 * each.ends[side] for each in estimates] for side in (0, 1))
        axes.fill_between(at, low, high, color=_OURS, alpha=0.12, linewidth=0)
        if one.zero_shot:
            axes.plot([_NONE], [100 * one.zero_shot.value], marker="*", markersize=11, **own)
    _named(axes, found)
    _mean(axes, found)
    ticks = [_NONE, *sorted({shots for one in found for shots in one.shots})]
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, ["0", *(f"{tick:g}" for tick in ticks[1:])])
    axes.set(xlabel="labelled training images a class", ylabel="score, %")
    return figure


def bars(found: Sequence[Drawn]) -> Figure:
    """Images a class that zero-shot equals, a bar a set, the most above; a bar beyond what was measured is pale."""
    shown = sorted(found, key=lambda one: -_length(one))[:_MOST]
    figure, axes = _figure(6.4, 1.4 + 0.26 * len(shown))
    for row, one in enumerate(shown):
        known = one.equivalent is not None
        axes.barh(row, _length(one), height=0.62, color=_OURS if known else _LINE)
        axes.annotate(f" {one.words}", (_length(one), row), va="center", fontsize=8, color=_INK)
    known_ones = [one.equivalent for one in found if one.equivalent is not None]
    if len(known_ones) == len(found) > 2:
        for what, value in (("mean", np.mean(known_ones)), ("median", np.median(known_ones))):
            axes.axvline(float(value), color=_SOFT, linewidth=1, linestyle=":" if what == "mean" else "--")
            axes.annotate(f"{what} {value:.3g}", (float(value), len(shown) - 0.4), fontsize=8, color=_SOFT)
    axes.set_yticks(range(len(shown)), [one.set for one in shown], fontsize=8)
    axes.set(ylim=(len(shown) - 0.3, -0.7), xlim=(0, max(map(_length, shown)) * 1.15))
    axes.set_xlabel("labelled images a class that zero-shot is worth")
    return figure


def write(figure: Figure, path: Path) -> None:
    """As PATH.png and PATH.svg; the same bytes for the same numbers and version of matplotlib."""
    with rc_context({"svg.hashsalt": "wit"}):
        for ending, nothing in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
            with storage.whole(path.with_name(f"{path.name}.{ending}")) as temporary:
                figure.savefig(temporary, format=ending, dpi=144, metadata=nothing)


def _named(axes: Axes, found: Sequence[Drawn]) -> None:
    """A set's name behind its last point, or below the name above where that would not be legible."""
    low, high = axes.get_ylim()
    free = high
    for one in sorted(found, key=lambda one: -list(one.shots.values())[-1].value):
        at = min(free, 100 * list(one.shots.values())[-1].value)
        axes.annotate(
            one.set, (max(one.shots), at), (6, 0), textcoords="offset points", va="center", fontsize=7
        )
        free = at - (high - low) / _MOST
    axes.set_ylim(min(low, free), high)


def _mean(axes: Axes, found: Sequence[Drawn]) -> None:
    """The mean over sets, of the shots that all of them have."""
    if len(found) < 2:
        return
    common = sorted(set.intersection(*({*one.shots} for one in found)))
    means = [100 * float(np.mean([one.shots[shots].value for one in found])) for shots in common]
    axes.plot(common, means, color=_INK, marker="o", linewidth=2.2, label=f"mean of {len(found)} sets")
    zero = [one.zero_shot.value for one in found if one.zero_shot]
    if len(zero) == len(found):
        star = 100 * float(np.mean(zero))
        axes.plot([_NONE], [star], color=_INK, marker="*", markersize=14, linestyle="none", label="zero-shot")
        axes.axhline(star, color=_SOFT, linewidth=0.8, linestyle=":")
    axes.legend(fontsize=8, frameon=False, loc="lower right")


def _length(one: Drawn) -> float:
    """Of its bar: what was measured, else the bound that the words name."""
    return one.equivalent if one.equivalent is not None else float(one.words.split()[-1])


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=8, color=_LINE)
    return figure, axes
