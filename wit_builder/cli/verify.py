"""`wit verify OUT`."""

from pathlib import Path

import click


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
def command(out: Path) -> None:
    """Compare every shard of OUT with the manifest; exit 1 and name the first file that differs.

    \b
    Example:
      wit verify out/demo
    """
    from wit_builder.shards import manifest

    manifest.verify(out)
    click.echo(f"{out}: every shard is what its manifest says", err=True)
