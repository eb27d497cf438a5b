"""A group of commands whose plain form, without the name of one, is a command itself."""

import importlib
from collections.abc import Mapping
from typing import Any

import click


class Plain(click.Group):
    """Such a group. modules: {name: module with a `command`}, imported when it is called."""

    def __init__(self, *, modules: Mapping[str, str], **more: Any) -> None:
        super().__init__(
            invoke_without_command=True,
            subcommand_metavar="",
            options_metavar="[OPTIONS] [COMMAND]",
            **more,
        )
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in order."""
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The one of that name."""
        if cmd_name not in self._modules:
            return None
        command: click.Command = importlib.import_module(self._modules[cmd_name]).command
        return command
