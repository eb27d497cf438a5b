import sys

import pyarrow as pa
import pytest

from wit_filters import words
from wit_filters.scanned import MOST_COMPARED, scanned

EVERY = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]


def scan(*captions: str):
    return scanned(pa.chunked_array([captions], pa.string()))


def test_characters_spaces_and_words_are_counted() -> None:
    of = scan("", " ", "a boat\ton  é 猫", "aab 😀😀😀")
    assert of.chars.tolist() == [0, 1, 14, 7]
    assert of.ink.tolist() == [0, 0, 9, 6]
    assert of.words.tolist() == [0, 0, 5, 2]
    assert of.run.tolist() == [0, 0, 1, 3]


def test_no_character_that_is_no_letter_counts_as_one() -> None:
    told = scanned(pa.chunked_array([EVERY])).letters
    assert [char for char, letter in zip(EVERY, told, strict=True) if letter and not char.isalpha()] == []
    assert scan("Größe Ґрунт").letters.tolist() == [9]


def test_a_caption_whose_words_are_counted_otherwise_is_odd() -> None:
    odd = scanned(pa.chunked_array([[f"a{char}b" for char in EVERY]])).odd
    plain = [char for char, strange in zip(EVERY, odd, strict=True) if not strange]
    assert [
        char
        for char in plain
        if words.count(f"a{char}b") != (1 if char not in "\t\n\v\f\r\x1c\x1d\x1e\x1f " else 2)
    ] == []
    assert {"é", "я", "–", "’", "ả"} < set(plain)
    assert [char for char in plain if words.weight(char) != 1] == []


@pytest.mark.parametrize(
    ("caption", "distinct"),
    [
        ("Logo LOGO, (logo) logo.", 1),
        ("a b a c", 3),
        ("straße лодка", 0),  # told only of ASCII
        ("- & !", 0),
        (" ".join(f"w{n}" for n in range(100)), MOST_COMPARED),
    ],
)
def test_different_words_are_counted_by_letters_and_digits(caption: str, distinct: int) -> None:
    assert scan(caption).distinct.tolist() == [distinct]


def test_captions_of_sliced_columns_are_their_own() -> None:
    captions = pa.chunked_array([["one", "two words", "three words here"], [], [None, "four"]], pa.string())
    assert scanned(captions.slice(1)).words.tolist() == [2, 3, 0, 1]


def test_empty_captions_have_nothing():
    assert scan("", "").words.tolist() == [0, 0]
    assert scan().words.tolist() == []
