"""A run made ready: its network, its data and its held-out sets, all looked at before the first step."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wit_builder.errors import ConfigError
from wit_builder.evalset import sets
from wit_builder.evalset.sets import EvalSet
from wit_builder.model.network import Sighted
from wit_builder.model.ranks import Ranks
from wit_builder.shardset import exclude as exclude_
from wit_builder.shardset import sources
from wit_builder.shardset.cache import Cache
from wit_builder.train import check, heldout, objectives
from wit_builder.train.loader import Loader
from wit_builder.train.loop import Run, Trainer
from wit_builder.train.needs import Needs, needs
from wit_builder.train.order import LAYOUT
from wit_builder.train.reader import Plan
from wit_builder.train.samples import Preparation
from wit_builder.train.settings import Training

UNUSABLE = ("no_text", "no_image", "duplicate_key")  # of what headers show: reasons that are a sample each


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of a run before its first step."""

    facts: check.Facts
    needs: Needs
    steps: int  # of an epoch
    has_batch_norms: bool
    trouble: ConfigError | None  # that a run would end with before its first step, or at it


def look(training: Training, *, exclude: str = "", cache: Cache | None = None) -> Look:
    """Look at the shards and count what the network needs; nothing is trained.

    Raises ConfigError for what is no model and no shard; what is amiss with samples is told in the facts.
    """
    objective = objectives.make(training)
    plan = _plan(training, objective.network, cache := cache or Cache(), exclude)
    facts = check.inspect(plan.shards, plan.context)
    length = max(1, int(check.spread(facts.tokens)[2]))
    steps, trouble = _steps(plan, cache, facts, training.max_skipped)
    needed = needs(objective.network, training, length)
    return Look(facts, needed, steps, objective.network.has_batch_norms, trouble)


def _steps(
    plan: Plan, cache: Cache, facts: check.Facts, max_skipped: float
) -> tuple[int, ConfigError | None]:
    steps = 0
    try:
        steps = Loader(plan, cache, workers=0).steps
        _refuse_unusable(plan, max_skipped)
    except ConfigError as error:
        return steps, error
    if facts.captions and facts.short_sides:
        return steps, None
    what = "an image that can be read" if facts.captions else "a caption"
    return steps, ConfigError(f"of {facts.looked_at:,} samples that were looked at none has {what}", LAYOUT)


def trainer(
    training: Training,
    run: Run,
    ranks: Ranks,
    *,
    workers: int,
    eval_sets: Sequence[Path] = (),
    exclude: str = "",
    cache: Cache | None = None,
) -> Trainer:
    """The run, from its newest checkpoint on where it has one.

    workers: processes that read, of each rank. exclude: a parquet file of samples to leave out (exclude.py), "" for
    none. cache: for shards of stores. Raises ConfigError for whatever cannot work.
    """
    held = held_out_sets(eval_sets)
    objective = objectives.make(training)
    plan = _plan(training, objective.network, cache := cache or Cache(), exclude)
    loader = Loader(plan, cache, ranks.rank, ranks.world, workers, max_skipped=training.max_skipped)
    _refuse_unusable(plan, training.max_skipped)
    fingerprint = sources.fingerprint(plan.shards, plan.exclude)
    return Trainer(training, run, objective, loader, fingerprint, ranks, held)


def _refuse_unusable(plan: Plan, most: float) -> None:
    """Raises ConfigError where more than this share of the samples cannot be used, by the headers of the shards."""
    passed = sources.passed_over(plan.shards)
    lost = {reason: passed[reason] for reason in UNUSABLE if passed[reason]}
    there = sum(shard.samples for shard in plan.shards) + sum(lost.values())
    if sum(lost.values()) > most * there:
        reasons = ", ".join(f"{times:,} {reason}" for reason, times in lost.items())
        raise ConfigError(
            f"{sum(lost.values()):,} of {there:,} samples cannot be used ({reasons}), at most {most:.0%} may be",
            "`--max-skipped` allows more",
        )


def readers() -> int:
    """Processes that read, of each rank, where nobody says how many: one a core, less one."""
    cores = len(os.sched_getaffinity(0)) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, cores - 1)


def held_out_sets(folders: Sequence[Path]) -> list[EvalSet]:
    """The sets in these folders.

    Raises ConfigError for what is none, one that training cannot be scored by, and two of one name.
    """
    found = [held_out(folder) for folder in folders]
    names = [held.name for held in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigError(
            f"two held-out sets are called {twice[0]!r}, and scores are told apart by the set's name",
            "each set once, or another name for the folder of one",
        )
    return found


def held_out(folder: Path) -> EvalSet:
    """The set in that folder. Raises ConfigError for what is none, or one that training cannot be scored by."""
    held = sets.read(folder)
    if held.kind not in ("classes", "captions"):
        what = "several classes an image" if held.kind == "labels" else "images alone"
        raise ConfigError(
            f"the held-out set {str(folder)!r} is one of {what}, and training is scored by classes or captions",
            "wit eval --eval-set, once there is a checkpoint" if held.kind == "labels" else None,
        )
    if held.kind == "classes" and len(held.classes) < 2:
        raise ConfigError(
            f"the held-out set {str(folder)!r} has a single class, {held.classes[0][0]!r}, and there is nothing to "
            "tell apart",
            "a set of two classes or more, a folder or a line of classnames.txt each",
        )
    if not heldout.readable(held):
        raise ConfigError(f"no image of the held-out set {str(folder)!r} can be read")
    return held


def _plan(training: Training, network: Sighted, cache: Cache, exclude: str) -> Plan:
    left_out = exclude_.read(exclude) if exclude else None
    return Plan(
        sources.shards(training.sources, cache, left_out),
        training.weights or (1.0,) * len(training.sources),
        training.batch,
        Preparation(network.image_size[0], training.crop, training.captions, training.seed),
        network.context,
        left_out,
    )
