"""`wit filters`."""

import inspect
from importlib.metadata import EntryPoint, entry_points
from typing import get_type_hints

import click

from wit_builder.cli import complaint
from wit_builder.cli.recipes import INSTALL
from wit_builder.errors import ConfigError


@click.command()
@click.option(
    "--presets", is_flag=True, help="The presets instead: each one's rules, and where its thresholds stand."
)
def command(presets: bool) -> None:
    """The installed filters: how each is imported, what it drops, its parameters and defaults.

    \b
    Example:
      wit filters
      wit filters --presets
    """
    what = "preset" if presets else "filter"
    points = sorted(entry_points(group=f"wit_builder.{what}s"), key=lambda point: point.name)
    if not points:
        raise ConfigError(f"no {what} is installed, for wit-builder itself is not", INSTALL)
    if presets:
        for point in points:
            click.echo(f"{point.load()()}\n")
        return
    for point in points:
        try:
            title, text = _described(point)
        except Exception as error:  # noqa: BLE001  (somebody else's package, and not the only one)
            complaint.say(f"filter {point.name} cannot be loaded: {type(error).__name__}: {error}")
            continue
        click.secho(title, bold=True)
        click.echo(text)


def _described(point: EntryPoint) -> tuple[str, str]:
    rule = point.load()
    values = [str(p.replace(annotation=p.empty)) for p in inspect.signature(rule).parameters.values()]
    doc = inspect.cleandoc(rule.__doc__ or "It says nothing of itself.")
    return (
        f"{rule.__name__}({', '.join(values)})",
        f"from {point.module} import {point.attr}  # for {_places(rule)}\n\n{doc}\n",
    )


def _places(rule: type) -> str:
    """Where in a recipe it may stand: one that reads the picture must wait for it."""
    from wit_builder.filtering import BatchFilter
    from wit_builder.records import HasImage, Sample

    if issubclass(rule, BatchFilter):
        return "sample_filters"
    reads = get_type_hints(rule.__call__).values()
    return "sample_filters" if {HasImage, Sample} & set(reads) else "candidate_filters or sample_filters"
