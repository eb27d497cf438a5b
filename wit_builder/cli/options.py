"""A recipe function's parameters as options of `wit build`: one place to declare, no second list of flags."""

import inspect
import re
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import click

from wit_builder.errors import ConfigError

MAX_CHOICES = 70  # characters of an option's choices beside its name: a terminal has 80

_KINDS = "str, int, float, bool, Path, a Literal, a tuple[..., ...] of one of them, or one of them | None"


@dataclass(frozen=True, slots=True)
class Option:
    """A keyword parameter of a recipe function, as the command line shows it."""

    name: str
    kind: Any  # str, int, float, bool or Path; of a Literal the type of its first choice
    choices: tuple[Any, ...]  # of a Literal
    many: bool  # a tuple of them
    default: Any  # inspect.Parameter.empty: must be given
    help: str

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is inspect.Parameter.empty

    @property
    def flag(self) -> str:
        """How it is typed."""
        return f"--{self.name.replace('_', '-')}"

    def click(self) -> click.Option:
        """The same for click."""
        more: dict[str, Any] = {"required": self.required}
        if not self.required and self.default not in (None, "", ()):
            more |= {"default": self.default, "show_default": True}
        several = " May be given several times." if self.many else ""
        more["help"] = self.help[:1].upper() + self.help[1:] + several
        if self.kind is bool:
            return click.Option([f"{self.flag}/--no-{self.flag[2:]}"], **more)
        if len("|".join(map(str, self.choices))) > MAX_CHOICES:  # they stand in the help, where lines break
            more["metavar"] = "NAME"
            more["help"] += f" One of {', '.join(map(str, self.choices))}."
        return click.Option([self.flag], type=_click_type(self), multiple=self.many, **more)


def options(function: Callable[..., Any]) -> list[Option]:
    """The parameters of a recipe function; their help stands in its docstring as `name: text`.

    Raises ConfigError for a parameter that no option can give.
    """
    parameters = inspect.signature(function).parameters
    try:
        hints = get_type_hints(function)
    except NameError as error:
        raise ConfigError(f"a type of the recipe's parameters is not there: {error}") from error
    helps, _ = _read_doc(function, parameters)
    return [_option(p, hints.get(name), helps.get(name, "")) for name, p in parameters.items()]


def description(function: Callable[..., Any]) -> tuple[str, str]:
    """What the docstring says besides the parameters, and the example `wit build ...` in it ("" without)."""
    _, text = _read_doc(function, inspect.signature(function).parameters)
    example = re.search(r":?\s*`(wit build [^`]+)`", text)
    return (text.replace(example[0], "", 1), " ".join(example[1].split())) if example else (text, "")


def _read_doc(function: Callable[..., Any], names: Iterable[str]) -> tuple[dict[str, str], str]:
    """The help of each parameter, and the rest. A line indented deeper goes on with the one before."""
    helps: dict[str, str] = {}
    rest: list[str] = []
    name, indent = "", 0
    for line in (inspect.getdoc(function) or "").splitlines():
        start = re.match(r"(\s*)(\w+): *(.*)", line)
        if start and start[2] in names:
            name, indent = start[2], len(start[1])
            helps[name] = start[3].strip()
        elif name and line.strip() and len(line) - len(line.lstrip()) > indent:
            helps[name] += " " + line.strip()
        else:
            name = ""
            rest.append("" if line.strip() in ("Args:", "Parameters:") else line)
    return helps, "\n".join(rest).strip()


def _option(parameter: inspect.Parameter, hint: Any, text: str) -> Option:
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise ConfigError(
            f"the recipe takes {str(parameter)!r}, which no option can give",
            "give it parameters with names and types",
        )
    if hint is None:
        raise ConfigError(
            f"parameter {parameter.name!r} of the recipe has no type", f"{parameter.name}: str, for example"
        )
    single, many = _unwrapped(hint)
    choices = get_args(single) if get_origin(single) is Literal else ()
    kind = type(choices[0]) if choices else single
    if kind not in (str, int, float, bool, Path):
        shown = hint.__name__ if isinstance(hint, type) else str(hint)
        raise ConfigError(f"parameter {parameter.name!r} of the recipe is a {shown}, expected {_KINDS}")
    return Option(parameter.name, kind, choices, many, parameter.default, text)


def _unwrapped(hint: Any) -> tuple[Any, bool]:
    """The type of one value, and whether there may be several."""
    if get_origin(hint) in (Union, types.UnionType):
        arms = [arm for arm in get_args(hint) if arm is not type(None)]
        hint = arms[0] if len(arms) == 1 else hint
    if get_origin(hint) is tuple and get_args(hint)[1:] == (...,):
        return get_args(hint)[0], True
    return hint, False


def _click_type(option: Option) -> Any:
    if option.choices:
        return click.Choice(option.choices)
    return click.Path(path_type=Path) if option.kind is Path else option.kind
