"""MetaCLIP's own rule: which captions hold an entry, as its substr_matching.py has it.

Seven signs of punctuation get a space on either side, tab and ends of lines become spaces, and an entry matches
where it stands with a space before and behind it, in its own case. Entries stay as they are: one that holds
such a sign, "St. Louis", matches nothing.
"""

from collections.abc import Sequence

import numpy as np

from wit_builder.text.words import END, Split

_APART = tuple(map(ord, ",.;:?!`"))
_BLANK = tuple(map(ord, "\t\n\r"))
_SPACE, _END = ord(" "), ord(END)


def pattern(entry: str) -> str:
    """What is searched for in the text of a `split`; "" for an entry that can match nothing."""
    return "" if not entry or any(sign in entry for sign in "\t\n\r") else f" {entry} "


def split(texts: Sequence[str], *, cased: bool = False) -> Split:
    """The texts spaced out, each with `END` behind it. cased: makes no difference, as case is kept."""
    padded = "".join(f" {text} {END}" for text in texts)
    codes = np.frombuffer(padded.encode("utf-32-le", "surrogatepass"), np.uint32)
    lengths = np.fromiter((len(text) + 3 for text in texts), np.int32, len(texts))
    ends = np.cumsum(lengths, dtype=np.int32)
    places = np.arange(len(codes), dtype=np.int32) - np.repeat(ends - lengths, lengths) - 1
    codes = np.where(np.isin(codes, _BLANK), np.uint32(_SPACE), codes)
    codes[ends - 1] = _END
    widths = np.where(np.isin(codes, _APART), 3, 1)
    out = np.repeat(codes, widths)
    middles = np.cumsum(widths) - (widths + 1) // 2
    apart = middles[widths == 3]
    out[apart - 1] = out[apart + 1] = _SPACE
    lasts = np.repeat(lengths - 3, lengths)
    text = out.tobytes().decode("utf-32-le", "surrogatepass")
    return Split(
        text=text,
        cased=text,
        ends=middles[ends - 1].astype(np.int32),
        begins=np.repeat(np.maximum(places, 0), widths),
        stops=np.repeat(np.minimum(places + 1, lasts), widths),
    )
