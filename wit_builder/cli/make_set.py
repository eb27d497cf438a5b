"""`wit eval make-set`."""

from pathlib import Path

import click

from wit_builder.cli.folder import Folder


@click.command()
@click.argument("source", metavar="FOLDER")
@click.option(
    "--out",
    type=Folder(path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder to write.",
)
def command(source: str, out: Path) -> None:
    """Write an evaluation set in CLIP_benchmark's layout, from images that you have.

    \b
    Examples:
      wit eval make-set photographs --out sets/photographs
      wit eval make-set pairs.parquet --out sets/pairs

    FOLDER is a folder a class, in splits (train, val, test) or not; images with a text of the same name beside
    each, a caption a line; a parquet file with a column `image`; or any set that `--eval-set` takes. Images keep
    their bytes, and the same images give the same files. Class names and templates that it lacks are those of the
    registry.
    """
    from wit_builder.evalset.make import make_set

    made = make_set(source, out)
    splits = ", ".join(f"{split} {count:,}" for split, count in made.samples.items())
    what = f", {len(made.first.classes):,} classes" if made.first.classes else ""
    click.echo(f"{out}: {made.first.kind}{what}; {splits} images")
    for about, source_ in made.first.sources.items():
        click.echo(f"  {about} from: {source_}")
