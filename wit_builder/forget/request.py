"""What is asked to be forgotten, as tombstones; and what came of it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from wit_builder.blocklist import tombstones
from wit_builder.blocklist.entries import KINDS, Kind, uncommented, value_of
from wit_builder.blocklist.tombstones import Tombstone
from wit_builder.errors import ConfigError
from wit_builder.web.url import is_public_suffix

MAX_WHY = 1_000  # characters


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was taken out of OUT, or would be."""

    pairs: Counter[str] = field(default_factory=Counter)  # by the kind of tombstone
    candidates: int = 0  # rows
    losses: int = 0  # rows of the ledger that lost address and texts; of a fetch, rows of failures
    shards: tuple[str, ...] = ()  # names of those that are others now
    tombstones: int = 0  # in OUT


def asked(
    words: Mapping[Kind, Sequence[str]], file: Path | None, radius: int, why: str, at: datetime
) -> list[Tombstone]:
    """A tombstone for each word. file: of lines `KIND WORD`, see entries.uncommented.

    Raises ConfigError for a word that is nothing of its kind, or a domain that many own, by option or line.
    """
    if not why.isprintable() or len(why) > MAX_WHY:
        raise ConfigError(f"--why is {why!r:.100}, expected one line of at most {MAX_WHY} characters")
    pairs = [_of_option(kind, word) for kind, said in words.items() for word in said]
    pairs += list(_of_file(file)) if file else []
    return [Tombstone(kind, value, radius if kind == "pdq" else None, at, why) for kind, value in pairs]


def joined(there: Iterable[Tombstone], new: Iterable[Tombstone]) -> list[Tombstone]:
    """All of them, what is there already once, in the order in which they came."""
    found: dict[tuple[str, str, int | None], Tombstone] = {}
    for stone in (*there, *new):
        found.setdefault(stone.what, stone)
    return list(found.values())


def of_out(folder: Path) -> list[Tombstone]:
    """Those that are in the folder already."""
    path = folder / tombstones.NAME
    return tombstones.read(str(path)) if path.exists() else []


def _of_option(kind: Kind, word: str) -> tuple[Kind, str]:
    try:
        return kind, _value_of(kind, word)
    except ConfigError as error:
        raise ConfigError(f"--{kind}: {error}", error.hint) from error


def _value_of(kind: Kind, word: str) -> str:
    value = value_of(kind, word)
    if kind == "domain" and is_public_suffix(value):
        raise ConfigError(
            f"{value!r} is a public suffix, and what is below it has many owners",
            f"name the domain of one: example.{value}",
        )
    return value


def _of_file(path: Path) -> Iterator[tuple[Kind, str]]:
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"--file {path} cannot be read: {why}") from error
    for number, line in enumerate(lines, 1):
        if not (line := uncommented(line)):
            continue
        kind, _, word = line.partition(" ")
        known = next((name for name in KINDS if name == kind), None)
        if known is None:
            raise ConfigError(
                f"{path}, line {number}: {line!r:.100} begins with none of {', '.join(KINDS)}",
                "a line is a kind and a value: domain example.org",
            )
        try:
            yield known, _value_of(known, word)
        except ConfigError as error:
            raise ConfigError(f"{path}, line {number}: {error}", error.hint) from error
