"""A text as words: the one form in which queries and captions are compared.

Callers ask `split(texts)` for many texts at once, with the place of every word in its original, or
`forms(texts)` for the words alone.

A word is a run of letters, digits and combining marks. All else is a boundary: spaces, punctuation, quotes,
brackets, hyphens, control characters. So "St. Louis", "(cat)" and "Spider-Man: Homecoming" are the words
`st louis`, `cat` and `spider man homecoming`, wherever they stand. Besides:

- An apostrophe, straight or typographic, stays within its word (`don't`, `o'brien`). But a possessive is a word
  of its own (`cat 's`), and what is elided in French, Italian and Catalan is one (`l' eau`, `dell' arte`).
- `+` and `#` behind a letter or digit are a word of their own: "C++" is `c ++`, "C#" is `c #`.
- A letter of a script that is written without spaces is a word with its marks, so that a query is found
  within a run.
- What has no width (soft hyphen, joiners, direction marks, variation selectors) is not there.

Words are compared in NFC, and by Unicode's full case folding or in their own case.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise, repeat

import numpy as np
from numpy.typing import NDArray

from wit_builder.text.letters import (
    ALONE,
    APOSTROPHE,
    BOUNDARY,
    MARK,
    NOTHING,
    SIGN,
    WORD,
    any_unusual,
    followers,
    looked_up,
    stands_alone,
)
from wit_builder.text.normalize import MANY_MARKS, MAX_MARKS

END = "\n"  # stands behind the words of each text; no word holds it

_Ints = NDArray[np.int32]
_Codes = NDArray[np.uint32]
_Kinds = NDArray[np.uint8]
_Flags = NDArray[np.bool_]
_Places = NDArray[np.intp]

_ELISIONS = (*(f" {letter}" for letter in "cdjlmnst"), " un", "qu", "ll")  # l', un', lorsqu', dell'
_SPACE, _END, _QUOTE, _S = map(ord, (" ", END, "'", "s"))
_ASCII = 127
# ASCII that nothing follows but ASCII; all else, with the letter before it
_STRETCHES = re.compile("[\x00-\x7f]+(?![^\x00-\x7f])|[\x00-\x7f]?[^\x00-\x7f]+")


@dataclass(frozen=True, slots=True)
class Split:
    """The words of several texts, one behind the other, behind those of each an `END`."""

    words: list[str]  # case folded
    cased: list[str]  # the same in their own case; empty unless asked for
    ends: _Ints  # of each text: where its END stands in `words`
    begins: _Ints  # of each word: where in its text it begins, in code points
    stops: _Ints  # ... and where it ends

    def texts(self) -> list[str]:
        """Of each text its words with one space between them, case folded; "" where it has none."""
        return [" ".join(self.words[end - count : end]) for end, count in self._counts()]

    def cased_texts(self) -> list[str]:
        """The same in their own case."""
        return [" ".join(self.cased[end - count : end]) for end, count in self._counts()]

    def _counts(self) -> Iterator[tuple[int, int]]:
        return zip(self.ends.tolist(), (np.diff(self.ends, prepend=-1) - 1).tolist(), strict=True)


def forms(texts: Sequence[str]) -> list[str]:
    """Of each text its words with one space between them, case folded; "" where it has none."""
    return split(texts).texts()


def spelled(words: Sequence[str]) -> str:
    """The words as a text that has them again: with spaces, but none between letters that stand alone."""
    parts = [words[0]] if words else []
    for before, word in pairwise(words):
        joined = stands_alone(before[0]) and stands_alone(word[0])
        parts.append(word if joined else f" {word}")
    return "".join(parts)


def is_part(word: str) -> bool:
    """Whether it belongs to the word before or behind it: a possessive, an elision, signs."""
    return word[0] in "'+#" or word[-1] == "'"


def split(texts: Sequence[str], *, cased: bool = False) -> Split:
    """The words of each text, in order. Never raises; linear in the length.

    cased: whether the words in their own case are wanted too. About 60 bytes of memory a character.
    """
    joined = _joined(texts)
    kinds, folded = looked_up(joined.codes)
    if len(gone := np.flatnonzero(kinds == NOTHING)):
        joined = joined.without(gone)
        kinds, folded = np.delete(kinds, gone), np.delete(folded, gone)
    starts = _starts(kinds, folded)
    breaks = joined.breaks
    kinds[breaks], starts[breaks], folded[breaks] = WORD, True, _END  # it has its place among the words
    kept = np.flatnonzero(kinds)
    firsts = np.flatnonzero(starts[kept])
    places = np.arange(len(kept)) + np.cumsum(starts[kept]) - 1  # a space in front of each word but the first
    own = np.where((folded == _QUOTE) | (folded == _END), folded, joined.codes) if cased else folded[:0]
    return Split(
        words=_words(folded, kept, places),
        cased=_words(own, kept, places) if cased else [],
        ends=np.searchsorted(kept[firsts], breaks).astype(np.int32),
        begins=joined.begins[kept[firsts]],
        stops=joined.stops[kept[np.append(firsts[1:], len(kept)) - 1]] if len(kept) else joined.stops[:0],
    )


def _words(codes: _Codes, kept: _Places, places: _Places) -> list[str]:
    if not len(kept):
        return []
    out = np.full(places[-1] + 1, _SPACE, np.uint32)
    out[places] = codes[kept]
    return out.tobytes().decode("utf-32-le").split(" ")


@dataclass(frozen=True, slots=True)
class _Joined:
    """The characters of several texts, one behind each text besides."""

    codes: _Codes
    breaks: _Places  # where the characters behind texts are
    begins: _Ints  # of each character: where in its text it begins, in code points
    stops: _Ints

    def without(self, gone: _Places) -> "_Joined":
        breaks = self.breaks - np.searchsorted(gone, self.breaks)
        return _Joined(
            np.delete(self.codes, gone), breaks, np.delete(self.begins, gone), np.delete(self.stops, gone)
        )


def _joined(texts: Sequence[str]) -> _Joined:
    """Every text in a form that `_is_plain`."""
    joined = _as_they_are(texts)
    if joined.codes.max(initial=0) <= _ASCII:
        return joined
    numbers = np.unique(np.searchsorted(joined.breaks, np.flatnonzero(any_unusual(joined.codes)))).tolist()
    composed = {number: _composed(texts[number]) for number in numbers if not _is_plain(texts[number])}
    if not composed:
        return joined
    pieces = list(texts)
    for number, (text, _, _) in composed.items():
        pieces[number] = text
    joined = _as_they_are(pieces)
    for number, (text, begins, stops) in composed.items():
        there = slice(joined.breaks[number] - len(text), joined.breaks[number])
        joined.begins[there], joined.stops[there] = begins, stops
    return joined


def _as_they_are(texts: Sequence[str]) -> _Joined:
    whole = "".join([*chain.from_iterable(zip(texts, repeat(END)))])
    codes = np.frombuffer(whole.encode("utf-32-le", "surrogatepass"), np.uint32)
    lengths = np.fromiter(map(len, texts), np.intp, len(texts)) + 1
    ends = np.cumsum(lengths)
    begins = (np.arange(len(codes)) - np.repeat(ends - lengths, lengths)).astype(np.int32)
    return _Joined(codes, ends - 1, begins, begins + 1)


def _is_plain(text: str) -> bool:
    """Whether each character becomes one when case is folded, and the whole is in NFC then."""
    if len(text) > MAX_MARKS and MANY_MARKS.search(text):
        return False
    folded = text.casefold()
    return len(folded) == len(text) and unicodedata.is_normalized("NFC", folded)


def _composed(text: str) -> tuple[str, list[int], list[int]]:
    """The text in a form that `_is_plain`, and of each character where in `text` it begins and ends."""
    pieces: list[str] = []
    begins: list[int] = []
    stops: list[int] = []
    for begin, stop in _clusters(text):
        if text[begin] <= "\x7f" and text[stop - 1] <= "\x7f":  # more than one character, each by itself
            pieces.append(text[begin:stop])
            begins += range(begin, stop)
            stops += range(begin + 1, stop + 1)
            continue
        piece = _plain(text[begin : min(stop, begin + 1 + MAX_MARKS)])
        pieces.append(piece)
        begins += [begin] * len(piece)
        stops += [stop] * len(piece)
    return "".join(pieces), begins, stops


def _plain(cluster: str) -> str:
    own = unicodedata.normalize("NFC", cluster)
    small = own.casefold()
    if len(small) == len(own) and unicodedata.is_normalized("NFC", small):
        return own  # in its own case
    return unicodedata.normalize("NFC", small)


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Begin and end of what NFC may join together, a character and the marks behind it; or of ASCII alone."""
    for stretch in _STRETCHES.finditer(text):
        begin, stop = stretch.span()
        if text[stop - 1] > "\x7f":
            for at in range(begin + 1, stop):
                if not (unicodedata.combining(text[at]) or text[at] in followers()):
                    yield begin, at
                    begin = at
        yield begin, stop


