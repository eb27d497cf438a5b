"""`wit export CHECKPOINT`."""

import click

from wit_builder.cli.folder import Folder


@click.command()
@click.argument("checkpoint", type=click.Path(dir_okay=False))
@click.option("--out", required=True, type=Folder(), metavar="FOLDER", help="Folder to write.")
def command(checkpoint: str, out: str) -> None:
    """Write a checkpoint of `wit train` as a folder that open_clip and the Hugging Face hub take.

    open_clip_config.json says how the model is made and how pictures are prepared, open_clip_model.safetensors
    has its weights: open_clip.create_model_and_transforms("local-dir:FOLDER").

    \b
    Example:
      wit export runs/b32/checkpoints/epoch_32.pt --out b32
    """
    from pathlib import Path

    from wit_builder.model import load

    load.require("wit export")
    from wit_builder.train import export

    for path in export.export(Path(checkpoint), Path(out)):
        click.echo(str(path))
