"""Which column is what: named by the user, else known by name."""

import difflib
from collections.abc import Sequence

from wit_builder.errors import ConfigError

# LAION: URL, TEXT. DataComp, COYO: url, text. CC3M, CC12M, SBU, RedCaps: url or image_url, caption.
# cc2dataset: url, alt. WIT of Google: image_url, caption_reference_description. Unsplash: photo_image_url,
# photo_description. The others are what people call them. Of several the first in this order.
URLS = (
    "url",
    "image_url",
    "imageurl",
    "img_url",
    "imgurl",
    "photo_image_url",
    "image_link",
    "image_src",
    "img_src",
    "src",
    "uri",
    "link",
    "image",
)
CAPTIONS = (
    "caption",
    "text",
    "alt",
    "alt_text",
    "alttext",
    "image_alt",
    "img_alt",
    "caption_reference_description",
    "photo_description",
    "description",
    "title",
)


def url_column(columns: Sequence[str], given: str | None, file: str) -> str:
    """The column of the URL. Raises ConfigError when there is none, or not the one given."""
    found = _named(columns, given, URLS, file, "--url-col")
    if found is None:
        raise ConfigError(
            f"none of the columns of {file} has a name that says URL; it has {shown(columns)}",
            "part columns with commas (csv) or tabs (tsv)" if _unparted(columns) else "--url-col NAME",
        )
    return found


def caption_column(columns: Sequence[str], given: str | None, file: str) -> str:
    """The column of the caption, "" where none is known, or none wanted ("" given).

    Raises ConfigError when it is not the one given.
    """
    if given == "":
        return ""
    return _named(columns, given, CAPTIONS, file, "--caption-col") or ""


def others(columns: Sequence[str], used: Sequence[str], given: Sequence[str] | None, file: str) -> list[str]:
    """The columns to carry through: those given, else all that have a name and are not used. Raises ConfigError."""
    names = [name for name in columns if name and name not in used]
    if given is not None:
        names = [_existing(columns, name, file) for name in given if name not in used]
    if twice := sorted({name for name in (*names, *used) if columns.count(name) > 1}):
        raise ConfigError(
            f"{file} has several columns of one name: {shown(twice)}",
            "rename them"
            if given or set(twice) & set(used)
            else "rename them, or name those to carry through",
        )
    return names


def shown(names: Sequence[str]) -> str:
    """Names in a sentence, at most 30."""
    some = ", ".join(name if len(name) <= 60 else f"{name[:60]}..." for name in names[:30])
    return f"{some} and {len(names) - 30} more" if len(names) > 30 else some


def _unparted(columns: Sequence[str]) -> bool:
    """Whether the one column looks like several, parted by another sign."""
    return len(columns) == 1 and any(sign in columns[0] for sign in ",;|\t")


def _named(
    columns: Sequence[str], given: str | None, known: Sequence[str], file: str, flag: str
) -> str | None:
    if given is not None:
        return _existing(columns, given, file, flag)
    folded = [_folded(name) for name in columns]
    return next((columns[folded.index(name)] for name in known if name in folded), None)


def _existing(columns: Sequence[str], name: str, file: str, flag: str = "") -> str:
    if name in columns:
        return name
    folded = [_folded(column) for column in columns]
    near = difflib.get_close_matches(_folded(name), folded, 1)
    raise ConfigError(
        f"{file} has no column {name!r}; it has {shown(columns)}",
        f"{flag or 'did you mean'} {columns[folded.index(near[0])]}{'' if flag else '?'}" if near else None,
    )


def _folded(name: str) -> str:
    return name.strip().casefold().replace(" ", "_").replace("-", "_")