def _starts(kinds: _Kinds, folded: _Codes) -> _Flags:
    """Where words begin. Marks, apostrophes and signs become WORD, ALONE, SIGN or BOUNDARY in `kinds`."""
    odd = np.flatnonzero(kinds >= SIGN)
    of_kind = kinds[odd]
    marks = odd[of_kind == MARK]
    kinds[marks] = _base(kinds, marks, (WORD, ALONE))
    apostrophes = odd[of_kind == APOSTROPHE]
    behind = kinds[apostrophes + 1] == WORD
    possessive = behind & (folded[apostrophes + 1] == _S)
    possessive &= kinds[np.minimum(apostrophes + 2, len(kinds) - 1)] != WORD  # also of text in tokens: cat 's
    inner = behind & (kinds[apostrophes - 1] == WORD) & ~possessive
    kinds[apostrophes] = np.where(inner | possessive, WORD, BOUNDARY)
    signs = odd[of_kind == SIGN]
    kinds[signs] = np.where(_base(kinds, signs, (WORD,)) == WORD, SIGN, BOUNDARY)

    starts: _Flags = np.diff(kinds, prepend=np.uint8(BOUNDARY)) != 0
    starts |= kinds == ALONE
    starts &= kinds != BOUNDARY
    starts[marks] = False
    starts[apostrophes[possessive]] = True
    starts[_elided(kinds, folded, apostrophes[inner]) + 1] = True
    return starts


def _base(kinds: _Kinds, odd: NDArray[np.intp], allowed: tuple[int, ...]) -> _Kinds:
    """Of each of these places the kind of what stands before their run, BOUNDARY where it is not allowed."""
    first = np.diff(odd, prepend=-2) != 1
    base = kinds[(odd[first] - 1)[np.cumsum(first) - 1]]
    return np.where(np.isin(base, allowed), base, BOUNDARY).astype(np.uint8)


def _elided(kinds: _Kinds, folded: _Codes, inner: NDArray[np.intp]) -> NDArray[np.intp]:
    """Which of the apostrophes within words stand behind an elision."""
    found = [inner[:0]]
    for elision in _ELISIONS:
        at = inner
        for back, letter in enumerate(reversed(elision), 1):
            before = at - back
            at = at[kinds[before] != WORD if letter == " " else folded[before] == ord(letter)]
        found.append(at)
    return np.concatenate(found)
