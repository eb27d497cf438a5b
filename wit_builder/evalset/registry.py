"""Evaluation sets that are known by name: what CLIP's paper evaluates on, and what a set's own files may lack.

The 27 sets of its linear probes (A.1, table 9), the 7 natural shifts of ImageNet (3.3), and three of retrieval. Facts
and where they are from stand in datasets.json; what is not known there is None or empty, never guessed.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import orjson

Group = Literal["paper", "shift", "retrieval"]
Task = Literal["classes", "labels", "captions"]
Names = tuple[tuple[str, ...], ...]

_PREFIX = re.compile(r"^(?:wds[/_-])?(?:vtab[/_-])?|(?:_test)?$")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a set.

    name: CLIP_benchmark's, without `wds/` and `vtab/`, where it has one. metric: a name of evaluate's. images: of the
    published test split. hub: where CLIP_benchmark's layout of it is published on the Hugging Face hub; page: of its
    authors. classes: the names of each, the first one the usual. numbered: whether they are in the order of the
    published files' labels; else they are matched by name alone. imagenet: which of ImageNet's 1,000 each of them is,
    one or more.
    """

    name: str
    title: str
    group: Group
    task: Task
    metric: str
    images: int | None
    hub: str | None
    page: str | None
    licence: str | None
    classes: Names
    numbered: bool
    templates: tuple[str, ...]
    imagenet: tuple[tuple[int, ...], ...]
    also: tuple[str, ...]  # other names of it, folded


@cache
def every() -> tuple[Known, ...]:
    """All sets, in the order of the paper."""
    said = _said()
    whole = next(one for one in said["sets"] if one["name"] == "imagenet1k")
    return tuple(_known(one, whole) for one in said["sets"])


@cache
def sources() -> dict[str, str]:
    """Where which facts are from."""
    return dict(_said()["sources"])


def find(name: str) -> Known | None:
    """The set that a folder or user calls so: `cifar-10`, `wds_vtab-cifar10`, `wds/vtab/cifar10`; None: not known."""
    key = folded(_PREFIX.sub("", name.lower()))
    return next((one for one in every() if key in (folded(one.name), *one.also)), None)


def of_wnids(folders: Sequence[str]) -> Names | None:
    """The names of classes whose folders are called as ImageNet's are (n01440764); None where not all of them are."""
    numbers = _wnids()
    if not folders or not all(name in numbers for name in folders):
        return None
    imagenet = find("imagenet1k")
    assert imagenet is not None
    return tuple(imagenet.classes[numbers[name]] for name in folders)


def matched(names: Sequence[str], known: Known) -> Names | None:
    """The set's classes in the order of these names, each with all its names; None where they do not all match."""
    by_name = {folded(name): number for number, names in enumerate(known.classes) for name in names}
    numbers = [by_name.get(folded(name), -1) for name in names]
    if -1 in numbers or sorted(numbers) != list(range(len(known.classes))):
        return None
    return tuple(known.classes[number] for number in numbers)


def folded(name: str) -> str:
    """The name without case, spaces and punctuation, for comparing."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFC", name).lower())


@cache
def _said() -> dict[str, Any]:
    said: dict[str, Any] = orjson.loads(files("wit_builder.evalset").joinpath("datasets.json").read_bytes())
    return said


@cache
def _wnids() -> dict[str, int]:
    return {f"n{digits}": number for number, digits in enumerate(_said()["wnids"].split())}


def _known(said: dict[str, Any], whole: dict[str, Any]) -> Known:
    """whole: what is said of ImageNet, whose classes and templates its shifts share."""
    among = said.get("imagenet", ())
    numbers = range(len(whole["classes"])) if among == "all" else among
    groups = tuple((one,) if isinstance(one, int) else tuple(one) for one in numbers)
    shared = whole if groups or said.get("templates") == "imagenet" else said
    classes = said.get("classes") or [whole["classes"][number] for (number,) in groups]
    return Known(
        said["name"],
        said["title"],
        said["group"],
        said["task"],
        said["metric"],
        said.get("images"),
        said.get("hub"),
        said.get("page"),
        said.get("licence"),
        classes=tuple((names,) if isinstance(names, str) else tuple(names) for names in classes),
        numbered=said.get("numbered", True),
        templates=tuple(shared.get("templates", ())),
        imagenet=groups,
        also=tuple(said.get("also", ())),
    )
