"""One form for entries and captions, and the way back to the original."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_builder.text.words import END, forms, is_part, spelled, split

SAME = [
    ("St. Louis", "in St. Louis!", "st louis"),
    ("U.S.", "the U.S. flag", "u s"),
    ("cat", "a (cat)", "cat"),
    ("cat", "“cat”", "cat"),
    ("cat", "«Cat»", "cat"),
    ("cat", "the cat's tail", "cat"),
    ("cat", "the cat’s tail", "cat"),
    ("cat", "the CAT'S", "cat"),
    ("cat", "the cat 's tail", "cat"),
    ("women's rights", "Women’s rights", "women 's rights"),
    ("dogs", "the dogs' bowl", "dogs"),
    ("Spider-Man: Homecoming", "spider man – homecoming", "spider man homecoming"),
    ("don't", "I don’t", "don't"),
    ("O'Brien", "Mr. O’Brien", "o'brien"),
    ("église", "l’église", "église"),
    ("eau", "de l'eau", "eau"),
    ("arte", "dell'arte", "arte"),
    ("Model T", "a Model T's wheel", "model t"),
    ("C++", "in C++.", "c ++"),
    ("C#", "(C#)", "c #"),
    ("AC/DC", "AC/DC live", "ac dc"),
    ("cats", "#cats", "cats"),
    ("café", "the cafe\u0301", "café"),
    ("Straße", "STRASSE", "strasse"),
    ("Κόσμος", "ΚΌΣΜΟΣ", "κόσμοσ"),
    ("ẖ", "H\u0331", "ẖ"),
    ("東京", "新東京タワー", "東 京"),
    ("แมว", "ลูกแมวกิน", "แ ม ว"),
    ("קפה", "\u200fקפה\u200f", "קפה"),
    ("cooperate", "co\u00adoper\u200bate", "cooperate"),
    ("x", "❤\ufe0fx", "x"),
]


@pytest.mark.parametrize(("entry", "text", "form"), SAME)
def test_an_entry_has_the_form_of_what_it_is_to_be_found_in(entry, text, form):
    entry, text = forms([entry, text])
    assert entry == form
    assert f" {entry} " in f" {text} "


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("cat", "concatenate"),
        ("cat", "cats"),
        ("don", "don't"),
        ("C++", "C and"),
        ("C#", "C"),
        ("s", "the cat's tail"),
        ("e", "cafe\u0301 e\u0301"),
        ("カ", "ガ"),
        ("กน", "กิน"),
        ("US", "USA"),
        ("brien", "O'Brien"),
        ("mother in law", "mother, in the law"),
    ],
)
def test_an_entry_is_not_found_in_part_of_a_word(entry, text):
    entry, text = forms([entry, text])
    assert f" {entry} " not in f" {text} "


@pytest.mark.parametrize(
    "text", ["", " ", "...", "'", "''", "+", "#", "❤", "\ud800", "\x00\x1f", "\u0301", "\u200f"]
)
def test_what_holds_no_letter_has_no_words(text):
    assert forms([text]) == [""]


def places(text):
    """Each word with the part of the text that it comes of."""
    found = split([text])
    return [
        (word, text[begin:stop])
        for word, begin, stop in zip(
            found.words[:-1], found.begins.tolist(), found.stops.tolist(), strict=False
        )
    ]


def test_words_lead_back_to_the_original():
    assert places("A (cat’s) Straße, cafe\u0301!") == [
        ("a", "A"),
        ("cat", "cat"),
        ("'s", "’s"),
        ("strasse", "Straße"),
        ("café", "cafe\u0301"),
    ]


def test_so_they_do_where_folding_or_composing_changes_lengths():
    assert places("ŉ ﬃ e\u0301e\u0301 x\u0323\u0301 한 ABC") == [
        ("n", "ŉ"),
        ("ffi", "ﬃ"),
        ("éé", "e\u0301e\u0301"),
        ("x\u0323\u0301", "x\u0323\u0301"),
        ("한", "한"),
        ("abc", "ABC"),
    ]


def test_characters_without_width_are_within_the_span_of_their_word():
    assert places("co\u00adop x") == [("coop", "co\u00adop"), ("x", "x")]


def test_each_text_is_as_if_it_stood_alone():
    texts = [
        "the cat",
        "",
        "'s",
        "...",
        "l'",
        "eau",
        "e",
        "\u0301e",
        "C",
        "++",
        "東",
        "京",
        "\u00ad",
        "x\ud800",
    ]
    assert forms(texts) == [forms([text])[0] for text in texts]


def test_the_words_in_their_own_case_are_beside_the_folded_ones():
    found = split(["The U.S.", "Straße’s"], cased=True)
    assert found.words == ["the", "u", "s", END, "strasse", "'s", END]
    assert found.cased == ["The", "U", "S", END, "Strasse", "'s", END]
    assert found.ends.tolist() == [3, 6]
    assert found.cased_texts() == ["The U S", "Strasse 's"]


def test_a_hundred_thousand_marks_on_a_letter_take_no_time():
    assert len(forms(["e" + "\u0301\u0323" * 50_000])[0]) < 100


@pytest.mark.parametrize(
    "words", [["new", "york"], ["東", "京"], ["tokyo", "東", "京"], ["don't", "know"], ["กิ", "น"]]
)
def test_spelled_words_have_their_form_again(words):
    assert forms([spelled(words)]) == [" ".join(words)]


def test_letters_that_stand_alone_are_spelled_without_spaces():
    assert spelled(["東", "京", "tokyo"]) == "東京 tokyo"
    assert spelled([]) == ""


@pytest.mark.parametrize(
    ("word", "part"), [("'s", True), ("l'", True), ("++", True), ("don't", False), ("s", False)]
)
def test_parts_of_words_are_known(word, part):
    assert is_part(word) is part


TEXTS = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(
            "aAsS'’+#. -éßİŉſKﬃ\u0301\u0323\u0345\u200d東かガ\u3099ก\u0e34한ᄒ\u1161\u11ab\u09c7\u09be"
        ),
    ),
    max_size=30,
)


@given(st.lists(TEXTS, max_size=5))
def test_whatever_the_texts_are_words_are_folded_in_nfc_and_lead_back(texts):
    found = split(texts, cased=True)
    assert len(found.words) == len(found.cased) == len(found.begins) == len(found.stops)
    assert [found.words[end] for end in found.ends.tolist()] == [END] * len(texts)
    assert found.words.count(END) == len(texts)
    assert found.texts() == [forms([text])[0] for text in texts]
    first = 0
    for text, end in zip(texts, found.ends.tolist(), strict=True):
        last = 0
        for at in range(first, end):
            begin, stop = int(found.begins[at]), int(found.stops[at])
            assert last <= begin < stop <= len(text) or (begin, stop) == (last, stop)
            assert unicodedata.is_normalized("NFC", found.words[at])
            last = max(begin, stop - 1)
        first = end + 1


@given(TEXTS)
def test_case_and_composition_make_no_difference(text):
    composed = unicodedata.normalize("NFC", text)
    assert forms([composed]) == forms([unicodedata.normalize("NFD", text)]) == forms([text])


@given(TEXTS)
def test_words_and_no_parts_have_their_form_again(text):
    words = [word for word in split([text]).words[:-1] if not is_part(word)]
    assert forms([spelled(words)]) == [" ".join(words)]
