"""`wit show OUT`."""

import json as json_
from dataclasses import asdict
from pathlib import Path

import click


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--json", is_flag=True, help="The same as one line of JSON.")
@click.option("--html", is_flag=True, help="Write OUT/report.html, with a contact sheet, and print its path.")
def command(out: Path, json: bool, html: bool) -> None:
    """What is in the build OUT: funnel, top hosts, languages, sizes; with --html a contact sheet.

    Of a folder that `wit fetch` wrote: how many rows became pairs, and why the others did not.

    \b
    Example:
      wit show out/demo
    """
    from rich.console import Console

    from wit_builder import report

    if report.is_fetched(out) and not html:
        found = report.fetched(out)
        if json:
            click.echo(json_.dumps(asdict(found)))
        else:
            Console(highlight=False).print(report.render_fetched(out, found))
    elif html:
        click.echo(report.write_report(out))
    elif json:
        click.echo(json_.dumps(report.as_json(report.summary(out))))
    else:
        Console(highlight=False).print(report.render_text(report.summary(out)))
