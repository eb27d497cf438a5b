"""`wit show OUT`."""

import json as json_
from pathlib import Path
from tempfile import TemporaryDirectory

import click


@click.command()
@click.argument("out")
@click.option("--json", is_flag=True, help="The same as one line of JSON.")
@click.option(
    "--html",
    is_flag=True,
    help="Of a build: write OUT/report.html, with a contact sheet, and print its path.",
)
def command(out: str, json: bool, html: bool) -> None:
    """What is in the build OUT: funnel, top hosts, languages, sizes; with --html a contact sheet.

    Of a folder that `wit fetch` wrote: how many rows became pairs, and why the others did not.

    \b
    Example:
      wit show out/demo
    """
    from rich.console import Console

    from wit_builder import place, report

    if html:
        with TemporaryDirectory() as scratch, place.of(out, Path(scratch)) as there:
            there.push([report.write_report(there)])
            click.echo(there.at(report.REPORT))
    elif report.is_fetched(place.at(out)):
        found = report.fetched(place.at(out))
        if json:
            click.echo(json_.dumps(found.as_json()))
        else:
            Console(highlight=False).print(report.render_fetched(place.at(out).name, found))
    elif json:
        click.echo(json_.dumps(report.as_json(report.summary(place.at(out)))))
    else:
        Console(highlight=False).print(report.render_text(report.summary(place.at(out))))
