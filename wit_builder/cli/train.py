"""`wit train`: what users change of a run, by the names that settings.Training has; trained.py does the rest."""

from typing import Any

import click

_HELP = """Train CLIP on shards, by the paper's recipe for that model; what deviates from it is said.

\b
Examples:
  wit train --shards OUT/shards --model ViT-B-32 --out runs/b32
  wit train --shards 'OUT/shards/{00000..00041}.tar' --model RN50 --out runs/rn50 --resume
  torchrun --nproc-per-node 8 -m wit_builder train --shards OUT/shards --out runs/b32

Writes checkpoints that open_clip loads, metrics.jsonl, curves.png and result.json into the folder of --out.
"""

OBJECTIVES = ("contrastive", "words", "captions")


def _option(flag: str, help: str, kind: Any = None, **more: Any) -> click.Option:
    return click.Option([f"--{flag}"], type=kind, help=help, **more)


def _count(flag: str, help: str, least: int = 1, default: int | None = None) -> click.Option:
    shown = {} if default is None else {"show_default": True}
    return _option(flag, help, click.IntRange(least), default=default, metavar="N", **shown)


_DATA = (
    _option(
        "shards",
        "A tar, a folder, a glob or `{00..41}`, on a disk or in a store; WORD@0.5 takes half of its samples each "
        "epoch. May be given several times.",
        multiple=True,
        required=True,
        metavar="WORD",
    ),
    _option("exclude", "Parquet file of samples to leave out: columns shard and key.", metavar="FILE"),
    _option(
        "captions", "Of an image with several: any, drawn anew each epoch.", click.Choice(("any", "first"))
    ),
    _option(
        "max-skipped", "Share of samples that may be unusable before the run stops.", float, metavar="SHARE"
    ),
    _count("workers", "Processes that read, of each rank. [default: one a core, less one]", 0),
)
_MODEL = (
    _option("model", "A name of open_clip's, its JSON file, or tiny.", default="ViT-B-32", show_default=True),
    _option("init", "Checkpoint to begin from; without it weights are random.", metavar="FILE"),
    _option("objective", "What is learnt (figure 2).", click.Choice(OBJECTIVES)),
    _option("text-encoder", "Of the contrastive objective.", click.Choice(("transformer", "cbow"))),
)
_RECIPE = (
    _count("batch", "Samples of a step, of all ranks together."),
    _count("epochs", "Passes over the data."),
    _count("samples", "Samples to see in all, in place of --epochs."),
    _option("lr", "Learning rate at the end of the warm-up.", float, metavar="RATE"),
    _count("warmup", "Steps of the warm-up.", 0),
    _option("weight-decay", "On all that is no gain or bias.", float, metavar="DECAY"),
    _option("grad-clip", "The longest a gradient may be, 0 for any.", float, metavar="NORM"),
    _option(
        "patch-dropout", "Share of patches that a Vision Transformer passes over.", float, metavar="SHARE"
    ),
    _option(
        "mask-duplicates/--no-mask-duplicates",
        "Equal images or captions in a batch are no negatives of each other.",
        default=None,
    ),
    _count("seed", "Number that weights, order and crops are drawn from.", 0),
)
_MACHINE = (
    _option("precision", "Of products.", click.Choice(("bf16", "fp32"))),
    _count(
        "micro-batch",
        "Samples of one pass on one rank; the gradient is the same, but for batch norms (RN50's). [default: all]",
    ),
    _option(
        "checkpointing", "Compute activations again instead of keeping them.", is_flag=True, default=None
    ),
    _option("compile", "Compile the network with torch.compile.", is_flag=True, default=None),
    _option("fsdp", "Share weights between the ranks instead of copying them.", is_flag=True),
)
_OUT = (
    _option("out", "Folder to write.", click.Path(file_okay=False), required=True, metavar="FOLDER"),
    _option("resume", "Go on from the newest checkpoint in it, if there is one.", is_flag=True),
    _option(
        "eval-set",
        "Folder of held-out images, as CLIP_benchmark or ImageFolder has them; the first decides which "
        "checkpoint is best. May be given several times.",
        click.Path(file_okay=False),
        multiple=True,
        metavar="FOLDER",
    ),
    _count("eval-every", "Steps between evaluations. [default: at the end of each epoch]"),
    _count("save-every", "Steps between checkpoints, besides those at the end of each epoch."),
    _count("log-every", "Steps of a line of metrics.jsonl.", default=10),
    _count("keep", "Newest checkpoints that stay, 0 for all; the best one stays too.", 0, default=3),
    _count("keep-every", "The checkpoint of each so many epochs stays as well."),
    _option("tensorboard", "Also write OUT/tensorboard.", is_flag=True),
    _option("wandb", "Also tell Weights & Biases.", metavar="PROJECT"),
    _option("quiet", "No progress; the result alone, on stdout.", is_flag=True),
)
_INSTEAD = (
    _option("check", "Look at every shard, say what the run needs, and train nothing.", is_flag=True),
    _option(
        "study",
        "efficiency: train all three objectives and draw zero-shot accuracy against images processed.",
        click.Choice(("efficiency",)),
    ),
)
_GROUPS = {
    "The data": _DATA,
    "The model": _MODEL,
    "The recipe, where it is not the paper's": _RECIPE,
    "The machine": _MACHINE,
    "What is written": _OUT,
    "Instead of training": _INSTEAD,
}


class _Train(click.Command):
    """Shows options by what they are about."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, some in _GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([row for param in some if (row := param.get_help_record(ctx))])


def _run(**values: Any) -> None:
    from wit_builder.cli import trained

    trained.run(values)


command = _Train(
    "train", callback=_run, params=[param for group in _GROUPS.values() for param in group], help=_HELP
)
