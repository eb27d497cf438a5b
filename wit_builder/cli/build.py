"""`wit build RECIPE`: a recipe's parameters are its options."""

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from wit_builder.cli import executors, recipes
from wit_builder.cli.options import Option, description, options
from wit_builder.errors import BuildError, ConfigError

if TYPE_CHECKING:
    from wit_builder.cli.connect import Hosts
    from wit_builder.cli.progress import Follower
    from wit_builder.engine.local import Executor
    from wit_builder.place import Place
    from wit_builder.recipe import Recipe

STAGES = ("collect", "select", "fetch", "clean", "pack")  # those of build.py, which takes long to import

_HELP = """Run a recipe into the folder OUT: crawl, select, fetch, clean, pack.

\b
Examples:
  wit build demo
  wit build crawl --seeds https://example.org/ --contact me@example.org --out OUT
  wit build ./my_recipe.py --out OUT --resume

`wit build RECIPE --help` has the options. Writes out/RECIPE, or the folder given with --out.
"""


class _Recipes(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(recipes.installed())

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Recipes"):
            formatter.write_dl(
                [*recipes.installed().items(), ("FILE.py", "The function `recipe` in a file of yours")]
            )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        return _command(cmd_name, recipes.find(cmd_name))


@click.group(cls=_Recipes, help=_HELP, subcommand_metavar="RECIPE [OPTIONS]", options_metavar="")
def command() -> None:
    """Run a recipe."""


class _RecipeCommand(click.Command):
    """Shows the recipe's own options apart from those that every build has."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        params = self.get_params(ctx)
        own = len(self.params) - len(common_options())
        for title, some in (
            ("Options of this recipe", params[:own]),
            ("Options of every build", params[own:]),
        ):
            if rows := [row for param in some if (row := param.get_help_record(ctx))]:
                with formatter.section(title):
                    formatter.write_dl(rows)


def _command(name: str, function: recipes.RecipeFunction) -> click.Command:
    own = options(function)
    common = common_options()
    if taken := {option.name for option in own} & {"help", *(option.name or "" for option in common)}:
        raise ConfigError(
            f"parameter {min(taken)!r} of recipe {name} is an option of every build already",
            "give it another name",
        )
    text, example = description(function)
    example = example or _example(name, own)
    return _RecipeCommand(
        name,
        callback=_runner(name, function, own),
        params=[*(option.click() for option in own), *common],
        help=f"{text}\n\n\b\nExample:\n  {example}\n\nWrites {_default_out(name)}, or the folder of --out.",
    )


def _example(name: str, own: Iterable[Option]) -> str:
    needed = [f"{option.flag} {option.name.upper()}" for option in own if option.required]
    return " ".join(["wit build", shlex.quote(name), *needed])


def _default_out(name: str) -> Path:
    return Path("out") / Path(name).stem


def common_options() -> list[click.Option]:
    """The options of every build: where, how far, with how much; none of them shapes the data set."""
    return [
        click.Option(
            ["--out"],
            metavar="FOLDER",
            help="Folder to write, or URL such as s3://BUCKET/RUN. [default: out/RECIPE]",
        ),
        click.Option(["--scratch"], **executors.SCRATCH),
        click.Option(["--resume"], is_flag=True, help="Go on with an unfinished build in that folder."),
        click.Option(
            ["--until"],
            type=click.Choice(STAGES),
            default=STAGES[-1],
            help="Stop after this stage; --resume goes on. [default: to the end]",
        ),
        *(click.Option([flag], **more) for flag, more in executors.OPTIONS.items()),
        click.Option(
            ["--connect-to"],
            multiple=True,
            metavar="HOST=IP:PORT",
            help="Reach this host (or *.domain, or *) there, for test webs; HOST= for a host that does not "
            "exist. May be given several times, the first that fits counts.",
        ),
        click.Option(["--quiet"], is_flag=True, help="No progress; the result alone, on stdout."),
        click.Option(
            ["--json"], is_flag=True, help="Progress as JSON lines on stderr, the funnel as JSON on stdout."
        ),
    ]


def _runner(name: str, function: recipes.RecipeFunction, own: list[Option]) -> Callable[..., None]:
    def run(**values: Any) -> None:
        source = click.get_current_context().get_parameter_source
        given = {o.name: values[o.name] for o in own if source(o.name) is not ParameterSource.DEFAULT}
        from wit_builder.cli import connect, rehearsal

        recipe = recipes.make(name, function, given)
        rehearsal.try_language(recipe)
        rehearsal.try_filters(recipe)
        hosts = connect.parsed(values["connect_to"])
        connect.check_contact(recipe, hosts)
        from wit_builder import place

        with place.of(values["out"] or str(_default_out(name)), values["scratch"]) as there:
            _build(recipe, there, hosts, values)

    return run


def _build(recipe: "Recipe", there: "Place", hosts: "Hosts", values: dict[str, Any]) -> None:
    from wit_builder.cli import progress, result, typed
    from wit_builder.cli.stopping import stoppable
    from wit_builder.engine.task import Stopped

    until, json = values["until"], values["json"]
    stages = STAGES[: STAGES.index(until) + 1]
    watcher = progress.watcher(quiet=values["quiet"], json=json, stages=stages, out=there.folder)
    try:
        with stoppable(watcher.say), executors.opened(values, watcher.say) as executor:
            if complete := _is_complete(recipe, there, values["resume"]):
                watcher.say(f"{there.name} is complete already")
            else:
                _run(recipe, there, hosts, values, executor, watcher)
    except Stopped:
        raise BuildError("stopped; nothing that was done is lost", f"go on with: {typed.resumed()}") from None
    result.show(there, json)
    if not complete:
        watcher.say(f"next: {typed.command('show', there.name) if until == STAGES[-1] else typed.resumed()}")


def _is_complete(recipe: "Recipe", there: "Place", resume: bool) -> bool:
    """Take up what is at OUT, or begin; whether nothing is left to do."""
    from wit_builder import build, delivery

    delivery.claim(there, delivery.SHOWN)
    delivery.check_free(there)
    if not build.start(there.folder, recipe, resume):
        return False
    delivery.finished(there)
    delivery.cleared(there)
    return True


def _run(
    recipe: "Recipe",
    there: "Place",
    hosts: "Hosts",
    values: dict[str, Any],
    executor: "Executor",
    watcher: "Follower",
) -> None:
    from wit_builder import build, delivery, report
    from wit_builder.cli import typed

    try:
        with watcher, delivery.work(there, values["executor"] != "local", watcher.say) as at:
            if at is None:
                executors.check_scratch(values["executor"], there.name)
            delivery.begun(there)
            for line in recipe.left_out:
                watcher.say(f"left out, {line}")
            where = build.Where(there.folder, hosts, typed.anew(), at)
            build.run(recipe, where, executor, watcher, values["until"])
            if values["until"] == STAGES[-1]:
                report.write_report(at or there.folder)
                delivery.finished(there)
    except ConfigError:
        there.prune("build.json")  # where nothing was started it is gone here
        raise
