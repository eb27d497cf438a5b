"""What captions of duplicates give away."""

import pytest

from wit_builder.audit.leakage import of_captions, of_classes, said


@pytest.mark.parametrize(
    ("caption", "names", "leak"),
    [
        ("A tabby cat, asleep", ["tabby cat", "tabby"], "class"),
        ("TABBY-CAT!", ["tabby cat"], "class"),
        ("a concatenation", ["cat"], "image"),
        ("cats", ["cat"], "image"),
        ("the cat's tail", ["cat"], "class"),
        ("", ["cat"], "image"),
        (None, ["cat"], "image"),
        ("anything", ["?!"], "image"),
        ("ein Ma\u00dfkrug", ["MASSKRUG"], "class"),
    ],
)
def test_a_class_is_named_by_whole_words_in_one_normal_form(caption, names, leak):
    assert of_classes([caption], [names]) == [leak]


@pytest.mark.parametrize(
    ("caption", "own", "leak"),
    [
        ("Two dogs run.", ["A picnic", "two dogs run"], "caption"),
        ("Two dogs run fast.", ["two dogs run"], "image"),
        ("", [""], "image"),
        (None, ["two dogs run"], "image"),
    ],
)
def test_a_caption_leaks_word_for_word(caption, own, leak):
    assert of_captions([caption], [own]) == [leak]


@pytest.mark.parametrize(
    ("kind", "leaks", "words"),
    [
        ("classes", {"class": 2, "image": 3}, "captions name the class of 2 of 5 images that overlap"),
        ("classes", {"image": 3}, "captions name the class of 0 of 3 images that overlap"),
        ("captions", {"caption": 1}, "captions are the set's own for 1 of 1 images that overlap"),
        ("images", {"image": 3}, ""),
        ("classes", {}, ""),
    ],
)
def test_what_is_given_away_is_said_where_there_is_something_to_give_away(kind, leaks, words):
    assert said(kind, leaks) == words
