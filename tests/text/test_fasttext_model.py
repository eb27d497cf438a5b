"""Ours against fastText itself."""

import gzip
import json
import re
from functools import lru_cache
from random import Random

import fasttext
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shared_data import shared_data
from tests.text.models import random_model
from wit_builder.text import fasttext_file, fasttext_model, language

LINES = st.lists(
    st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]))
    | st.lists(
        st.sampled_from(
            ["a", "an", "dog", "\u00e9t\u00e9", "\u732b", "x" * 40, "</s>", "__label__la", "\t", "\0", "\r"]
        )
    ).map(" ".join),
    max_size=6,
)


def same(path, lines):
    (names, ours), theirs = loaded(path)
    labels, scores = fasttext_model.told(ours, lines)
    told = [theirs(line + "\n", 1, 0.0, "strict") if has_words(line) else [] for line in lines]
    expected = [(found[0][1][9:], found[0][0]) if found else ("", 0.0) for found in told]
    assert [names[label] if label >= 0 else "" for label in labels] == [label for label, _ in expected]
    np.testing.assert_allclose(scores, [score for _, score in expected], rtol=1e-4)


@lru_cache
def loaded(path):
    """Labels and model as we read them, and what fastText tells a line with."""
    file = fasttext_file.read(path)
    return (file.labels, fasttext_model.loaded(file)), fasttext.load_model(str(path)).f.predict


def has_words(line):
    """They tell of a line without words what they know of its end."""
    return any(word and not word.startswith("__label__") for word in re.split("[ \t\r\v\f\0]", line))


@given(LINES)
def test_the_bundled_model_tells_what_fasttext_tells(lines):
    same(language._bundled(), lines)


@pytest.mark.parametrize("loss", [1, 2, 3, 4])
@pytest.mark.parametrize(("letters", "words"), [((0, 0), 1), ((2, 4), 1), ((1, 3), 2), ((0, 0), 3)])
def test_models_of_every_kind_tell_what_fasttext_tells(tmp_path, loss, letters, words):
    path = random_model(tmp_path / "m.bin", Random(loss), loss, letters, words)

    @settings(max_examples=30)
    @given(LINES)
    def told(lines):
        same(path, lines)

    told()


def test_an_old_model_does_without_letters(tmp_path):
    path = random_model(tmp_path / "m.bin", Random(5), 3, (2, 4), 1, version=11)
    same(path, ["a dog", "an unknown word", "the cat and the dog"])


@pytest.mark.parametrize(
    ("file", "name"),
    [("text/alts-trafilatura.jsonl.gz", "alt"), ("text/langid-tatoeba.jsonl.gz", "text")],
)
def test_real_texts_are_told_as_fasttext_tells_them(file, name):
    rows = map(json.loads, gzip.decompress(shared_data(file).read_bytes()).splitlines())
    same(language._bundled(), [language._line(row[name]) for row in rows])


def test_a_tree_of_strange_counts_is_a_tree_all_the_same():
    for counts in ([10**18, 3], [-5, 10**16, 2, 10**15], [0, 0, 0]):
        left, right = fasttext_model._tree(counts)
        assert sorted([*left[len(counts) :], *right[len(counts) :]]) == list(range(2 * len(counts) - 2))


def test_many_lines_are_told_as_each_alone():
    model = fasttext_model.loaded(language.read(None))
    lines = ["the dog", "", "der Hund " * 50, " ", "le chien"]
    labels, scores = fasttext_model.told(model, lines)
    alone = [fasttext_model.told(model, [line]) for line in lines]
    assert labels.tolist() == [label for label, _ in alone]
    assert scores.tolist() == [score for _, score in alone]
    assert fasttext_model.told(model, [])[0].tolist() == []
