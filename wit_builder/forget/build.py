"""Forgets in a finished build: candidates, ledger, shards, manifest, funnel, card and report.

The tombstones are written first, then what falls under them (found.py); every later step may be repeated, so after
a kill the same command ends with the same folder. A reader of a file sees the old one or the new one.
"""

from collections import Counter
from collections.abc import Iterator, Sequence, Set
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from wit_builder import build, ledger, parquet, place, publish, report, storage
from wit_builder.blocklist import tombstones
from wit_builder.blocklist.blocked import Blocked
from wit_builder.blocklist.tombstones import Tombstone
from wit_builder.curation import histogram, tables
from wit_builder.errors import ConfigError
from wit_builder.forget import found as found_
from wit_builder.forget.found import REASON, Found
from wit_builder.forget.request import Forgotten, joined, of_out
from wit_builder.place import Place
from wit_builder.records import CANDIDATE_SCHEMA, LOSS_SCHEMA, Loss, to_table
from wit_builder.shards import manifest, removal
from wit_builder.shards.sidecar import SIDECAR_SCHEMA
from wit_builder.shards.writer import read_info

_KEY = pa.schema([SIDECAR_SCHEMA.field("key")])
_HELD = pa.schema([SIDECAR_SCHEMA.field(name) for name in ("status", "queries")])


def forget(at: Path | Place, new: Sequence[Tombstone], dry_run: bool = False) -> Forgotten:
    """Take out of the build what these tombstones, and those that it has already, name.

    Raises ConfigError when OUT is no finished build, when a retry of it is unfinished, and when nothing is named;
    ShardError, with nothing written, when OUT is damaged.
    """
    there = place.at(at)
    out = there.folder
    recipe = _recipe(out)
    with build.only_one(out):
        publish.tidy(out)
        stones = joined(of_out(out), new)
        if not stones:
            raise ConfigError("what shall be forgotten?", f"wit forget {there.name} --domain example.org")
        blocked = Blocked.of_tombstones(stones)
        journal = out / publish.FORGETTING / "found.parquet"
        before = found_.read(journal)
        if not journal.exists():
            publish.refuse_damaged(there)
        rewritten = frozenset(before.shards)
        found = found_.scan(out, blocked, before)
        if not dry_run:
            _bring(there, found, rewritten)
            _apply(there, recipe, blocked, found, stones, journal)
    pairs = Counter(found.samples.values())
    return Forgotten(pairs, found.candidates, found.losses, tuple(sorted(found.shards)), len(stones))


def _recipe(out: Path) -> object:
    state = publish.finished(out, "forget")
    if (out / publish.RETRYING).exists():
        raise ConfigError(f"{str(out)!r} has an unfinished retry", f"wit retry {out} ..., then forget")
    return state["recipe"]


def _bring(there: Place, found: Found, rewritten: Set[str]) -> None:
    """Have the files of the shards that change here. Raises ShardError where one is damaged, by its bytes.

    rewritten: shards that may be others than the manifest says by now.
    """
    folder = there.folder / "shards"
    ends = (".tar", ".parquet", "_stats.json")  # all of them: a sidecar must never be newer than its tar
    there.pull([f"shards/{stem}{end}" for stem in found.shards for end in ends])
    infos = {Path(info.file).stem: info for info in manifest.read_manifest(there)}
    for stem in sorted(found.shards - rewritten):
        manifest.verify_shard(there.folder, infos[stem])
        removal.keys(parquet.table(folder / infos[stem].sidecar, _KEY), folder / infos[stem].sidecar)


def _apply(
    there: Place, recipe: object, blocked: Blocked, found: Found, stones: Sequence[Tombstone], journal: Path
) -> None:
    out = there.folder
    with storage.plain_errors(out):
        if stones != of_out(out):
            tombstones.write(out / tombstones.NAME, stones)
        if found or journal.exists():
            found_.write(journal, found)
            there.push([journal])  # the mark at OUT that it is being changed, and all that it takes to go on
            _from_candidates(out, blocked, found)
            ledger.write(out, _new_ledger(out, blocked, found))
            _from_shards(there, blocked, found)
            _from_queries(out)
        publish.describe(recipe, there, publish.recounted(there))
        report.write_report(there)
        publish.clear(journal.parent)


def _from_candidates(out: Path, blocked: Blocked, found: Found) -> None:
    for path in sorted((out / "candidates").glob("part-*.parquet")):
        rows = parquet.table(path, CANDIDATE_SCHEMA)
        goes = found_.candidate_goes(rows, blocked, found)
        if any(goes):
            tables.write_parquet(path, rows.filter(_without(goes)))


def _new_ledger(out: Path, blocked: Blocked, found: Found) -> Iterator[pa.Table]:
    """Every row stays with its stage and reason, so that all counts do; what goes is named by its id alone."""
    missing = dict(found.samples)
    for stage in ledger.STAGES:
        for rows in ledger.read(out, stage):
            for id_ in rows.filter(pc.equal(rows.column("reason"), REASON)).column("id").to_pylist():
                missing.pop(id_, None)
            yield _nameless(rows, found_.loss_goes(rows, blocked, found))
    now = datetime.now(UTC)
    lost = [Loss(id_, "clean", REASON, "", "", kind, now) for id_, kind in sorted(missing.items())]
    yield to_table(lost, LOSS_SCHEMA)


def _nameless(rows: pa.Table, goes: list[bool]) -> pa.Table:
    """The rows, without address, caption and evidence where they go."""
    if not any(goes):
        return rows
    for name in ("url", "caption", "evidence"):
        place_ = rows.schema.get_field_index(name)
        values = pc.if_else(pa.array(goes), "", rows.column(name))
        rows = rows.set_column(place_, rows.schema.field(name), values)
    return rows


def _from_shards(there: Place, blocked: Blocked, found: Found) -> None:
    folder = there.folder / "shards"

    def change(rows: pa.Table) -> tuple[pa.Table, removal.Texts]:
        texts = found_.inherited(rows, found)
        keys = rows.column("key").to_pylist()
        return _with_texts(rows, texts).filter(_without(found_.row_goes(rows, blocked, found))), {
            keys[row]: stay for row, stay in texts.items() if keys[row] is not None
        }

    for stem in sorted(found.shards):
        removal.rewrite(folder, stem, change)
    infos = {info.shard: info for info in manifest.read_manifest(there)}
    infos |= {int(stem): read_info(folder, stem) for stem in found.shards}
    manifest.write_manifest(there.folder, infos.values())


def _from_queries(out: Path) -> None:
    """What the pairs that are left hold; `matched` stays, so that a retry finds no place that became free."""
    path = out / histogram.NAME
    if path.exists():
        held = (
            table.filter(pc.equal(table.column("status"), "success")).column("queries")
            for table in (
                parquet.table(out / "shards" / info.sidecar, _HELD) for info in manifest.read_manifest(out)
            )
        )
        tables.write_parquet(path, histogram.recounted(parquet.table(path, histogram.SCHEMA), held))


def _with_texts(rows: pa.Table, texts: dict[int, list[dict[str, str]]]) -> pa.Table:
    if not texts:
        return rows
    place_ = rows.schema.get_field_index("alt_texts")
    column = rows.schema.field(place_)
    values = [texts.get(row, old) for row, old in enumerate(rows.column(place_).to_pylist())]
    return rows.set_column(place_, column, pa.array(values, column.type))


def _without(goes: list[bool]) -> pa.Array:
    return pc.invert(pa.array(goes, pa.bool_()))
