"""Recipes by name or by file: which there are, what their function is, and what goes wrong in them.

Only `find` and `make` import a recipe; a list of those installed reads their files without running them, so
that `wit build --help` is quick and a broken one does not break it.
"""

import ast
import difflib
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wit_builder import settings
from wit_builder.errors import ConfigError

if TYPE_CHECKING:
    from wit_builder.recipe import Recipe

RecipeFunction = Callable[..., Any]
INSTALL = "pip install wit-builder, or in its source folder pip install -e ."


def installed() -> dict[str, str]:
    """Names of the installed recipes, with the first sentence of what each says of itself."""
    return {name: _first_line(point) for name, point in sorted(_points().items())}


def find(name: str) -> RecipeFunction:
    """The recipe function of that name: an installed one, or `recipe` in a Python file.

    Raises ConfigError when there is none, with the nearest, or when its file does not run.
    """
    if _is_file(name):
        return _in_file(Path(name))
    points = _points()
    if not points:
        raise ConfigError(
            f"no recipe is called {name!r}: none is installed, for wit-builder itself is not",
            INSTALL,
        )
    if name not in points:
        raise ConfigError(
            f"no recipe is called {name!r}; installed are {', '.join(sorted(points))}", _meant(name, points)
        )
    try:
        function: RecipeFunction = points[name].load()
    except Exception as error:
        raise ConfigError(f"recipe {name} cannot be loaded: {type(error).__name__}: {error}") from error
    return function


def make(name: str, function: RecipeFunction, values: Mapping[str, Any]) -> "Recipe":
    """The Recipe that the function returns. What goes wrong in it becomes a ConfigError with file and line."""
    from wit_builder.recipe import Recipe

    try:
        made = function(**values)
    except (Exception, SystemExit) as error:
        raise _explained(name, error) from error
    if not isinstance(made, Recipe):
        raise ConfigError(
            f"the function `recipe` of {name} returns {type(made).__name__}, expected a Recipe",
            "end it with: return Recipe(name=..., source=...)",
        )
    return made


def _points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="wit_builder.recipes")}


def _is_file(name: str) -> bool:
    return name.endswith(".py") or "/" in name


def _first_line(point: EntryPoint) -> str:
    """The function's docstring, up to its first colon or full stop, read from the source."""
    try:
        spec = importlib.util.find_spec(point.module)
        tree = ast.parse(Path(spec.origin or "").read_bytes()) if spec else ast.Module([], [])
    except Exception:  # noqa: BLE001  (somebody else's package; all that is lost is a line of help)
        return ""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == point.attr:
            return re.split(r"[.:](?:\s|$)", ast.get_docstring(node) or "", maxsplit=1)[0]
    return ""


def _meant(name: str, points: Iterable[str]) -> str:
    if Path(f"{name}.py").is_file():
        return f"wit build ./{name}.py"
    nearest = difflib.get_close_matches(name, points, 1)
    return f"wit build {nearest[0]}" if nearest else "wit build ./my_recipe.py for a recipe of your own"


def _in_file(path: Path) -> RecipeFunction:
    try:
        module = settings.load_file(path)
    except ConfigError as error:
        raise ConfigError(str(error), error.hint or _hint(error.__cause__, path)) from error
    function = getattr(module, "recipe", None)
    if not callable(function):
        raise ConfigError(
            f"{path} has no function `recipe`",
            "def recipe() -> Recipe: ... (docs/commands.md has a whole one)",
        )
    found: RecipeFunction = function
    return found


def _explained(name: str, error: BaseException) -> ConfigError:
    """One sentence: of an installed recipe the message does, in a file one needs to know where."""
    if _is_file(name):
        path = Path(name)
        said = settings.failure(error, path)
        return ConfigError(str(said), said.hint or _hint(error, path))
    if isinstance(error, ConfigError):
        return error
    said_by = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
    return ConfigError(f"recipe {name}: {said_by}{error}", f"wit build {name} --help")


def _hint(error: BaseException | None, path: Path) -> str | None:
    """What was meant, where a name nearly exists."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        if (path.parent / f"{error.name.partition('.')[0]}.py").is_file():
            return "a recipe file stands alone: put what it needs into it, or install it as a package"
        return _nearest(error.name, _modules_near(error.name))
    text = str(error)
    if isinstance(error, ImportError):
        wrong = re.search(r"cannot import name '(\w+)'", text)
        return _nearest(wrong[1], dir(sys.modules.get(error.name or ""))) if wrong else None
    if isinstance(error, NameError) and error.name:
        return _nearest(error.name, _names_at(error)) or _import_of(error.name)
    if isinstance(error, AttributeError) and error.name:
        return _nearest(error.name, dir(error.obj))
    if wrong := re.search(r"(\w+)(?:\.__init__)?\(\) got an unexpected keyword argument '(\w+)'", text):
        return _nearest(wrong[2], _parameters(wrong[1]))
    return None


def _nearest(word: str, known: Iterable[str]) -> str | None:
    nearest = difflib.get_close_matches(word, known, 1)
    return f"did you mean {nearest[0]}?" if nearest else None


def _modules_near(name: str) -> list[str]:
    """Modules beside the one that was asked for."""
    package, _, _ = name.rpartition(".")
    paths = getattr(sys.modules.get(package), "__path__", None) if package else None
    found = [module.name for module in pkgutil.iter_modules(paths)]
    return [f"{package}.{module}" for module in found] if package else found


def _names_at(error: BaseException) -> list[str]:
    """The names that are known where the error was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return [*trace.tb_frame.f_locals, *trace.tb_frame.f_globals] if trace else []


def _import_of(name: str) -> str | None:
    """The import of the installed filter whose name is nearest."""
    points = {point.attr: point for point in entry_points(group="wit_builder.filters")}
    nearest = difflib.get_close_matches(name, points, 1)
    return f"from {points[nearest[0]].module} import {nearest[0]}" if nearest else None


def _parameters(name: str) -> list[str]:
    """The parameters of every class or function of that name in the modules that are loaded."""
    found = [vars(module).get(name) for module in list(sys.modules.values())]
    return [parameter for thing in found if callable(thing) for parameter in signature(thing).parameters]
