import inspect
import re
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, get_type_hints

import pytest

import wit_filters
from tests.filters.items import Addressed, Captioned, Pictured
from tests.filters.taggers import tagger
from wit_builder.filtering import KEPT, BatchFilter, Verdict
from wit_builder.records import HasCaption, HasImage, HasUrl
from wit_filters import (
    CaptionBlockedWords,
    CaptionCounter,
    CaptionFileName,
    CaptionKnownWords,
    CaptionLength,
    CaptionLetters,
    CaptionMarkup,
    CaptionNgrams,
    CaptionParts,
    CaptionRepetition,
    CaptionStopWords,
    CaptionSymbols,
    CaptionUrl,
    ImageAlpha,
    ImageAnimated,
    ImageArea,
    ImageAspect,
    ImageBytes,
    ImageDetail,
    ImageFormat,
    ImageSize,
    Language,
    Script,
    UrlExtension,
    UrlHolds,
    UrlIcon,
)

ALL: list[Any] = [getattr(wit_filters, name) for name in wit_filters.__all__]
RULES: list[Any] = [rule for rule in ALL if not issubclass(rule, BatchFilter)]  # of the others: test_model.py
CATALOGUE = Path(__file__).parents[2] / "filters" / "README.md"

# For each rule one item for each reason it can give.
DROPPED: dict[Any, list[Any]] = {
    CaptionLength: [Captioned("boat"), Captioned("a cat"), Captioned("a " * 300)],
    CaptionFileName: [Captioned("IMG_0042.JPG")],
    CaptionUrl: [Captioned("http://a.test/")],
    CaptionLetters: [Captioned("12:30")],
    CaptionRepetition: [Captioned("Logo Logo Logo")],
    Language: [Captioned(lang_score=0.1), Captioned(lang="de")],
    UrlExtension: [Addressed("http://a.test/a.svg")],
    UrlIcon: [Addressed("http://a.test/spacer.gif")],
    ImageSize: [Pictured(10, 10), Pictured(300, 30_000)],
    ImageAspect: [Pictured(1_000, 100)],
    ImageBytes: [Pictured(original_bytes=10), Pictured(original_bytes=2**41)],
    CaptionMarkup: [Captioned("a <b>boat</b>")],
    CaptionCounter: [Captioned("Photo 3 of 12")],
    CaptionSymbols: [Captioned("** 12:30 **")],
    CaptionNgrams: [Captioned("a boat on a lake " * 3)],
    CaptionBlockedWords: [Captioned("a silly boat")],
    CaptionStopWords: [Captioned("boat lake river tree")],
    CaptionKnownWords: [Captioned("a boat on a laek")],
    CaptionParts: [
        Captioned("on a"),
        Captioned("boat on lake"),
        Captioned("a boat"),
        Captioned("a boat lake on boat"),
    ],
    Script: [Captioned("лодка")],
    UrlHolds: [Addressed("http://a.test/a.GIF?b")],
    ImageArea: [Pictured(10, 10), Pictured(10_000, 10_000)],
    ImageFormat: [Pictured(original_format="gif")],
    ImageAnimated: [Pictured(animated=True)],
    ImageAlpha: [Pictured(alpha=True)],
    ImageDetail: [Pictured(phash_quality=0)],
}
KEPT_ITEMS = {HasCaption: Captioned(), HasUrl: Addressed("http://a.test/boat.jpg"), HasImage: Pictured()}


@cache
def made(rule: Any) -> Any:
    folder = Path(mkdtemp())
    (folder / "words").write_text("silly" if rule is CaptionBlockedWords else "a\non\nboat\nlake")
    (folder / "small").write_text("a\non")
    match rule.__name__:
        case "Language":
            return rule(allowed=("en",))
        case "ImageArea":
            return rule(min_pixels=1_000)
        case "CaptionStopWords":
            return rule(folder / "small")
        case "CaptionBlockedWords" | "CaptionKnownWords":
            return rule(folder / "words")
        case "CaptionParts":
            return rule(tagger(folder), max_noun_share=0.5)
    return rule()


def documented(rule: Any) -> list[str]:
    (line,) = re.findall(r"Drops for: (.+)\.$", inspect.cleandoc(rule.__doc__), re.MULTILINE)
    return re.findall(r"`(\w+)`", line)


def catalogued(rule: Any) -> list[str]:
    """The cells of the rule's row."""
    (row,) = re.findall(rf"^\| `{rule.__name__}` \|(.+)\|$", CATALOGUE.read_text(), re.MULTILINE)
    return [cell.strip() for cell in row.split(" | ")]


def reads(rule: Any) -> Any:
    return get_type_hints(rule.__call__)["item"]


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_gives_exactly_the_reasons_its_docstring_names(rule: Any) -> None:
    given = [made(rule)(item).reason for item in DROPPED[rule]]
    assert sorted(given) == sorted(documented(rule))


@pytest.mark.parametrize("rule", RULES)
def test_what_is_dropped_carries_evidence(rule: Any) -> None:
    assert all(0 < len(made(rule)(item).evidence) <= 120 for item in DROPPED[rule])


@pytest.mark.parametrize("rule", RULES)
def test_an_ordinary_item_passes_every_rule(rule: Any) -> None:
    assert made(rule)(KEPT_ITEMS[reads(rule)]) is KEPT


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_a_frozen_value_that_says_what_it_reads(rule: Any) -> None:
    assert is_dataclass(rule)
    assert rule.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert "__slots__" in vars(rule)
    assert get_type_hints(rule.__call__)["return"] is Verdict
    assert reads(rule) in KEPT_ITEMS


@pytest.mark.parametrize("rule", ALL)
def test_the_catalogue_names_the_reasons_of_each_rule(rule: Any) -> None:
    assert re.findall(r"`(\w+)`", catalogued(rule)[-1]) == documented(rule)


@pytest.mark.parametrize("rule", ALL)
def test_the_catalogue_names_the_defaults_of_each_rule(rule: Any) -> None:
    shown = catalogued(rule)[1]
    for field in fields(rule):
        if field.name == "fingerprint":
            continue
        if field.default is MISSING:  # what the user names
            assert f"`{field.name}`" in shown or rule not in RULES
            continue
        short = isinstance(field.default, tuple) and field.default
        assert (f"`{field.name}`: " if short else f"`{field.name}={field.default!r}`") in shown


def test_every_rule_of_the_package_is_exported() -> None:
    names = ("caption", "image", "language", "model", "noise", "speech", "url", "vocabulary")
    modules = [getattr(wit_filters, name) for name in names]
    found = {
        name
        for module in modules
        for name, value in vars(module).items()
        if is_dataclass(value) and value.__module__ == module.__name__
    }
    assert found == set(wit_filters.__all__)


def test_the_catalogue_lists_no_rule_that_is_gone() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", CATALOGUE.read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(wit_filters.__all__)
