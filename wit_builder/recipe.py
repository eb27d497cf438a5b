"""A recipe is a Python function that returns one `Recipe`; its parameters are the options of `wit build`.

Everything that shapes the data set stands in the recipe; flags say only where, how many workers, resume.
"""

import difflib
import importlib
import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from wit_builder import settings
from wit_builder.crawl.settings import Crawl
from wit_builder.curation.clean import Duplicates
from wit_builder.demo_web.web import DemoWeb
from wit_builder.errors import ConfigError
from wit_builder.extract.settings import Extraction
from wit_builder.images.process import ImageSpec
from wit_builder.records import Candidate, HasImage, Sample
from wit_builder.shards.writer import ShardSpec
from wit_builder.web.visitor import WebSettings

RecipeFunction = Callable[..., "Recipe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A data set, described: where pairs come from, which stay, and what the shards look like."""

    name: str  # names the data set in its card
    source: Crawl
    web: WebSettings = field(default_factory=WebSettings)  # politeness, limits, opt-outs, networks
    extraction: Extraction = field(default_factory=Extraction)
    candidate_filters: tuple[Any, ...] = ()  # before the download: see url, caption, language
    sample_filters: tuple[Any, ...] = ()  # after it: see the picture too
    image: ImageSpec = field(default_factory=ImageSpec)
    duplicates: Duplicates = field(default_factory=Duplicates)
    shards: ShardSpec = field(default_factory=ShardSpec)
    demo_web: DemoWeb | None = None  # a web of our own, served on loopback while the build runs

    def __post_init__(self) -> None:
        for place, item in (("candidate_filters", Candidate), ("sample_filters", Sample)):
            for rule in getattr(self, place):
                _check_filter(rule, place, item)


@dataclass(frozen=True, slots=True)
class Option:
    """A keyword parameter of a recipe function, as the command line shows it."""

    name: str
    type: type  # str, int, float, bool or Path
    many: bool  # a tuple of them
    choices: tuple[str, ...]  # of a Literal
    optional: bool  # may be None
    default: Any  # inspect.Parameter.empty: must be given
    help: str


def installed() -> dict[str, str]:
    """Names of the installed recipes, with the first line of what each says of itself."""
    found = {}
    for point in sorted(entry_points(group="wit_builder.recipes"), key=lambda point: point.name):
        found[point.name] = (inspect.getdoc(point.load()) or "").partition("\n")[0]
    return found


def find(name: str) -> RecipeFunction:
    """The recipe function of that name: an installed one, or `recipe` in a Python file.

    Raises ConfigError naming the nearest, when there is none.
    """
    if name.endswith(".py") or "/" in name:
        return _in_file(Path(name))
    points = {point.name: point for point in entry_points(group="wit_builder.recipes")}
    if name in points:
        function: RecipeFunction = points[name].load()
        return function
    nearest = difflib.get_close_matches(name, points, 1)
    raise ConfigError(
        f"no recipe is called {name!r}; installed are {', '.join(sorted(points))}",
        f"wit build {nearest[0]}" if nearest else "wit build ./my_recipe.py for a recipe of your own",
    )


def make(function: RecipeFunction, values: Mapping[str, Any]) -> Recipe:
    """Call the recipe function; what goes wrong inside it becomes one sentence."""
    try:
        made = function(**values)
    except (TypeError, NameError, AttributeError, ValueError) as error:
        raise ConfigError(f"recipe {function.__module__} does not run: {error}{_nearest(error)}") from error
    if not isinstance(made, Recipe):
        raise ConfigError(f"recipe {function.__module__} returns {type(made).__name__}, expected a Recipe")
    return made


def options(function: RecipeFunction) -> list[Option]:
    """The keyword parameters of a recipe function; their help stands in its docstring as `name: text`."""
    hints = get_type_hints(function)
    helps = _parameter_docs(inspect.getdoc(function) or "")
    return [
        _option(parameter, hints.get(name), helps.get(name, ""))
        for name, parameter in inspect.signature(function).parameters.items()
    ]


def _option(parameter: inspect.Parameter, hint: Any, text: str) -> Option:
    optional = False
    if get_origin(hint) in (Union, types.UnionType):
        optional = type(None) in get_args(hint)
        hint = next(arm for arm in get_args(hint) if arm is not type(None))
    many = get_origin(hint) is tuple
    if many:
        hint = get_args(hint)[0]
    choices = tuple(str(choice) for choice in get_args(hint)) if get_origin(hint) is Literal else ()
    kind = str if choices else hint
    if kind not in (str, int, float, bool, Path):
        raise ConfigError(
            f"parameter {parameter.name!r} of the recipe is a {hint!r}; "
            "expected str, int, float, bool, Path, a Literal, or a tuple of them"
        )
    return Option(parameter.name, kind, many, choices, optional, parameter.default, text)


def _parameter_docs(doc: str) -> dict[str, str]:
    """`name: text` lines of a docstring; a line indented deeper goes on with the one before."""
    found: dict[str, str] = {}
    name = ""
    for line in doc.splitlines():
        if start := re.match(r"(\w+): (.+)", line):
            name = start[1]
            found[name] = start[2].strip()
        elif name and line.startswith("    "):
            found[name] += " " + line.strip()
        else:
            name = ""
    return found


def _in_file(path: Path) -> RecipeFunction:
    module = settings.load_file(path)
    function = getattr(module, "recipe", None)
    if not callable(function):
        raise ConfigError(
            f"{str(path)!r} has no function `recipe`",
            "def recipe() -> Recipe: ... (see pipelines/wit_pipelines/crawl.py)",
        )
    return typing.cast(RecipeFunction, function)


def _check_filter(rule: Any, place: str, item: type) -> None:
    if not (is_dataclass(rule) and not isinstance(rule, type) and callable(rule)):
        shown = f"the class {rule.__name__}, not a value of it" if isinstance(rule, type) else repr(rule)
        raise ConfigError(f"{place} holds {shown}; expected a filter, such as CaptionLength(min_words=2)")
    reads = [hint for name, hint in get_type_hints(type(rule).__call__).items() if name != "return"]
    if item is Candidate and HasImage in reads:
        raise ConfigError(
            f"{type(rule).__name__} reads the picture, which a candidate does not have yet",
            "move it from candidate_filters to sample_filters",
        )


def _nearest(error: Exception) -> str:
    """`; did you mean ...` for a keyword or name that nearly exists."""
    wrong = re.search(r"unexpected keyword argument '(\w+)'|has no attribute '(\w+)'", str(error))
    if not wrong:
        return ""
    word = wrong[1] or wrong[2]
    owner = re.match(r"(\w+)\.__init__\(\)", str(error))
    known = [f.name for cls in _known_classes() if owner and cls.__name__ == owner[1] for f in fields(cls)]
    known += dir(error.obj) if isinstance(error, AttributeError) and error.obj is not None else []
    nearest = difflib.get_close_matches(word, known, 1)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def _known_classes() -> list[Any]:
    packages = ("wit_builder", "wit_filters")
    modules = [importlib.sys.modules[n] for n in list(importlib.sys.modules) if n.split(".")[0] in packages]  # type: ignore[attr-defined]
    return [cls for module in modules for cls in vars(module).values() if is_dataclass(cls)]
