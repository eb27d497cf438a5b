"""`wit eval`, and what belongs to it."""

from functools import partial
from typing import Any

import click

from wit_builder.cli import executors
from wit_builder.cli.folder import Folder
from wit_builder.cli.plain import Plain

COMMANDS = {  # name: module of a subcommand
    "sets": "wit_builder.cli.eval_sets",
    "make-set": "wit_builder.cli.make_set",
    "compare": "wit_builder.cli.evalcompare",
    "robustness": "wit_builder.cli.robustness",
}


@click.group(cls=Plain, modules=COMMANDS)
@click.option("--model", metavar="NAME", help="A name of open_clip's, its JSON file, or tiny.")
@click.option("--checkpoint", type=click.Path(dir_okay=False), metavar="FILE", help="Its weights.")
@click.option(
    "--eval-set",
    multiple=True,
    metavar="SET",
    help="Images, as CLIP_benchmark or ImageFolder has them, or wds/NAME. May be given several times.",
)
@click.option("--split", default="test", show_default=True, metavar="NAME", help="Which part of the sets.")
@click.option("--out", type=Folder(), metavar="FOLDER", help="Folder to write.")
@click.option(
    "--tasks",
    default="zero-shot",
    show_default=True,
    metavar="NAMES",
    help="With commas: zero-shot, prompt-ablation, linear-probe, few-shot, retrieval.",
)
@click.option(
    "--precision", type=click.Choice(("bf16", "fp32")), default="bf16", show_default=True, help="Of products."
)
@click.option(
    "--cache",
    type=click.Path(file_okay=False),
    metavar="FOLDER",
    help="Where embeddings are kept. [default: wit-builder/eval in the user's cache folder]",
)
@partial(executors.decorate, flags=executors.WHERE)
@click.option("--quiet", is_flag=True, help="No progress; the results alone, on stdout.")
@click.pass_context
def command(ctx: click.Context, /, **values: Any) -> None:
    """Measure what a checkpoint is worth on evaluation sets, as the CLIP paper does.

    \b
    Examples:
      wit eval --model ViT-B-32 --checkpoint epoch_32.pt --eval-set sets/cifar10 --out results
      wit eval --model ViT-B-32 --checkpoint epoch_32.pt --eval-set wds/food101 --out results

    Writes results.json, a JSON and a parquet of predictions for each set and task, the files that CLIP_benchmark
    and open_clip write, and report.html. What is finished there is not done again.
    """
    if ctx.invoked_subcommand is None:
        from wit_builder.cli import evaluated

        evaluated.run(values)
