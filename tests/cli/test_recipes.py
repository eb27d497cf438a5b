"""Recipes of installed packages, the good and the broken ones."""

import sys
from importlib.metadata import EntryPoint

import pytest

from wit_builder.cli import ablate, filters, recipes
from wit_builder.errors import ConfigError

GROUP = "wit_builder.recipes"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Installs a package of somebody else's with these modules; every function in them is a recipe."""
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "their_recipes"
    folder.mkdir()
    (folder / "__init__.py").touch()

    def install(**modules):
        for name, text in modules.items():
            (folder / f"{name}.py").write_text(text)
        points = [EntryPoint(name, f"their_recipes.{name}:recipe", GROUP) for name in modules]
        monkeypatch.setattr(recipes, "entry_points", lambda group: points if group == GROUP else [])

    yield install
    for name in [name for name in sys.modules if name.startswith("their_recipes")]:
        del sys.modules[name]


def test_a_list_reads_the_recipes_without_running_them(package):
    package(
        sky='1 / 0\ndef recipe():\n    """Skies. At night.\n    """',
        sea='def recipe():\n    """The sea: `wit build sea`."""',
    )
    assert recipes.installed() == {"sea": "The sea", "sky": "Skies"}
    assert "their_recipes.sky" not in sys.modules


@pytest.mark.parametrize("text", ["def recipe(", "def other(): ...", "recipe = 3", "\0"])
def test_one_that_cannot_be_read_is_listed_all_the_same(package, text):
    package(broken=text)
    assert recipes.installed() == {"broken": ""}


def test_one_whose_package_is_gone_is_listed_all_the_same(monkeypatch):
    monkeypatch.setattr(
        recipes, "entry_points", lambda group: [EntryPoint("x", "no_such_package.x:recipe", group)]
    )
    assert recipes.installed() == {"x": ""}


def test_one_whose_package_fails_is_listed_all_the_same(package, tmp_path):
    (tmp_path / "their_recipes" / "__init__.py").write_text("1 / 0")
    package(x="def recipe(): ...")
    assert recipes.installed() == {"x": ""}


def test_one_that_cannot_be_loaded_says_why(package):
    package(broken="1 / 0")
    with pytest.raises(
        ConfigError, match="recipe broken cannot be loaded: ZeroDivisionError: division by zero"
    ):
        recipes.find("broken")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["build", "demo"], "no recipe is called 'demo': none is installed, for wit-builder itself is not"),
        (["ablate", ".", "--out", "OUT"], "no preset is installed, for wit-builder itself is not"),
        (["filters"], "no filter is installed, for wit-builder itself is not"),
        (["filters", "--presets"], "no preset is installed, for wit-builder itself is not"),
    ],
)
def test_where_nothing_is_installed_that_is_said(wit, monkeypatch, words, error):
    for module in (recipes, ablate, filters):
        monkeypatch.setattr(module, "entry_points", lambda group: [])
    said = wit(*words)
    assert (said.code, said.error, said.hint) == (2, error, recipes.INSTALL)


def test_a_refusal_of_an_installed_recipe_is_shown_as_it_is(package):
    package(
        strict="def recipe():\n    raise ValueError('too few')", buggy="def recipe():\n    return {}['x']"
    )
    with pytest.raises(ConfigError, match=r"^recipe strict: too few$"):
        recipes.make("strict", recipes.find("strict"), {})
    with pytest.raises(ConfigError, match=r"^recipe buggy: KeyError: 'x'$"):
        recipes.make("buggy", recipes.find("buggy"), {})


def test_a_recipe_of_somebody_elses_is_built_by_its_name(wit, package):
    package(
        theirs='def recipe(n: int = 1):\n    """Theirs.\n\n    n: a number.\n    """\n    raise ValueError(n)'
    )
    assert wit("build", "theirs", "--n", "7").error == "recipe theirs: 7"
    assert "theirs   Theirs" in wit("build", "--help").out
