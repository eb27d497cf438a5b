"""OUT/report.html and OUT/overlap.png: the presets beside each other, what they share, and pictures they drop.

As with the report of a build, captions are foreign: all are escaped, and nothing is fetched or run.
"""

import base64
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wit_builder import storage
from wit_builder.ablate.plot import COLUMNS, upset
from wit_builder.ablate.pool import Pool
from wit_builder.report.contact_sheet import data_uri, link_to
from wit_builder.report.folder import REPORT, plain
from wit_builder.report.page import COLOURS, Segment, segments, template
from wit_builder.shards import staged

PLOT = "overlap.png"


@dataclass(frozen=True, slots=True)
class Tile:
    """A dropped pair. All texts are safe to show."""

    image: str  # data: URI, "" where the picture could not be read
    caption: str
    evidence: str
    link: str  # the image's address where it is http(s), else ""
    key: str


@dataclass(frozen=True, slots=True)
class Reason:
    """What a preset drops for."""

    name: str
    n: int
    kind: str  # class of its colour, the same for all presets
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A preset as the page shows it."""

    name: str
    title: str
    seen: int
    kept: int
    bar: tuple[Segment, ...]
    reasons: tuple[Reason, ...]
    missing: tuple[str, ...]
    left_out: tuple[str, ...]
    shares: tuple[tuple[str, int, float], ...]  # of each preset: its name, pairs that both keep, part of ours


def write(out: Path, pool: Pool, told: Mapping[str, Any], examples: Iterable[Mapping[str, Any]]) -> None:
    """Draw both files. told: as ablation.json has it; examples: rows of sets.drawn, whose images are read."""
    tiles: dict[tuple[str, str], list[Tile]] = {}
    for row in examples:
        tiles.setdefault((row["preset"], row["reason"]), []).append(_tile(pool, row))
    presets = told["presets"]
    kept = {name: preset["kept"] for name, preset in presets.items()}
    sets = [(tuple(row["presets"]), row["pairs"]) for row in told["sets"]]
    plot = upset(kept, sets, told["pool"]["pairs"])
    storage.write_bytes(out / PLOT, plot)
    kinds = _kinds(presets.values())
    page = template("ablate/page.html.j2").render(
        pool=told["pool"],
        versions=told["versions"],
        presets=list(_presets(told, kinds, tiles)),
        kinds={reason: kind for reason, kind in kinds.items() if kind != "rest"},
        by_all=sum(n for held, n in sets if len(held) == len(presets)),
        by_none=sum(n for held, n in sets if not held),
        more=sets[COLUMNS:],
        train=told["train"],
        trained=_trained(told),
        plot=f"data:image/png;base64,{base64.b64encode(plot).decode()}",
    )
    storage.write_bytes(out / REPORT, page.encode("utf-8", "replace"))


def _kinds(presets: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The colour of each reason: the most frequent over all presets have one of their own."""
    total: Counter[str] = Counter()
    for preset in presets:
        total.update(preset["dropped"])
    order = sorted(total, key=lambda reason: (-total[reason], reason))
    return {reason: f"r{n}" if n < COLOURS else "rest" for n, reason in enumerate(order)}


def _presets(
    told: Mapping[str, Any], kinds: Mapping[str, str], tiles: Mapping[tuple[str, str], list[Tile]]
) -> Iterator[Shown]:
    """Those that keep most first."""
    presets = told["presets"]
    order = sorted(presets, key=lambda name: (-presets[name]["kept"], name))
    for name in order:
        preset = presets[name]
        reasons = [
            Reason(plain(reason, 80), n, kinds[reason], tuple(tiles.get((name, reason), ())))
            for reason, n in sorted(preset["dropped"].items(), key=lambda item: (-item[1], item[0]))
        ]
        yield Shown(
            name=name,
            title=preset["title"].removeprefix(f"{name}: "),
            seen=preset["seen"],
            kept=preset["kept"],
            bar=segments(_parts(preset, kinds), preset["seen"]),
            reasons=tuple(reasons),
            missing=tuple(preset["missing"]),
            left_out=tuple(preset["left_out"]),
            shares=tuple(_shares(told["shared"][name], order, preset["kept"])),
        )


def _parts(preset: Mapping[str, Any], kinds: Mapping[str, str]) -> list[tuple[str, int, str]]:
    """What is kept, then the reasons in the order of their colours, the others as one."""
    dropped = preset["dropped"]
    parts = [("kept", preset["kept"], "kept")]
    parts += [(reason, dropped.get(reason, 0), kind) for reason, kind in kinds.items() if kind != "rest"]
    rest = sum(n for reason, n in dropped.items() if kinds[reason] == "rest")
    return [*parts, ("other reasons", rest, "rest")]


def _shares(shared: Mapping[str, int], order: Sequence[str], kept: int) -> Iterator[tuple[str, int, float]]:
    return ((other, shared[other], shared[other] / kept if kept else 0.0) for other in order)


def _trained(told: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """What was trained, by preset; the best first."""
    found = told.get("trained", {})
    return sorted(found.items(), key=lambda item: (-item[1]["mean"], item[0]))


def _tile(pool: Pool, row: Mapping[str, Any]) -> Tile:
    tar = pool.tar(row["shard"])
    image = staged.image(tar.parent, tar.name, row["offset"], row["length"])
    return Tile(
        image=data_uri(image),
        caption=plain(row["caption"]),
        evidence=plain(row["evidence"], 120),
        link=link_to(row["url"]),
        key=plain(row["key"], 40),
    )
