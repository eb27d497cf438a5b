"""An audit from start to end.

    sets  -> rows of their images        (held.read)
    shards -> rows of their images       (stages.make_rows; kept beside the shards, so made once)
    copies of images of the sets -> thresholds  (canary.plant, a set a task)
    both  -> who is near whom            (stages.look, some shards a task)
    near  -> what the samples are        (stages.read_matched) -> tables and audit.json in OUT

Memory holds the rows of the sets and their neighbours, never those of the shards. `OUT/work` holds the stages while
the audit runs; killed, the same command goes on.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wit_builder import build, publish, settings, storage
from wit_builder.audit import exact, held, overlap, stages
from wit_builder.audit.asked import Asked
from wit_builder.audit.held import Held
from wit_builder.audit.search import Nearest, merge, nobody
from wit_builder.curation import tables
from wit_builder.engine import task as engine
from wit_builder.engine.local import Executor
from wit_builder.engine.stage import number, run_stage
from wit_builder.errors import ConfigError
from wit_builder.road import BOUNDED, Watcher
from wit_builder.shardset import sources

FILE = "audit.json"
ASKED = "asked.json"  # all of it, to audit again with other thresholds
PAIRS, IMAGES, EXCLUDE = "overlap.parquet", "images.parquet", "exclude.parquet"
COPIES = "canaries.parquet"
STAGES = ("sets", "hash", "canaries", "search", "matched")
PDQ = "pdq"
_COPIED = b"canaries"  # of the file's metadata: how many images of each set were to be copied
_ANEW = dict.fromkeys(("thresholds", "canaries", "signs", "labels"))  # may change
_STAGES = "wit_builder.audit.stages"
_HASH = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")  # 12 digits are enough to tell them apart


def start(asked: Asked, out: Path) -> bool:
    """Make OUT ready; whether it holds this very audit already.

    One with other thresholds or labels is done anew, and so is one of shards that have changed since.

    Raises ConfigError when OUT holds something else, or another command is working on it.
    """
    if not any((out / name).exists() for name in (FILE, f"work/{FILE}")):
        _refuse_other(out)
    encoded = asked.encoded()
    with storage.plain_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    with build.only_one(out):
        done = _begun(encoded, out)
        if done:  # shards and sets may lie elsewhere by now
            storage.write_json(out / ASKED, settings.encode(asked))
        return done


def _begun(encoded: dict[str, Any], out: Path) -> bool:
    begun, finished = out / "work" / FILE, out / FILE
    path = begun if begun.exists() else finished
    if path == begun and not any((out / "work").glob("*/done/*")):
        publish.clear(out / "work")  # nothing came of it: it was asked wrongly, say
        path = finished
    if path.exists():
        before = engine.read_json(path)
        before = before.get("asked", {}) if path == finished else before
        if changed := settings.differences(before | _ANEW, encoded | _ANEW):
            what = _HASH.sub(r"\1", "; ".join(changed[:3]))
            raise ConfigError(f"{str(out)!r} holds another audit: {what}", "--out OTHER_FOLDER")
        if not settings.differences(before, encoded):
            return path == finished
        publish.clear(out / "work")
    with storage.plain_errors(out):
        storage.write_json(begun, encoded)
    return False


def _begun_with(out: Path) -> dict[str, Any]:
    """What the audit that is at work in OUT was asked, and what the shards were then."""
    return dict(engine.read_json(out / "work" / FILE))


def sets_in(out: Path) -> dict[str, str]:
    """The hashes of the sets' images, by name, of the audit that OUT holds, begun or finished."""
    begun = out / "work" / FILE
    asked = engine.read_json(begun) if begun.exists() else engine.read_json(out / FILE)["asked"]
    return dict(asked["sets"])


