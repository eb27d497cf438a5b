import pytest

from tests.filters.items import Captioned
from tests.filters.taggers import tagger
from wit_builder.errors import ConfigError
from wit_filters import CaptionParts


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tagger(tmp_path_factory.mktemp("tagger"))


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("a red boat on the lake", None),
        ("the dog in a boat", None),
        ("in the", "caption_no_noun"),
        ("boat on lake", "caption_no_determiner"),
        ("the red boat", "caption_no_preposition"),
        ("", "caption_no_noun"),
    ],
)
def test_a_caption_needs_noun_determiner_and_preposition(model, caption, expected):
    assert CaptionParts(model)(Captioned(caption)).reason == expected


def test_less_may_be_asked_for(model):
    rule = CaptionParts(model, ("noun", "determiner"))
    assert rule(Captioned("the red boat")).kept
    assert CaptionParts(model, ("noun",))(Captioned("boat")).kept


def test_nouns_may_be_capped(model):
    rule = CaptionParts(model, (), max_noun_share=0.5)
    assert rule(Captioned("the boat on the lake")).kept  # 2 of 5
    assert rule(Captioned("the boat")).kept  # 1 of 2
    assert rule(Captioned("the boat lake")).reason == "caption_nouns"  # 2 of 3


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("weights", "[1]", "holds no averaged perceptron tagger"),
        ("weights", "{", "cannot be read"),
        ("classes", '["X", "Y"]', "has tags"),
        ("tagdict", None, "holds 0 files"),
    ],
)
def test_a_folder_that_holds_no_tagger_is_refused(model, tmp_path, name, content, said):
    for path in model.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (path,) = tmp_path.glob(f"*.{name}.json")
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(ConfigError, match=said):
        CaptionParts(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"holds 0 files \*\.weights\.json, expected 1"):
        CaptionParts(tmp_path / "none")


def test_a_part_that_is_none_is_refused_by_name(model):
    with pytest.raises(ConfigError, match=r"^CaptionParts\.required is \('verb',\)"):
        CaptionParts(model, ("verb",))
