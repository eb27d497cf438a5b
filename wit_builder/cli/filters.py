"""`wit filters`."""

import inspect
from dataclasses import MISSING, fields
from importlib.metadata import entry_points

import click


@click.command()
def command() -> None:
    """The installed filters: what each drops, its parameters and defaults.

    \b
    Example:
      wit filters
    """
    for point in sorted(entry_points(group="wit_builder.filters"), key=lambda point: point.name):
        rule = point.load()
        values = ", ".join(
            f.name if f.default is MISSING else f"{f.name}={f.default!r}" for f in fields(rule)
        )
        click.secho(f"{rule.__name__}({values})", bold=True)
        click.echo(inspect.cleandoc(rule.__doc__ or "") + "\n")
