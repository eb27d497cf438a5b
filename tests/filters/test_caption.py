import gzip
import json
import time

import pytest

from tests.filters.items import Captioned
from tests.shared_data import shared_data
from wit_builder.errors import ConfigError
from wit_builder.filtering import Filter
from wit_builder.records import HasCaption
from wit_filters import CaptionFileName, CaptionLength, CaptionLetters, CaptionRepetition, CaptionUrl


def reason(rule: Filter[HasCaption], caption: str) -> str | None:
    return rule(Captioned(caption)).reason


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("sunset", "caption_few_words"),
        ("a boat", None),
        ("a cat", "caption_few_chars"),
        ("", "caption_few_words"),
        (" ".join(["ab"] * 256), None),
        (" ".join(["ab"] * 257), "caption_long"),
        ("a " + "b" * 998, None),
        ("a " + "b" * 999, "caption_long"),
    ],
)
def test_a_caption_is_kept_up_to_each_bound_of_its_length(caption: str, expected: str | None) -> None:
    assert reason(CaptionLength(), caption) == expected


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("猫", "caption_few_words"),
        ("富士山", None),  # two words of two characters, six letters' worth
        ("黒猫", "caption_few_words"),
        ("แมวด", "caption_few_words"),  # four characters, one word
        ("แมวสีดำ", None),
        ("강아지", "caption_few_words"),  # Hangul is written with spaces
        ("흰 고양이", None),
        ("AI 스피커", None),
        ("東京 Tower", None),
    ],
)
def test_scripts_without_spaces_are_counted_by_characters(caption: str, expected: str | None) -> None:
    assert reason(CaptionLength(), caption) == expected


@pytest.mark.parametrize(("length", "expected"), [(512, None), (513, "caption_long")])
def test_a_long_text_without_spaces_has_its_words_counted(length: int, expected: str | None) -> None:
    assert reason(CaptionLength(), "山" * length) == expected


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"min_words": -1}, "CaptionLength.min_words is -1"),
        ({"min_chars": float("nan")}, "CaptionLength.min_chars is nan"),
        ({"max_words": True}, "CaptionLength.max_words is True"),
        ({"min_words": 9, "max_words": 8}, "CaptionLength.min_words is 9, above CaptionLength.max_words"),
        ({"min_chars": 9, "max_chars": 8}, "CaptionLength.min_chars is 9, above CaptionLength.max_chars"),
    ],
)
def test_lengths_that_make_no_sense_are_refused_by_name(wrong: dict[str, int], named: str) -> None:
    with pytest.raises(ConfigError) as refused:
        CaptionLength(**wrong)
    assert str(refused.value).startswith(named)


@pytest.mark.parametrize(
    "caption",
    [
        "IMG_0042.JPG",
        "DSC00012",
        "image (3).png",
        "photo-1-2048x1536",
        "DLV_Logo.png",
        "Lothar_Koethe_Fotograf.jpg",
        "210921_banner_onlinekollekte_v2_2_final.jpg",
        "images/authors/Yuniel-Labacena-Romero.jpg",
    ],
)
def test_the_name_of_a_file_is_no_caption(caption: str) -> None:
    assert reason(CaptionFileName(), caption) == "caption_file_name"


@pytest.mark.parametrize(
    "caption",
    [
        "A boat on a lake",
        "Coca-Cola",
        "St. Gallen",
        "F-16",
        "Apollo 11",
        "Dr. Thomas Schulte",
        "3D-printing gets a turbo boost from U-M technology",
        "Yuliana opens photo.jpg on her laptop",
        "富士山と桜",
    ],
)
def test_a_text_that_only_looks_a_little_like_a_file_name_stays(caption: str) -> None:
    assert reason(CaptionFileName(), caption) is None


@pytest.mark.parametrize(
    "caption",
    [
        "http://www.naiin.org/",
        "HTTPS://EXAMPLE.ORG/a.jpg",
        "www.brasil247.com -",
        "Foto: www.example.org/archive",
        "info@example.org",
        "BahamasLocal.com",
        "wien.ORF.at",
        "example.org/gallery/12",
    ],
)
def test_an_address_is_no_caption(caption: str) -> None:
    assert reason(CaptionUrl(), caption) == "caption_url"


