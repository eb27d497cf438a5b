"""One pool, several presets: the pool is read once, then goes down the road of a build once for each preset.

    read -> (select -> draw -> clean) for each preset -> meet -> (train for each preset and seed) -> published in OUT

The stages between are those of every build, over the pool's pairs instead of candidates, and its pictures instead of
downloads. `OUT/work` holds them while the ablation runs; killed, the same command goes on.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from wit_builder import build, publish, settings, storage
from wit_builder.ablate import page, pool, sets, trained
from wit_builder.ablate.asked import Asked
from wit_builder.curation import matched
from wit_builder.curation.tables import ROW_GROUP
from wit_builder.engine import task as engine
from wit_builder.engine.local import Executor, Progress
from wit_builder.engine.stage import number, run_stage
from wit_builder.errors import BuildError, ConfigError
from wit_builder.recipe import Recipe
from wit_builder.road import BOUNDED, ROWS_PER_PARTITION, Road, Watcher, write_session

FILE = "ablation.json"
READ, MEET = "pool", "compare"  # stages beside the presets', as one sees them

_POOL, _SETS = "wit_builder.ablate.pool", "wit_builder.ablate.sets"


def start(asked: Asked, out: Path) -> bool:
    """Make OUT ready; whether it holds this very ablation already.

    Raises ConfigError when a list of queries cannot be read, or when OUT holds something else.
    """
    encoded = asked.encoded()
    for path in (out / FILE, out / "work" / FILE):
        if path.exists():
            before = engine.read_json(path)
            if changed := _changes(before, encoded):
                raise ConfigError(
                    f"{str(out)!r} holds another ablation: {'; '.join(changed[:3])}",
                    "name another folder with --out",
                )
            if path.parent == out:
                publish.clear(out / "work")  # where the last step was cut short
                return True
            return False
    if out.exists() and (not out.is_dir() or any(path.name[0] != "." for path in out.iterdir())):
        raise ConfigError(
            f"{str(out)!r} is not empty and holds no ablation", "name another folder with --out"
        )
    with storage.plain_errors(out):
        storage.write_json(out / "work" / FILE, encoded)
    return False


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What is asked for now and was not before, a line each."""
    names, others = (", ".join(sorted(rules)) for rules in (before["rules"], now["rules"]))
    if names != others:
        return [f"by {names}, now by {others}"]
    return settings.differences({key: before.get(key) for key in now}, now)


