"""Take failed downloads up again, into new shards of a finished build; what is published stays as it is.

Every step may be repeated: after a kill the same command goes on, and ends with the same folder.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wit_builder import build, ledger, publish, settings, storage
from wit_builder.curation import clean, tables
from wit_builder.curation.select import pair_heads
from wit_builder.engine.local import Executor
from wit_builder.errors import ConfigError
from wit_builder.ledger import Funnel
from wit_builder.recipe import Recipe
from wit_builder.records import CANDIDATE_SCHEMA
from wit_builder.shards import manifest


def run(
    out: Path,
    only: Sequence[str],
    connect_to: dict[str, str | None],
    executor: Executor,
    watcher: build.Watcher,
) -> tuple[int, int]:
    """Fetch again what failed for these reasons; (how many were tried, how many became samples).

    only: reasons, or families of them: 4xx, 5xx. Raises ConfigError when OUT is no finished build, when a
    reason is not in its ledger, or when an unfinished retry of other reasons is in the way.
    """
    recipe = _recipe(out)
    with build.only_one(out), build.web(recipe, build.Where(out, connect_to)) as connections:
        root = out / "retry"
        root.mkdir(exist_ok=True)
        build.write_session(root, connections)
        first_shard, reasons = _begin(out, root, only)
        retried = _pick(out, root, reasons)
        incumbents = _write_incumbents(out, root)
        road = build.Road(
            replace(recipe, candidate_filters=()), root, executor, watcher, incumbents, first_shard
        )
        road.collected([root / "retried.parquet"])
        for stage in ("select", "fetch", "clean", "pack"):
            getattr(road, stage)()
        with storage.plain_errors(out):
            _publish(recipe, out, road, retried)
        return len(retried), road.funnel()["clean"].kept


def _recipe(out: Path) -> Recipe:
    state = publish.read_state(out)
    if state is None:
        raise ConfigError(f"{str(out)!r} holds no build", "give the folder that `wit build --out` wrote")
    if state["state"] != "complete":
        raise ConfigError(f"the build in {str(out)!r} is not finished", "wit build ... --resume, then retry")
    recipe: Recipe = settings.decode(state["recipe"])
    return recipe


def _begin(out: Path, root: Path, only: Sequence[str]) -> tuple[int, list[str]]:
    """The first shard number and the reasons of this retry, fixed when it was begun."""
    path = root / "retry.json"
    if not path.exists():
        reasons = _reasons(only, ledger.count(out)["fetch"])
        storage.write_json(
            path, {"only": sorted(only), "reasons": reasons, "first": len(manifest.read_manifest(out))}
        )
    begun: dict[str, Any] = orjson.loads(path.read_bytes())
    if begun["only"] != sorted(only):
        raise ConfigError(
            f"{str(out)!r} has an unfinished retry of {','.join(begun['only'])}",
            f"wit retry {out} --only {','.join(begun['only'])}",
        )
    return begun["first"], begun["reasons"]


def _reasons(only: Sequence[str], present: dict[str, int]) -> list[str]:
    found = []
    for word in only:
        pattern = f"http_{word[0]}\\d\\d" if re.fullmatch(r"[45]xx", word) else re.escape(word)
        hits = [reason for reason in present if re.fullmatch(pattern, reason)]
        if not hits:
            nearest = difflib.get_close_matches(word, present, 1)
            raise ConfigError(
                f"no download failed for {word!r}; the ledger has {', '.join(sorted(present)) or 'none'}",
                f"--only {nearest[0]}" if nearest else None,
            )
        found.extend(hits)
    return sorted(set(found))


def _pick(out: Path, root: Path, reasons: list[str]) -> set[str]:
    """Write the candidates that failed for these reasons; their ids."""
    path = root / "retried.parquet"
    if not path.exists():
        ids = {
            id_
            for table in ledger.read(out, "fetch")
            for id_ in table.filter(pc.is_in(table.column("reason"), pa.array(reasons)))
            .column("id")
            .to_pylist()
        }
        parts = sorted((out / "candidates").glob("part-*.parquet"))
        rows = pa.concat_tables([CANDIDATE_SCHEMA.empty_table(), *_rows_of(parts, ids)])
        first = np.flatnonzero(pair_heads(rows) == np.arange(rows.num_rows))
        tables.write_parquet(path, rows.take(pa.array(first)))
    return set(pq.read_table(path, columns=["id"]).column("id").to_pylist())


def _rows_of(parts: list[Path], ids: set[str]) -> Iterator[pa.Table]:
    wanted = pa.array(sorted(ids), pa.string())
    for part in parts:
        for batch in pq.ParquetFile(part).iter_batches():
            yield pa.table(batch).filter(pc.is_in(batch.column("id"), wanted))


def _write_incumbents(out: Path, root: Path) -> Path:
    """The hashes of all published samples, as clean.py wants them."""
    path = root / "incumbents.parquet"
    if not path.exists():
        columns = [*clean.INCUMBENT_COLUMNS, "status"]
        sidecars = [out / "shards" / info.sidecar for info in manifest.read_manifest(out)]
        found = [pq.read_table(sidecar, columns=columns) for sidecar in sidecars]
        kept = [table.filter(pc.equal(table.column("status"), "success")) for table in found]
        names = pa.schema([(name, kept[0].schema.field(name).type) for name in clean.INCUMBENT_COLUMNS])
        tables.write_parquet(path, pa.concat_tables([table.select(names.names) for table in kept]))
    return path


def _publish(recipe: Recipe, out: Path, road: build.Road, retried: set[str]) -> None:
    publish.shards(out, road.shards())
    ledger.write(out, _new_ledger(out, road, retried))
    publish.finish(recipe, out, _new_funnel(out), out / "retry")


def _new_ledger(out: Path, road: build.Road, retried: set[str]) -> Iterator[pa.Table]:
    """The old ledger without what was retried, then what was lost now; the same however often it is done."""
    gone = pa.array(sorted(retried), pa.string())
    for stage in ledger.STAGES:
        for table in ledger.read(out, stage):
            if stage in ("fetch", "clean"):
                table = table.filter(pc.invert(pc.is_in(table.column("id"), gone)))
            yield table
    yield from ledger.tables(road.losses())


def _new_funnel(out: Path) -> Funnel:
    """Counted anew from the ledger and the shards."""
    funnel = Funnel.from_json(orjson.loads((out / "funnel.json").read_bytes()))
    for stage, reasons in ledger.count(out).items():
        funnel[stage].dropped = reasons
    funnel["clean"].kept = sum(info.samples for info in manifest.read_manifest(out))
    funnel["fetch"].kept = funnel["clean"].seen
    return funnel
