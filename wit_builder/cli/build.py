"""`wit build NAME`: a recipe's parameters are its options."""

import inspect
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from wit_builder import recipe as recipes
from wit_builder.errors import BuildError, ConfigError

_EXAMPLE = """
\b
Examples:
  wit build demo
  wit build crawl --seeds https://example.org/ --contact me@example.org --out OUT
  wit build ./my_recipe.py --out OUT --resume
"""


class _Recipes(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(recipes.installed())

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Recipes"):
            formatter.write_dl(
                [*recipes.installed().items(), ("FILE.py", "The function `recipe` in your file.")]
            )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        return _command(cmd_name, recipes.find(cmd_name))


@click.group(
    cls=_Recipes,
    help=f"Run a recipe into the folder OUT: crawl, select, fetch, clean, pack.\n{_EXAMPLE}",
    subcommand_metavar="RECIPE [OPTIONS]",
)
def command() -> None:
    """Run a recipe."""


def _command(name: str, function: recipes.RecipeFunction) -> click.Command:
    doc = (inspect.getdoc(function) or "").split("\n\n")
    own = [_parameter(option) for option in recipes.options(function)]
    return click.Command(
        name,
        callback=_runner(name, function, [option.name for option in recipes.options(function)]),
        params=[*own, *_where()],
        help="\n\n".join(part for part in doc if not _is_parameters(part))
        + "\n\nWrites OUT (see docs/data_format.md).",
    )


def _is_parameters(paragraph: str) -> bool:
    return all(": " in line or line.startswith("    ") for line in paragraph.splitlines())


def _parameter(option: recipes.Option) -> click.Option:
    required = option.default is inspect.Parameter.empty
    flag = f"--{option.name.replace('_', '-')}"
    kind: Any = click.Choice(option.choices) if option.choices else option.type
    if option.type is bool:
        return click.Option(
            [f"{flag}/--no-{flag[2:]}"], default=option.default, show_default=True, help=option.help
        )
    return click.Option(
        [flag],
        type=kind,
        multiple=option.many,
        required=required,
        default=None if required or option.default is None else option.default,
        show_default=not required and option.default not in (None, ()),
        help=option.help + (" May be given several times." if option.many else ""),
    )


def _where() -> list[click.Option]:
    stages = ["collect", "select", "fetch", "clean", "pack"]
    return [
        click.Option(
            ["--out"], type=click.Path(path_type=Path), help="Folder to write. [default: out/RECIPE]"
        ),
        click.Option(["--resume"], is_flag=True, help="Go on with an unfinished build in OUT."),
        click.Option(["--until"], type=click.Choice(stages), default="pack", help="Stop after this stage."),
        click.Option(
            ["--workers"], type=click.IntRange(1, 1024), help="Processes at a time. [default: one a core]"
        ),
        click.Option(
            ["--connect-to"],
            multiple=True,
            metavar="HOST=IP:PORT",
            help="Reach a host (*.pattern) at this address, for test webs. May be given several times.",
        ),
        click.Option(["--quiet"], is_flag=True, help="No progress."),
        click.Option(
            ["--json"], is_flag=True, help="Progress as JSON lines on stderr, the funnel on stdout."
        ),
    ]


def _runner(name: str, function: recipes.RecipeFunction, own: list[str]) -> Callable[..., None]:
    def run(**values: Any) -> None:
        from wit_builder import build, report
        from wit_builder.cli import progress
        from wit_builder.engine.local import LocalExecutor
        from wit_builder.engine.task import Stopped

        recipe = recipes.make(function, {key: values[key] for key in own})
        out = values["out"] or Path("out") / Path(name).stem
        where = build.Where(out, connections(values["connect_to"]))
        if build.start(out, recipe, values["resume"]):
            click.echo(f"{out} is complete already", err=True)
            progress.result(out, values["json"])
            return
        watcher = progress.watcher(quiet=values["quiet"], json=values["json"])
        try:
            with watcher:
                build.run(recipe, where, LocalExecutor(values["workers"]), watcher, values["until"])
                if values["until"] == "pack":
                    report.write_report(out)
        except Stopped:
            raise BuildError("stopped; nothing that was done is lost", _again(out)) from None
        progress.result(out, values["json"])

    return run


def _again(out: Path) -> str:
    words = [word for word in sys.argv[1:] if word != "--resume"]
    return f"go on with: wit {shlex.join(words)} --resume"


def connections(pairs: tuple[str, ...]) -> dict[str, str | None]:
    """The values of --connect-to. Raises ConfigError for one that is not HOST=IP:PORT (or HOST=: no such host)."""
    found: dict[str, str | None] = {}
    for pair in pairs:
        host, equals, address = pair.partition("=")
        if not (host and equals and (not address or address.rpartition(":")[2].isdecimal())):
            raise ConfigError(
                f"--connect-to {pair!r} is not HOST=IP:PORT", "--connect-to '*.demo.test=127.0.0.1:8000'"
            )
        found[host] = address or None
    return found
