"""Lists that others have made: words with their counts, page views of titles, WordNet in its usual forms."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote
from xml.parsers import expat

from wit_builder import remote
from wit_builder.errors import ConfigError, Dropped
from wit_builder.lists import files
from wit_builder.remote import Source
from wit_builder.text.normalize import fold
from wit_builder.vocabulary.corpus import blocks, lines
from wit_builder.vocabulary.tally import Tally

Follow = Callable[[str, int, int], None]  # told what is read, and bytes and words since it was told last

_BRACKETS = re.compile(r"(?<=\S) \([^()]*\)$")  # behind the name of one of several articles: Mercury (planet)
_NAMESPACE = re.compile(r"^[^:]+:(?! )")  # Talk:Cat, but not Spider-Man: Homecoming
_POSITION = re.compile(r"\((?:a|p|ip)\)$")  # where an adjective stands, wndb(5WN)
_DATA_FILES = ("data.noun", "data.verb", "data.adj", "data.adv")


def counted_words(sources: Sequence[Source], skipped: Counter[str]) -> Iterator[tuple[str, int]]:
    """Words and counts of files with `word TAB count` a line; `skipped` counts a `bad_line`, and as `lines` does."""
    for source in sources:
        for block, _ in lines(source, skipped):
            for line in block:
                word, tab, count = line.rpartition("\t")
                if tab and count.strip().isdecimal() and len(count) < 20:
                    yield word, int(count)
                elif line.strip():
                    skipped["bad_line"] += 1


def titles(
    sources: Sequence[Source],
    projects: Sequence[str],
    scratch: Path,
    most: int,
    skipped: Counter[str],
    follow: Follow,
) -> Iterator[tuple[str, int]]:
    """Names of articles with their views over all files, of Wikimedia's pageviews (project, title, views, bytes).

    Of a title the underscores become spaces, and what stands in brackets behind a name to tell articles apart
    is taken off. Pages outside of the articles, whose title has a colon without a space behind it, are not
    there. projects: the codes that count; "en" is the English Wikipedia, "en.m" its mobile pages.
    skipped: counts a `bad_line`, a title that is `not_utf8`, and a `damaged` place.
    most: titles held in memory; what is more goes to `scratch`, which is made. Raises ConfigError where no line
    is of these projects.
    """
    scratch.mkdir()
    raw = Tally(scratch / "raw", most)
    begin = rb"^(?:" + b"|".join(re.escape(project.encode()) for project in projects) + rb") "
    any_line, good_line = (
        re.compile(begin, re.MULTILINE),
        re.compile(begin + rb"(\S+) (\d{1,18}) \d+\r?$", re.MULTILINE),
    )
    seen = 0
    for source in sources:
        told = 0
        for block, taken in blocks(source, skipped):
            found = Counter[bytes]()
            rows = good_line.findall(block)
            for title, views in rows:
                found[title] += int(views)
            skipped["bad_line"] += len(any_line.findall(block)) - len(rows)
            raw.add(dict(_decoded(found, skipped)))
            seen += len(rows)
            follow("titles", taken - told, len(rows))
            told = taken
    if not seen:
        raise ConfigError(
            f"no line of the page views is of {' or '.join(projects)}, expected such as `en Cat 42 0`",
            "say with --project which code they have, the first word of a line",
        )
    names = Tally(scratch / "names", most)
    for title, views in raw.counts():
        if (name := _name(title)) and not _NAMESPACE.match(name):
            names.add({_BRACKETS.sub("", name): views})
    yield from names.counts()


def wordnet(place: str, skipped: Counter[str]) -> Iterator[str]:
    """The lemmas of a WordNet, in their own case.

    place: its dict folder (or one of the files data.*; wndb(5WN)), LMF XML of the Global WordNet Association, or
    plain text with a lemma a line. Packed or not. Raises ConfigError where it holds none.
    """
    names = [str(Path(place) / name) for name in _DATA_FILES] if _is_dict(place) else [place]
    any_ = False
    for source in remote.expand(
        names, (".xml", ".xml.gz", ".txt", ".txt.gz", ".noun", ".verb", ".adj", ".adv")
    ):
        for lemma in _lemmas(source, skipped):
            any_ = True
            yield lemma.replace("_", " ")
    if not any_:
        raise ConfigError(
            f"{place} holds no lemma, expected WordNet's dict folder, LMF XML, or a lemma a line"
        )


def _decoded(found: Counter[bytes], skipped: Counter[str]) -> Iterator[tuple[str, int]]:
    for title, views in found.items():
        try:
            yield title.decode(), views
        except UnicodeDecodeError:
            skipped["not_utf8"] += 1


def _name(title: str) -> str:
    if "%" in title:
        try:
            title = unquote(title, errors="strict")
        except UnicodeDecodeError:
            return ""
    return fold(title.replace("_", " "))


def _is_dict(place: str) -> bool:
    return "://" not in place and (Path(place) / _DATA_FILES[0]).is_file()


def _lemmas(source: Source, skipped: Counter[str]) -> Iterator[str]:
    if re.search(r"\.xml(\.\w+)?$", source.url):
        yield from _lmf(source)
    elif files.name_of(source.url) in _DATA_FILES:
        for block, _ in lines(source, skipped):
            yield from (
                lemma for line in block if line[:1].isdecimal() for lemma in _of_synset(line, source.url)
            )
    else:
        for block, _ in lines(source, skipped):
            yield from (line for line in block if line.strip())


def _of_synset(line: str, url: str) -> list[str]:
    """offset, file, type, number of words (hex), then a word and its number in the file for each."""
    fields = line.split(" ")
    try:
        words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
    except (IndexError, ValueError) as error:
        raise ConfigError(f"{url} has the line {line[:60]!r}, expected a synset as in wndb(5WN)") from error
    return [_POSITION.sub("", word) for word in words]


def _lmf(source: Source) -> Iterator[str]:
    found: list[str] = []

    def begins(name: str, attributes: dict[str, str]) -> None:
        if name == "Lemma":
            found.append(attributes.get("writtenForm", ""))

    parser = expat.ParserCreate()
    parser.StartElementHandler = begins
    try:
        with files.opened(source) as file:
            for chunk in files.chunks(file):
                parser.Parse(chunk)
                yield from filter(None, found)
                found.clear()
        parser.Parse(b"", True)
    except (expat.ExpatError, Dropped) as error:
        raise ConfigError(f"{source.url} cannot be read as XML: {error}") from error
