"""`wit eval compare`."""

import json as json_
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from wit_builder.evaluate.compare import Compared


@click.command()
@click.argument("first", type=click.Path(path_type=Path, file_okay=False), metavar="FIRST")
@click.argument("second", type=click.Path(path_type=Path, file_okay=False), metavar="SECOND")
@click.option("--json", is_flag=True, help="The comparisons as JSON.")
def command(first: Path, second: Path, json: bool) -> None:
    """Say whether the second model is better than the first, by paired tests on the same images.

    \b
    Example:
      wit eval compare results/a results/b

    FIRST and SECOND are folders that `wit eval` wrote. Accuracies and recalls are compared by McNemar's exact test,
    other metrics by a paired bootstrap of 10,000 draws; p is adjusted for the number of comparisons (Holm). A
    difference is called better or worse where that is below 0.05.
    """
    from wit_builder.model import load

    load.require("wit eval compare")
    from wit_builder.evaluate import compare

    found = compare.compare(first, second)
    if json:
        click.echo(json_.dumps(compare.told(found, first, second), indent=2))
        return
    click.echo(f"{second} beside {first}")
    for line in _lines(found):
        click.echo(line)


def _lines(found: "Sequence[Compared]") -> Iterator[str]:
    """A table: set, task, metric, both values, their difference in points with its interval, p, and a word."""
    from wit_builder.evaluate.compare import CONFIDENCE

    head = ("set", "task", "metric", "first", "second", "points", f"{CONFIDENCE:.0%}", "p", "adjusted", "")
    rows = [head, *[_row(one) for one in found]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    for row in rows:
        left = [cell.ljust(width) for cell, width in zip(row[:3], widths[:3], strict=True)]
        right = [cell.rjust(width) for cell, width in zip(row[3:-1], widths[3:-1], strict=True)]
        yield "  " + "  ".join([*left, *right, row[-1]]).rstrip()


def _row(one: "Compared") -> tuple[str, ...]:
    return (
        one.set,
        one.task,
        one.metric,
        f"{one.first:.1%}",
        f"{one.second:.1%}",
        f"{100 * one.difference:+.1f}",
        f"{100 * one.low:+.1f} to {100 * one.high:+.1f}",
        f"{one.p:.2g}",
        f"{one.adjusted:.2g}",
        one.verdict,
    )
