"""What the classes of a set are called, and which templates that goes into: from its files, else the registry."""

import re
from dataclasses import dataclass, replace

import numpy as np

from wit_builder.errors import ConfigError
from wit_builder.evalset import registry
from wit_builder.evalset.layout import Found
from wit_builder.evalset.registry import Known, Names

TEMPLATES = ("a photo of a {}.",)  # where neither the set nor the registry has any

_HINT = "classnames.txt beside the splits or classes, a name a line, in the order of the numbers"


@dataclass(frozen=True, slots=True)
class Named:
    """Names of each class, templates, and in words where both are from (`classes`, `templates`)."""

    classes: Names
    templates: tuple[str, ...]
    sources: dict[str, str]


def named(name: str, found: Found) -> Named:
    """Of the set of that name, whose images have labels.

    Raises ConfigError where a class has no name, or a template no place for one.
    """
    known = registry.find(name)
    classes, classes_from = _classes(name, found, known)
    templates, templates_from = _templates(name, found, known)
    return Named(classes, templates, {"classes": classes_from, "templates": templates_from})


def numbered(name: str, found: Found) -> Found:
    """Where class folders lie beside names of classes, labels as those say: the one of line n is n - 1.

    Folders are known by the lines' names, with or without a number before, ImageNet's by the registry's too; else by
    their own numbers, with one word before them or any behind (10, c10, n01440764, 010.swan): those are lines in
    their order, or count from 0 where there are fewer.
    Raises ConfigError where nothing says which folder is which line.
    """
    if not found.names or not found.folders or len(found.folders) > len(found.names):
        return found
    lines = _by_name(found) or _by_number(found)
    if lines is None:
        known = {registry.folded(line) for line in found.names}
        lost = next((one for one in found.folders if registry.folded(one) not in known), found.folders[0])
        raise ConfigError(
            f"nothing says which line of classnames.txt the folder {lost!r} of {name!r} is: it is called as none, "
            "and the folders are not numbered as lines are",
            "call each folder as its line, or by the line's number less 1",
        )
    assert found.labels is not None
    return replace(found, labels=np.array(lines, np.int64)[found.labels])


def _by_name(found: Found) -> list[int] | None:
    lines = {registry.folded(line): number for number, line in enumerate(found.names)}
    bare = [re.sub(r"^[0-9]+", "", one) for one in found.folders]  # 010.swan
    called = registry.of_wnids(found.folders) or tuple(zip(found.folders, bare, strict=True))
    among = [{lines[key] for key in map(registry.folded, names) if key in lines} for names in called]
    found_lines = [some.pop() for some in among if len(some) == 1]
    is_told = len(lines) == len(found.names) and len(set(found_lines)) == len(found.folders)
    return found_lines if is_told else None


def _by_number(found: Found) -> list[int] | None:
    numbers = _numbered(found.folders, r"()([0-9]{1,9})(?![0-9]).*") or _numbered(
        found.folders, r"([^0-9]*)([0-9]{1,9})"
    )
    if not numbers:
        return None
    order = sorted(set(numbers))
    if len(order) == len(found.names):
        return [order.index(one) for one in numbers]
    is_counted = len(order) == len(numbers) and order[0] == 0 and order[-1] < len(found.names)
    return numbers if is_counted else None


def _numbered(folders: tuple[str, ...], pattern: str) -> list[int]:
    """What the pattern's second group is of each, where its first one is the same of all; else none."""
    parts = [part for part in (re.fullmatch(pattern, one) for one in folders) if part]
    alike = len(parts) == len(folders) and len({part[1] for part in parts}) == 1
    return [int(part[2]) for part in parts] if alike else []


def _classes(name: str, found: Found, known: Known | None) -> tuple[Names, str]:
    assert found.labels is not None
    several = found.labels.ndim == 2
    count = (
        found.labels.shape[1] if several else max(int(found.labels.max(initial=-1)) + 1, len(found.folders))
    )
    if found.names:
        if count > len(found.names) or (several and count < len(found.names)):
            raise ConfigError(
                f"{name!r} names {len(found.names)} classes, and its images have {count}", _HINT
            )
        return _with_more(found.names, known)
    if found.folders:
        return _of_folders(found.folders, known)
    if known and known.numbered and count == len(known.classes):
        return known.classes, f"registry ({known.title}), by number"
    if known and known.classes:
        why = (
            f"the registry knows {len(known.classes)}"
            if known.numbered
            else "the registry does not know how they are numbered"
        )
        raise ConfigError(f"{name!r} has no names for its {count} classes, and {why}", _HINT)
    raise ConfigError(f"{name!r} has no names for its {count} classes", _HINT)


def _with_more(names: tuple[str, ...], known: Known | None) -> tuple[Names, str]:
    """The set's own names; where the registry has the same classes with several names, those too."""
    more = registry.matched(names, known) if known else None
    if known and more and any(len(all_names) > 1 for all_names in more):
        return more, f"set, with further names of the registry ({known.title})"
    return tuple((one,) for one in names), "set"


def _of_folders(folders: tuple[str, ...], known: Known | None) -> tuple[Names, str]:
    """Class folders called as ImageNet's are, as the registry's classes, by their numbers, or as users like."""
    if by_wnid := registry.of_wnids(folders):
        return by_wnid, "registry (ImageNet), by the folders' WordNet numbers"
    if known and (by_name := registry.matched(folders, known)):
        return by_name, f"registry ({known.title}), by the folders' names"
    if known and known.numbered and (numbers := _numbers(folders)) == set(range(len(known.classes))):
        assert numbers
        return tuple(known.classes[int(one)] for one in folders), f"registry ({known.title}), by number"
    return tuple((" ".join(one.replace("_", " ").split()) or one,) for one in folders), "folders"


def _numbers(folders: tuple[str, ...]) -> set[int]:
    return {int(one) for one in folders if one.isascii() and one.isdigit() and len(one) < 8}


def _templates(name: str, found: Found, known: Known | None) -> tuple[tuple[str, ...], str]:
    for template in found.templates:
        if "{}" not in template and "{c}" not in template:
            raise ConfigError(
                f"the template {template!r} of {name!r} has no place for a name",
                "write {c} where the name belongs",
            )
    if found.templates:
        return found.templates, "set"
    if known and known.templates:
        return known.templates, f"registry ({known.title})"
    return TEMPLATES, "default"
