"""Models by open_clip's names, by the paper's, and by files."""

import json

import pytest

from wit_builder.errors import ConfigError
from wit_builder.model import build, names


@pytest.mark.parametrize(
    ("spelt", "name"),
    [
        ("ViT-B/32", "ViT-B-32"),
        ("ViT-L/14@336px", "ViT-L-14-336"),
        ("ViT-L/14@336px-quickgelu", "ViT-L/14@336px-quickgelu"),
        ("RN50x64", "RN50x64"),
        ("runs/a@b/mine.json", "runs/a@b/mine.json"),
    ],
)
def test_the_papers_spelling_is_open_clips(spelt, name):
    assert names.plain(spelt) == names.plain(name)


@pytest.mark.parametrize("name", names.NINE)
def test_the_nine_and_their_twins_are_open_clips(name):
    plain, twin = build.config_of(name)[0], build.config_of(name + names.QUICK)[0]
    assert twin == plain | {"quick_gelu": True}
    assert names.paper_name(name) == names.paper_name(name + names.QUICK) == name


def test_an_unknown_name_is_told_the_nearest():
    with pytest.raises(ConfigError, match="no model 'ViT-B-23'") as error:
        build.config_of("ViT-B-23")
    assert "ViT-B-32" in error.value.hint
    assert names.paper_name("ViT-B-23") is None


def test_our_tiny_model_is_one_file():
    assert build.config_of("tiny")[0] == json.loads(names.TINY_CONFIG.read_text())
