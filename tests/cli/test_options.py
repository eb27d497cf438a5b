"""A recipe's parameters as options: types, defaults, help."""

from pathlib import Path
from typing import Literal, Optional

import click
import pytest
from click.testing import CliRunner

from wit_builder.cli.options import description, options
from wit_builder.errors import ConfigError


def every(
    text: str,
    number: int,
    share: float,
    flag: bool,
    place: Path,
    choice: Literal["a", "b"],
    several: tuple[int, ...],
    places: tuple[Path, ...] = (Path("x"),),
    some: tuple[Literal["x", "y"], ...] = (),
    level: Literal[1, 2] = 2,
    maybe: int | None = None,
    older: Optional[str] = "z",  # noqa: UP045
    switch: bool | None = None,
    list_or_none: tuple[str, ...] | None = None,
):
    """Every kind: `wit build every --text x`.

    More of it.

    text: what is written,
        on two lines.
    number:no space.
    unknown: is no parameter.

    share: after an empty line.
    """


def given(function, *arguments):
    """What the function would get for these arguments."""
    got = {}
    own = options(function)

    def run(**values):
        source = click.get_current_context().get_parameter_source
        got.update({k: v for k, v in values.items() if source(k).name != "DEFAULT"})

    command = click.Command("x", callback=run, params=[option.click() for option in own])
    done = CliRunner().invoke(command, arguments)
    assert done.exception is None, done.output
    return got


NEEDED = ("--text=x", "--number=1", "--share=.5", "--flag", "--place=p", "--choice=a", "--several=1")


def test_each_type_comes_as_itself():
    assert given(every, *NEEDED) == {
        "text": "x",
        "number": 1,
        "share": 0.5,
        "flag": True,
        "place": Path("p"),
        "choice": "a",
        "several": (1,),
    }


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        (("--no-flag",), {"flag": False}),
        (("--several=2", "--several=3"), {"several": (1, 2, 3)}),
        (("--places=a", "--places=b"), {"places": (Path("a"), Path("b"))}),
        (("--some=x", "--some=y"), {"some": ("x", "y")}),
        (("--level=1",), {"level": 1}),
        (("--maybe=3",), {"maybe": 3}),
        (("--older=w",), {"older": "w"}),
        (("--switch",), {"switch": True}),
        (("--no-switch",), {"switch": False}),
        (("--list-or-none=a",), {"list_or_none": ("a",)}),
    ],
    ids=str,
)
def test_what_has_a_default_may_be_given(typed, value):
    got = given(every, *NEEDED, *typed)
    assert value.items() <= got.items()
    assert type(got[next(iter(value))]) is type(next(iter(value.values())))


@pytest.mark.parametrize("missing", NEEDED)
def test_what_has_no_default_must_be_given(missing):
    command = click.Command("x", params=[option.click() for option in options(every)])
    done = CliRunner().invoke(command, [word for word in NEEDED if word != missing])
    assert f"Missing option '{missing.partition('=')[0]}" in done.output


def test_help_comes_from_the_docstring():
    helps = {option.name: option.help for option in options(every) if option.help}
    assert helps == {
        "text": "what is written, on two lines.",
        "number": "no space.",
        "share": "after an empty line.",
    }


def test_the_rest_of_the_docstring_describes_the_recipe():
    assert description(every) == (
        "Every kind.\n\nMore of it.\n\nunknown: is no parameter.",
        "wit build every --text x",
    )


def test_indented_parameters_are_read_too():
    def indented(a: int = 1, b: int = 2):
        """What it is.

        Args:
            a: first,
                and more.
            b: second.
        """

    assert [option.help for option in options(indented)] == ["first, and more.", "second."]
    assert description(indented) == ("What it is.", "")


def test_a_recipe_may_say_nothing_of_itself():
    assert description(lambda: None) == ("", "")
    assert options(lambda: None) == []


def shown(function):
    command = click.Command("x", params=[option.click() for option in options(function)])
    return " ".join(CliRunner().invoke(command, ["--help"]).output.split())


def test_the_help_shows_defaults_choices_and_what_is_required():
    text = shown(every)
    assert "--text TEXT What is written, on two lines. [required]" in text
    assert "--level [1|2] [default: 2]" in text
    assert "--places PATH May be given several times. [default: x]" in text


def test_an_empty_default_is_not_shown():
    def recipe(a: str = "", b: tuple[str, ...] = (), c: int | None = None, d: int = 0, e: bool = False): ...

    text = shown(recipe)
    assert text.count("default") == 2
    assert "--d INTEGER [default: 0]" in text
    assert "--e / --no-e [default: no-e]" in text


@pytest.mark.parametrize(
    "kind", [dict, list[str], bytes, str | int, tuple[str, int], tuple[dict, ...], Literal[b"x"]]
)
def test_a_type_that_no_option_can_give_is_refused(kind):
    def recipe(a): ...

    recipe.__annotations__["a"] = kind
    with pytest.raises(ConfigError, match="parameter 'a' of the recipe is a "):
        options(recipe)
