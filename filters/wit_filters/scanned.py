"""What one pass over the bytes of captions tells, many at a time: counts and bounds for the rules' `may_drop`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wit_builder.engine.compiled import compiled

MOST_COMPARED = 64  # words of a caption


@dataclass(frozen=True, slots=True)
class Scanned:
    """Of each caption, as arrays [captions]."""

    odd: NDArray[np.bool_]  # a script without spaces, or a space beyond ASCII, may be in it
    chars: NDArray[np.int64]  # code points
    ink: NDArray[np.int64]  # those but for ASCII's spaces
    words: NDArray[np.int64]  # runs without ASCII's spaces
    letters: NDArray[np.int64]  # at least so many: Latin and Cyrillic ones
    distinct: NDArray[
        np.int64
    ]  # at least so many different words, by ASCII's letters and digits, in any case
    run: NDArray[np.int64]  # the longest one of a character that is no space


def scanned(captions: pa.ChunkedArray) -> Scanned:
    """0.3 µs a caption of some eight words. captions: strings; a null is as an empty one.

    distinct: of the words that are ASCII alone, MOST_COMPARED of them at most.
    """
    found = np.zeros((7, len(captions)), np.int64)
    start = 0
    for chunk in captions.cast(pa.large_binary()).chunks:
        if len(chunk):
            _, offsets, data = chunk.buffers()
            ends = np.frombuffer(offsets, np.int64, len(chunk) + 1, chunk.offset * 8)
            text = np.frombuffer(data or b"", np.uint8)
            _scan_all(text, ends, found[:, start : start + len(chunk)])
        start += len(chunk)
    return Scanned(found[0] > 0, *found[1:])


@compiled
def _scan_all(text: NDArray[np.uint8], ends: NDArray[np.int64], found: NDArray[np.int64]) -> None:
    seen = np.empty(MOST_COMPARED, np.uint64)
    for i in range(len(ends) - 1):
        _scan(text[ends[i] : ends[i + 1]], seen, found[:, i])


@compiled
def _scan(text: NDArray[np.uint8], seen: NDArray[np.uint64], found: NDArray[np.int64]) -> None:
    chars = spaces = words = letters = distinct = longest = run = 0
    odd, inside, plain, before, named, at = False, False, True, -1, np.uint64(0), 0
    while at < len(text):
        byte = text[at]
        width = 1 if byte < 0xC0 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
        code = _code(text, at, width)
        at += width
        chars += 1
        run = run + 1 if code == before else 1
        before = code
        if code == 32 or 9 <= code <= 13 or 28 <= code <= 31:
            spaces, run = spaces + 1, 0
            if inside and plain:
                distinct = _counted(named, seen, distinct)
            inside = False
            continue
        longest = max(longest, run)
        if not inside:
            inside, plain, named, words = True, True, np.uint64(0), words + 1
        if code > 127:
            plain = False
            letters += _is_letter(code)
            odd = odd or _is_odd(code)
        else:
            lower = code + 32 if 65 <= code <= 90 else code
            letters += 97 <= lower <= 122
            if 97 <= lower <= 122 or 48 <= lower <= 57:
                named = (named + np.uint64(lower)) * np.uint64(0x9E3779B185EBCA87)
    if inside and plain:
        distinct = _counted(named, seen, distinct)
    found[0], found[1], found[2], found[3] = odd, chars, chars - spaces, words
    found[4], found[5], found[6] = letters, distinct, longest


@compiled
def _code(text: NDArray[np.uint8], at: int, width: int) -> Any:
    """The code point of so many bytes."""
    if width == 1:
        return np.int64(text[at])
    code = np.int64(text[at]) & (0x7F >> width)
    for i in range(at + 1, at + width):
        code = code << 6 | np.int64(text[i]) & 0x3F
    return code


@compiled
def _counted(named: Any, seen: NDArray[np.uint64], distinct: int) -> int:
    """How many different words there are with this one. named: their hash, 0 where it has no letter or digit."""
    if named == 0 or distinct == len(seen):
        return distinct
    for i in range(distinct):
        if seen[i] == named:
            return distinct
    seen[distinct] = named
    return distinct + 1


@compiled
def _is_letter(code: int) -> bool:
    """Of Latin-1, the Latin extensions, IPA and the first Cyrillic letters; nothing that is none."""
    if code < 0x250:
        return code >= 0xC0 and code != 0xD7 and code != 0xF7
    return code < 0x2B0 or 0x400 <= code < 0x480


@compiled
def _is_odd(code: int) -> bool:
    """Whether str.split may cut there, or words are counted by characters (words.py); much else from U+0E00 on."""
    if code < 0xE00:
        return code == 0x85 or code == 0xA0
    if (
        0x1E00 <= code < 0x3000
    ):  # more Latin and Greek letters; dashes and quotes, but for the spaces among them
        return (
            0x2000 <= code <= 0x200A or code == 0x2028 or code == 0x2029 or code == 0x202F or code == 0x205F
        )
    return True
