"""`wit eval sets`."""

import json as json_
from dataclasses import asdict

import click

_UNKNOWN = "not known here"
_GROUPS = {"paper": "The paper's 27", "shift": "Natural shifts of ImageNet", "retrieval": "Retrieval"}


@click.command()
@click.argument("name", required=False)
@click.option("--json", is_flag=True, help="A line of JSON each, with class names and templates.")
def command(name: str | None, json: bool) -> None:
    """The evaluation sets that are known: what the paper takes, its metric, and where each can be had.

    \b
    Examples:
      wit eval sets
      wit eval sets fer2013        its class names and templates

    `--eval-set wds/NAME` reads one from the hub, where it is published in CLIP_benchmark's layout.
    """
    from wit_builder.errors import ConfigError
    from wit_builder.evalset import registry

    one = registry.find(name) if name else None
    if name and not one:
        raise ConfigError(f"no evaluation set that is known is called {name!r}", "wit eval sets")
    shown = [one] if one else registry.every()
    if json:
        for known in shown:
            click.echo(json_.dumps(asdict(known), ensure_ascii=False))
        return
    group = None
    for known in shown:
        if known.group != group:
            group = known.group
            click.secho(f"{_GROUPS[group]}", bold=True)
        images = f"{known.images:,} images" if known.images else f"images {_UNKNOWN}"
        click.echo(f"  {known.name}: {known.title}, {known.task}, {known.metric}, {images}")
        where = f"wds/{known.name} ({known.hub})" if known.hub else known.page or _UNKNOWN
        click.echo(f"    from {where}; licence {known.licence or _UNKNOWN}")
    if one:
        click.echo(
            f"\n{len(one.classes):,} classes" + "".join(f"\n  {' | '.join(names)}" for names in one.classes)
        )
        click.echo(f"\n{len(one.templates):,} templates" + "".join(f"\n  {text}" for text in one.templates))
    click.echo("\nWhere this is from")
    for what, source in registry.sources().items():
        click.echo(f"  {what}: {source}")
