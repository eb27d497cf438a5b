"""The end of a build: shards in place, everything checked and described, the work folder cleared.

Every step may be repeated: after a kill it is done again, and ends with the same files.
"""

import os
import platform
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

import wit_builder
from wit_builder import ledger, mirror, parquet, place, settings, storage
from wit_builder.blocklist import tombstones
from wit_builder.engine import task as engine
from wit_builder.errors import BuildError, ConfigError, ShardError
from wit_builder.ledger import Funnel
from wit_builder.mirror import here
from wit_builder.place import Place
from wit_builder.recipe import Recipe
from wit_builder.records import CANDIDATE_SCHEMA
from wit_builder.shards import card, manifest
from wit_builder.shards.writer import ShardInfo, file_sha256

_FAULT = "this is a fault of wit-builder, please report it; what was done is kept"
_MEND = "put back an undamaged copy of that file; `wit verify` reads them all"
_TOLD = pa.schema((name, pa.string()) for name in ("status", "lang", "licence"))  # of pairs, by the card
FORGETTING = ".forget"  # folder of OUT while something is being forgotten
RETRYING = "retry"  # folder of OUT while a retry is unfinished
BEGUN = "retry.json"  # in it: what it was begun with
_GONE = ".gone"  # end of the name of a folder that is being removed


def tidy(out: Path) -> None:
    """Remove or mend what killed commands left half done in OUT. The caller keeps other commands out."""
    for folder, below, _ in os.walk(out):
        for name in [name for name in below if name.startswith(".") and name.endswith(_GONE)]:
            shutil.rmtree(Path(folder, name), ignore_errors=True)
            below.remove(name)
        engine.tidy(Path(folder))
    ledger.restore(out)


def is_being_cleared(folder: Path) -> bool:
    """Whether a kill came while that folder was cleared."""
    return _gone(folder).exists() and not folder.exists()


def clear(folder: Path) -> None:
    """Remove a folder so that a kill leaves all of it, or nothing under its name."""
    gone = _gone(folder)
    with suppress(OSError):  # it is not there, or OUT is read-only
        shutil.rmtree(gone, ignore_errors=True)
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def _gone(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}{_GONE}")


def shards(out: Path, files: Sequence[Path]) -> None:
    """Show these shards in OUT/shards beside those there are; manifest and `__len__` over all of them.

    files: of each shard the tar, the sidecar, the stats, and its ShardInfo as JSON.
    """
    (out / "shards").mkdir(exist_ok=True)
    path = out / "manifest" / "shards.parquet"
    infos = {info.shard: info for info in manifest.read_manifest(out)} if path.exists() else {}
    for file in files:
        if file.name == "info.json":
            info = ShardInfo(**orjson.loads(here(file).read_bytes()))
            infos[info.shard] = info
    mirror.publish((file, out / "shards" / file.name) for file in files if file.name != "info.json")
    manifest.write_manifest(out, infos.values())


def finish(recipe: Recipe, at: Path | Place, funnel: Funnel, work: Path, command: str | None = None) -> None:
    """Check the build, describe it, call it complete, and clear the folder it was worked in."""
    describe(settings.encode(recipe), at, funnel, command)
    clear(work)


def describe(recipe: Any, at: Path | Place, funnel: Funnel, command: str | None = None) -> None:
    """Check the build, write funnel and card, and call it complete.

    recipe: as build.json has it. command: that builds it again; by default the one that build.json has.
    """
    check(at, funnel)
    out = place.at(at).folder
    storage.write_json(out / "funnel.json", funnel.as_json())
    known = command or (read_state(out) or {}).get("command") or f"wit build {recipe['name']}"
    facts = _facts(recipe["name"], out, funnel, known)
    storage.write_bytes(out / "README.md", card.render_card(facts).encode())
    write_state(out, recipe, "complete", known)


