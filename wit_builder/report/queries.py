"""What a build's queries found: how many have pairs, which have most, and how the balance changed that."""

import base64
import io
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wit_builder.curation import histogram
from wit_builder.report.folder import Folder, plain

TOP = 10  # queries that are named
RANKS = 2_000  # points of a curve at most, evenly apart on a log scale

_COLUMNS = pa.schema([("entry", pa.string()), ("matched", pa.int64()), ("kept", pa.int64())])

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Heavy:
    """A query with many pairs."""

    entry: str
    matched: int  # pairs before the balance
    kept: int  # pairs of the data set


@dataclass(frozen=True, slots=True)
class Queries:
    """The histogram of `OUT/queries.parquet` in a few numbers."""

    entries: int
    never: int  # that no pair held
    full: int  # with more pairs than a query may bring in
    rule: str  # cap, expectation, or "" where nothing was balanced
    per_query: int | None
    heaviest: tuple[Heavy, ...]  # before the balance, most pairs first
    curve: str  # pairs of each query before and after, as a data: URI of a PNG; "" unless it was asked for


def queries(folder: Folder, *, curve: bool = False) -> Queries | None:
    """What the build's queries found, None where it has none."""
    if not folder.files(histogram.NAME):
        return None
    heaviest, counts = _read(folder)
    how = folder.told(histogram.NAME)
    matched, kept = counts
    most = how.get("per_query")
    return Queries(
        entries=len(matched),
        never=int((matched == 0).sum()),
        full=int((matched > most).sum()) if most is not None else 0,
        rule=plain(how.get("rule", ""), 20),
        per_query=most,
        heaviest=heaviest,
        curve=_drawn(matched, kept, most) if curve and matched.any() else "",
    )


def _read(folder: Folder) -> tuple[tuple[Heavy, ...], tuple[Counts, Counts]]:
    """The heaviest queries, and the counts of all."""
    top: list[Heavy] = []
    matched, kept = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for batch in folder.batches(histogram.NAME, _COLUMNS):
        matched.append(batch.column("matched").to_numpy())
        kept.append(batch.column("kept").to_numpy())
        first = np.argsort(-matched[-1], kind="stable")[:TOP]
        top += [
            Heavy(plain(row["entry"], 80), row["matched"], row["kept"])
            for row in batch.take(first).to_pylist()
        ]
        top = sorted(top, key=lambda heavy: (-heavy.matched, heavy.entry))[:TOP]
    held = tuple(heavy for heavy in top if heavy.matched)
    return held, (np.concatenate(matched), np.concatenate(kept))


def _drawn(matched: Counts, kept: Counts, most: int | None) -> str:
    """Queries by falling number of pairs, before and after, both axes on a log scale."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for counts, name, colour in ((matched, "before", "#d2774a"), (kept, "after", "#2b7a66")):
        ranks, pairs = _ranked(counts)
        axes.plot(ranks, pairs, label=name, color=colour, linewidth=1.6)
    if most is not None:
        axes.axhline(most, color="#98a3ad", linewidth=0.8, linestyle="--", label=f"{most:,} per query")
    axes.set(xscale="log", yscale="log", xlabel="query, by number of pairs", ylabel="pairs")
    axes.grid(visible=True, color="#e2e3de", linewidth=0.6)
    axes.legend(frameon=False)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _ranked(counts: Counts) -> tuple[Counts, Counts]:
    """Some ranks, from 1, and the pairs of the query that has each; those without a pair are left out."""
    falling = np.sort(counts[counts > 0])[::-1]
    ranks = np.unique(np.geomspace(1, max(1, len(falling)), RANKS).astype(np.int64))
    ranks = ranks[ranks <= len(falling)]
    return ranks, falling[ranks - 1]