@pytest.mark.parametrize(
    "caption",
    [
        "Mona Lisa http://example.org/mona",
        "山と桜 https://example.org/",
        "inside one bedroom, By Zolinpiero (Own work) [CC-BY-SA-3.0 (http://creativecommons.org/licenses/by-sa/3.0)]",
        "Dr. Who",
        "St.Gallen",
        "Logo tagesschau.de",
        "tea @ home",
        "version 2.0",
        "e.V.",
    ],
)
def test_a_text_with_an_address_in_it_stays(caption: str) -> None:
    assert reason(CaptionUrl(), caption) is None


def test_how_many_words_must_stand_beside_an_address_can_be_asked() -> None:
    caption = "Mona Lisa http://example.org/mona"
    assert reason(CaptionUrl(min_other_words=3), caption) == "caption_url"


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("88x31", "caption_no_letters"),
        ("★★★★☆", "caption_no_letters"),
        ("", "caption_no_letters"),
        ("12:30 – 14:00", "caption_no_letters"),
        ("abc 1234567", None),  # 3 letters of 10
        ("abc 12345678", "caption_no_letters"),  # 3 of 11
        ("BMW 320d", None),
        ("हिन्दी 123456789", None),  # 3 letters and 3 vowel signs of 15
        ("猫と犬 2024", None),
    ],
)
def test_a_caption_needs_letters(caption: str, expected: str | None) -> None:
    assert reason(CaptionLetters(), caption) == expected


def test_no_letter_at_all_is_too_few_whatever_share_is_asked() -> None:
    assert reason(CaptionLetters(min_share=0.0), "2024") == "caption_no_letters"


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("Logo Logo Logo", "caption_repetitive"),  # 1 of 3
        ("Logo, logo; LOGO.", "caption_repetitive"),
        ("New York, New York", None),  # 1 of 2
        ("a a a b b", None),  # 0.4, the bound itself
        ("a a a a b b", "caption_repetitive"),
        ("A man on a bicycle rides on a mountain.", None),
        ("ハハハハハハ", "caption_repetitive"),
        ("東京タワーと富士山", None),
        ("z" * 10 + " and more", None),
        ("z" * 11 + " and more", "caption_repetitive"),
        ("...", None),
    ],
)
def test_a_caption_that_says_the_same_again_is_dropped(caption: str, expected: str | None) -> None:
    assert reason(CaptionRepetition(), caption) == expected


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        (CaptionLetters, {"min_share": 1.1}),
        (CaptionRepetition, {"min_distinct": -0.1}),
        (CaptionRepetition, {"max_run": 0}),
        (CaptionUrl, {"min_other_words": 0}),
    ],
)
def test_a_number_out_of_range_is_refused_by_name(rule: type, wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=rf"^{rule.__name__}\.{next(iter(wrong))} is "):
        rule(**wrong)


RULES: tuple[Filter[HasCaption], ...] = (
    CaptionLength(),
    CaptionFileName(),
    CaptionUrl(),
    CaptionLetters(),
    CaptionRepetition(),
)


@pytest.mark.parametrize("rule", RULES)
def test_photo_captions_of_four_languages_all_pass(rule: Filter[HasCaption]) -> None:
    with gzip.open(shared_data("text/captions-multi30k.jsonl.gz"), "rt") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    assert [text for text in texts if reason(rule, text)] == []


@pytest.mark.parametrize(("rule", "share"), [(CaptionFileName(), 0.05), (CaptionUrl(), 0.02)])
def test_of_real_alts_with_three_plain_words_no_address_or_name_is_found(
    rule: Filter[HasCaption], share: float
) -> None:
    with gzip.open(shared_data("text/alts-trafilatura.jsonl.gz"), "rt") as lines:
        alts = [json.loads(line)["alt"] for line in lines]
    dropped = [alt for alt in alts if reason(rule, alt)]
    assert [alt for alt in dropped if sum(map(str.isalpha, alt.split())) >= 3] == []
    assert 0 < len(dropped) < share * len(alts)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("unit", ["a", ".a", "a@", "www.", "山", " ", "\u0301", "http://", "-1x"])
def test_a_hostile_caption_costs_no_time(rule: Filter[HasCaption], unit: str) -> None:
    caption = (unit * 10_000)[:10_000]
    start = time.perf_counter()
    rule(Captioned(caption))
    assert time.perf_counter() - start < 0.2
