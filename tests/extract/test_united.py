import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.curation.rows import candidate
from wit_builder.extract import united
from wit_builder.extract.captions import MAX_TEXTS, TEXT_SOURCES
from wit_builder.records import CANDIDATE_SCHEMA, Text, to_table

TEXTS = st.builds(Text, st.sampled_from([f"text {n}" for n in range(30)]), st.sampled_from(TEXT_SOURCES))


def rows(*items):
    return to_table(items, CANDIDATE_SCHEMA)


def merged(stays, goes, alt_texts=True):
    """The alt_texts of one candidate that stands for others."""
    gained = united.ranked(np.zeros(len(goes), np.int64), rows(*goes), alt_texts)
    (row,) = united.united(rows(stays), gained).to_pylist()
    return [Text(**text) for text in row["alt_texts"]]


def at(n, caption, source="alt", texts=()):
    return candidate(f"http://a.test/{n}.jpg", caption, source, texts=texts)


def test_texts_come_by_the_strength_of_their_source_then_by_id():
    goes = [at(n, f"alt {n}") for n in range(3)] + [
        at(4, "a title", "title"),
        at(5, "a figure's", "figcaption"),
    ]
    alts = [Text(row.caption, "alt") for row in sorted(goes[:3], key=lambda row: row.id)]
    found = merged(at(9, "mine"), goes)
    assert found == [*alts, Text("a figure's", "figcaption"), Text("a title", "title")]


def test_its_own_texts_stay_in_front():
    own = (Text("weak but mine", "json-ld"),)
    assert merged(at(1, "mine", texts=own), [at(2, "theirs")]) == [*own, Text("theirs", "alt")]


def test_no_text_comes_twice_nor_the_caption_itself():
    goes = [at(2, "mine"), at(3, "theirs"), at(4, "theirs", "title"), at(5, "known", "alt")]
    own = (Text("known", "title"),)
    assert merged(at(1, "mine", texts=own), goes) == [*own, Text("theirs", "alt")]


@pytest.mark.parametrize(("others", "kept"), [(15, 15), (16, 16), (17, 16)])
def test_there_are_sixteen_texts_at_most(others, kept):
    assert len(merged(at(1, "mine"), [at(n, f"text {n}") for n in range(2, 2 + others)])) == kept


def test_what_is_known_already_takes_no_place():
    own = tuple(Text(f"text {n}", "alt") for n in range(8))
    goes = [at(n, f"text {n}") for n in range(16)]
    assert {text.text for text in merged(at(99, "text 3", texts=own[:3]), goes)} == {
        f"text {n}" for n in range(16) if n != 3
    }


def test_the_others_other_texts_come_along_where_they_are_wanted():
    goes = [at(2, "theirs", "title", (Text("their other", "alt"),))]
    assert merged(at(1, "mine"), goes) == [Text("their other", "alt"), Text("theirs", "title")]
    assert merged(at(1, "mine"), goes, alt_texts=False) == [Text("theirs", "title")]


def test_rows_that_gain_nothing_are_as_they_were():
    table = rows(at(1, "a"), at(2, "b", texts=[Text("c", "alt")]))
    none = united.ranked(np.array([], np.int64), rows(), alt_texts=True)
    assert united.united(table, none).equals(table)
    some = united.ranked(np.array([0]), rows(at(3, "d")), alt_texts=True)
    assert united.united(table, some).slice(0, 1).equals(table.slice(1))


@pytest.mark.parametrize("held", [1, 1 << 30])
def test_texts_that_are_offered_one_by_one_are_those_of_one_offer(monkeypatch, held):
    monkeypatch.setattr(united, "HELD", held)
    goes = [at(n, f"text {n % 70}", TEXT_SOURCES[n % 3]) for n in range(100)]
    owners, gathered = np.arange(100) % 3, united.Gathered(alt_texts=False)
    for owner, row in zip(owners, goes, strict=True):
        gathered.offer(np.array([owner]), rows(row))
    assert gathered.table().equals(united.ranked(owners, rows(*goes), alt_texts=False))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20), st.lists(TEXTS, max_size=4)), max_size=40),
    st.randoms(),
)
def test_the_texts_are_those_of_a_plain_loop_in_whatever_order_rows_come(found, rng: random.Random):
    heads = [at(f"h{n}", f"text {n}", texts=[Text("text 9", "title")] * (n % 2)) for n in range(4)]
    goes = [
        (owner, at(n, f"text {n % 25}", TEXT_SOURCES[k % 11], texts))
        for n, (owner, k, texts) in enumerate(found)
    ]
    rng.shuffle(goes)
    owners = np.array([owner for owner, _ in goes], np.int64)
    gained = united.ranked(owners, rows(*(row for _, row in goes)), alt_texts=True)
    table = united.united(rows(*heads), gained)
    by_id = {row["id"]: row["alt_texts"] for row in table.to_pylist()}
    for n, head in enumerate(heads):
        mine = [row for owner, row in goes if owner == n]
        assert [Text(**text) for text in by_id[head.id]] == plainly(head, mine)


def plainly(head, goes):
    texts = [
        (TEXT_SOURCES.index(source), row.id, k, Text(text, source))
        for row in goes
        for k, (text, source) in enumerate(
            [(row.caption, row.text_source), *((other.text, other.source) for other in row.alt_texts)]
        )
    ]
    told, kept = {head.caption}, []
    for text in [*head.alt_texts, *(text for *_, text in sorted(texts, key=lambda t: t[:3]))]:
        if text.text not in told:
            kept.append(text)
        told.add(text.text)
    return kept[:MAX_TEXTS]
