import pytest

from tests.filters.items import Captioned
from wit_builder.errors import ConfigError
from wit_filters import Language, Script


@pytest.mark.parametrize(
    ("lang", "score", "expected"),
    [
        ("en", 0.40, None),
        ("en", 0.39, "language_unsure"),
        ("", 0.9, "language_unsure"),
        ("", 0.0, "language_unsure"),
        ("en", float("nan"), "language_unsure"),
    ],
)
def test_a_language_must_be_known_well_enough(lang: str, score: float, expected: str | None) -> None:
    assert Language()(Captioned(lang=lang, lang_score=score)).reason == expected


@pytest.mark.parametrize(("lang", "expected"), [("en", None), ("pt", None), ("de", "language_unwanted")])
def test_only_the_languages_asked_for_stay(lang: str, expected: str | None) -> None:
    assert Language(allowed=("en", "pt"))(Captioned(lang=lang)).reason == expected


def test_an_uncertain_language_is_uncertain_before_it_is_unwanted() -> None:
    verdict = Language(allowed=("en",))(Captioned(lang="de", lang_score=0.1))
    assert (verdict.reason, verdict.evidence) == ("language_unsure", "de 0.10")


@pytest.mark.parametrize(
    ("allowed", "named"),
    [("en", "Language.allowed is 'en'"), (("EN",), "Language.allowed holds 'EN'"), (("",), "holds ''")],
)
def test_languages_are_a_tuple_of_codes(allowed: tuple[str, ...], named: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Language(allowed=allowed)
    assert named in str(refused.value)


def test_a_score_is_a_probability() -> None:
    with pytest.raises(ConfigError, match=r"^Language\.min_score is 40, expected from 0 to 1$"):
        Language(min_score=40)


@pytest.mark.parametrize(
    ("caption", "allowed", "expected"),
    [
        ("a boat", ("Latin",), None),
        ("лодка", ("Latin",), "script_unwanted"),
        ("ab лод", ("Latin",), "script_unwanted"),  # 2 of 5 letters
        ("abc лод", ("Latin",), None),  # 3 of 6, the bound
        ("Ｂｏａｔ", ("Latin",), None),
        ("2024", ("Latin",), None),
        ("東京タワーへ", ("Han", "Hiragana", "Katakana"), None),
        ("東京タワー", ("Han",), "script_unwanted"),  # 2 of 5
        ("서울", ("Hangul",), None),
        ("नाव", ("Devanagari",), None),
        ("قارب", ("Arabic",), None),
    ],
)
def test_a_caption_is_written_in_the_scripts_asked_for(caption, allowed, expected):
    assert Script(allowed)(Captioned(caption)).reason == expected


def test_a_share_of_the_letters_is_enough():
    assert Script(("Latin",), min_share=0.4)(Captioned("ab лод")).kept
    assert not Script(("Latin",), min_share=0.41)(Captioned("ab лод")).kept


@pytest.mark.parametrize(
    ("allowed", "named"), [(("latin",), "Script.allowed holds 'latin'"), ((), "Script.allowed is ()")]
)
def test_scripts_have_names(allowed, named):
    with pytest.raises(ConfigError) as refused:
        Script(allowed)
    assert str(refused.value).startswith(named)


def test_other_models_write_codes_with_a_script():
    assert Language(("eng_Latn",))(Captioned(lang="eng_Latn")).kept
