"""MetaCLIP's rule against its own loop, written out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_builder.queries.listing import Query
from wit_builder.queries.match import Matcher


def theirs(text, entries):
    """MetaCLIP's rule as substr_matching.py has it: which entries match."""
    text = f" {text} "
    for sign in (",", ".", ";", ":", "?", "!", "`"):
        text = text.replace(sign, f" {sign} ")
    for blank in ("\t", "\n", "\r"):
        text = text.replace(blank, " ")
    return {entry for entry in entries if f" {entry} " in text}


def ours(text, entries):
    matcher = Matcher([Query(entry, "metaclip", 0) for entry in entries], rule="metaclip")
    return {entries[n] for n, _, _ in matcher.spans(text)}


PIECES = [*"aAb ,.;:?!`'\t\n\r(", "  ", "cat", "St. Louis", "é", "\x00", "\u3000", "\ud800", "\u00a0"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@given(TEXTS, st.lists(TEXTS.filter(bool), max_size=8))
def test_the_same_entries_match_as_in_their_loop(text, entries):
    assert ours(text, entries) == theirs(text, entries)


@given(TEXTS, st.data())
def test_they_do_too_where_entries_are_parts_of_the_text(text, data):
    cuts = st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))
    entries = [text[a:b] for a, b in data.draw(st.lists(cuts, max_size=8)) if a < b]
    assert ours(text, entries) == theirs(text, entries)


@pytest.mark.parametrize(
    ("entry", "text", "part"),
    [
        ("cat", "a cat, sat", "cat"),
        ("cat ,", "a cat, sat", "cat,"),
        ("cat", "cat", "cat"),
        ("a b", "x\ta\nb.", "a\nb"),
    ],
)
def test_spans_are_those_of_the_original(entry, text, part):
    matcher = Matcher([Query(entry, "metaclip", 0)], rule="metaclip")
    assert [text[a:b] for _, a, b in matcher.spans(text)] == [part]


@pytest.mark.parametrize(
    ("entry", "text"), [("St. Louis", "in St. Louis"), ("cat", "a Cat"), ("cat", "(cat)")]
)
def test_what_their_rule_misses_is_missed(entry, text):
    assert ours(text, [entry]) == theirs(text, [entry]) == set()


def test_captions_do_not_run_into_each_other():
    matcher = Matcher([Query("a b", "metaclip", 0), Query("b", "metaclip", 0)], rule="metaclip")
    found = matcher.match(["a", "b", "", "b a b", "b."])
    assert list(zip(found.text.tolist(), found.query.tolist(), found.begin.tolist(), strict=True)) == [
        *((1, 1, 0), (3, 1, 0), (3, 0, 2), (3, 1, 4), (4, 1, 0)),
    ]
