"""The matcher against a plain search, word by word."""

import time
from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_builder.errors import ConfigError
from wit_builder.queries import match
from wit_builder.queries.listing import Query
from wit_builder.queries.match import Matcher
from wit_builder.text.words import forms, split


def queries(*entries, source="words"):
    return [Query(entry, source, 0) for entry in entries]


def found(text, *entries, **more):
    """Each match as the entry and the part of the text."""
    given = queries(*entries)
    return [(entries[n], text[a:b]) for n, a, b in Matcher(given, **more).spans(text)]


def test_a_query_is_found_as_whole_words_in_any_case():
    assert found("The Cat, concatenated", "cat", "the") == [("the", "The"), ("cat", "Cat")]


@pytest.mark.parametrize(
    ("entry", "text", "part"),
    [
        ("St. Louis", "In st louis, Missouri", "st louis"),
        ("U.S.", "the U.S. army", "U.S"),
        ("(cat)", "a cat's tail", "cat"),
        ("Spider-Man: Homecoming", "“Spider-Man – Homecoming”", "Spider-Man – Homecoming"),
        ("東京タワー", "夜の東京タワーから", "東京タワー"),
        ("cafe\u0301", "LE CAFÉ", "CAFÉ"),
        ("strasse", "die Straße 5", "Straße"),
    ],
)
def test_the_span_is_that_of_the_original(entry, text, part):
    assert found(text, entry) == [(entry, part)]


def test_queries_within_others_are_found_too_by_begin_and_end():
    text = "New York City hall"
    entries = ["new york city", "york", "new york", "city hall", "new", "York City"]
    assert [part for _, part in found(text, *entries)] == [
        *("New", "New York", "New York City"),
        *("York", "York City"),
        "City hall",
    ]


def test_a_query_is_found_as_often_as_it_stands_there():
    assert len(found("dog dog dog", "dog", "dog dog")) == 5


def test_of_queries_of_one_form_the_first_is_found():
    assert found("a cat", "Cat", "cat", "(cat)") == [("Cat", "cat")]


def test_a_query_without_a_word_is_found_nowhere():
    assert found("... ! + x", "...", "!", "+", "", " ") == []


def test_without_queries_nothing_is_found():
    assert found("a cat") == []


def test_a_source_may_keep_to_its_case():
    given = [Query("US", "titles", 0), Query("us", "words", 0), Query("Turkey", "titles", 0)]
    matcher = Matcher(given, exact_case=("titles",))
    assert matcher.spans("US us Us") == [(0, 0, 2), (1, 0, 2), (1, 3, 5), (1, 6, 8)]
    assert matcher.spans("a turkey in Turkey") == [(2, 12, 18)]


def test_two_queries_may_differ_by_case_alone():
    given = queries("May", "MAY", "may", "MAY", source="titles")
    assert Matcher(given, exact_case=("titles",)).spans("MAY may") == [(1, 0, 3), (2, 4, 7)]


def test_an_exact_case_holds_for_several_words_and_typographic_signs():
    given = queries("The Cat’s Meow", source="titles")
    matcher = Matcher(given, exact_case=("titles",))
    assert matcher.spans("The Cat's  Meow") == [(0, 0, 15)]
    assert matcher.spans("the cat's meow") == []


def test_many_captions_give_the_same_as_each_alone(monkeypatch):
    monkeypatch.setattr("wit_builder.queries.forms._AT_ONCE", 10)
    matcher = Matcher(queries("cat", "a cat", "cafe\u0301"))
    texts = ["a cat", "", "cat", "Une cafe\u0301 cat", "x" * 30, "a", "cat"]
    found = matcher.match(texts)
    rows = list(zip(*(column.tolist() for column in astuple(found)), strict=True))
    assert rows == [(n, *span) for n, text in enumerate(texts) for span in matcher.spans(text)]


def test_no_captions_have_no_matches():
    assert [column.tolist() for column in astuple(Matcher(queries("cat")).match([]))] == [[], [], [], []]


@pytest.mark.parametrize(
    "text", ["cat \ud800 dog", "cat\x00dog", "\u202ecat\u202c dog", "\ufeffcat\u200f dog\n"]
)
def test_surrogates_direction_marks_and_nul_harm_nobody(text):
    assert [part.strip("\u202e\u202c\u200f\ufeff") for _, part in found(text, "cat", "dog")] == ["cat", "dog"]


def test_a_caption_of_a_megabyte_is_matched_at_once():
    text = "the cat sat, " * 80_000
    began = time.process_time()
    assert len(Matcher(queries("cat", "cat sat")).spans(text)) == 160_000
    assert time.process_time() - began < 5


def test_entries_of_a_hundred_thousand_characters_are_matched_like_others():
    long = "word " * 20_000
    assert len(found(f"x {long} y", long)) == 1


def test_more_words_than_there_are_characters_are_refused(monkeypatch):
    monkeypatch.setattr(match.sys, "maxunicode", 0xE002)
    Matcher(queries(*(f"w{n}" for n in range(0xE002 - 0x820))))
    with pytest.raises(ConfigError, match="different words"):
        Matcher(queries(*(f"w{n}" for n in range(0xE002 - 0x820 + 1))))


def test_words_on_either_side_of_the_surrogates_are_told_apart():
    entries = [f"w{n}" for n in range(0xD800 - 0x20 + 5)]
    texts = [f"{entries[n]} {entries[n + 1]}" for n in range(len(entries) - 10, len(entries) - 1)]
    found = Matcher(queries(*entries)).match(texts)
    assert found.query.tolist() == [m for n in range(len(entries) - 10, len(entries) - 1) for m in (n, n + 1)]


def plainly(entries, text):
    """Every row of words of the text that is an entry, by the plainest search."""
    whole = split([text])
    words, count = whole.words, int(whole.ends[0])
    by_form = {}
    for number, form in enumerate(forms(entries)):
        by_form.setdefault(form, number)
    return [
        (by_form[form], int(whole.begins[first]), int(whole.stops[last - 1]))
        for first in range(count)
        for last in range(first + 1, count + 1)
        if (form := " ".join(words[first:last])) in by_form
    ]


WORDS = st.lists(
    st.sampled_from(["a", "B", "ab", "c's", "é", "E\u0301", "ß", "東", "東京", ".", "C++", "\u00ad"]),
    max_size=5,
)


@given(st.lists(WORDS.map(" ".join), max_size=6), WORDS.map(" ".join) | WORDS.map("".join))
def test_it_finds_what_a_plain_search_finds(entries, text):
    assert Matcher(queries(*entries)).spans(text) == plainly(entries, text)
