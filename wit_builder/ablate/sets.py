"""Who keeps what? Kept pairs as sets: how many exactly these presets keep, and how many each two share.

A pair's mask has bit n where the n-th preset keeps it. Masks are made over partitions of ids: `spread_kept` and
`spread_lost` send what the stages of a preset have left and lost there, `meet` brings all presets together.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from wit_builder import storage
from wit_builder.ablate.pool import PLACES, part_of
from wit_builder.curation import tables
from wit_builder.engine import hashes, shuffle
from wit_builder.engine.task import Task
from wit_builder.errors import BuildError
from wit_builder.records import LOSS_SCHEMA

MOST = 63  # presets: bits of a mask
EXAMPLES = 4  # pairs shown of each preset and reason

KEPT = pa.schema([PLACES.field(name) for name in ("id", "shard", "key")])
DROPPED = pa.schema([*KEPT, *(LOSS_SCHEMA.field(name) for name in ("stage", "reason", "evidence"))])

_ID = pa.schema([PLACES.field("id")])
_SHOWN = ["shard", "key", "offset", "length"]


def spread_kept(task: Task) -> None:
    """Sends the ids of what a preset keeps to their partitions.

    arg: {samples: parquet path, dropped: [parquet path] of ids that are gone from them}; params: partitions.
    Hands on `kept` (a shuffle file by id).
    """
    rows = pq.read_table(task.arg["samples"], columns=["id"])
    for path in task.arg["dropped"]:
        gone = pq.read_table(path, columns=["id"]).column("id")
        rows = rows.filter(pc.invert(pc.is_in(rows.column("id"), gone)))
    partitions = task.params["partitions"]
    shuffle.write(task.new_file("kept", ".shuffle"), rows, part_of(rows, partitions), partitions)


def spread_lost(task: Task) -> None:
    """Sends the losses of a preset to the partitions of their ids.

    arg: parquet path of losses; params: partitions. Hands on `lost` (a shuffle file by id).
    """
    rows = pq.read_table(task.arg, schema=LOSS_SCHEMA).drop_columns(["at"])
    partitions = task.params["partitions"]
    shuffle.write(task.new_file("lost", ".shuffle"), rows, part_of(rows, partitions), partitions)


def meet(task: Task) -> None:
    """Brings the presets together over one partition of ids.

    arg: partition; params: partitions, places ([shuffle path]), presets ([name, {kept, lost: [shuffle path]}]).
    Hands on, for the n-th preset, `kept-N` (parquet of KEPT) and `dropped-N` (of DROPPED), both sorted by id;
    and `found` (JSON): masks, and by preset how many were dropped for which reason, and examples of each.
    Raises BuildError where a pair is neither kept nor dropped, or both.
    """
    places = _slice(task, task.params["places"], PLACES).sort_by("id")
    masks = np.zeros(places.num_rows, np.int64)
    dropped: list[dict[str, int]] = []
    examples: list[dict[str, Any]] = []
    for number, (name, files) in enumerate(task.params["presets"]):
        kept = _slice(task, files["kept"], _ID)
        lost = _slice(task, files["lost"], LOSS_SCHEMA.remove(LOSS_SCHEMA.get_field_index("at"))).sort_by(
            "id"
        )
        stays = pc.is_in(places.column("id"), kept.column("id"))
        at = pc.index_in(lost.column("id"), places.column("id"))
        _check(name, stays, at)
        masks |= np.asarray(stays).astype(np.int64) << number
        gone = _beside(lost, places.take(at))
        tables.write_parquet(
            task.new_file(f"kept-{number}", ".parquet"), places.filter(stays).select(KEPT.names).cast(KEPT)
        )
        shown = gone.select(DROPPED.names).cast(DROPPED)
        tables.write_parquet(task.new_file(f"dropped-{number}", ".parquet"), shown)
        dropped.append(_counts(gone.column("reason")))
        examples += (row | {"preset": name} for row in _examples(name, gone))
    values, counts = np.unique(masks, return_counts=True)
    found = [[int(value), int(count)] for value, count in zip(values, counts, strict=True)]
    storage.write_json(
        task.new_file("found", ".json"), {"masks": found, "dropped": dropped, "examples": examples}
    )


def drawn(examples: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """EXAMPLES of each preset and reason, those whose draw comes first, whatever partitions they were found in."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in examples:
        found.setdefault((row["preset"], row["reason"]), []).append(row)
    order = [sorted(rows, key=lambda row: (row["draw"], row["id"]))[:EXAMPLES] for rows in found.values()]
    return [row for rows in order for row in rows]


def exact(masks: Mapping[int, int], names: Sequence[str]) -> list[tuple[tuple[str, ...], int]]:
    """How many pairs exactly these presets keep and no other does: most first, equals by their presets."""
    found = [(tuple(members(mask, names)), count) for mask, count in masks.items() if count]
    return sorted(found, key=lambda item: (-item[1], item[0]))


def pairwise(masks: Mapping[int, int], names: Sequence[str]) -> dict[str, dict[str, int]]:
    """How many pairs each two presets both keep; of one with itself, how many it keeps."""
    shared: Counter[tuple[str, str]] = Counter()
    for mask, count in masks.items():
        here = list(members(mask, names))
        for one in here:
            for other in here:
                shared[one, other] += count
    return {one: {other: shared[one, other] for other in names} for one in names}


def members(mask: int, names: Sequence[str]) -> Iterable[str]:
    """The presets of a mask, in their order."""
    return (name for number, name in enumerate(names) if mask >> number & 1)


def _slice(task: Task, paths: Sequence[str], schema: pa.Schema) -> pa.Table:
    return shuffle.read([Path(path) for path in paths], task.arg, task.params["partitions"], schema)


def _check(name: str, stays: pa.ChunkedArray, lost_at: pa.ChunkedArray) -> None:
    """Each pair is kept, or dropped once."""
    gone = np.bincount(np.asarray(lost_at.drop_null()), minlength=len(stays))
    if lost_at.null_count or not np.array_equal(gone + np.asarray(stays), np.ones(len(stays), np.int64)):
        raise BuildError(
            f"{name}: not every pair of the pool is either kept or dropped once",
            "this is a fault of wit-builder, or the pool has an id twice: `wit verify` tells",
        )


def _beside(lost: pa.Table, places: pa.Table) -> pa.Table:
    for name in _SHOWN:
        lost = lost.append_column(places.schema.field(name), places.column(name))
    return lost


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    return {row["values"]: row["counts"] for row in pc.value_counts(column).to_pylist()}


def _examples(preset: str, gone: pa.Table) -> Iterable[dict[str, Any]]:
    """Of each reason those with the smallest hash of their id; another preset or reason draws others."""
    for reason in sorted(pc.unique(gone.column("reason")).to_pylist()):
        rows = gone.filter(pc.equal(gone.column("reason"), reason))
        draw = hashes.hashed(rows.column("id"), xxhash.xxh3_64_intdigest(f"{preset}/{reason}".encode()))
        first = np.argsort(draw, kind="stable")[:EXAMPLES]
        for row, number in zip(rows.take(pa.array(first)).to_pylist(), draw[first].tolist(), strict=True):
            yield row | {"draw": number}
