"""A column of texts is folded as each of them is."""

import sys
import unicodedata

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_builder.text.columns import _FOLDED, folded
from wit_builder.text.normalize import MAX_TEXT, fold

PIECES = st.sampled_from(
    [*"aé äß“–яёが漢、 ｶﾞ", "  ", "\u0301", "\u3099", "\u200b", "\xa0", "\xad", "\n", "😀", "\u1161"]
)


@given(
    st.lists(st.lists(PIECES, max_size=8).map("".join) | st.text(st.characters(codec="utf-8"), max_size=8))
)
def test_a_column_is_folded_text_by_text(texts):
    assert folded(pa.array(texts, pa.string())).to_pylist() == [fold(text) for text in texts]


def test_what_is_taken_for_folded_is_settled_whatever_stands_beside_it():
    """NFC asks of a pair only where its second letter is a mark, or a vowel or an end of Hangul."""
    letters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    settled = pc.match_substring_regex(pa.array(letters, pa.string()), _FOLDED).to_pylist()
    taken = [letter for letter, taken in zip(letters, settled, strict=True) if taken]
    assert len(taken) > 20_000
    for letter in taken:
        assert fold(f"{letter}{letter} {letter}") == f"{letter}{letter} {letter}"
        assert unicodedata.category(letter)[0] != "M"
        assert not 0x1100 <= ord(letter) < 0x1200


@pytest.mark.parametrize("letter", ["a", "é"])
def test_long_texts_are_cut(letter):
    texts = [letter * MAX_TEXT, letter * (MAX_TEXT + 1)]
    assert folded(pa.array(texts)).to_pylist() == [letter * MAX_TEXT] * 2
