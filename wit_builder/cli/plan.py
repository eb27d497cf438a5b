"""`wit plan`."""

import json as json_
import re
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from wit_builder.errors import BuildError, ConfigError

if TYPE_CHECKING:
    from wit_builder.cli.connect import Hosts
    from wit_builder.lists.settings import UrlList
    from wit_builder.planning.draw import Drawn
    from wit_builder.planning.rates import Rates
    from wit_builder.planning.simulate import Machines
    from wit_builder.recipe import Recipe

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9}
_CONNECTIONS = 256  # of a process, in `wit fetch`
_MAX_RATES = 16 << 20  # bytes of a file of rates
_MOST_COUNTS = 5  # of machines, that fit a terminal
_OF_TRIAL = (
    *("sample", "contact", "deadline", "retries", "size", "mode", "format"),
    *("allow_network", "connect_to"),
)


class _Amount(click.ParamType[float]):
    """400M, 5B, 10k, 2.5e6 or 1,000."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = re.fullmatch(
            r"(\d+(?:\.\d+)?(?:e\d+)?) *([kmb]?)", str(value).replace(",", ""), re.IGNORECASE
        )
        number = float(found[1]) * _UNITS[found[2].upper()] if found else 0.0
        if not 1 <= number < 1e15 or abs(number - round(number)) > 1e-9 * number:
            self.fail(f"{value!r} is no amount, such as 400M, 5B or 10,000", param, ctx)
        return float(round(number))


class _Counts(click.ParamType[tuple[int, ...]]):
    """1,10,100."""

    name = "counts"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        found = {int(part) for part in str(value).split(",") if re.fullmatch(r" *\d{1,6} *", part)}
        if (
            len(found) != len(str(value).split(","))
            or not found
            or min(found) < 1
            or len(found) > _MOST_COUNTS
        ):
            self.fail(
                f"{value!r} is no list of one to {_MOST_COUNTS} different numbers, such as 1,10,100",
                param,
                ctx,
            )
        return tuple(sorted(found))


_PRICE = "in a currency of yours; none is printed without."


@click.command()
@click.option(
    "--input",
    "files",
    multiple=True,
    required=True,
    help="File of rows, folder or glob of such files; local, or a URL. May be given several times.",
)
@click.option(
    "--pairs",
    type=_Amount(),
    metavar="N",
    help="Pairs that are wanted, such as 400M or 5B. [default: what the list gives]",
)
@click.option(
    "--for",
    "what",
    type=click.Choice(["fetch", "build"]),
    default="fetch",
    show_default=True,
    help="The command that is planned: `wit fetch`, or `wit build url-list` with all its stages.",
)
@click.option(
    "--list-rows",
    type=_Amount(),
    metavar="N",
    help="Rows of the list that these files are a random part of. [default: they are the list]",
)
@click.option("--url-col", help="Column of the URL. [default: known by name]")
@click.option("--caption-col", help="Column of the caption. [default: known by name]")
@click.option(
    "--input-format",
    type=click.Choice(["parquet", "csv", "tsv", "json", "jsonl", "txt"]),
    help="Format of the files, when their names do not say.",
)
@click.option(
    "--sample",
    type=click.IntRange(1, 100_000),
    default=1_000,
    show_default=True,
    help="Rows, drawn at random, that are really fetched; at most those of the list.",
)
@click.option(
    "--rates",
    type=click.Path(path_type=Path),
    help="Fetch nothing: take the rates of this file, which a plan with --json printed.",
)
@click.option("--contact", default="", help="Where a site's owner can reach you; stands in the User-Agent.")
@click.option(
    "--delay",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="Seconds between two requests to a host; a tenth of it between two to an IP address.",
)
@click.option(
    "--domain-delay",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="Seconds between two requests to a registrable domain, which a recipe's Politeness may ask for.",
)
@click.option(
    "--deadline",
    type=click.FloatRange(0, min_open=True),
    default=30.0,
    show_default=True,
    help="Seconds that one request may take.",
)
@click.option(
    "--retries",
    type=click.IntRange(0, 100),
    help="Of a failure that may pass. [default: 0 for a fetch, 3 for a build, as theirs]",
)
@click.option(
    "--size", type=click.IntRange(1), default=256, show_default=True, help="Pixels of a stored image."
)
@click.option(
    "--mode",
    type=click.Choice(["keep_ratio", "keep_ratio_largest", "center_crop", "border", "no"]),
    help="What --size means. [default: border for a fetch, keep_ratio for a build, as theirs]",
)
@click.option(
    "--format",
    type=click.Choice(["jpg", "png", "webp"]),
    default="jpg",
    show_default=True,
    help="Of stored images.",
)
@click.option(
    "--workers",
    type=_Counts(),
    default=(1, 10, 100, 1_000),
    show_default="1,10,100,1000",
    metavar="N,N",
    help="Numbers of machines that it is planned for.",
)
@click.option("--cores", type=click.IntRange(1, 1024), help="Of a machine. [default: of this one]")
@click.option(
    "--mbits",
    type=click.FloatRange(0, min_open=True),
    help="Megabits a second that a machine can take. [default: enough]",
)
@click.option("--core-hour-price", type=click.FloatRange(0), help=f"Of a core rented for an hour, {_PRICE}")
@click.option("--gb-month-price", type=click.FloatRange(0), help=f"Of 1e9 bytes stored for a month, {_PRICE}")
@click.option("--gb-out-price", type=click.FloatRange(0), help=f"Of 1e9 bytes that leave the store, {_PRICE}")
@click.option(
    "--million-reads-price", type=click.FloatRange(0), help=f"Of 1,000,000 reads of a store, {_PRICE}"
)
@click.option(
    "--allow-network", multiple=True, help="Private network that may be reached, such as 127.0.0.0/8."
)
@click.option("--connect-to", multiple=True, metavar="HOST=IP:PORT", help="As for `wit build`.")
@click.option("--quiet", is_flag=True, help="No progress; the plan alone, on stdout.")
@click.option("--json", is_flag=True, help="The plan as one line of JSON; progress as JSON lines on stderr.")
def command(**values: Any) -> None:
    """What will it take? Pairs, bytes, core-hours, days, disk and money, from a sample that is really fetched.

    The list's rows are counted by host, some of them are fetched as politely as all would be, and the whole is
    then played through for 1, 10, 100 and 1,000 machines. What is fetched is thrown away.

    \b
    Examples:
      wit plan --input pairs.parquet --pairs 400M --contact me@example.org
      wit plan --input pairs.parquet --for build --rates plan.json --workers 1,50
    """
    from wit_builder.cli import connect
    from wit_builder.planning import plan as plan_
    from wit_builder.planning.draw import draw
    from wit_builder.planning.estimate import Prices, estimate
    from wit_builder.report.diagnosis import diagnose

    urls = _urls(values)
    recipe = _recipe(urls, values)
    hosts = connect.parsed(values["connect_to"])
    measured = _measured(values["rates"]) if values["rates"] else None
    if measured is None:
        connect.check_contact(recipe, hosts)
    drawn = draw(urls, values["sample"], values["list_rows"], captions=values["what"] == "build")
    if values["pairs"] and values["pairs"] > drawn.hosts.rows:
        raise ConfigError(
            f"the list has {drawn.hosts.rows:,.0f} rows, asked for were {values['pairs']:,.0f} pairs",
            f"--pairs {int(drawn.hosts.rows)} at most, or --list-rows where these files are a part of a longer list",
        )
    rates, failures = (measured, {}) if measured else _tried(drawn, recipe, hosts, values)
    diagnosis = diagnose(rates.lost, failures, rates.pairs)
    if measured:  # at which hosts nobody knows any more, and causes are told by them
        diagnosis = replace(diagnosis, sentences=())
    if not rates.pairs:
        raise BuildError(f"not one of {rates.rows:,} rows became a pair", "\n".join(diagnosis.sentences))
    machine = _machine(values)
    prices = Prices(
        values["core_hour_price"],
        values["gb_month_price"],
        values["gb_out_price"],
        values["million_reads_price"],
    )
    found = estimate(
        drawn.hosts, rates, values["pairs"], recipe.web.politeness, machine, prices, values["workers"]
    )
    plan = plan_.Plan(values["files"], drawn, rates, diagnosis, recipe.web.politeness, found)
    click.echo(json_.dumps(plan_.as_json(plan)) if values["json"] else "\n".join(plan_.lines(plan)))


def _urls(values: dict[str, Any]) -> "UrlList":
    from wit_builder.lists.settings import UrlList

    return UrlList(
        files=values["files"],
        format=values["input_format"],
        url_col=values["url_col"],
        caption_col=values["caption_col"],
        columns=(),
    )


def _recipe(urls: "UrlList", values: dict[str, Any]) -> "Recipe":
    """What is planned, checked as a build. Of a fetch it has what `wit fetch` does where nothing is said."""
    from wit_builder.images.picture import ImageSpec
    from wit_builder.recipe import Recipe
    from wit_builder.web.settings import Politeness, WebSettings

    delay, deadline, fetches = values["delay"], values["deadline"], values["what"] == "fetch"
    retries = values["retries"] if values["retries"] is not None else 0 if fetches else Politeness().retries
    patience = {"connect_s": deadline / 3, "silence_s": deadline / 3} if fetches else {}  # as of --timeout
    return Recipe(
        name="plan",
        source=urls,
        web=WebSettings(
            contact=values["contact"],
            deadline_s=deadline,
            politeness=Politeness(
                host_delay_s=delay,
                domain_delay_s=values["domain_delay"],
                ip_delay_s=delay / 10,
                retries=retries,
            ),
            allow_network=values["allow_network"],
            **patience,
        ),
        image=ImageSpec(
            size=values["size"],
            mode=values["mode"] or ("border" if fetches else "keep_ratio"),
            format=values["format"],
            only_shrink=not fetches,
            keep_original=not fetches,
        ),
    )


def _machine(values: dict[str, Any]) -> "Machines":
    """One, as the command uses it."""
    from wit_builder.download.settings import WINDOW_ROWS
    from wit_builder.engine.local import io_tasks, usable_cores
    from wit_builder.planning.simulate import Machines

    cores = values["cores"] or usable_cores()
    bandwidth = values["mbits"] and values["mbits"] * 1e6
    if values["what"] == "build":
        return Machines(cores=cores, bandwidth=bandwidth)
    connections = _CONNECTIONS * cores // io_tasks(cores)
    return Machines(cores=cores, connections=connections, bandwidth=bandwidth, window=WINDOW_ROWS)


def _tried(
    drawn: "Drawn", recipe: "Recipe", hosts: "Hosts", values: dict[str, Any]
) -> "tuple[Rates, dict[str, Counter[str]]]":
    """The trial, watched as the fetch of a build is."""
    from wit_builder.cli import progress
    from wit_builder.cli.stopping import stoppable
    from wit_builder.engine.local import LocalExecutor
    from wit_builder.engine.task import Stopped
    from wit_builder.planning.trial import try_rows

    watcher = progress.watcher(quiet=values["quiet"], json=values["json"], stages=("fetch",))
    try:
        with (
            tempfile.TemporaryDirectory(prefix="wit-plan-") as folder,
            watcher,
            stoppable(watcher.say),
            closing(LocalExecutor()) as executor,
        ):
            told = watcher.stage("fetch", 1)
            spoken = drawn.rows, recipe.web, recipe.image
            return try_rows(*spoken, executor, Path(folder), hosts, told, drawn.bad)
    except Stopped:
        raise BuildError("stopped; there is no plan without a trial", "--sample 100 is quicker") from None


def _measured(path: Path) -> "Rates":
    """The rates of a former trial. Raises ConfigError where an option is given that only a trial obeys."""
    context = click.get_current_context()
    given = [
        "--" + name.replace("_", "-")
        for name in _OF_TRIAL
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise ConfigError(
            f"--rates takes what a former trial measured, so that {' and '.join(given)} would change nothing",
            "leave out the one or the other",
        )
    return _read_rates(path)


def _read_rates(path: Path) -> "Rates":
    """The rates in a file: of a plan, or alone."""
    from wit_builder.planning.rates import MAKE, Rates

    try:
        with path.open("rb") as file:
            value = json_.loads(file.read(_MAX_RATES))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{str(path)!r} cannot be read: {error}", MAKE) from error
    return Rates.from_json(value["rates"] if isinstance(value, dict) and "rates" in value else value)
