"""A run made ready: its network, its data and its held-out sets, all looked at before the first step."""

from collections.abc import Sequence
from pathlib import Path

from wit_builder.model.network import Sighted
from wit_builder.train import exclude as exclude_
from wit_builder.train import heldout, objectives, sources
from wit_builder.train.cache import Cache
from wit_builder.train.loader import Loader
from wit_builder.train.loop import Run, Trainer, context
from wit_builder.train.ranks import Ranks
from wit_builder.train.reader import Plan
from wit_builder.train.samples import Preparation
from wit_builder.train.settings import Training


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
    held = [heldout.read(folder) for folder in eval_sets]
    objective = objectives.make(training)
    cache = cache or Cache()
    left_out = exclude_.read(exclude) if exclude else None
    shards = sources.shards(training.sources, cache, left_out)
    plan = Plan(
        shards,
        training.weights or (1.0,) * len(training.sources),
        training.batch,
        preparation(training, objective.network),
        context(objective.network),
        left_out,
    )
    loader = Loader(plan, cache, ranks.rank, ranks.world, workers, max_skipped=training.max_skipped)
    return Trainer(training, run, objective, loader, sources.fingerprint(shards, left_out), ranks, held)


def preparation(training: Training, network: Sighted) -> Preparation:
    """How samples are made ready for that network."""
    return Preparation(network.image_size[0], training.crop, training.captions, training.seed)