def run(asked: Asked, out: Path, executor: Executor, watcher: Watcher) -> None:
    """Judge the pool by each preset, and write what came of it into OUT, which is ready.

    Raises BuildError when a stage stops or the pool changes meanwhile, engine.task.Stopped when asked to stop.
    """
    with build.only_one(out):
        publish.tidy(out)
        work = out / "work"
        stages = _Stages(work, executor, watcher)
        parts = max(1, -(-asked.pool.pairs // ROWS_PER_PARTITION))
        folder = asked.pool.folder / "shards"
        shards = [
            {"sidecar": str(folder / info.sidecar), "tar": str(folder / info.file)}
            for info in asked.pool.shards
        ]
        read = stages.run(READ, "read", f"{_POOL}:read", shards, {"partitions": parts})
        presets = [
            (name, _judged(name, recipe, asked, read, parts, stages))
            for name, recipe in asked.recipes().items()
        ]
        params = {"partitions": parts, "places": _paths(read, "places"), "presets": presets}
        met = stages.run(MEET, "meet", f"{_SETS}:meet", list(range(parts)), params)
        _check_pool(asked)
        _publish(asked, out, met, watcher)
        publish.clear(work)


@dataclass(frozen=True, slots=True)
class _Stages:
    """Runs stages below a folder, shown under one name each."""

    work: Path
    executor: Executor
    watcher: Watcher

    def run(
        self, shown: str, stage: str, function: str, arguments: list[Any], params: Mapping[str, Any]
    ) -> list[engine.Done]:
        """The done records."""
        tasks = number(arguments)
        progress = self.watcher.stage(shown, len(tasks))
        return run_stage(self.executor, self.work, stage, function, tasks, params, BOUNDED, progress)


@dataclass(frozen=True, slots=True)
class _Under:
    """Shows all steps of a preset's road under the preset's name."""

    name: str
    watcher: Watcher

    def stage(self, name: str, tasks: int) -> Progress:
        return self.watcher.stage(self.name, tasks)

    def say(self, sentence: str) -> None:
        self.watcher.say(f"{self.name}: {sentence}")


class _Drawn(Road):
    """The road of a build whose pictures are there already."""

    def __init__(
        self, recipe: Recipe, root: Path, executor: Executor, watcher: Watcher, samples: list[str]
    ) -> None:
        """samples: parquet, of pool.read."""
        super().__init__(recipe, root, executor, watcher)
        self._samples = samples

    def fetch(self) -> None:
        """Take from the pool what was selected."""
        params = self.selected() | {"samples": self._samples}
        self._run("fetch", f"{_POOL}:draw", list(range(params["bins"])), params)


def _judged(
    name: str, recipe: Recipe, asked: Asked, read: list[engine.Done], parts: int, stages: _Stages
) -> dict[str, list[str]]:
    """What the preset keeps and loses: paths as `sets.meet` wants them."""
    root, watcher = stages.work / "presets" / name, _Under(name, stages.watcher)
    root.mkdir(parents=True, exist_ok=True)
    write_session(root, {})
    road = _Drawn(recipe, root, stages.executor, watcher, _paths(read, "samples"))
    if recipe.queries is not None:
        matched.begin(road.queries, recipe.queries, watcher.say)
    road.collected(engine.files(read, "candidates"))
    for stage in (road.select, road.fetch, road.clean):
        stage()
    kept, gone, surplus = road.survivors()
    sources = [{"samples": path, "dropped": gone + surplus[n : n + 1]} for n, path in enumerate(kept)]
    own = _Stages(root, stages.executor, watcher)
    params = {"partitions": parts}
    found = {
        "kept": own.run(name, "kept", f"{_SETS}:spread_kept", sources, params),
        "lost": own.run(name, "lost", f"{_SETS}:spread_lost", [str(path) for path in road.losses()], params),
    }
    watcher.say(f"{road.funnel()['clean'].kept:,} of {asked.pool.pairs:,} pairs kept")
    return {kind: _paths(records, kind) for kind, records in found.items()}


def _check_pool(asked: Asked) -> None:
    if pool.hash_of(asked.pool.folder) != asked.pool.manifest:
        raise BuildError(f"{str(asked.pool.folder)!r} changed while it was read", "name another --out")


def _publish(asked: Asked, out: Path, met: list[engine.Done], watcher: Watcher) -> None:
    found = [engine.read_json(path) for path in engine.files(met, "found")]
    told = _told(asked, found)
    with storage.plain_errors(out):
        for position, name in enumerate(asked.presets):
            for kind, schema in (("kept", sets.KEPT), ("dropped", sets.DROPPED)):
                _join(out / kind / f"{name}.parquet", engine.files(met, f"{kind}-{position}"), schema)
    if asked.trial:
        kept = {name: row["kept"] for name, row in told["presets"].items()}
        work = out / "work" / trained.TRAIN
        told["not_trained"] = {name: pairs for name, pairs in kept.items() if pairs < asked.trial.least}
        told["trained"] = trained.trained(asked.trial, asked.pool, kept, out / "dropped", work, watcher)
        _check_pool(asked)
    with storage.plain_errors(out):
        page.write(out, asked.pool, told, sets.drawn(row for part in found for row in part["examples"]))
        storage.write_json(out / FILE, told)


def _told(asked: Asked, found: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What ablation.json says."""
    names = list(asked.presets)
    masks: Counter[int] = Counter()
    dropped: dict[str, Counter[str]] = {name: Counter() for name in names}
    for part in found:
        masks.update(dict(part["masks"]))
        for name, counts in zip(names, part["dropped"], strict=True):
            dropped[name].update(counts)
    shared = sets.pairwise(masks, names)
    told = asked.encoded()
    told["presets"] = {
        name: {
            "title": preset.title,
            "seen": asked.pool.pairs,
            "kept": shared[name][name],
            "dropped": dict(sorted(dropped[name].items(), key=lambda item: (-item[1], item[0]))),
            "missing": [str(rule) for rule in preset.missing],
            "left_out": list(preset.left_out),
        }
        for name, preset in asked.presets.items()
    }
    told["shared"] = shared
    told["sets"] = [{"presets": list(held), "pairs": count} for held, count in sets.exact(masks, names)]
    told["versions"] = publish.versions()
    return told


def _join(path: Path, parts: Iterable[Path], schema: Any) -> None:
    """One file of all parts, in their order, in bounded memory."""
    with storage.whole(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for part in parts:
            for batch in pq.ParquetFile(part).iter_batches(ROW_GROUP):
                writer.write_batch(batch)


def _paths(records: list[engine.Done], kind: str) -> list[str]:
    return [str(path) for path in engine.files(records, kind)]
