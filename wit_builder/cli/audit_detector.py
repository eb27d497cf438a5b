"""`wit audit train-detector`."""

from pathlib import Path

import click

from wit_builder.cli.folder import Folder

VARIANTS = ("rn50", "small", "tiny")


@click.command("train-detector")
@click.option(
    "--shards",
    multiple=True,
    required=True,
    metavar="WORD",
    help="A tar, a folder, a glob or `{00..41}`, on a disk or in a store. May be given several times.",
)
@click.option(
    "--variant",
    type=click.Choice(VARIANTS),
    default="rn50",
    show_default=True,
    help="The paper's ResNet-50, or a smaller one for a CPU.",
)
@click.option(
    "--batch",
    type=click.IntRange(2, 1 << 20),
    default=1712,
    show_default=True,
    metavar="N",
    help="Images of a step.",
)
@click.option(
    "--piece",
    type=click.IntRange(1),
    metavar="N",
    help="Of a step's images and copies, those in memory at once; the gradient is the same. [default: all]",
)
@click.option("--epochs", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Passes.")
@click.option(
    "--lr", type=float, default=1e-3, show_default=True, metavar="RATE", help="Learning rate at its highest."
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="N",
    help="Number that weights, order and transforms are drawn from.",
)
@click.option("--out", type=Folder(path_type=Path), required=True, help="Folder to write.")
@click.option("--quiet", is_flag=True, help="No progress; the result alone, on stdout.")
def command(
    shards: tuple[str, ...],
    variant: str,
    batch: int,
    piece: int | None,
    epochs: int,
    lr: float,
    seed: int,
    out: Path,
    quiet: bool,
) -> None:
    """Train a detector of copies on shards, as appendix C of the CLIP paper does.

    Stopped or killed, the same command goes on. A tenth of the images, at most 1,024, is held out: from these comes
    the threshold.

    \b
    Example:
      wit audit train-detector --shards OUT/shards --out runs/detector
      wit audit train-detector --shards OUT/shards --variant tiny --batch 128 --epochs 10 --out runs/tiny

    Writes detector.safetensors, and checkpoint.pt while it goes on.
    """
    from wit_builder.model import load

    load.require("wit audit train-detector")
    from wit_builder.audit.learned.train import Settings, Trainer
    from wit_builder.cli import steps, typed
    from wit_builder.errors import BuildError
    from wit_builder.shardset.cache import Cache

    settings = Settings(shards, variant, batch, epochs, lr, seed)
    trainer = Trainer(settings, out, Cache(), piece or 0)
    with steps.display(quiet) as shown:
        outcome = trainer.train(shown)
    if outcome.header is None:
        raise BuildError(f"stopped at step {outcome.step:,}; nothing is lost", f"go on with: {typed.same()}")
    click.echo(f"proxy task: {outcome.header.accuracy:.1%} of the images held out find their copy")
    click.echo(f"threshold {outcome.header.threshold:g}: {outcome.header.source}")
    click.echo(str(outcome.detector))
