"""A recipe is a Python function that returns one `Recipe`: everything that shapes the data set stands in it.

The function's keyword parameters are the options of `wit build` (see cli/recipes.py). What is wrong with a
recipe is said here, before anything is started.
"""

import re
import types
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from wit_builder.archive.settings import Archives
from wit_builder.blocklist.settings import Blocklist
from wit_builder.crawl.settings import Crawl
from wit_builder.curation.settings import Balance, Duplicates, Top
from wit_builder.demo_web.settings import DemoWeb
from wit_builder.errors import ConfigError
from wit_builder.extract.settings import Extraction
from wit_builder.filtering import BatchFilter
from wit_builder.images.picture import ImageSpec
from wit_builder.lists.settings import UrlList
from wit_builder.queries.settings import Queries
from wit_builder.records import Candidate, Sample
from wit_builder.shards.writer import ShardSpec
from wit_builder.text.language import LanguageModel
from wit_builder.web.network import NetworkGuard
from wit_builder.web.settings import WebSettings

MAX_NAME = 100  # characters
MAX_CONTACT = 200

_MAY_BE_ZERO = {"host_delay_s", "domain_delay_s", "ip_delay_s", "max_crawl_delay_s", "retries", "backoff_s"}
_MAY_BE_ZERO |= {"max_retry_after_s"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A data set, described: where pairs come from, which stay, and what the shards look like.

    Raises ConfigError for a value of another type than its field's, a filter in the wrong place, a contact
    that cannot stand in a header, a network that is none, a number out of range.
    """

    name: str  # names the data set in its card
    source: Crawl | Archives | UrlList
    web: WebSettings = field(default_factory=WebSettings)  # politeness, limits, opt-outs, networks
    extraction: Extraction = field(default_factory=Extraction)
    language: LanguageModel = field(default_factory=LanguageModel)  # tells the captions' languages
    candidate_filters: tuple[Any, ...] = ()  # before the download: see url, caption, language
    sample_filters: tuple[Any, ...] = ()  # after it: see the picture too
    blocklist: Blocklist = field(default_factory=Blocklist)  # what must not be taken
    image: ImageSpec = field(default_factory=ImageSpec)
    top: Top | None = None  # by a score that sample_filters store; of what they keep, before duplicates
    duplicates: Duplicates = field(default_factory=Duplicates)
    queries: Queries | None = None  # matched with the captions that candidate_filters keep
    balance: Balance | None = None  # how many pairs of a query stay, over what duplicates leave
    shards: ShardSpec = field(default_factory=ShardSpec)
    left_out: tuple[str, ...] = ()  # rules of its preset that nothing asks, for want of a file; in words
    demo_web: DemoWeb | None = None  # a web of our own, served on loopback while the build runs

    def __post_init__(self) -> None:
        _check_types(self, "Recipe")
        _check_text("Recipe.name", self.name, MAX_NAME)
        if not self.name.strip():
            raise ConfigError("Recipe.name is empty", 'name="birds"')
        check_web(self.web)
        if self.balance is not None and self.queries is None:
            raise ConfigError(
                "Recipe.balance is given without Recipe.queries, and nothing can be balanced",
                'queries=Queries(files=("queries.tsv",))',
            )
        for place, item in (("candidate_filters", Candidate), ("sample_filters", Sample)):
            for rule in getattr(self, place):
                _check_filter(rule, place, item)


def _check_types(value: Any, at: str) -> None:
    """Refuse a field that holds what its type does not allow, here and in the dataclasses below."""
    hints = get_type_hints(type(value))
    for name in (f.name for f in fields(value)):
        held = getattr(value, name)
        if not _fits(held, hints[name]):
            raise ConfigError(f"{at}.{name} is {_shown(held)}, expected {_due(hints[name])}")
        if is_dataclass(held):
            _check_types(held, f"{at}.{name}")


def _fits(value: Any, hint: Any) -> bool:
    if hint is Any:
        return True
    arms = get_args(hint)
    if get_origin(hint) in (Union, types.UnionType):
        return any(_fits(value, arm) for arm in arms)
    if get_origin(hint) is Literal:
        return value in arms
    if get_origin(hint) is tuple:
        return isinstance(value, tuple) and all(_fits(item, arms[0]) for item in value)
    if hint in (int, float):
        return isinstance(value, int | hint) and not isinstance(value, bool)
    return isinstance(value, get_origin(hint) or hint)


def _due(hint: Any) -> str:
    if get_origin(hint) is tuple:
        return "a tuple: (a, b), or (a,) for a single one"
    if get_origin(hint) is Literal:
        return f"one of {', '.join(map(repr, get_args(hint)))}"
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join("None" if arm is type(None) else _due(arm) for arm in get_args(hint))
    return hint.__name__ if isinstance(hint, type) else str(hint)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else text[:97] + "..."


def _check_text(what: str, text: str, most: int) -> None:
    if len(text) > most or not text.isprintable():
        raise ConfigError(f"{what} is {_shown(text)}, expected one line of at most {most} characters")


def check_web(web: WebSettings) -> None:
    """Raise ConfigError for what cannot stand in a header, a network that is none, a number out of range."""
    _check_text("WebSettings.contact", web.contact, MAX_CONTACT)
    if not web.contact.isascii():  # what is not would be left out of the header
        raise ConfigError(
            f"WebSettings.contact is {_shown(web.contact)}, and a header holds ASCII characters only",
            "give a mail address, or https://... of a page about your crawl",
        )
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,50}", web.token):  # RFC 9309 2.2.1, and digits
        raise ConfigError(f"WebSettings.token is {_shown(web.token)}, expected letters, digits, - and _")
    NetworkGuard(web.allow_network)
    for part in (web, web.politeness):
        for name in (f.name for f in fields(part)):
            value = getattr(part, name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                _check_number(f"{type(part).__name__}.{name}", value, name in _MAY_BE_ZERO)


def _check_number(what: str, value: float, may_be_zero: bool) -> None:
    if not (value > 0 or (may_be_zero and value == 0)) or value == float("inf"):
        raise ConfigError(
            f"{what} is {value}, expected a number {'of at least' if may_be_zero else 'above'} 0"
        )


def _check_filter(rule: Any, place: str, item: type) -> None:
    if isinstance(rule, type):
        raise ConfigError(
            f"{place} holds the class {rule.__name__}, expected a value of it",
            f"write {rule.__name__}(), with the parentheses",
        )
    batch = isinstance(rule, BatchFilter)
    if not (is_dataclass(rule) and (callable(rule) or batch)):
        raise ConfigError(
            f"{place} holds {_shown(rule)}, expected a filter, such as CaptionLength(min_words=2)",
            "`wit filters` lists those that are installed",
        )
    if batch and item is Candidate:
        raise ConfigError(
            f"{type(rule).__name__} looks at images, which a candidate does not have",
            "move it from candidate_filters to sample_filters",
        )
    if missing := _read_by(rule) - {f.name for f in fields(item)}:
        raise ConfigError(
            f"{type(rule).__name__} reads {', '.join(sorted(missing))}, "
            f"which {'a candidate' if item is Candidate else 'a sample'} does not have",
            "move it from candidate_filters to sample_filters" if item is Candidate else None,
        )


def _read_by(rule: Any) -> set[str]:
    """What the filter says that it reads of an item: the members of its argument's type."""
    try:
        hints = get_type_hints(getattr(type(rule), "judge" if isinstance(rule, BatchFilter) else "__call__"))
    except NameError:  # a type that is there for type checkers only
        return set()
    hints.pop("return", None)
    return {name for hint in hints.values() for part in (hint, *get_args(hint)) for name in _members(part)}


def _members(hint: Any) -> set[str]:
    if is_dataclass(hint):
        return {f.name for f in fields(hint)}
    if not getattr(hint, "_is_protocol", False):
        return set()
    layers = [layer for layer in hint.__mro__ if getattr(layer, "_is_protocol", False)]
    names = {name for layer in layers for name in (*vars(layer), *vars(layer).get("__annotations__", ()))}
    return {name for name in names if not name.startswith("_")}
