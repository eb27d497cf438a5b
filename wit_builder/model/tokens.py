"""CLIP's tokens of a caption: equal to open_clip's, at a tenth of its time.

The vocabulary is open_clip's own file. What takes its time is cleaning, which a plain caption does not need, and byte
pairs: those of words that it has met are kept, and a word of the vocabulary needs none.
"""

import gzip
import importlib.util
import re
from functools import cache
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

from wit_builder.errors import ConfigError

CONTEXT = 77  # tokens of a caption, its start and its end among them
MAX_CHARACTERS = 10_000  # of a caption that are looked at: 75 tokens of text have been found long before
MAX_WORD = 1_000  # characters of a word that are looked at; byte pairs take the square of a word's length
_MOST_KEPT = 1 << 17  # words
_VOCABULARY = "bpe_simple_vocab_16e6.txt.gz"
_MERGES = 49_152 - 256 - 2
_START, _END = "<start_of_text>", "<end_of_text>"
_STRAIGHT = str.maketrans("‘’“”", "''\"\"")  # all that ftfy does to a text of the characters below and these
_PLAIN = re.compile("[ -%'-~–—…]*")  # ASCII without the ampersand, dashes; a test compares them with ftfy
_PLAIN_WORD = re.compile(rf"{_START}|{_END}|'s|'t|'re|'ve|'m|'ll|'d|[a-z]+|[0-9]|[^\sa-z0-9]+")


class Tokenizer:
    """Makes ids of captions. context: the most ids of one, 3 or more; of a longer one the first, and the end."""

    def __init__(self, context: int = CONTEXT) -> None:
        self.context = context
        self._ranks, self._ids, self._letters = _vocabulary()
        self._known: dict[str, tuple[int, ...]] = {}
        self.start, self.end = self._ids[_START], self._ids[_END]

    def __call__(self, caption: str) -> list[int]:
        """The ids of the caption, from its start to its end; no padding."""
        ids = [self.start]
        for word in _words(caption[:MAX_CHARACTERS]):
            ids += self._known.get(word) or self._new(word)
            if len(ids) >= self.context:
                del ids[self.context - 1 :]
                break
        ids.append(self.end)
        return ids

    def _new(self, word: str) -> tuple[int, ...]:
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        letters = "".join(self._letters[byte] for byte in word[:MAX_WORD].encode("utf-8", "replace"))
        whole = self._ids.get(word if word in (_START, _END) else f"{letters}</w>")
        parts = _paired(letters, self._ranks) if whole is None else []
        ids = tuple(self._ids[part] for part in parts) if whole is None else (whole,)
        self._known[word] = ids
        return ids


def _words(caption: str) -> list[str]:
    straight = caption.translate(_STRAIGHT)
    if _PLAIN.fullmatch(straight):
        return _PLAIN_WORD.findall(straight.lower())
    patterns, fix_text = _cleaning()
    text = unescape(unescape(fix_text(caption))).strip()
    found: list[str] = patterns[1].findall(patterns[0].sub(" ", text).strip().lower())
    return found


def _paired(letters: str, ranks: dict[tuple[str, str], int]) -> list[str]:
    """The word's letters, joined pair by pair, the commonest pair first (Sennrich and others, 2016)."""
    parts = [*letters[:-1], f"{letters[-1]}</w>"]
    while len(parts) > 1:
        best = min(pairwise(parts), key=lambda pair: ranks.get(pair, _MERGES))
        if best not in ranks:
            break
        joined: list[str] = []
        waiting = False  # whether the part before is the pair's first
        for part in parts:
            if waiting and part == best[1]:
                joined[-1] += part
                waiting = False
            else:
                joined.append(part)
                waiting = part == best[0]
        parts = joined
    return parts


@cache
def _vocabulary() -> tuple[dict[tuple[str, str], int], dict[str, int], list[str]]:
    """Ranks of pairs, ids of parts of words, and the letter that stands for each byte."""
    found = importlib.util.find_spec("open_clip")  # looked up and not imported: it would bring torch along
    if found is None or found.origin is None:
        raise ConfigError("open_clip is not installed", "pip install 'wit-builder[train]'")
    lines = gzip.decompress(Path(found.origin).with_name(_VOCABULARY).read_bytes()).decode().split("\n")
    merges = [(left, right) for left, right in (line.split() for line in lines[1 : _MERGES + 1])]
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]  # the others move up behind 255
    hidden = [byte for byte in range(256) if byte not in shown]
    letters = {byte: chr(byte) for byte in shown} | {byte: chr(256 + at) for at, byte in enumerate(hidden)}
    single = list(letters.values())
    parts = [*single, *(f"{one}</w>" for one in single), *("".join(pair) for pair in merges), _START, _END]
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    return ranks, {part: number for number, part in enumerate(parts)}, [letters[byte] for byte in range(256)]


@cache
def _cleaning() -> tuple[tuple[Any, Any], Any]:
    """What open_clip cleans with; it comes with it."""
    import ftfy
    import regex

    word = rf"{_START}|{_END}|'s|'t|'re|'ve|'m|'ll|'d|[\p{{L}}]+|[\p{{N}}]|[^\s\p{{L}}\p{{N}}]+"
    return (regex.compile(r"\s+"), regex.compile(word, regex.IGNORECASE)), ftfy.fix_text
