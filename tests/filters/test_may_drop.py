"""What a rule says of columns that it need not be called for, it keeps."""

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.filters.items import Addressed, Captioned, Pictured
from wit_builder import filtering
from wit_filters import (
    CaptionCounter,
    CaptionFileName,
    CaptionLength,
    CaptionLetters,
    CaptionMarkup,
    CaptionRepetition,
    CaptionUrl,
    ImageAlpha,
    ImageAnimated,
    ImageArea,
    ImageAspect,
    ImageBytes,
    ImageDetail,
    ImageFormat,
    ImageSize,
    Language,
    UrlExtension,
    UrlHolds,
    UrlIcon,
)

OF_CAPTIONS = [
    *(CaptionLength(), CaptionFileName(), CaptionUrl(), CaptionMarkup(), CaptionCounter(), CaptionLetters()),
    *(CaptionRepetition(), CaptionRepetition(min_distinct=1.0, max_run=1, window=5)),
    *(CaptionLength(min_words=3, max_words=6, min_chars=0, max_chars=30), CaptionLetters(min_share=0.9)),
]
OF_URLS = [UrlExtension(), UrlIcon(), UrlIcon(names=("logi", "a")), UrlHolds()]
OF_PICTURES = [
    *(ImageSize(), ImageAspect(), ImageAspect(1.1), ImageDetail(), ImageArea(1_000, 90_000), ImageFormat()),
    *(ImageBytes(max_bytes=20_000), ImageAnimated(), ImageAlpha()),
]

FORMATS, BOOL = st.sampled_from(["", "jpg", "gif"]), st.booleans()
PIECES = st.sampled_from(
    [
        *(
            "Logo",
            "LOGO",
            "logo.",
            "straße",
            "STRASSE",
            "лодка",
            "Photo",
            "photo",
            "ımage",
            "page",
            "of",
            "a",
        ),
        *(
            "aaa",
            "猫",
            "ภาพ",
            "3",
            "12",
            "²",
            "٣",
            "é",
            "×",
            "e\u0301",
            "♥",
            "😀",
            "—",
            "…",
            "\xa0",
            "\u2003",
        ),
        *("\u3000", "\x1c", "\n", "'''", "&amp;", "&", "<b>", "{{", "%%x%%", "[/b]", "[[a]]", "<%", "www."),
        *("http://a.test", "a@b.test", "a.com", "IMG_1", ".jpg", ".gİf", "x.jpg", "1x1"),
    ]
)
CAPTIONS = st.lists(st.tuples(PIECES, st.sampled_from([" ", " ", " ", "", ", "]))).map(
    lambda pairs: "".join(map("".join, pairs))
)
PARTS = st.sampled_from(
    [
        *("spacer", "SPACER", "Spacer2", "icons", "blan\u212a", "logİ", "a", "photo", "1x1", "32x32", "16px"),
        *("2x", "123456", "svg", "ICO", "İco", "jpg", "emoji", ".", "-", "_", "/", ";", "?", "#", "%20", "ſ"),
    ]
)
URLS = st.lists(PARTS, max_size=8).map(lambda parts: "http://a.test/" + "".join(parts))


def missed(rule, items):
    """Items that the rule drops, though it says that it need not be called for them."""
    names = type(items[0]).__dataclass_fields__
    rows = pa.table({name: [getattr(item, name) for item in items] for name in names})
    asked = filtering.may_drop(rule, rows).tolist()
    return [item for item, called in zip(items, asked, strict=True) if not called and not rule(item).kept]


@pytest.mark.parametrize("rule", OF_CAPTIONS, ids=repr)
@given(st.lists(CAPTIONS | st.text(), min_size=1))
@example(["", " ", "猫" * 3, "word " * 70, "a" * 5000, "b " + "a" * 11, "a" * 2001 + " b"])
@example(["Straße STRASSE strasse", "12\xa0/\xa013", "٣ ", "a.com" + "/" * 1996 + " b"])
def test_no_caption_that_a_rule_drops_is_missed(rule, captions):
    assert missed(rule, [Captioned(caption) for caption in captions]) == []


@pytest.mark.parametrize("rule", OF_URLS, ids=repr)
@given(st.lists(URLS | st.text().map("http://a.test/".__add__), min_size=1))
@example(["http://a.test/spacer", "http://a.test/x/1x1.gif?a/b", "http://a.test/EMOJI;v=1/a.jpg"])
def test_no_address_that_a_rule_drops_is_missed(rule, urls):
    assert missed(rule, [Addressed(url) for url in urls]) == []


@pytest.mark.parametrize("rule", OF_PICTURES, ids=repr)
@given(
    st.lists(
        st.builds(Pictured, *[st.integers(0, 30_000)] * 3, st.integers(0, 100), FORMATS, BOOL, BOOL),
        min_size=1,
    )
)
@example([Pictured(600, 200), Pictured(601, 200), Pictured(199, 300), Pictured(200, 20_001)])
@example([Pictured(phash_quality=49)])
def test_no_picture_that_a_rule_drops_is_missed(rule, pictures):
    assert missed(rule, pictures) == []


@pytest.mark.parametrize("rule", [Language(), Language(allowed=("en", "de"))], ids=repr)
@pytest.mark.parametrize("lang", ["", "en", "fr"])
def test_no_language_that_the_rule_drops_is_missed(rule, lang):
    scores = [0.0, 0.39, 0.4, 1.0, float("nan")]
    assert missed(rule, [Captioned(lang=lang, lang_score=score) for score in scores]) == []


def test_no_rule_need_be_called_for_what_most_pairs_are_like():
    captions = [
        "A boat on a lake",
        "Früh am See – Bildband, 1. Auflage",
        "It's 3 p.m. at Bed & Breakfast No. 5",
    ]
    url = "https://a.test/uploads/2019/boat-12345-1024x768.jpg"
    rows = pa.table({"caption": captions, "url": [url] * 3})
    called_for = {rule: filtering.may_drop(rule, rows).tolist() for rule in (*OF_CAPTIONS[:7], *OF_URLS)}
    assert called_for.pop(CaptionCounter()) == [False, True, False]  # a digit, and letters beyond ASCII
    assert not any(map(any, called_for.values()))
    usual = pa.table({name: [getattr(Pictured(), name)] for name in Pictured.__dataclass_fields__})
    assert not any(
        filtering.may_drop(rule, usual).any()
        for rule in (ImageSize(), ImageArea(), ImageFormat(), *OF_PICTURES[-2:])
    )


def test_what_is_null_is_asked_of_the_rule_itself():
    rows = pa.table({"phash_quality": pa.array([None, 100, 49], pa.int64())})
    assert filtering.may_drop(ImageDetail(), rows).tolist() == [True, False, True]
