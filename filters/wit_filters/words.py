"""A caption's words, as rules compare them: how they are counted, and lists of them that a user names by path."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ahocorasick_rs import AhoCorasick

from wit_builder.errors import ConfigError
from wit_builder.text.normalize import fold

MAX_LIST_BYTES = 1 << 30  # of a file
MAX_ENTRY = 1_000  # characters
MAX_LINE = 1 << 16  # characters read of a line
MAX_PHRASE = 8  # words of an entry that are looked for as one phrase

# Scripts written without spaces between words; how many characters make a word is a rough count of ours.
_HAN_KANA = (
    "\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_THAI_TO_KHMER = "\u0e01-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Tibetan, Myanmar, Khmer
_HANGUL = "\uac00-\ud7a3"
_DENSE = re.compile(f"[{_HAN_KANA}{_HANGUL}]")
_TWO_A_WORD = re.compile(f"[{_HAN_KANA}]")
_FOUR_A_WORD = re.compile(f"[{_THAI_TO_KHMER}]")
UNSPACED = re.compile(f"[{_HAN_KANA}{_THAI_TO_KHMER}]")

PUNCTUATION = ".,;:!?\"'()[]{}<>«»„“”‘’‚–—-…|/·•*#"


def count(text: str) -> int:
    """How many words: runs without whitespace; of scripts without spaces two or four characters are one."""
    if text.isascii():
        return len(text.split())
    two, four = len(_TWO_A_WORD.findall(text)), len(_FOUR_A_WORD.findall(text))
    spaced = len(UNSPACED.sub(" ", text).split()) if two or four else len(text.split())
    return spaced + (two + 1) // 2 + (four + 3) // 4


def weight(text: str) -> int:
    """How many characters, those of Han, kana and Hangul twice: one says about as much as two letters."""
    return len(text) if text.isascii() else len(text) + len(_DENSE.findall(text))


def words(text: str) -> list[str]:
    """The words between whitespace, case folded, without punctuation at their ends or a possessive 's."""
    return [word for raw in text.casefold().split() if (word := _bare(raw))]


def _bare(raw: str) -> str:
    word = raw.strip(PUNCTUATION)
    return word[:-2] if word.endswith(("'s", "’s")) else word


@dataclass(frozen=True, slots=True)
class Words:
    """A list of words and phrases."""

    entries: frozenset[str]  # words, and phrases of words with one space between
    longest: int  # words of the longest phrase
    unspaced: AhoCorasick | None  # entries in scripts without spaces, which are found wherever they stand

    def found(self, text: str) -> Iterator[str]:
        """The entries that stand in the text as whole words; in scripts without spaces anywhere in it."""
        told = words(text)
        for length in range(1, self.longest + 1):
            for at in range(len(told) - length + 1):
                phrase = " ".join(told[at : at + length]) if length > 1 else told[at]
                if phrase in self.entries:
                    yield phrase
        if self.unspaced is not None and not text.isascii():
            yield from self.unspaced.find_matches_as_strings(text.casefold())

    def known(self, told: Sequence[str]) -> int:
        """How many of these words are in the list."""
        return sum(word in self.entries for word in told)


@lru_cache(maxsize=16)
def read(path: Path, min_count: int = 0) -> Words:
    """The list in that file, read once a process: UTF-8, an entry a line, folded as captions are.

    min_count: entries that a line with a tab gives a smaller number are left out (`word<TAB>count`; a column between
    them is passed over). Raises ConfigError for a file that is missing, empty, no UTF-8, or holds what is no entry.
    """
    phrases = {" ".join(entry) for entry in _entries(path, min_count) if entry}
    if not phrases:
        raise ConfigError(f"the list of words {str(path)!r} holds none", _HINT)
    dense = sorted(phrase for phrase in phrases if not phrase.isascii() and UNSPACED.search(phrase))
    longest = max(phrase.count(" ") + 1 for phrase in phrases)
    return Words(frozenset(phrases), longest, AhoCorasick(dense) if dense else None)


_HINT = "one word or phrase a line, in UTF-8"


def _entries(path: Path, min_count: int) -> Iterator[list[str]]:
    try:
        if path.stat().st_size > MAX_LIST_BYTES:
            raise ConfigError(f"the list of words {str(path)!r} is larger than 1 GiB", _HINT)
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE), ""), 1):
                entry, tab, rest = line.rstrip("\r\n").partition("\t")
                if len(entry) > MAX_ENTRY:
                    raise ConfigError(
                        f"{path}, line {number}: {len(entry):,} characters, {MAX_ENTRY:,} at most", _HINT
                    )
                if not tab or not min_count or _count(path, number, rest) >= min_count:
                    yield _phrase(path, number, entry)
    except OSError as error:
        raise ConfigError(
            f"the list of words {str(path)!r} cannot be read: {error.strerror}", _HINT
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"the list of words {str(path)!r} is no UTF-8", _HINT) from None


def _phrase(path: Path, number: int, entry: str) -> list[str]:
    phrase = words(fold(entry))
    if len(phrase) > MAX_PHRASE:
        raise ConfigError(
            f"{path}, line {number}: a phrase of {len(phrase)} words, {MAX_PHRASE} at most", _HINT
        )
    return phrase


def _count(path: Path, number: int, rest: str) -> int:
    last = rest.rpartition("\t")[2].strip()
    if not last.isdecimal() or len(last) > 18:
        raise ConfigError(f"{path}, line {number}: {last[:40]!r} is no count", "word<TAB>count")
    return int(last)
