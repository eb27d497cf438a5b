"""MetaCLIP's own rule: which captions hold an entry, as its substr_matching.py has it.

Seven signs of punctuation get a space on either side, tab and ends of lines become spaces, and an entry matches
where it stands with a space before and behind it, in its own case. Entries stay as they are: one that holds
such a sign, "St. Louis", matches nothing.

What stands between two spaces is a word here, also where that is nothing; then a match is a row of words.
"""

from collections.abc import Sequence

import numpy as np

from wit_builder.text.words import END, Split

_APART = tuple(map(ord, ",.;:?!`"))
_BLANK = tuple(map(ord, "\t\n\r"))
_SPACE, _END = ord(" "), ord(END)


def words(entry: str) -> list[str]:
    """The words of an entry; none where it can match nothing."""
    return [] if not entry or any(sign in entry for sign in "\t\n\r") else entry.split(" ")


def split(texts: Sequence[str]) -> Split:
    """The words of each text, in order. Never raises."""
    whole = "".join(f"{text} {END} " for text in texts)
    codes = np.frombuffer(whole.encode("utf-32-le", "surrogatepass"), np.uint32)
    lengths = np.fromiter(map(len, texts), np.int32, len(texts))
    ends = np.cumsum(lengths + 3, dtype=np.int32) - 3  # of the texts, each with three characters behind it
    places = np.arange(len(codes), dtype=np.int32) - np.repeat(ends - lengths, lengths + 3)
    codes = np.where(np.isin(codes, _BLANK), np.uint32(_SPACE), codes)
    codes[ends + 1] = _END
    apart = np.isin(codes, _APART)
    widths = np.where(apart, 3, 1)
    spaced = np.repeat(codes, widths)
    middles = (np.cumsum(widths) - 2)[apart]
    spaced[middles - 1] = spaced[middles + 1] = _SPACE
    places = np.repeat(places, widths)
    spaces = np.flatnonzero(spaced == _SPACE)
    begins = places[np.append(0, spaces[:-1] + 1)] if len(spaces) else places
    stops = places[np.maximum(spaces - 1, 0)] + 1
    return Split(
        words=spaced.tobytes().decode("utf-32-le", "surrogatepass").split(" ")[:-1],
        cased=[],
        ends=np.flatnonzero(spaced[spaces - 1] == _END).astype(np.int32),
        begins=begins,
        stops=np.maximum(begins, stops),
    )
