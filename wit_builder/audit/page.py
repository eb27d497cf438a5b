"""OUT/report.html of an audit: what overlaps, what that did to scores, and the pairs themselves to look at.

Captions, keys and names are foreign: all are escaped, and nothing is fetched or run.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from wit_builder import stats, storage
from wit_builder.audit import canary, figure, leakage
from wit_builder.audit.effect import Effect
from wit_builder.audit.pictures import Pictures
from wit_builder.report.contact_sheet import data_uri, link_to
from wit_builder.report.folder import REPORT, plain
from wit_builder.report.page import template

HITS, NEAR = 24, 8  # pairs shown of a set: above its threshold, and below
CONFIDENCE = 0.99  # of the interval of a set's overlap
_SURE = ("bytes", "pixels")  # detectors that need no look


@dataclass(frozen=True, slots=True)
class Pair:
    """An image of a set beside a sample. All texts are safe to show."""

    left: str  # data: URI, "" where the picture cannot be read
    right: str
    eval_id: str
    key: str  # shard and key
    caption: str
    link: str
    said: str  # detector and similarity


@dataclass(frozen=True, slots=True)
class Canary:
    """What a detector finds of copies of the set's images, as canary.py tried."""

    detector: str
    sides: tuple[int, ...]  # pixels
    rows: tuple[tuple[str, tuple[str, ...]], ...]  # transform, and by side what is found
    wrong: int
    tried: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A set."""

    name: str
    told: Mapping[str, Any]  # as audit.json has it
    low: float
    high: float  # between which shares the overlap is
    effect: Effect | None
    hits: tuple[Pair, ...]
    near: tuple[Pair, ...]
    canaries: tuple[Canary, ...]
    leaks: str  # what captions give away


def write(
    out: Path, told: Mapping[str, Any], pairs: pa.Table, effects: Mapping[str, Effect], pictures: Pictures
) -> Path:
    """Draw it, whole or absent, and return its path. told: audit.json; pairs: of overlap.PAIRS."""
    if effects:
        figure.write(out, effects)
    rows = pairs.to_pylist()
    shown = [_shown(one, effects.get(one["name"]), rows, pictures) for one in told["sets"]]
    plot = (out / f"{figure.NAME}.png").read_bytes() if effects else b""
    page = template("audit/page.html.j2").render(
        told=told,
        sets=shown,
        effects=bool(effects),
        plot=f"data:image/png;base64,{base64.b64encode(plot).decode()}" if plot else "",
    )
    storage.write_bytes(out / REPORT, page.encode("utf-8", "replace"))
    return out / REPORT


def _shown(
    told: Mapping[str, Any], effect: Effect | None, rows: Sequence[Mapping[str, Any]], pictures: Pictures
) -> Shown:
    low, high = stats.clopper_pearson(told["overlap"], told["all"], CONFIDENCE) if told["all"] else (0.0, 1.0)
    own = [row for row in rows if row["eval_set"] == told["name"]]
    above = sorted(_nearest(row for row in own if row["overlap"]), key=_doubtful)
    below = sorted(_nearest(row for row in own if not row["overlap"]), key=lambda row: -row["similarity"])
    return Shown(
        plain(told["name"], 80),
        told,
        low,
        high,
        effect,
        tuple(_pair(row, pictures) for row in above[:HITS]),
        tuple(_pair(row, pictures) for row in below[:NEAR]),
        tuple(_canary(detector, tried) for detector, tried in told.get("canaries", {}).items()),
        leakage.said(told["kind"], told.get("leaks", {})),
    )


def _canary(detector: str, tried: Sequence[Mapping[str, Any]]) -> Canary:
    sides = tuple(sorted({one["side"] for one in tried}))
    found = {(one["transform"], one["side"]): f"{one['found']} of {one['tried']}" for one in tried}
    rows = tuple(
        (name, tuple(found.get((name, side), "") for side in sides))
        for name in dict.fromkeys(one["transform"] for one in tried)
    )
    return Canary(detector, sides, rows, *canary.mistaken(tried))


def _nearest(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of each image the first row: by the detector that is believed first, its nearest sample."""
    found: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        found.setdefault(row["eval_id"], row)
    return list(found.values())


def _doubtful(row: Mapping[str, Any]) -> tuple[bool, float]:
    """Pairs that need a look first, those least alike before."""
    return row["detector"] in _SURE, row["similarity"]


def _pair(row: Mapping[str, Any], pictures: Pictures) -> Pair:
    turned = f", turned {row['turn']}" if row["turn"] else ""
    return Pair(
        data_uri(pictures.of_set(row["eval_set"], row["eval_id"])),
        data_uri(pictures.of_shard(row["shard"], row["key"])),
        plain(row["eval_id"], 80),
        plain(f"{row['shard']}/{row['key']}", 80),
        plain(row["caption"] or ""),
        link_to(row["url"]),
        f"{row['detector']} {row['similarity']:.3f}{turned}",
    )
