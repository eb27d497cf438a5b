"""Take failed downloads up again, into new shards of a finished build; what is published stays as it is.

Every step may be repeated: after a kill the same command goes on, and ends with the same folder.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wit_builder import build, ledger, parquet, place, publish, settings, storage
from wit_builder.blocklist import blocked
from wit_builder.curation import clean, histogram, tables
from wit_builder.curation.select import pair_heads
from wit_builder.curation.settings import Balance, Top
from wit_builder.engine import columns
from wit_builder.engine.local import Executor
from wit_builder.engine.task import read_json
from wit_builder.errors import ConfigError, ShardError
from wit_builder.place import Place
from wit_builder.recipe import Recipe
from wit_builder.records import CANDIDATE_SCHEMA
from wit_builder.road import STAGES, Road, Watcher, write_session
from wit_builder.shards import manifest
from wit_builder.shards.sidecar import SIDECAR_SCHEMA
from wit_builder.web.settings import WebSettings

_TEXTS, _KEPT, _SCORES = (
    pa.schema([SIDECAR_SCHEMA.field(name) for name in names])
    for names in (("id", "alt_texts"), (*clean.INCUMBENTS.names, "status"), ("scores",))
)
_IDS = pa.schema([CANDIDATE_SCHEMA.field("id")])


def run(
    at: Path | Place,
    only: Sequence[str],
    connect_to: Mapping[str, str | None],
    executor: Executor,
    watcher: Watcher,
    draw: Callable[[Place], object] = lambda there: None,
    delay_s: float | None = None,
    deadline_s: float | None = None,
) -> tuple[int, int]:
    """Fetch again what failed for these reasons; (how many were tried, how many became samples).

    only: reasons, or families of them: 4xx, 5xx. draw: draws what is shown of OUT, before the retry is called done.
    delay_s, between two requests to a host, and deadline_s, of one request: this once, instead of the recipe's.
    Raises ConfigError when OUT is no finished build, when a reason is not in its ledger, or when an unfinished retry
    of other reasons is in the way; ShardError, with nothing asked for, when OUT is damaged.
    """
    there = place.at(at)
    out = there.folder
    recipe = _recipe(out)
    where = build.Where(out, connect_to)
    with build.only_one(out), build.web(recipe, where) as connections:
        root = out / publish.RETRYING
        ended = publish.is_being_cleared(root)
        publish.tidy(out)
        if ended and not ledger.reasons_meant(only, ledger.count(out)["fetch"]):
            watcher.say("the retry before this one had done all but its clearing up")
            return 0, 0
        begun = _begin(there, root, only)
        write_session(root, connections, blocked.prepared(root, recipe.blocklist, out))
        retried = _pick(out, root, begun["reasons"])
        incumbents = _write_incumbents(out, root)
        again = replace(
            recipe,
            web=_patient(recipe.web, delay_s, deadline_s),
            candidate_filters=(),
            balance=_balance(recipe, out),
            top=_top(recipe, out),
        )
        road = Road(again, root, executor, watcher, incumbents, begun["first"])
        if recipe.queries is not None and not road.queries.exists():
            storage.write_bytes(road.queries, _published(out / histogram.NAME).read_bytes())
        road.collected([root / "retried.parquet"])
        for stage in STAGES[1:]:
            getattr(road, stage)()
        with storage.plain_errors(out):
            _publish(recipe, there, road, retried)
            draw(there)
            publish.clear(root)
        return len(retried), road.funnel()["clean"].kept


def _recipe(out: Path) -> Recipe:
    state = publish.finished(out, "retry")
    publish.refuse_half_forgotten(out)
    recipe = settings.decode(state["recipe"])
    if not isinstance(recipe, Recipe):
        raise ConfigError(f"the recipe in {str(out / 'build.json')!r} is none: {recipe}")
    return recipe


def _begin(there: Place, root: Path, only: Sequence[str]) -> dict[str, Any]:
    """The reasons and the first shard number of this retry, fixed when it was begun."""
    out, path = there.folder, root / publish.BEGUN
    if not path.exists():
        publish.refuse_damaged(there)
        reasons = _reasons(only, ledger.count(out)["fetch"])
        _refuse_missing(there, reasons)
        first = len(manifest.read_manifest(out))
        storage.write_json(path, {"only": sorted(only), "reasons": reasons, "first": first})
    begun: dict[str, Any] = read_json(path)
    if begun["only"] != sorted(only):
        raise ConfigError(
            f"{str(out)!r} has an unfinished retry of {','.join(begun['only'])}",
            f"wit retry {out} --only {','.join(begun['only'])}",
        )
    return begun


def _reasons(only: Sequence[str], present: Mapping[str, int]) -> list[str]:
    """A word that means no failure is passed over, unless none means any."""
    if not only:
        raise ConfigError("which failures shall be retried?", "--only dns,timeout,5xx")
    meant = ledger.reasons_meant(only, present)
    if not meant:
        nearest = difflib.get_close_matches(only[0], present, 1)
        raise ConfigError(
            f"no download failed for {only[0]!r}; seen were {', '.join(sorted(present)) or 'none'}",
            f"--only {nearest[0]}" if nearest else None,
        )
    return meant


def _refuse_missing(there: Place, reasons: Sequence[str]) -> None:
    """Raise ShardError where a download failed for one of the reasons, and its candidate is gone.

    What was forgotten is gone by intention; the ledger has no address of it.
    """
    out = there.folder
    known = [
        rows.column("id")
        for path in sorted((out / "candidates").glob("part-*.parquet"))
        for rows in parquet.batches(path, _IDS)
    ]
    ids = pa.chunked_array([chunk for column in known for chunk in column.chunks], pa.string())
    for table in ledger.read(out, "fetch"):
        due = pc.and_(pc.is_in(table["reason"], pa.array(reasons)), pc.not_equal(table["url"], ""))
        lost = table.filter(pc.and_(due, pc.invert(pc.is_in(table["id"], ids))))
        if lost.num_rows:
            raise ShardError(
                f"{there.at('candidates')} lacks what failed, such as {lost['url'][0].as_py()[:200]}",
                "put back an undamaged copy of that folder, then run the same command again",
            )


def _pick(out: Path, root: Path, reasons: list[str]) -> pa.Array:
    """Write the candidates that failed for these reasons; their ids, sorted."""
    path = root / "retried.parquet"
    if not path.exists():
        chosen = pa.array(reasons)
        failed = [
            table.filter(pc.is_in(table.column("reason"), chosen)).column("id")
            for table in ledger.read(out, "fetch")
        ]
        ids = pa.chunked_array([chunk for column in failed for chunk in column.chunks], pa.string())
        parts = sorted((out / "candidates").glob("part-*.parquet"))
        found = pa.concat_tables([CANDIDATE_SCHEMA.empty_table(), *_rows_of(parts, ids)])
        rows = _with_texts(out, found.filter(columns.mask(pair_heads(found) == np.arange(found.num_rows))))
        carried = parquet.schema(parts[0]).metadata if parts else None  # see lists.collect
        tables.write_parquet(path, rows.replace_schema_metadata(carried))
    return pq.read_table(path, columns=["id"]).sort_by("id").column("id").combine_chunks()


def _rows_of(parts: Sequence[Path], ids: pa.ChunkedArray) -> Iterator[pa.Table]:
    for part in parts:
        table = parquet.table(part, CANDIDATE_SCHEMA)
        yield table.filter(pc.is_in(table.column("id"), ids))


def _with_texts(out: Path, rows: pa.Table) -> pa.Table:
    """The candidates with the texts of their sidecars' rows: those of their URL too, which are dropped by then.

    As they are where no sidecar has them.
    """
    told = [rows.select(["id", "alt_texts"])]
    for info in manifest.read_manifest(out):
        table = parquet.table(out / "shards" / info.sidecar, _TEXTS)
        told.insert(0, table.filter(pc.is_in(table.column("id"), rows.column("id"))))
    of = pa.concat_tables(told)
    texts = of.column("alt_texts").take(pc.index_in(rows.column("id"), of.column("id")))
    return rows.set_column(
        rows.schema.get_field_index("alt_texts"), CANDIDATE_SCHEMA.field("alt_texts"), texts
    )


def _write_incumbents(out: Path, root: Path) -> Path:
    """The hashes of all published samples, as clean.py wants them."""
    path = root / "incumbents.parquet"
    if not path.exists():
        names = clean.INCUMBENTS.names
        found = [clean.INCUMBENTS.empty_table()]
        for info in manifest.read_manifest(out):
            table = parquet.table(out / "shards" / info.sidecar, _KEPT)
            kept = table.filter(pc.equal(table.column("status"), "success"))
            found.append(kept.select(names).cast(clean.INCUMBENTS))
        tables.write_parquet(path, pa.concat_tables(found))
    return path


def _patient(web: WebSettings, delay_s: float | None, deadline_s: float | None) -> WebSettings:
    """With the shares that `wit fetch` gives an address of the delay, and connecting and silence of the deadline."""
    if delay_s is not None:
        web = replace(web, politeness=replace(web.politeness, host_delay_s=delay_s, ip_delay_s=delay_s / 10))
    if deadline_s is not None:
        web = replace(web, deadline_s=deadline_s, connect_s=deadline_s / 3, silence_s=deadline_s / 3)
    return web


def _balance(recipe: Recipe, out: Path) -> Balance | None:
    """The build's balance with the t that it came to."""
    if recipe.balance is None or recipe.balance.target is None:
        return recipe.balance
    found = histogram.how(parquet.schema(_published(out / histogram.NAME)))
    return replace(recipe.balance, per_query=found["per_query"], target=None)


