"""What a build has come to, in a screenful: the funnel, and where things are. `wit show` says it at length."""

import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import orjson

from wit_builder import publish, report
from wit_builder.cli import complaint
from wit_builder.cli.progress import shortened
from wit_builder.errors import many
from wit_builder.ledger import Funnel
from wit_builder.place import Place
from wit_builder.report.terminal import bytes_text
from wit_builder.shards.manifest import read_manifest

_SENTENCES = 2  # of why downloads failed
_WIDTH = 100  # columns of a line in a pipe, and at most


def show(there: Place, json: bool) -> None:
    """Print it on stdout; with `json` the funnel alone, on one line."""
    values = orjson.loads((there.folder / "funnel.json").read_bytes())
    if json:
        click.echo(orjson.dumps(values))
        return
    title, *rest = _lines(there, Funnel.from_json(values))
    click.secho(title, bold=True, color=complaint.colour())
    for line in rest:
        click.echo(line)


def _lines(there: Place, funnel: Funnel) -> Iterator[str]:
    out = there.folder
    state = publish.read_state(out) or {}
    complete = state.get("state") == "complete"
    yield f"{state.get('name', out.resolve().name)}: {_amount(out) if complete else 'not finished yet'}"
    yield ""
    yield f"  {'stage':<7}{'seen':>12}{'kept':>12}{'lost':>12}   most often because"
    width = min(shutil.get_terminal_size((_WIDTH, 24)).columns, _WIDTH) if sys.stdout.isatty() else _WIDTH
    for stage in funnel:
        count = funnel[stage]
        numbers = "".join(f"{n:>12,}" for n in (count.seen, count.kept, count.dropped.total()))
        yield f"  {stage:<7}{numbers}   {shortened(count.dropped.most_common(), width - 48)}".rstrip()
    if complete and not funnel["clean"].kept:
        yield ""
        crawled = "seeds" in state["recipe"]["source"]
        scope = "; a crawl follows links within its --scope alone" if crawled else ""
        yield f"no pair was kept, for the reasons above{scope}"
    if complete:
        yield from wrapped(report.diagnosed(there).sentences, width)
        yield ""
        places = list(_places(there, funnel))
        longest = max(len(what) for what, _ in places)
        yield from (f"  {what:<{longest}}   {where}" for what, where in places)


def wrapped(sentences: Sequence[str], width: int = _WIDTH) -> Iterator[str]:
    """The first of the sentences about why downloads failed, in lines.

    A command in backticks stays on one line, to be copied.
    """
    for sentence in sentences[:_SENTENCES]:
        unbroken = re.sub("`[^`]*`", lambda command: command[0].replace(" ", "\0"), sentence)
        lines = textwrap.wrap(unbroken, width - 2, break_long_words=False, break_on_hyphens=False)
        yield ""
        yield from (f"  {line}".replace("\0", " ") for line in lines)


def _amount(out: Path) -> str:
    infos = read_manifest(out)
    pairs, size = sum(info.samples for info in infos), sum(info.bytes for info in infos)
    return f"{many(pairs, 'pair')} in {many(len(infos), 'shard')}, {bytes_text(size)}"


def _places(there: Place, funnel: Funnel) -> Iterator[tuple[str, str]]:
    lost = sum(funnel[stage].dropped.total() for stage in funnel)
    yield "the pairs, as WebDataset", there.at("shards")
    yield f"the {lost:,} lost, each with its reason", there.at("ledger")
    yield "a report with a contact sheet", there.at("report.html")
