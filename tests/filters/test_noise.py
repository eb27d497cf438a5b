import time

import pytest

from tests.filters.items import Captioned
from wit_builder.errors import ConfigError
from wit_filters import CaptionCounter, CaptionMarkup, CaptionNgrams, CaptionSymbols


def reason(rule, caption):
    return rule(Captioned(caption)).reason


@pytest.mark.parametrize(
    "caption",
    [
        "a <b>boat</b>",
        '<img src="a.jpg">',
        "<br/>boat",
        "salt &amp; pepper",
        "valentine&#39;s day",
        "[url=http://a.test]boat[/url]",
        '[caption id="attachment_7"]boat',
        "[[File:Boat.jpg|thumb]]",
        "{{ product.title }}",
        "{% if title %}",
        "${title} on a lake",
        "%%title%%",
        "<%= title %>",
    ],
)
def test_markup_left_in_a_caption_is_seen(caption):
    assert reason(CaptionMarkup(), caption) == "caption_markup"


@pytest.mark.parametrize(
    "caption",
    [
        "Q&A; with the team",
        "5 < 7 and 9 > 2",
        "I <3 boats",
        "Smith & Sons; boats",
        "a boat [detail]",
        "the vowel [u]",
        "{a, b}",
        "100% cotton",
        "US$ 30",
        "<3",
    ],
)
def test_signs_that_only_look_like_markup_stay(caption):
    assert reason(CaptionMarkup(), caption) is None


@pytest.mark.parametrize(
    "caption",
    [
        "2019-05-04 12:33",
        "04.05.2019",
        "4 May 2019",
        "12th of March, 2020",
        "Photo 3 of 12",
        "page 7",
        "1/24",
        "Bild 2 von 8",
        "Figure 3.2",
        "写真1",
        "2019年5月4日",
        "55500002",
    ],
)
def test_a_date_or_a_place_in_a_row_is_no_caption(caption):
    assert reason(CaptionCounter(), caption) == "caption_counter"


@pytest.mark.parametrize(
    "caption",
    [
        "Apollo 11",
        "F-16",
        "Area 51",
        "May",
        "Photo",
        "Photo of 3 boats",
        "4 May 2019, Berlin",
        "The 3 of us",
        "1/24 Porsche",
    ],
)
def test_a_number_beside_words_that_say_something_stays(caption):
    assert reason(CaptionCounter(), caption) is None


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("abcdefg 12", None),  # 3 of 10
        ("abcdef 123", "caption_symbols"),  # 4 of 10
        ("हिन्दी में लिखा", None),
        ("", None),
    ],
)
def test_special_characters_up_to_three_tenths_stay(caption, expected):
    assert reason(CaptionSymbols(), caption) == expected


def obelics_characters(text, n):
    """The measure written down once more, as OBELICS describes it."""
    runs = [text[i : i + n] for i in range(len(text) - n + 1)]
    counts = sorted((runs.count(run) for run in set(runs)), reverse=True)
    often = min(int(len(counts) ** 0.5), sum(count > 1 for count in counts))
    return sum(counts[:often]) / sum(counts)


def test_runs_of_characters_are_counted_as_obelics_does():
    for text in ("abcabcabcdefgh", "a boat on a lake and a boat at sea", "no run returns here"):
        share = obelics_characters(text, 3)
        assert reason(CaptionNgrams(3, share, 99), text) is None
        if share:
            assert reason(CaptionNgrams(3, share - 0.001, 99), text) == "caption_ngrams"


def test_runs_of_words_are_counted_by_those_that_return():
    text = "one two three four one two five six"  # 2 of 7 pairs
    assert reason(CaptionNgrams(99, 0, 2, 2 / 7), text) is None
    assert reason(CaptionNgrams(99, 0, 2, 2 / 7 - 0.001), text) == "caption_ngrams"


def test_a_text_shorter_than_a_run_has_none():
    assert reason(CaptionNgrams(), "a boat") is None
    assert reason(CaptionNgrams(), "") is None


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        (CaptionSymbols, {"max_share": 1.1}),
        (CaptionNgrams, {"char_length": 0}),
        (CaptionNgrams, {"word_length": 101}),
        (CaptionNgrams, {"max_char_share": -0.1}),
        (CaptionNgrams, {"max_word_share": float("nan")}),
    ],
)
def test_a_number_out_of_range_is_refused_by_name(rule, wrong):
    with pytest.raises(ConfigError, match=rf"^{rule.__name__}\.{next(iter(wrong))} is "):
        rule(**wrong)


@pytest.mark.parametrize("rule", [CaptionMarkup(), CaptionCounter(), CaptionSymbols(), CaptionNgrams()])
@pytest.mark.parametrize(
    "unit", ["<a ", "&a", "[[", "[caption ", "1 ", "of ", "${", "%%", "'", "{{ ", "a", "\ud800"]
)
def test_a_hostile_caption_costs_no_time(rule, unit):
    start = time.perf_counter()
    for length in (60, 10_000):
        rule(Captioned((unit * 10_000)[:length]))
    assert time.perf_counter() - start < 0.2
