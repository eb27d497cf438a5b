"""The door: `wit` parses, calls one thing, prints. Data on stdout, words on stderr, exit 0, 1 or 2.

Commands are imported when they are called, so that `wit --help` stays quick.
"""

import difflib
import importlib
import sys
from typing import NoReturn

import click

from wit_builder import __version__
from wit_builder.cli import complaint
from wit_builder.errors import ConfigError, WitError

COMMANDS = {  # name: (module, one line)
    "build": ("wit_builder.cli.build", "Run a recipe: from the web to shards."),
    "plan": ("wit_builder.cli.plan", "What a list will take: pairs, bytes, days, disk, money."),
    "show": ("wit_builder.cli.show", "What is in a build: funnel, hosts, languages, a contact sheet."),
    "fetch": ("wit_builder.cli.fetch", "Fetch a list's images into shards, as img2dataset does."),
    "retry": ("wit_builder.cli.retry", "Take failed downloads up again, into new shards."),
    "forget": ("wit_builder.cli.forget", "Remove pairs from a finished build, and keep them out."),
    "ablate": ("wit_builder.cli.ablate", "Several presets on one pool: what each keeps, what they share."),
    "train": ("wit_builder.cli.train", "Train CLIP on shards, by the paper's recipe."),
    "audit": ("wit_builder.cli.audit", "Which images of evaluation sets lie in the shards."),
    "eval": ("wit_builder.cli.eval", "What a checkpoint is worth, on evaluation sets."),
    "export": ("wit_builder.cli.export", "A checkpoint as safetensors, for open_clip and the hub."),
    "worker": ("wit_builder.cli.worker", "Part of a stage, for Slurm arrays and Kubernetes jobs."),
    "verify": ("wit_builder.cli.verify", "Compare a build's shards with its manifest."),
    "queries": ("wit_builder.cli.queries", "Lists of queries: make one, look at it, match captions."),
    "filters": ("wit_builder.cli.filters", "The installed filters, with defaults and reasons."),
    "demo-web": ("wit_builder.cli.demo_web", "Serve the demo web on its own."),
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        if cmd_name not in COMMANDS:
            nearest = difflib.get_close_matches(cmd_name, COMMANDS, 1)
            raise ConfigError(
                f"no command is called {cmd_name!r}", f"wit {nearest[0]}" if nearest else "wit --help"
            )
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    subcommand_metavar="COMMAND [OPTIONS]",
    options_metavar="",
)
@click.version_option(__version__, message="%(prog)s %(version)s", help="Show the version and exit.")
def wit() -> None:
    """From the open web to filtered, deduplicated shards of (image, caption) pairs.

    \b
    Example:
      wit build demo        crawl the demo web on loopback, write out/demo
      wit show out/demo     look at the result
    """


def main() -> NoReturn:
    """Run `wit`; every error this project raises on purpose ends in one sentence and a hint."""
    for stream in (sys.stdout, sys.stderr):  # a locale that lacks a character must not end a run
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    try:
        code = wit.main(prog_name="wit", standalone_mode=False, color=complaint.colour()) or 0
    except (WitError, click.ClickException, OSError) as error:
        code = complaint.complain(error)
    except (click.Abort, KeyboardInterrupt):
        complaint.say("stopped")
        code = 1
    sys.exit(code)
