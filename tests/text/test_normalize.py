import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_builder.text.normalize import MAX_TEXT, fold, has_letter, is_file_name


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("A cat", "A cat"),
        ("  A\t\n cat  sleeps ", "A cat sleeps"),
        ("Une\u00a0photo\u3000de\u2028chat", "Une photo de chat"),
        ("Cafe\u0301", "Café"),
        ("halb\u00adver\u200bdaut\ufeff", "halbverdaut"),
        ("nul\x00 bell\x07 del\x7f", "nul bell del"),
        ("e\u200b\u0301", "é"),
        ("\u202emirror\u202c", "mirror"),
        ("می\u200cخواهم", "میخواهم"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("tagged\U000e0041\U000e007f", "tagged"),
        ("a\x1cb", "a b"),
        ("\u200b \u2060", ""),
        ("", ""),
    ],
)
def test_a_text_is_folded_to_one_form(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_arabic_number_signs_are_seen_and_so_they_stay() -> None:
    assert fold("\u0600 12") == "\u0600 12"


def test_a_text_is_cut_at_ten_thousand_characters_and_never_ends_in_a_space() -> None:
    assert len(fold("x" * (MAX_TEXT + 1))) == len(fold("ü" * (MAX_TEXT + 1))) == MAX_TEXT
    assert fold("x" * (MAX_TEXT - 1) + " y") == "x" * (MAX_TEXT - 1)


def test_thirty_marks_on_a_letter_stay_and_the_next_one_goes() -> None:
    assert len(fold("x" + "\u0323" * 30)) == 31
    assert len(fold("x" + "\u0323" * 31)) == 31


@pytest.mark.parametrize("text", ["a" + "\u0315\u0300" * 500_000, "\0" * 1_000_000, " \u200b" * 500_000])
def test_a_million_hostile_characters_are_folded_in_no_time(text: str) -> None:
    started = time.process_time()
    fold(text)
    assert time.process_time() - started < 0.5


_AWKWARD = st.sampled_from("aé\u0301\u0315\u0344\ufb2c\u200b\u200d\x00 \t\u00a0\u2028\ud800\U000e0041가각ᆨ")


@given(st.text() | st.text(_AWKWARD, max_size=80))
def test_folding_twice_changes_nothing(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded


@given(st.text() | st.text(_AWKWARD))
def test_a_folded_text_is_in_nfc_with_single_spaces(text: str) -> None:
    folded = fold(text)
    assert unicodedata.is_normalized("NFC", folded)
    assert folded == " ".join(folded.split())


@pytest.mark.parametrize(
    "name",
    [
        "photo.jpg",
        "Shelton Sprung1.JPEG",
        "images/authors/a.webp",
        "IMG_1234",
        "DSC00042",
        "DSC_0042",
        "image-3",
        "IMG-20180131-WA0007",
        "Untitled(2)",
        "20180131_120000",
        "0123456789abcdef",
        "123e4567-e89b-12d3-a456-426614174000",
        "himmel_1200",
        "11169_1015_n",
    ],
)
def test_names_of_files_are_known(name: str) -> None:
    assert is_file_name(name)


@pytest.mark.parametrize(
    "text",
    [
        "A cat",
        "How to open a .png",
        "The file that I sent you on last Monday is called report.jpg",
        "Image",
        "deadbeefdeadbeef",
        "Terminal 5",
        "iPhone15",
        "snake_case",
        "2018",
        "R2-D2",
        "x" * 300 + ".jpg",
        "",
    ],
)
def test_words_of_people_are_no_names_of_files(text: str) -> None:
    assert not is_file_name(text)


@given(st.text())
def test_asking_whether_it_is_a_file_name_never_fails(text: str) -> None:
    assert is_file_name(text) in (True, False)


@pytest.mark.parametrize("text", ["a", "12 Ä", "写真", "ع", "№ x"])
def test_a_letter_of_any_script_is_a_letter(text: str) -> None:
    assert has_letter(text)


@pytest.mark.parametrize("text", ["", "12.50 €", ":-)", "★★★", "_", "１２"])
def test_digits_and_signs_are_no_letters(text: str) -> None:
    assert not has_letter(text)
