"""The door: `wit` parses, calls one thing, prints. Data on stdout, words on stderr, exit 0, 1 or 2.

Commands are imported when they are called, so that `wit --help` stays quick.
"""

import difflib
import importlib
import sys
from typing import NoReturn

import click

from wit_builder import __version__
from wit_builder.errors import ConfigError, WitError

COMMANDS = {  # name: (module, one line)
    "build": ("wit_builder.cli.build", "Run a recipe: from the web to shards."),
    "show": ("wit_builder.cli.show", "What is in a build: funnel, hosts, languages, a contact sheet."),
    "retry": ("wit_builder.cli.retry", "Take failed downloads up again, into new shards."),
    "verify": ("wit_builder.cli.verify", "Compare a build's shards with its manifest."),
    "filters": ("wit_builder.cli.filters", "The installed filters, with defaults and reasons."),
    "demo-web": ("wit_builder.cli.demo_web", "Serve the demo web on its own."),
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            nearest = difflib.get_close_matches(args[0], COMMANDS, 1)
            raise ConfigError(
                f"no command is called {args[0]!r}", f"wit {nearest[0]}" if nearest else "wit --help"
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="wit")
def wit() -> None:
    """From the open web to filtered, deduplicated shards of (image, caption) pairs.

    \b
    Example:
      wit build demo        crawl the demo web on loopback, write out/demo
      wit show out/demo     look at the result
    """


def main() -> NoReturn:
    """Run `wit`; every error this project raises on purpose ends in one sentence and a hint."""
    try:
        wit.main(standalone_mode=False)
        code = 0
    except WitError as error:
        code = _complain(str(error), error.hint, 2 if isinstance(error, ConfigError) else 1)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.exceptions.Exit as end:
        code = end.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = _complain("stopped", None, 1)
    except BrokenPipeError:
        sys.stderr.close()
        code = 1
    sys.exit(code)


def _complain(message: str, hint: str | None, code: int) -> int:
    click.secho("error: ", fg="red", bold=True, nl=False, err=True)
    click.echo(message, err=True)
    if hint:
        click.echo(f"\nhint: {hint}", err=True)
    return code
