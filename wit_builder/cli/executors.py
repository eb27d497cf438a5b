"""Where the tasks of a command run, as its options say."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from wit_builder.errors import ConfigError

if TYPE_CHECKING:
    from wit_builder.engine.local import Executor

F = TypeVar("F", bound=Callable[..., Any])

OPTIONS: dict[str, dict[str, Any]] = {  # of every command whose tasks may run elsewhere
    "--workers": {
        "type": click.IntRange(1, 1024),
        "help": "Processes at a time. [default: one a core]",
    },
    "--executor": {
        "type": click.Choice(("local", "ray", "outside")),
        "default": "local",
        "show_default": True,
        "help": "Where tasks run: here, on a Ray cluster, or wherever `wit worker` is started.",
    },
    "--address": {
        "default": "auto",
        "show_default": True,
        "metavar": "HOST:PORT",
        "help": "Of the Ray cluster.",
    },
}

SCRATCH: dict[str, Any] = {  # of every command that writes an OUT that may be a URL
    "type": click.Path(path_type=Path),
    "envvar": "WIT_SCRATCH",
    "help": "Where to work when OUT is a URL. [default: $WIT_SCRATCH, or the user's cache folder]",
}

WHERE = ("--executor", "--address")  # of a command that counts its processes otherwise
HERE: Mapping[str, Any] = {"workers": None, "executor": "local", "address": "auto"}


def decorate(command: F, flags: Iterable[str] = tuple(OPTIONS)) -> F:
    """Gives a command these options."""
    for flag in reversed(tuple(flags)):
        command = click.option(flag, **OPTIONS[flag])(command)
    return command


def check_scratch(executor: str, out: str) -> None:
    """Raise ConfigError where workers would be sent to a scratch folder that nobody says they see.

    For work that lies in it where OUT is a URL. executor: of the options.
    """
    given = click.get_current_context().get_parameter_source("scratch") is ParameterSource.COMMANDLINE
    if executor == "outside" and "://" in out and not given:
        from wit_builder import place

        begun = place.begun(out)
        raise ConfigError(
            f"workers need the folder of the run, and that of {out} is a scratch folder here",
            f"--executor local or ray goes on with what was begun in {begun}"
            if begun
            else "--scratch /shared/FOLDER, which all machines see",
        )


@contextmanager
def opened(values: Mapping[str, Any], say: Callable[[str], None]) -> "Iterator[Executor]":
    """The executor that these options name, until the block ends. Raises ConfigError where there is no cluster."""
    with closing(_made(values, say)) as executor:
        yield executor


def _made(values: Mapping[str, Any], say: Callable[[str], None]) -> Any:
    if values["address"] != HERE["address"] and values["executor"] != "ray":
        raise ConfigError(
            f"--address is that of a Ray cluster, and tasks run --executor {values['executor']}",
            f"--executor ray --address {values['address']}",
        )
    if values["executor"] == "ray":
        from wit_builder.engine.cluster import RayExecutor

        return RayExecutor(values["address"], say=say)
    if values["executor"] == "outside":
        from wit_builder.engine.outside import OutsideExecutor

        return OutsideExecutor(say)
    from wit_builder.engine.local import LocalExecutor

    return LocalExecutor(values["workers"])
