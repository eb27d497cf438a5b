"""What `wit train --check` says: the data, what is amiss with it, and what the run needs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wit_builder.train.settings import Training

if TYPE_CHECKING:
    from wit_builder.train.check import Facts
    from wit_builder.train.start import Look

_PROBLEMS = 20  # sentences that are shown


def lines(look: "Look", training: Training, ranks: int) -> Iterator[str]:
    """A line for each fact."""
    yield from _data(look.facts)
    needs, rows = look.needs, training.batch // ranks
    rows = min(training.micro_batch or rows, rows)
    steps = training.steps(look.steps)
    yield f"steps: {look.steps:,} an epoch, {steps:,} in all, {training.batch:,} samples each"
    yield from warm_up(steps, training)
    yield from pieces(training, ranks, look.has_batch_norms)
    yield f"model: {training.model}, {needs.weights:,} weights, {needs.flops / 1e9:,.1f} GFLOP a sample"
    yield (
        f"memory: about {needs.memory(rows) / 1e9:,.1f} GB on each rank, {needs.state_bytes / 1e9:,.1f} of them "
        f"weights and optimiser, the rest activations of {rows:,} samples"
    )
    yield f"operations: {needs.flops * training.batch * steps:.2e} FLOP in all"


def warm_up(steps: int, training: Training) -> Iterator[str]:
    """A line where the run is over before its warm-up is. steps: of the run."""
    if 0 < steps <= training.warmup:
        yield (
            f"warm-up: {training.warmup:,} steps, the run has {steps:,}: the learning rate rises to the end, "
            f"to {training.lr * steps / training.warmup:.3g}"
        )


def pieces(training: Training, ranks: int, has_batch_norms: bool) -> Iterator[str]:
    """A line where the gradient is another one for being made of pieces."""
    if has_batch_norms and 0 < training.micro_batch < training.batch // ranks:
        yield (
            f"micro-batch: batch norms see {training.micro_batch:,} samples at a time, so the gradient is not that "
            f"of {training.batch:,} at once"
        )


def _data(facts: "Facts") -> Iterator[str]:
    from wit_builder.train.check import spread

    yield (
        f"shards: {facts.shards:,}, {facts.bytes / 1e9:,.2f} GB, {facts.samples:,} samples; "
        f"{facts.looked_at:,} looked at, an image of each shard decoded"
    )
    for problem in facts.problems[:_PROBLEMS]:
        yield f"problem: {problem}"
    if len(facts.problems) > _PROBLEMS:
        yield f"problem: {len(facts.problems) - _PROBLEMS:,} more"
    if facts.counts:
        yield f"passed over: {', '.join(f'{reason} {count:,}' for reason, count in facts.counts.most_common())}"
    if facts.captions:
        low, middle, high = spread(facts.characters)
        yield f"captions: {middle:,.0f} characters (a tenth below {low:,.0f}, a tenth above {high:,.0f})"
        low, middle, high = spread(facts.tokens)
        yield (
            f"tokens: {middle:.0f} (a tenth below {low:.0f}, a tenth above {high:.0f}), "
            f"{facts.truncated_share:.1%} of captions are cut"
        )
    if facts.short_sides:
        yield f"images: short side {min(facts.short_sides)} to {max(facts.short_sides)} pixels"
