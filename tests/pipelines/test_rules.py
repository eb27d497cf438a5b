from pathlib import Path
from typing import get_args

import pytest

from tests.text.models import fasttext_model
from wit_builder import settings
from wit_builder.curation.settings import Duplicates
from wit_builder.errors import ConfigError
from wit_builder.preset import NO_FILES
from wit_builder.text.language import LanguageModel
from wit_filters.image import ImageSize
from wit_filters.language import Language
from wit_filters.presets import PRESETS
from wit_pipelines import common_crawl, crawl, rules, url_list

RECIPES = [
    lambda **more: crawl.recipe(seeds=("https://example.org/",), **more),
    lambda **more: common_crawl.recipe(wat=("a.wat.gz",), **more),
    lambda **more: url_list.recipe(input=("a.parquet",), **more),
]


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_gives_a_recipe_its_rules(recipe, name):
    made, preset = recipe(preset=name), PRESETS[name](NO_FILES)
    assert made.candidate_filters == preset.candidate_filters
    assert made.sample_filters == preset.sample_filters
    assert made.duplicates == preset.duplicates
    assert settings.decode(settings.encode(made)) == made


def test_every_preset_can_be_chosen():
    assert set(get_args(rules.Name)) == set(PRESETS)


@pytest.mark.parametrize("recipe", RECIPES)
def test_ours_is_the_default(recipe):
    assert recipe().candidate_filters == PRESETS["wit"](NO_FILES).candidate_filters


def test_what_is_asked_besides_comes_on_top():
    made = RECIPES[0](preset="cc12m", languages=("en",), min_side=500, near_duplicates=9)
    assert made.candidate_filters[-1] == Language(("en",))
    assert [rule.min_side for rule in made.sample_filters if isinstance(rule, ImageSize)] == [500]
    assert made.duplicates.radius == 9


def test_a_side_is_asked_for_where_the_preset_has_none():
    assert RECIPES[0](preset="metaclip", min_side=100).sample_filters[0].min_side == 100


def test_a_preset_keeps_near_duplicates_unless_they_are_asked_for():
    assert RECIPES[0](preset="cc12m").duplicates.radius is None
    assert RECIPES[0]().duplicates == Duplicates()


def test_a_file_brings_its_rule(tmp_path):
    (path := tmp_path / "words.txt").write_text("silly\n")
    made = RECIPES[0](preset="coyo-700m", given=(f"profanity={path}",))
    assert len(made.candidate_filters) == len(RECIPES[0](preset="coyo-700m").candidate_filters) + 1
    assert settings.decode(settings.encode(made)) == made


def test_a_file_that_is_of_no_use_is_refused():
    with pytest.raises(ConfigError, match="--given tagger: the preset wit has no use for it, it needs none"):
        RECIPES[0](given=("tagger=/a",))


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_model_of_languages_is_named_by_its_file(recipe, tmp_path):
    model = fasttext_model(tmp_path / "m.bin", {"cat": "eng_Latn", "chat": "fra_Latn"})
    made = recipe(language_model=model, languages=("fra_Latn",))
    assert made.language == LanguageModel(model)
    assert made.candidate_filters[-1].allowed == ("fra_Latn",)
    with pytest.raises(ConfigError, match="cannot be read"):
        recipe(language_model=Path("/none.bin"))


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_rule_without_its_file_is_named(recipe, tmp_path):
    (path := tmp_path / "words.txt").write_text("silly\n")
    named = f"profanity={path}"
    assert recipe().left_out == ()
    assert any("--given profanity=PATH: " in line for line in recipe(preset="coyo-700m").left_out)
    assert not any("profanity" in line for line in recipe(preset="coyo-700m", given=(named,)).left_out)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_number_of_pairs_wants_queries(recipe):
    with pytest.raises(ConfigError, match="--per-query 5 limits the pairs of each query, and no queries"):
        recipe(per_query=5)
    assert recipe().balance is None
    assert recipe(queries="q.tsv").balance.per_query == 20_000


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_radius_below_the_one_that_keeps_all_is_refused(recipe):
    assert recipe(near_duplicates=-1).duplicates.radius is None
    with pytest.raises(ConfigError, match="radius is -2"):
        recipe(near_duplicates=-2)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_language_that_the_model_does_not_tell_is_refused(recipe):
    with pytest.raises(ConfigError, match=r"'xx' is no language that lid\.176 tells; .*: none$") as raised:
        recipe(languages=("en", "xx"))
    assert raised.value.hint is None
