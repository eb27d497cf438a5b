"""Tokens are open_clip's, id by id."""

import json

import ftfy
import open_clip
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shared_data import shared_data
from wit_builder.model import tokens
from wit_builder.model.tokens import Tokenizer

THEIRS = open_clip.get_tokenizer("ViT-B-32")
OURS = Tokenizer()


def theirs(caption, tokenizer=THEIRS, context=77):
    row = tokenizer([caption], context)[0].tolist()
    while row[-1] != tokenizer.eot_token_id:
        row.pop()
    return row


def test_captions_of_real_photographs_have_open_clips_tokens():
    rows = [
        json.loads(line)
        for book in sorted(shared_data("captions").glob("*.jsonl"))
        for line in book.read_text().splitlines()
    ]
    captions = [row[field] for row in rows for field in ("alt", "caption") if row[field]]
    assert len(captions) > 5000
    assert [caption for caption in captions if OURS(caption) != theirs(caption)] == []


@pytest.mark.parametrize(
    "caption",
    [
        "",
        " ",
        "A photo of a cat.",
        "It’s “quoted” – isn't it… we'll see",
        "caf&eacute; &amp;amp; bar &lt;b&gt;",
        "schÃ¶n, naïve, Ünïcödé",
        "日本語の写真 и кириллица",
        "e\u0301 combined\u200b, zero\x00 width\ttab\nline",
        "<start_of_text> in a caption <end_of_text>",
        "12345 3.14 C++ C#/.NET ~~~ ___",
        "x" * 1000,
        "." * 1000,
        "word " * 200,
        "\ud800 lone surrogate",
    ],
)
def test_odd_captions_have_open_clips_tokens(caption):
    try:
        due = theirs(caption)
    except (UnicodeEncodeError, ValueError):
        due = None
    assert OURS(caption) == due or due is None


@given(st.text(max_size=120))
def test_any_text_has_open_clips_tokens(caption):
    if "<" not in caption:
        assert OURS(caption) == theirs(caption)


@given(st.text("‘’“”–—… aZ0'.,;:!?<>#\"-_/()[]", max_size=60))
def test_what_counts_as_plain_is_left_alone_by_ftfy_but_for_its_quotes(caption):
    straight = caption.translate(tokens._STRAIGHT)
    assert tokens._PLAIN.fullmatch(straight)
    assert ftfy.fix_text(caption) == straight
    assert OURS(caption) == theirs(caption)


def test_every_word_of_the_vocabulary_is_its_own_token():
    ranks, ids, _ = tokens._vocabulary()
    whole = [part for part in ids if part.endswith("</w>")][::7]
    assert [part for part in whole if tokens._paired(part[:-4], ranks) != [part]] == []


@pytest.mark.parametrize(("words", "length"), [(74, 76), (75, 77), (76, 77), (500, 77)])
def test_a_long_caption_is_cut_and_keeps_its_end(words, length):
    ids = OURS("cat " * words)
    assert len(ids) == length
    assert ids[-1] == OURS.end
    assert ids == theirs("cat " * words)


def test_another_context_length_cuts_there():
    assert Tokenizer(8)("a photo of a very small cat indeed") == theirs(
        "a photo of a very small cat indeed", context=8
    )


@pytest.mark.parametrize(
    "caption", ["x" * 100_000, "x y " * 25_000, "é" * 100_000, "\u0301" * 100_000, "…" * 100_000]
)
def test_a_caption_of_100000_characters_is_tokens_like_any_other(caption):
    ids = OURS(caption)
    assert len(ids) <= 77
    assert ids[-1] == OURS.end


def test_words_are_kept_up_to_a_number(monkeypatch):
    monkeypatch.setattr(tokens, "_MOST_KEPT", 5)
    small = Tokenizer()
    for number in range(20):
        small(f"qqx{'z' * number}")
        assert len(small._known) <= 5