def asked_in(out: Path) -> Asked:
    """What the audit in OUT was asked. Raises ConfigError when there is none, or one of another version."""
    hint = f"wit audit --shards WORD --eval-set SET --out {out}"
    if not (out / ASKED).exists():
        raise ConfigError(f"{str(out)!r} holds no finished audit", hint)
    try:
        asked = settings.decode(engine.read_json(out / ASKED))
    except ConfigError as error:
        raise ConfigError(f"what {str(out)!r} audited is not where it was: {error}", hint) from error
    if not isinstance(asked, Asked):
        raise ConfigError(f"{str(out / ASKED)!r} says nothing of an audit", hint)
    return asked


def calibrated_in(out: Path) -> dict[tuple[str, str], float]:
    """By set and detector the thresholds of the audit in OUT were none asked for; {} where there is no audit."""
    told = engine.read_json(out / FILE) if (out / FILE).exists() else {}
    return {
        (one["name"], detector): float(said["threshold"])
        for one in told.get("sets", [])
        for detector, said in one.get("calibrated", {}).items()
    }


def thresholds_in(out: Path) -> dict[tuple[str, str], float]:
    """The same of those in use, of detectors that have some."""
    sets = {one["name"]: one["thresholds"] for one in engine.read_json(out / FILE)["sets"]}
    return {(name, detector): float(sets[name][detector]) for name, detector in calibrated_in(out)}


def _refuse_other(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(path.name[0] != "." for path in out.iterdir())):
        raise ConfigError(f"{str(out)!r} is not empty and holds no audit", "--out OTHER_FOLDER")


def run(asked: Asked, out: Path, executor: Executor, watcher: Watcher) -> None:
    """Audit, and write what came of it into OUT, which is ready.

    Raises BuildError when a stage stops or a shard changes meanwhile, ConfigError when the shards hold no image, and
    engine.task.Stopped when asked to stop.
    """
    with build.only_one(out):
        publish.tidy(out)
        work = out / "work"
        own = _Run(asked, work, executor, watcher)
        read, hashed = own.images(), own.hashed()
        passed = _passed_over(hashed, work)
        tried = _tried(asked, out) or own.tried(read, hashed)
        thresholds = tried.thresholds(asked)
        found = _merged(asked, own.searched(read, hashed, thresholds))
        images = held.load(tuple(_paths(read, "rows")), asked.counts)
        _publish(asked, out, images, found, own.samples(found), tried, passed)
        publish.clear(work)


def _passed_over(told: Sequence[str], work: Path) -> dict[str, int]:
    """What of the shards is no sample, by reason. Raises ConfigError, and leaves no work, where that is all of it."""
    samples, passed = 0, Counter[str]()
    for path in told:
        one = engine.read_json(Path(path))
        samples += one["samples"]
        passed.update(one["passed_over"])
    if not samples:
        publish.clear(work)
        why = ", ".join(f"{reason} {times:,}" for reason, times in passed.most_common()) or "they are empty"
        raise ConfigError(
            f"the shards hold no image that can be looked at: {why}",
            "KEY.jpg in a tar (jpeg, png, webp), with or without KEY.txt or KEY.json",
        )
    return dict(passed.most_common())


