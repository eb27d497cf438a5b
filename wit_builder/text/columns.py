"""`normalize.fold` over a column: what is folded already is seen without a look at each text."""

import pyarrow as pa
import pyarrow.compute as pc

from wit_builder.text.mask import Personal, masked
from wit_builder.text.normalize import MAX_TEXT, fold

# Letters that NFC leaves as they are whatever stands before or after them, none of them invisible: ASCII, Latin,
# Cyrillic, dashes and quotes, kana and Chinese characters.
_SETTLED = (
    r"!-~\x{a1}-\x{ac}\x{ae}-\x{2af}\x{400}-\x{482}\x{48a}-\x{52f}\x{2010}-\x{2027}\x{2030}-\x{205e}"
    r"\x{3001}-\x{3029}\x{3041}-\x{3096}\x{30a1}-\x{30ff}\x{4e00}-\x{9fff}\x{ff01}-\x{ff9d}"
)
_FOLDED = rf"^(?:[{_SETTLED}]+(?: [{_SETTLED}]+)*)?$"


def folded(texts: pa.Array, mask: tuple[Personal, ...] = ()) -> pa.Array:
    """The strings of a column without nulls, each as `mask.folding(mask)` gives it.

    0.06 µs for one that is folded, where nothing is to be masked.
    """
    done = pc.and_(pc.match_substring_regex(texts, _FOLDED), pc.less_equal(pc.binary_length(texts), MAX_TEXT))
    others = texts.filter(pc.invert(done)).to_pylist()
    texts = pc.replace_with_mask(texts, pc.invert(done), pa.array(map(fold, others), pa.string()))
    return pa.array((masked(text, mask) for text in texts.to_pylist()), pa.string()) if mask else texts
