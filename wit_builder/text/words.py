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

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

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
    followers,
    looked_up,
)
from wit_builder.text.normalize import MANY_MARKS, MAX_MARKS

END = "\n"  # stands behind the words of each text

_Ints = NDArray[np.int32]
_Codes = NDArray[np.uint32]
_Kinds = NDArray[np.uint8]
_Flags = NDArray[np.bool_]

_ELISIONS = (*(f" {letter}" for letter in "cdjlmnst"), " un", "qu", "ll")  # l', un', lorsqu', dell'
_SPACE, _END, _QUOTE, _S = map(ord, (" ", END, "'", "s"))


@dataclass(frozen=True, slots=True)
class Split:
    """The words of several texts, one behind the other: " st louis \\n cat \\n" of "St. Louis!" and "(cat)".

    In front of every word stands one space, behind the last of each text a space and `END`.
    """

    text: str  # case folded
    cased: str  # the same in its own case, character for character; "" unless it was asked for
    ends: _Ints  # of each text: where its END stands in `text`
    begins: _Ints  # of each character of `text`: where in its text that begins, in code points
    stops: _Ints  # ... and where it ends

    def words(self) -> list[str]:
        """Of each text its words with one space between them, case folded; "" where it has none."""
        return [line[1:-1] for line in self.text.split(END)[:-1]]

    def cased_words(self) -> list[str]:
        """The same in their own case."""
        return [line[1:-1] for line in self.cased.split(END)[:-1]]

    def places(self, starts: _Ints, ends: _Ints) -> tuple[_Ints, _Ints, _Ints]:
        """The number of the text, and begin and end in it, of stretches of `text`.

        starts, ends: of stretches that begin and end with a character of a word.
        """
        texts = np.searchsorted(self.ends, starts).astype(np.int32)
        return texts, self.begins[starts], self.stops[ends - 1]


def forms(texts: Sequence[str]) -> list[str]:
    """Of each text its words with one space between them, case folded; "" where it has none."""
    return split(texts).words()


def split(texts: Sequence[str], *, cased: bool = False) -> Split:
    """The words of each text, in order. Never raises; linear in the length.

    cased: whether the words in their own case are wanted too. About 60 bytes of memory a character.
    """
    whole, breaks, begins, stops = _joined(texts)
    codes = np.frombuffer(whole.encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds, folded = looked_up(codes)
    if len(gone := np.flatnonzero(kinds == NOTHING)):
        breaks = breaks - np.searchsorted(gone, breaks).astype(np.int32)
        codes, kinds, folded = np.delete(codes, gone), np.delete(kinds, gone), np.delete(folded, gone)
        begins, stops = np.delete(begins, gone), np.delete(stops, gone)
    starts = _starts(kinds, folded)
    kinds[breaks], starts[breaks], folded[breaks] = WORD, True, _END  # it has its place among the words
    kept = np.flatnonzero(kinds)
    places = np.cumsum((kinds != BOUNDARY).view(np.uint8) + starts.view(np.uint8), dtype=np.int32) - 1
    lay = _Layout(int(places[-1]) + 1 if len(places) else 0, kept, places[kept])
    if cased:
        codes = np.where((folded == _QUOTE) | (folded == _END), folded, codes)
    return Split(
        text=lay.text(folded),
        cased=lay.text(codes) if cased else "",
        ends=places[breaks],
        begins=lay.laid(begins),
        stops=lay.laid(stops),
    )


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the characters of words go among the spaces in front of words."""

    size: int  # characters in all
    kept: NDArray[np.intp]  # which characters are of words
    places: _Ints  # where each of them goes

    def laid(self, values: NDArray[Any], between: int = -1) -> NDArray[Any]:
        out = np.full(self.size, between, values.dtype)
        out[self.places] = values[self.kept]
        return out

    def text(self, codes: _Codes) -> str:
        return self.laid(codes, _SPACE).tobytes().decode("utf-32-le")


def _joined(texts: Sequence[str]) -> tuple[str, _Ints, _Ints, _Ints]:
    """The texts with a character behind each, where those are, and of each character its place in its text."""
    pieces = list(texts)
    composed = {n: _composed(text) for n, text in enumerate(pieces) if not _is_plain(text)}
    for n, (text, _, _) in composed.items():
        pieces[n] = text
    lengths = np.fromiter((len(piece) + 1 for piece in pieces), np.int32, len(pieces))
    ends = np.cumsum(lengths, dtype=np.int32)
    begins = np.arange(ends[-1] if len(ends) else 0, dtype=np.int32) - np.repeat(ends - lengths, lengths)
    stops = begins + 1
    for n, (_, first, last) in composed.items():
        begins[ends[n] - lengths[n] : ends[n] - 1] = first
        stops[ends[n] - lengths[n] : ends[n] - 1] = last
    return "".join(f"{piece}{END}" for piece in pieces), ends - 1, begins, stops


def _is_plain(text: str) -> bool:
    """Whether each character becomes one when case is folded, and the whole is in NFC then."""
    if text.isascii():
        return True
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
    """Begin and end of what NFC may join together: a character and the marks behind it."""
    begin = 0
    for at, char in enumerate(text):
        if at > begin and not (unicodedata.combining(char) or char in followers()):
            yield begin, at
            begin = at
    if text:
        yield begin, len(text)


def _starts(kinds: _Kinds, folded: _Codes) -> _Flags:
    """Where words begin. Marks, apostrophes and signs become WORD, ALONE, SIGN or BOUNDARY in `kinds`."""
    odd = np.flatnonzero(kinds >= SIGN)
    of_kind = kinds[odd]
    marks = odd[of_kind == MARK]
    kinds[marks] = _base(kinds, marks, (WORD, ALONE))
    apostrophes = odd[of_kind == APOSTROPHE]
    inner = (kinds[apostrophes - 1] == WORD) & (kinds[apostrophes + 1] == WORD)
    kinds[apostrophes] = np.where(inner, WORD, BOUNDARY)
    signs = odd[of_kind == SIGN]
    kinds[signs] = np.where(_base(kinds, signs, (WORD,)) == WORD, SIGN, BOUNDARY)

    starts: _Flags = np.diff(kinds, prepend=np.uint8(BOUNDARY)) != 0
    starts |= kinds == ALONE
    starts &= kinds != BOUNDARY
    starts[marks] = False
    _cut(starts, kinds, folded, apostrophes[inner])
    return starts


def _base(kinds: _Kinds, odd: NDArray[np.intp], allowed: tuple[int, ...]) -> _Kinds:
    """Of each of these places the kind of what stands before their run, BOUNDARY where it is not allowed."""
    first = np.diff(odd, prepend=-1) != 1
    base = kinds[(odd[first] - 1)[np.cumsum(first) - 1]]
    return np.where(np.isin(base, allowed), base, BOUNDARY).astype(np.uint8)


def _cut(starts: _Flags, kinds: _Kinds, folded: _Codes, inner: NDArray[np.intp]) -> None:
    """Let a word begin at the apostrophe of a possessive, and behind that of an elision."""
    possessive = (folded[inner + 1] == _S) & (kinds[inner + 2] != WORD)
    starts[inner[possessive]] = True
    others = inner[~possessive]
    for elision in _ELISIONS:
        at = others
        for back, letter in enumerate(reversed(elision), 1):
            before = at - back
            fits = kinds[before] != WORD if letter == " " else folded[before] == ord(letter)
            at = at[fits]
        starts[at + 1] = True