@dataclass(frozen=True, slots=True)
class _Run:
    asked: Asked
    work: Path
    executor: Executor
    watcher: Watcher

    def images(self) -> list[engine.Done]:
        """Rows of the images of the sets."""
        params = {"sets": self.asked.sets, "detectors": self.asked.by_id}
        return self._stage("sets", "wit_builder.audit.held:read", held.cut(self.asked.sets), params)

    def hashed(self) -> list[str]:
        """Sees to the rows of the shards; paths of what is told of each."""
        places = list(range(len(self.asked.shards)))
        return _paths(self._stage("hash", f"{_STAGES}:make_rows", places, self._params()), "told")

    def tried(self, images: list[engine.Done], told: list[str]) -> "_Tried":
        """Copies of images of the sets, and what thresholds follow."""
        params = {
            **self._params(),
            "sets": self.asked.sets,
            "held": _paths(images, "rows"),
            "counts": self.asked.counts,
            "canaries": self.asked.canaries,
            "told": told,
        }
        places = list(range(len(self.asked.sets)))
        done = self._stage("canaries", "wit_builder.audit.canary:plant", places, params)
        said = [engine.read_json(path) for path in engine.files(done, "said")]
        return _Tried(said, pa.concat_tables(map(pq.read_table, engine.files(done, "copies"))))

    def searched(
        self, images: list[engine.Done], told: list[str], thresholds: Mapping[str, Sequence[float]]
    ) -> list[engine.Done]:
        """Who is near in the shards."""
        groups = stages.groups([shard.samples for shard in self.asked.shards])
        arguments = [[[number, told[number]] for number in group] for group in groups]
        params = {
            **self._params(),
            "held": _paths(images, "rows"),
            "counts": self.asked.counts,
            "thresholds": thresholds,
            "neighbours": self.asked.neighbours,
        }
        return self._stage("search", f"{_STAGES}:look", arguments, params)

    def samples(self, found: "_Merged") -> pa.Table:
        """What is said of the samples that were found, in the order of their numbers."""
        wanted = self.work / "wanted.npy"
        numbers = found.numbers()
        of_pixels = np.isin(numbers, found.nearest[PDQ].other)
        with storage.whole(wanted) as temporary, temporary.open("wb") as file:
            np.save(file, np.stack([numbers, of_pixels]))
        told = [str(path) for path in engine.files(engine.done(self.work, "hash"), "told")]
        arguments = [[place, told[place]] for place in np.unique(numbers >> stages.SHARD_BITS).tolist()]
        params = {**self._params(), "wanted": str(wanted)}
        return stages.samples(
            engine.files(self._stage("matched", f"{_STAGES}:read_matched", arguments, params), "samples")
        )

    def _params(self) -> dict[str, Any]:
        return {
            "shards": self.asked.shards,
            "detectors": self.asked.by_id,
            "cache": self.asked.cache and str(self.asked.cache),
        }

    def _stage(
        self, name: str, function: str, arguments: list[Any], params: Mapping[str, Any]
    ) -> list[engine.Done]:
        tasks = number(arguments)
        progress = self.watcher.stage(name, len(tasks))
        return run_stage(self.executor, self.work, name, function, tasks, params, BOUNDED, progress)


@dataclass(frozen=True, slots=True)
class _Tried:
    """calibrated: of each set {detector: threshold, source}. copies: rows of canary.COPIES."""

    calibrated: list[dict[str, dict[str, Any]]]
    copies: pa.Table

    def thresholds(self, asked: Asked) -> dict[str, list[float]]:
        """In use, by detector, of each set: those asked for, else these."""
        return {
            one.id: [
                given
                if given is not None
                else float(own[one.id]["threshold"])
                if one.id in own
                else one.threshold
                for given, own in zip(asked.threshold(one), self.calibrated, strict=True)
            ]
            for one in asked.detectors
        }


def _tried(asked: Asked, out: Path) -> _Tried | None:
    """What the audit in OUT tried, which is this one but for its thresholds; None where there is none."""
    before = engine.read_json(out / FILE) if (out / FILE).exists() else {"asked": {}}
    if before["asked"].get("signs") != _begun_with(out)["signs"]:
        return None
    try:
        copies = pq.read_table(out / COPIES)
    except (OSError, pa.ArrowException):
        return None
    if {before["asked"].get("canaries"), int((copies.schema.metadata or {}).get(_COPIED, -1))} != {
        asked.canaries
    }:
        return None  # the two are not of one audit, or more or fewer are wanted
    return _Tried([one["calibrated"] for one in before["sets"]], copies)


@dataclass(frozen=True, slots=True)
class _Merged:
    """What all searches found: by detector neighbours of the images, and rows of stages.look's `back`."""

    nearest: dict[str, Nearest]
    back: dict[str, NDArray[np.float64]]
    samples: int
    unreadable: dict[str, int]

    def numbers(self) -> NDArray[np.int64]:
        """Of all samples that were found, ascending."""
        near = [one.other[one.other >= 0] for one in self.nearest.values()]
        return np.unique(np.concatenate([*near, *(rows[0].astype(np.int64) for rows in self.back.values())]))


