"""The end of a build: shards in place, everything checked and described, the work folder cleared.

Every step may be repeated: after a kill it is done again, and ends with the same files.
"""

import platform
import shutil
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

import wit_builder
from wit_builder import ledger, settings, storage
from wit_builder.errors import BuildError, ConfigError
from wit_builder.ledger import Funnel
from wit_builder.recipe import Recipe
from wit_builder.shards import card, manifest
from wit_builder.shards.writer import ShardInfo

_FAULT = "this is a fault of wit-builder, please report it; what was done is kept"


def shards(out: Path, files: Sequence[Path]) -> None:
    """Show these shards in OUT/shards beside those there are; manifest and `__len__` over all of them.

    files: of each shard the tar, the sidecar, the stats, and its ShardInfo as JSON, in this order.
    """
    (out / "shards").mkdir(exist_ok=True)
    path = out / "manifest" / "shards.parquet"
    infos = {info.shard: info for info in manifest.read_manifest(out)} if path.exists() else {}
    for file in files:
        if file.name == "info.json":
            info = ShardInfo(**orjson.loads(file.read_bytes()))
            infos[info.shard] = info
        else:
            storage.publish(file, out / "shards" / file.name)
    manifest.write_manifest(out, list(infos.values()))


def finish(recipe: Recipe, out: Path, funnel: Funnel, work: Path) -> None:
    """Check the build, describe it, call it complete, and clear the folder it was worked in."""
    check(out, funnel)
    storage.write_json(out / "funnel.json", funnel.as_json())
    storage.write_bytes(out / "README.md", card.render_card(_facts(recipe, out, funnel)).encode())
    write_state(out, settings.encode(recipe), "complete")
    shutil.rmtree(work, ignore_errors=True)


def check(out: Path, funnel: Funnel) -> None:
    """Every item is kept or in the ledger: stage by stage, and against the shards. Raises BuildError."""
    on_disk = ledger.count(out)
    for stage in funnel:
        if on_disk[stage] != +funnel[stage].dropped:
            raise BuildError(
                f"stage {stage} counts {funnel[stage].dropped.total()} dropped items, "
                f"the ledger has {on_disk[stage].total()}",
                _FAULT,
            )
    kept = sum(info.samples for info in manifest.read_manifest(out))
    chain = [("extract", "select"), ("select", "fetch"), ("fetch", "clean")]
    numbers = [(f"{a} kept", funnel[a].kept, f"{b} saw", funnel[b].seen) for a, b in chain]
    numbers.append(("clean kept", funnel["clean"].kept, "the shards hold", kept))
    for left, here, right, there in numbers:
        if here != there:
            raise BuildError(f"{left} {here} items and {right} {there}", _FAULT)


def read_state(out: Path) -> dict[str, Any] | None:
    """What `build.json` says, None when there is none. Raises ConfigError when it is no build's."""
    path = out / "build.json"
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = orjson.loads(path.read_bytes())
        known = isinstance(state, dict) and {"recipe", "state", "started_at"} <= state.keys()
    except orjson.JSONDecodeError:
        known = False
    if not known:
        raise ConfigError(f"{str(path)!r} is not the build.json of a build", "name another folder with --out")
    return state


def write_state(out: Path, recipe: Any, state: str) -> None:
    """Write `build.json`: the recipe as resolved, versions, when it began and ended."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    before = read_state(out) or {}
    value = {
        "name": recipe["name"],
        "recipe": recipe,
        "state": state,
        "started_at": before.get("started_at", now),
        "finished_at": now if state == "complete" else None,
        "versions": _versions(),
    }
    with storage.plain_errors(out):
        storage.write_json(out / "build.json", value)


def _versions() -> dict[str, str]:
    return {
        "wit-builder": wit_builder.__version__,
        "python": platform.python_version(),
        "pyarrow": pa.__version__,
    }


def _facts(recipe: Recipe, out: Path, funnel: Funnel) -> card.CardFacts:
    infos = manifest.read_manifest(out)
    languages: Counter[str] = Counter()
    licences: Counter[str] = Counter()
    for info in infos:
        rows = pq.read_table(out / "shards" / info.sidecar, columns=["status", "lang", "licence"]).to_pylist()
        kept = [row for row in rows if row["status"] == "success"]
        languages.update(row["lang"] for row in kept if row["lang"])
        licences.update(row["licence"] for row in kept if row["licence"])
    opt_outs: Counter[str] = Counter()
    for stage in funnel:
        opt_outs.update(
            {r: n for r, n in funnel[stage].dropped.items() if r.startswith(("opt_out", "robots"))}
        )
    return card.CardFacts(
        name=recipe.name,
        recipe=recipe.name,
        samples=sum(info.samples for info in infos),
        shards=len(infos),
        bytes=sum(info.bytes for info in infos),
        funnel=funnel,
        command=f"wit build {recipe.name}",
        date=datetime.now(UTC).date(),
        languages=languages,
        licences=dict(licences.most_common(20)),
        opt_outs=opt_outs,
        versions=_versions(),
    )