def _top(recipe: Recipe, out: Path) -> Top | None:
    """The build's rule with the lowest score that is published; as it was where nothing is."""
    if recipe.top is None or recipe.top.share is None:
        return recipe.top
    name = pa.scalar(recipe.top.score)
    lowest = [
        pc.min(pc.map_lookup(parquet.table(out / "shards" / info.sidecar, _SCORES)["scores"], name, "first"))
        for info in manifest.read_manifest(out)
    ]
    found = pc.min(pa.array([one.as_py() for one in lowest], pa.float64())).as_py()
    return recipe.top if found is None else replace(recipe.top, share=None, minimum=found)


def _published(path: Path) -> Path:
    if not path.exists():
        raise ConfigError(f"{str(path)!r} is missing, which says what was matched", "put back a copy of it")
    return path


def _publish(recipe: Recipe, there: Place, road: Road, retried: pa.Array) -> None:
    out = there.folder
    publish.shards(out, road.shards())
    road.show_queries(out)
    ledger.write(out, _new_ledger(out, road, retried))
    there.push([out / publish.RETRYING / publish.BEGUN])  # the mark at OUT that it is being changed
    publish.describe(settings.encode(recipe), there, publish.recounted(out))


def _new_ledger(out: Path, road: Road, retried: pa.Array) -> Iterator[pa.Table]:
    """The old ledger without what was retried, then what was lost now; the same however often it is done."""
    for stage in ledger.STAGES:
        for table in ledger.read(out, stage):
            if stage in ("fetch", "clean"):
                table = table.filter(pc.invert(pc.is_in(table.column("id"), retried)))
            yield table
    yield from ledger.tables(road.losses())