def _merged(asked: Asked, searched: list[engine.Done]) -> _Merged:
    images = sum(asked.counts)
    nearest = {one.id: nobody(images, asked.neighbours) for one in asked.detectors}
    back: dict[str, list[NDArray[np.float64]]] = {one.id: [] for one in asked.detectors}
    counts = {one.id: np.zeros(2, np.int64) for one in asked.detectors}
    for path in engine.files(searched, "found"):
        with np.load(path, allow_pickle=False) as found:
            for name in nearest:
                merge(nearest[name], found[f"{name}.near"])
                back[name].append(found[f"{name}.back"])
                counts[name] += found[f"{name}.counts"]
    joined = {name: np.concatenate(rows, axis=1) for name, rows in back.items()}
    samples = max(int(count[0]) for count in counts.values())
    return _Merged(nearest, joined, samples, {name: int(count[1]) for name, count in counts.items()})


def _publish(
    asked: Asked,
    out: Path,
    images: Held,
    merged: _Merged,
    samples: pa.Table,
    tried: _Tried,
    passed: Mapping[str, int],
) -> None:
    names = asked.names
    keys = [key for one in asked.opened for key in one.keys]
    thresholds = tried.thresholds(asked)
    found = [
        overlap.found(one.id, one.kind, merged.nearest[one.id], images, thresholds[one.id])
        for one in asked.detectors
    ]
    near = next(one for one in found if one.detector == PDQ)
    found.insert(1, overlap.equal_pixels(near, images, samples))
    backs = [
        overlap.back(one.id, one.kind, merged.back[one.id], thresholds[one.id]) for one in asked.detectors
    ]
    backs.insert(1, overlap.back_of(found[1]))
    state = overlap.states(found, images)
    left_out = overlap.excluded(backs, images, names, keys, samples)
    told = _told(asked, out, merged, images, state, found, left_out, tried) | {"passed_over": passed}
    with storage.plain_errors(out):
        tables.write_parquet(out / PAIRS, overlap.pairs(found, images, names, keys, samples))
        tables.write_parquet(out / IMAGES, overlap.images(state, images, names, keys, asked.labels))
        tables.write_parquet(out / EXCLUDE, left_out)
        tables.write_parquet(
            out / COPIES, tried.copies.replace_schema_metadata({_COPIED: str(asked.canaries)})
        )
        storage.write_json(out / ASKED, settings.encode(asked))
        storage.write_json(out / FILE, told)


def _told(
    asked: Asked,
    out: Path,
    merged: _Merged,
    images: Held,
    state: NDArray[Any],
    found: Sequence[overlap.Found],
    left_out: pa.Table,
    tried: _Tried,
) -> dict[str, Any]:
    """What audit.json says."""
    kinds = [
        {
            "id": one.id,
            "sha256": one.sha256,
            "kind": one.kind,
            "threshold": one.threshold,
            "source": one.source,
        }
        for one in asked.detectors
    ]
    thresholds = tried.thresholds(asked)
    sets = [
        {
            "name": one.name,
            "kind": one.kind,
            **overlap.counts(state, found, begin, end),
            "thresholds": {name: each[place] for name, each in thresholds.items()},
            "given": [one.id for one in asked.detectors if asked.threshold(one)[place] is not None],
            "calibrated": tried.calibrated[place],
        }
        for place, (one, (begin, end)) in enumerate(zip(asked.opened, pairwise(images.first), strict=True))
    ]
    return {
        "asked": _begun_with(out),
        "samples": merged.samples,
        "cut": sources.cut(asked.shards),
        "unreadable": merged.unreadable,
        "excluded": left_out.num_rows,
        "detectors": [*kinds[:1], exact.PIXELS_SAID, *kinds[1:]],
        "sets": sets,
        "versions": publish.versions(),
    }


def _paths(records: list[engine.Done], kind: str) -> list[str]:
    return [str(path) for path in engine.files(records, kind)]
