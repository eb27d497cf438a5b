"""What is read of a list, and how it is cut into tasks: from names, footers and first rows alone."""

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from wit_builder import remote
from wit_builder.errors import ConfigError
from wit_builder.lists import carried, delimited, layout, parquet
from wit_builder.lists.files import endings, format_of
from wit_builder.lists.look import Look, look
from wit_builder.lists.settings import UrlList
from wit_builder.lists.slices import Slice
from wit_builder.remote import Source
from wit_builder.shards.layout import RESERVED

ROWS_PER_TASK = 1_000_000  # of parquet: 3 s of one core. Other formats are one task a file
AT_ONCE = 16  # files looked at together, as each look is a wait where they lie on another machine


@dataclass(frozen=True, slots=True)
class Plan:
    """How a list is read."""

    tasks: list[dict[str, Any]]  # arguments of lists.collect's stage functions
    carried: str  # Arrow types of what is carried through (carried.schema_text), "" where nothing is
    sources: tuple[Source, ...]  # the files, as they were
    rows: int | None  # in all; None where only reading would tell
    caption: str  # the column of the captions, "" where there is none
    said: str  # what was recognised, in a sentence


def plan(urls: UrlList, taken: Collection[str] = RESERVED) -> Plan:
    """Look at each file and cut the list into tasks.

    taken: names that a column which is carried through cannot keep.
    Raises ConfigError for a file that is not of its format, holds no row or lacks a column, for files whose
    columns differ in type, and for a list without one row.
    """
    sources = remote.expand(urls.files, endings(urls.format))
    format = urls.format or _format(sources, urls.files)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        looks = list(pool.map(lambda source: look(source, format), sources))
    named = any(it.schema.names for it in looks)  # else what is amiss is that there is nothing
    made = _cut(looks, format, urls, taken) if named else None
    if made is None or made.rows == 0:
        raise ConfigError(f"{' and '.join(s.url for s in sources[:3])}: there is no row to read")
    return made


def check_captions(planned: Plan) -> None:
    """Raise ConfigError for a list that has none, of which no build comes."""
    if not planned.caption:
        raise ConfigError(
            f"none of the columns is known to hold captions. {planned.said}",
            "--caption-col NAME; a list that has none is for `wit fetch`",
        )


def check_unchanged(urls: UrlList, before: Sequence[Source]) -> None:
    """Raise ConfigError when these words do not mean the same files any more, as they were."""
    now = {source.url: source for source in remote.expand(urls.files, endings(urls.format))}
    was = {source.url: source for source in before}
    for url in (*was, *now):
        if now.get(url) != was.get(url):
            what = "is gone" if url not in now else "is new" if url not in was else "has changed"
            raise ConfigError(
                f"{url} {what} since this build began",
                "put the input back as it was, or build into another --out",
            )


def _format(sources: Sequence[Source], files: Sequence[str]) -> str:
    found = {format_of(source.url): source.url for source in sources}
    if None in found:
        raise ConfigError(
            f"the name of {found[None]} does not say its format; names end in {', '.join(endings(None))}",
            "--input-format csv",
        )
    if len(found) > 1:
        (one, url), (other, another) = list(found.items())[:2]
        apart = [f"--input-format {format}" for format in (one, other) if _means_one(files, str(format))]
        hint = apart[0] if apart else "name files of one format"
        raise ConfigError(f"{url} is {one} and {another} is {other}", hint)
    return str(next(iter(found)))


def _means_one(files: Sequence[str], format: str) -> bool:
    """Whether these words mean files of that format alone once it is given: folders then do."""
    return {format_of(source.url) for source in remote.expand(files, endings(format))} == {format}


def _cut(looks: Sequence[Look], format: str, urls: UrlList, taken: Collection[str]) -> Plan:
    first = next(it for it in looks if it.schema.names)
    names, file = first.schema.names, first.source.url
    url = layout.url_column(names, urls.url_col, file)
    caption = layout.caption_column(names, urls.caption_col, file)
    extras = [_extras(look, url, caption, urls.columns) for look in looks]
    kinds = carried.united([(it.source.url, extra) for it, extra in zip(looks, extras, strict=True)])
    keys = carried.keys(kinds.names, taken)
    types = carried.schema_text((keys[field.name], field.type) for field in kinds)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    told_apart = remote.told_apart([it.source.url for it in looks])
    slices = [
        Slice(
            source=it.source,
            name=told_apart[it.source.url],
            number=number,
            format=format,
            first=begin,
            end=end,
            cells=tuple(it.schema.names) if format in delimited.DELIMITERS else (),
            header=it.header,
            url=url,
            caption=caption,
            extra={name: keys[name] for name in extra.names},
            types=types if format in ("json", "jsonl") else "",
            at=at,
        )
        for number, (it, extra) in enumerate(zip(looks, extras, strict=True))
        for begin, end in _spans(it.groups)
    ]
    return Plan(
        tasks=[part.as_json() for part in slices],
        carried=types,
        sources=tuple(it.source for it in looks),
        rows=_rows(looks),
        caption=caption,
        said=_said(url, caption, carried.renamed(keys)),
    )


def _extras(look: Look, url: str, caption: str, given: Sequence[str] | None) -> pa.Schema:
    """The columns of a file that are carried through, as they come back."""
    names, file = look.schema.names, look.source.url
    for needed in filter(None, (url, caption) if names else ()):
        if needed not in names:
            raise ConfigError(
                f"{file} has no column {needed!r}, as others have; it has {layout.shown(names)}"
            )
        if names.count(needed) == 1 and not parquet.holds_text(look.schema.field(needed).type):
            raise ConfigError(
                f"column {needed!r} of {file} is {look.schema.field(needed).type}, expected text"
            )
    wanted = layout.others(names, [url, caption], given, file) if names else []
    return carried.back(pa.schema([look.schema.field(name) for name in wanted]), file)


def _rows(looks: Sequence[Look]) -> int | None:
    total = 0
    for it in looks:
        if it.groups is None:
            return None
        total += sum(it.groups)
    return total


def _spans(groups: tuple[int, ...] | None) -> Iterator[tuple[int, int | None]]:
    """The first row of each task and the one after its last; tasks end where row groups do."""
    if groups is None:
        yield 0, None
        return
    begin = end = 0
    for rows in groups:
        end += rows
        if end - begin >= ROWS_PER_TASK:
            yield begin, end
            begin = end
    if end > begin:
        yield begin, end


def _said(url: str, caption: str, extra: list[str]) -> str:
    words = f"URLs are in the column {url!r}, "
    words += f"captions in {caption!r}" if caption else "captions nowhere"
    return words + (f"; carried through: {layout.shown(extra)}" if extra else "")