def recounted(at: Path | Place) -> Funnel:
    """The funnel of a finished build whose ledger and shards have changed, counted anew from both."""
    out = place.at(at).folder
    funnel = read_funnel(out)
    for stage, reasons in ledger.count(out).items():
        if reasons or stage in funnel:
            funnel[stage].dropped = reasons
    funnel["clean"].kept = sum(info.samples for info in manifest.read_manifest(out))
    funnel["fetch"].kept = funnel["clean"].seen
    funnel["select"].kept = funnel["fetch"].seen  # what is on a list now is lost there
    return funnel


def read_funnel(out: Path) -> Funnel:
    """What `funnel.json` says. Raises ShardError when it is damaged."""
    path = out / "funnel.json"
    try:
        value = orjson.loads(path.read_bytes())
        funnel = Funnel.from_json(value)
        if funnel.as_json() == value:
            return funnel
        why = "it does not add up"
    except OSError as error:
        why = error.strerror or str(error)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = str(error)
    raise ShardError(f"{path} is not the funnel of a build: {why}", parquet.MEND)


def refuse_damaged(at: Path | Place) -> None:
    """Raise ShardError where the complete build is not whole, before anything is done to it."""
    there = place.at(at)
    funnel = verify_accounts(there)
    parts = sorted((there.folder / "candidates").glob("part-*.parquet"))
    for path in parts:
        parquet.check_columns(path, parquet.schema(path), CANDIDATE_SCHEMA)
    if funnel["select"].seen and not parts:
        raise ShardError(
            f"{there.at('candidates')} is empty, and {funnel['select'].seen} were collected", _MEND
        )


def verify_accounts(at: Path | Place) -> Funnel:
    """The funnel of a complete build, with which its ledger and its shards agree. Raises ShardError."""
    there = place.at(at)
    funnel = read_funnel(there.folder)
    try:
        check(there, funnel)
    except BuildError as error:
        raise ShardError(f"{there.name} is damaged: {error}", _MEND) from error
    return funnel


def check(at: Path | Place, funnel: Funnel) -> None:
    """Every item is kept or in the ledger: stage by stage, and against the shards. Raises BuildError."""
    there = place.at(at)
    _check_ledger(there.folder, funnel)
    infos, sizes = manifest.read_manifest(there), there.sizes("shards/*")
    for info in infos:
        _check_shard(there, sizes, info)
    kept = sum(info.samples for info in infos)
    chain = [("extract", "select"), ("select", "fetch"), ("fetch", "clean")]
    numbers = [(f"{a} kept", funnel[a].kept, f"{b} saw", funnel[b].seen) for a, b in chain]
    numbers.append(("clean kept", funnel["clean"].kept, "the shards hold", kept))
    for left, one, right, found in numbers:
        if one != found:
            raise BuildError(f"{left} {one} items and {right} {found}", _FAULT)


def refuse_half_forgotten(at: Path | Place) -> None:
    """Raise ConfigError where a `wit forget` of OUT was cut short."""
    there = place.at(at)
    if FORGETTING in (there.pieces() or ()):
        raise ConfigError(f"{there.name!r} has an unfinished `wit forget`", f"wit forget {there.name}")


def refuse_half_retried(at: Path | Place) -> None:
    """Raise ConfigError where a `wit retry` of OUT was cut short."""
    there, name = place.at(at), f"{RETRYING}/{BEGUN}"
    if there.size(name) is not None:
        with there.open(name) as file:
            only = ",".join(orjson.loads(file.read())["only"])
        raise ConfigError(
            f"{there.name!r} has an unfinished `wit retry`", f"wit retry {there.name} --only {only}"
        )


def read_state(out: Path) -> dict[str, Any] | None:
    """What `build.json` says, None when there is none. Raises ConfigError when it is no build's."""
    path = out / "build.json"
    try:
        state: Any = orjson.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, orjson.JSONDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else f"it is damaged ({error})"
        raise ConfigError(
            f"{str(path)!r} cannot be read: {why}", "put back a copy of it, or name another folder with --out"
        ) from error
    if not (isinstance(state, dict) and {"recipe", "state", "started_at"} <= state.keys()):
        raise ConfigError(f"{str(path)!r} is not the build.json of a build", "name another folder with --out")
    return state


