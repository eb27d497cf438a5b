"""Forgets in a folder that `wit fetch` wrote: its shards, and the tombstones in OUT/_wit."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from wit_builder import build, parquet, publish, storage
from wit_builder.blocklist import tombstones
from wit_builder.blocklist.blocked import Blocked
from wit_builder.blocklist.tombstones import Tombstone
from wit_builder.download import folder, state
from wit_builder.download.state import State
from wit_builder.engine.task import read_json
from wit_builder.errors import ConfigError, many
from wit_builder.forget.request import Forgotten, joined, of_out
from wit_builder.shards import removal

_NEEDED = pa.schema((name, pa.string()) for name in ("key", "url", "reason"))
_COLUMNS = ("final_url", "page_url", "sha256", "phash")


def forget(out: Path, new: Sequence[Tombstone], dry_run: bool = False) -> Forgotten:
    """Take out of the shards what these tombstones, and those that are there already, name.

    Raises ConfigError when OUT is none of `wit fetch`, is unfinished or keeps no rows, and for a sha256 where it
    has none.
    """
    shape = _shape(out, new)
    home = out / state.FOLDER
    with build.only_one(home):
        publish.tidy(home)
        storage.sweep(out)
        stones = joined(of_out(home), new)
        if not stones:
            raise ConfigError("what shall be forgotten?", f"wit forget {out} --domain example.org")
        blocked = Blocked.of_tombstones(stones)
        pairs, lost = Counter[str](), Counter[str]()  # of all shards by kind; of failures by shard
        stems = {stem for stem in _stems(out) if _look(out / f"{stem}.parquet", blocked, pairs, lost)}
        if not dry_run:
            with storage.plain_errors(out):
                _apply(out, blocked, stems, stones, shape)
    return Forgotten(pairs, 0, lost.total(), tuple(sorted(stems)), len(stones))


def _shape(out: Path, new: Sequence[Tombstone]) -> dict[str, object]:
    known = State.read(out)
    if known is None:
        raise ConfigError(f"{str(out)!r} holds shards that `wit fetch` did not write")
    if any((out / state.FOLDER).glob("run-*")):
        raise ConfigError(f"{str(out)!r} is not finished", "the same `wit fetch` again, then forget")
    shape: dict[str, object] = known.shape
    if shape["output_format"] == "dummy":
        raise ConfigError(f"{str(out)!r} was written with --output_format dummy: nothing is kept there")
    _refuse_others(out, known)
    digest = known.shape["layout"]["hash"]
    if digest != "sha256" and any(stone.kind == "sha256" for stone in new):
        raise ConfigError(
            f"the shards in {str(out)!r} keep no sha256 (--compute_hash {digest})", "--pdq, or --url"
        )
    return shape


def _refuse_others(out: Path, known: State) -> None:
    """Raise ConfigError where OUT has shards of img2dataset too: what those hold would not be forgotten."""
    ours = {number for run in known.runs for number in range(run.first, run.end or run.first)}
    if others := [stem for stem in _stems(out) if not (stem.isdecimal() and int(stem) in ours)]:
        raise ConfigError(
            f"{str(out)!r} holds {many(len(others), 'shard')} that `wit fetch` did not write, such as "
            f"{others[0]}: nothing can be forgotten there",
            "move those to a folder of their own, then forget",
        )


def _stems(out: Path) -> list[str]:
    return sorted(path.name.removesuffix("_stats.json") for path in out.glob("*_stats.json"))


def _look(sidecar: Path, blocked: Blocked, pairs: Counter[str], lost: Counter[str]) -> bool:
    """Whether something goes from that shard; counts it. Raises ShardError where the sidecar is damaged."""
    before = pairs.total() + lost.total()
    there = parquet.schema(sidecar)
    texts = [field for field in there if field.name in _COLUMNS and _is_text(field.type)]
    columns = pa.schema([*_NEEDED, *texts])
    for rows in parquet.batches(sidecar, columns):
        removal.keys(rows, sidecar)
        kinds = blocked.kinds(rows)
        for kind, reason in zip(kinds, rows.column("reason").to_pylist(), strict=True):
            if kind:
                (lost if reason else pairs)[kind] += 1
    return pairs.total() + lost.total() > before


def _is_text(kind: pa.DataType) -> bool:
    """A list may have a column of its own by one of these names."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _apply(
    out: Path, blocked: Blocked, stems: set[str], stones: Sequence[Tombstone], shape: dict[str, object]
) -> None:
    """Repeatable: the names of the shards stay written down until all of them are done."""
    home = out / state.FOLDER
    if stones != of_out(home):
        tombstones.write(home / tombstones.NAME, stones)
    journal = home / "forget.json"
    stems = stems | set(read_json(journal) if journal.exists() else ())
    storage.write_json(journal, sorted(stems))

    def change(rows: pa.Table) -> tuple[pa.Table, removal.Texts]:
        stay = pc.equal(pa.array(blocked.kinds(rows), pa.string()), "")
        return rows.filter(stay), {}

    for stem in sorted(stems):
        removal.rewrite(out, stem, change)
    if shape["output_format"] == "webdataset":
        folder.write_length(out)
    journal.unlink()
