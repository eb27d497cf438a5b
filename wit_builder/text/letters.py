"""What each code point is to a word, and what it becomes when case is folded: tables, made once a process.

They come from Python's own Unicode data, so that a newer Python knows letters that an older one does not.
"""

import unicodedata
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

BOUNDARY, WORD, ALONE, SIGN, APOSTROPHE, MARK, NOTHING = range(7)

_LOOKED_UP = 0x20000  # code points from here on: Han in planes 2 and 3, marks without width in plane 14
_BEYOND = (
    *((0x20000, 0x2FA1F, ALONE), (0x30000, 0x323AF, ALONE)),
    *((0xE0001, 0xE007F, NOTHING), (0xE0100, 0xE01EF, NOTHING)),
)

# Letters of these stand alone: Han, kana; Thai, Lao, Myanmar, Khmer; New Tai Lue, Tai Tham, Javanese.
# (Tibetan has a mark between its syllables, Korean has spaces.)
_UNSPACED = (
    *((0x3005, 0x3007), (0x3021, 0x3029), (0x3031, 0x3035), (0x3041, 0x30FF), (0x31F0, 0x31FF)),
    *((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x1B000, 0x1B16F)),
    *((0x0E01, 0x0EFF), (0x1000, 0x109F), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F), (0x1780, 0x17FF)),
    *((0x1980, 0x19DF), (0x1A20, 0x1AAF), (0xA980, 0xA9DF)),
)
_SELECTORS = ((0x034F, 0x034F), (0x180B, 0x180F), (0xFE00, 0xFE0F))  # marks without width
_APOSTROPHES = "'`\u00b4\u02bb\u02bc\u2018\u2019\uff07"
_SIGNS = "+#"
_BY_CATEGORY = {"L": WORD, "N": WORD, "M": MARK, "Cf": NOTHING}


@lru_cache(maxsize=1)
def kinds() -> NDArray[np.uint8]:
    """By code point: BOUNDARY, WORD, ALONE and so on; for those below 0x20000."""
    table = np.zeros(_LOOKED_UP, np.uint8)
    for code in range(_LOOKED_UP):
        category = unicodedata.category(chr(code))
        table[code] = _BY_CATEGORY.get(category, _BY_CATEGORY.get(category[0], BOUNDARY))
    for first, last in _UNSPACED:
        part = table[first : last + 1]
        part[[unicodedata.category(chr(code))[0] == "L" for code in range(first, last + 1)]] = ALONE
    for first, last in _SELECTORS:
        table[first : last + 1] = NOTHING
    table[list(map(ord, _APOSTROPHES))] = APOSTROPHE
    table[list(map(ord, _SIGNS))] = SIGN
    return table


@lru_cache(maxsize=1)
def folded() -> NDArray[np.uint32]:
    """By code point: the one it becomes when case is folded, for those below 0x20000.

    A letter that becomes several stays itself here, and every apostrophe becomes the straight one.
    """
    table = np.arange(_LOOKED_UP, dtype=np.uint32)
    for code in range(_LOOKED_UP):
        char = chr(code)
        small = char.casefold()
        if small != char and len(small := unicodedata.normalize("NFC", small)) == 1:
            table[code] = ord(small)
    table[list(map(ord, _APOSTROPHES))] = ord("'")
    return table


def looked_up(codes: NDArray[np.uint32]) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """The kind of each code point, and what it becomes when case is folded."""
    found, small = kinds().take(codes, mode="clip"), folded().take(codes, mode="clip")
    if len(rare := np.flatnonzero(codes >= _LOOKED_UP)):
        small[rare] = beyond = codes[rare]
        found[rare] = BOUNDARY
        for first, last, kind in _BEYOND:
            found[rare[(beyond >= first) & (beyond <= last)]] = kind
    return found, small


def stands_alone(char: str) -> bool:
    """Whether it is a letter of a script that is written without spaces."""
    return int(looked_up(np.array([ord(char)], np.uint32))[0][0]) == ALONE


@lru_cache(maxsize=1)
def unusual() -> NDArray[np.bool_]:
    """By code point below 0x20000: whether it may change in NFC, or become several when case is folded."""
    table = np.zeros(_LOOKED_UP, np.bool_)
    for code in range(0x80, _LOOKED_UP):
        char = chr(code)
        small = unicodedata.normalize("NFC", char.casefold())
        table[code] = (
            len(small) != 1 or unicodedata.normalize("NFC", char) != char or unicodedata.combining(char)
        )
    table[[ord(char) for char in followers()]] = True
    return table


def any_unusual(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Which of these code points are `unusual`."""
    return unusual().take(codes, mode="clip") | (codes - 0x2F800 < 0x220)  # Han beyond that NFC replaces


@lru_cache(maxsize=1)
def followers() -> frozenset[str]:
    """Letters and signs that NFC may join to what stands before them although they are no combining marks."""
    parts = (unicodedata.decomposition(chr(code)).split() for code in range(_LOOKED_UP))
    seconds = {chr(int(pair[1], 16)) for pair in parts if len(pair) == 2 and pair[0][0] != "<"}
    return frozenset({char for char in seconds if not unicodedata.combining(char)} | set(_JAMO))


_JAMO = tuple(map(chr, (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))))