def finished(out: Path, then: str) -> dict[str, Any]:
    """What `build.json` says of a build that is complete. then: the command that wants it so.

    Raises ConfigError where it is not.
    """
    state = read_state(out)
    if state is None:
        raise ConfigError(f"{str(out)!r} holds no build", "give the folder that `wit build --out` wrote")
    if state["state"] != "complete":
        raise ConfigError(
            f"the build in {str(out)!r} is not finished", f"wit build ... --resume, then {then}"
        )
    return state


def write_state(out: Path, recipe: Any, state: str, command: str | None = None) -> None:
    """Write `build.json`: the recipe as resolved, versions, when it began and ended."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    before = read_state(out) or {}
    value = {
        "name": recipe["name"],
        "recipe": recipe,
        "state": state,
        "command": command or before.get("command"),
        "started_at": before.get("started_at", now),
        "finished_at": now if state == "complete" else None,
        "versions": versions(),
        "tombstones": file_sha256(stones) if (stones := out / tombstones.NAME).exists() else None,
    }
    storage.write_json(out / "build.json", value)


def _check_ledger(out: Path, funnel: Funnel) -> None:
    counted = {stage: +funnel[stage].dropped for stage in funnel}
    for stage, found in ledger.count(out).items():
        here = counted.get(stage, Counter())
        for reason in sorted(here.keys() | found.keys()):
            if here[reason] != found[reason]:
                raise BuildError(
                    f"stage {stage} dropped {here[reason]} items for {reason}, the ledger has {found[reason]}",
                    _FAULT,
                )


def _check_shard(there: Place, sizes: Mapping[str, int], info: ShardInfo) -> None:
    """By the sizes of its files; `wit verify` reads them."""
    files = (info.file, info.bytes), (info.sidecar, info.sidecar_bytes), (info.stats, info.stats_bytes)
    for file, size in files:
        name = f"shards/{file}"
        have = sizes[name] if name in sizes else there.size(name)  # a listing may lag
        found = "is missing" if have is None else f"has {have} bytes"
        if found != f"has {size} bytes":
            raise BuildError(f"{there.at(name)} {found}, its manifest says {size} bytes", _FAULT)


def versions() -> dict[str, str]:
    """Of what wrote it."""
    return {
        "wit-builder": wit_builder.__version__,
        "python": platform.python_version(),
        "pyarrow": pa.__version__,
    }


def _facts(name: str, out: Path, funnel: Funnel, command: str) -> card.CardFacts:
    infos = manifest.read_manifest(out)
    counts: dict[str, Counter[str]] = {"lang": Counter(), "licence": Counter()}
    for info in infos:
        rows = parquet.table(here(out / "shards" / info.sidecar), _TOLD)
        for column, counter in counts.items():
            _count(counter, rows.filter(pc.equal(rows.column("status"), "success")).column(column))
    opt_outs: Counter[str] = Counter()
    for stage in funnel:
        opt_outs.update(
            {r: n for r, n in funnel[stage].dropped.items() if r.startswith(("opt_out", "robots"))}
        )
    return card.CardFacts(
        name=name,
        recipe=name,
        samples=sum(info.samples for info in infos),
        shards=len(infos),
        bytes=sum(info.bytes for info in infos),
        funnel=funnel,
        command=command,
        date=datetime.now(UTC).date(),
        languages=counts["lang"],
        licences=dict(counts["licence"].most_common(20)),
        opt_outs=opt_outs,
        versions=versions(),
    )


def _count(counter: Counter[str], column: pa.ChunkedArray) -> None:
    for found in pc.value_counts(column).to_pylist():
        if found["values"]:
            counter[found["values"]] += found["counts"]
