"""Every command helps: a purpose, an example, a text for each option."""

import re

import click
import pytest

from wit_builder.cli import COMMANDS
from wit_builder.cli import wit as wit_
from wit_builder.cli.build import STAGES, common_options
from wit_builder.cli.build import command as build


def commands():
    """Every command and installed recipe, by how it is typed."""
    context = click.Context(wit_)
    found = {f"wit {name}": wit_.get_command(context, name) for name in COMMANDS}
    return found | {
        f"wit build {name}": build.get_command(context, name) for name in build.list_commands(context)
    }


@pytest.mark.parametrize(("typed", "command"), commands().items(), ids=commands())
def test_every_option_has_a_help_text(typed, command):
    bare = [param.name for param in command.params if isinstance(param, click.Option) and not param.help]
    assert bare == []


@pytest.mark.parametrize("typed", commands())
def test_every_command_shows_a_purpose_and_an_example_that_begins_with_it(wit, typed):
    said = wit(*typed.split()[1:], "--help")
    assert (said.code, said.err) == (0, "")
    assert re.search(rf"Usage: {typed}\b.*\n\n  [A-Z].*(.*\n)*  Examples?:\n    {typed}", said.out)


@pytest.mark.parametrize("typed", commands())
def test_no_line_of_help_is_wider_than_a_terminal(wit, typed):
    wide = [line for line in wit(*typed.split()[1:], "--help").out.splitlines() if len(line) > 100]
    assert wide == []


def test_the_stages_are_those_of_a_build():
    from wit_builder.build import STAGES as built

    assert built == STAGES


def sections(text):
    """Titles of the help, with the options below each."""
    parts = re.split(r"^(\S[^\n]*):\n", text, flags=re.MULTILINE)
    return {
        title: re.findall(r"^  (?:-\w, )?(--[\w-]+)", part, re.MULTILINE)
        for title, part in zip(parts[1::2], parts[2::2], strict=True)
    }


def test_a_recipe_shows_its_own_options_apart_from_those_of_every_build(wit):
    found = sections(wit("build", "demo", "--help").out)
    assert found["Options of this recipe"] == ["--pages", "--seed", "--samples-per-shard"]
    assert found["Options of every build"] == [*(option.opts[0] for option in common_options()), "--help"]


def test_a_recipe_without_options_shows_none(wit, recipe_file):
    assert "Options of this recipe" not in wit("build", recipe_file("def recipe(): ..."), "--help").out


def test_the_installed_recipes_are_listed_with_a_sentence_each(wit):
    said = wit("build", "--help").out
    assert "  crawl         Crawl the web from your seeds\n" in said
    assert "  demo          Crawl the demo web, served on loopback while the build runs\n" in said
    assert "  url-list      Pairs from a list of URLs\n" in said
    assert "  FILE.py       The function `recipe` in a file of yours\n" in said


def test_a_file_helps_as_an_installed_recipe_does(wit, recipe_file):
    text = "def recipe(seeds: tuple[str, ...], dark: bool = True):\n"
    text += '    """Night skies.\n\n    seeds: where from.\n    """'
    said = " ".join(wit("build", recipe_file(text, "night sky.py"), "--help").out.split())
    assert "Night skies. Example: wit build './night sky.py' --seeds SEEDS Writes out/night sky," in said
    assert (
        "--seeds TEXT Where from. May be given several times. [required] --dark / --no-dark [default: dark]"
        in said
    )


def test_every_command_is_listed_with_a_line(wit):
    listed = re.findall(
        r"^  ([\w-]+)  +[A-Z].*\.$", wit("--help").out.partition("Commands:")[2], re.MULTILINE
    )
    assert listed == list(COMMANDS) == wit_.list_commands(None)


def test_the_version_is_one_line(wit):
    assert re.fullmatch(r"wit \d+\.\d+\.\d+\n", wit("--version").out)
