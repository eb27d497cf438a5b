import inspect

import pytest

from wit_builder import settings
from wit_builder.errors import ConfigError
from wit_builder.lists.settings import UrlList
from wit_pipelines import url_list

FILES = ("pairs.parquet", "s3://bucket/*.csv.gz")


def made(**values):
    return url_list.recipe(input=FILES, contact="me@example.org", **values)


def at(recipe, path):
    for name in path.split("."):
        recipe = getattr(recipe, name)
    return recipe


PLACES = [  # parameter, a value, where it stands in the recipe
    ("url_col", "URL", "source.url_col"),
    ("caption_col", "TEXT", "source.caption_col"),
    ("input_format", "csv", "source.format"),
    ("columns", ("width",), "source.columns"),
    ("name", "birds", "name"),
    ("size", 99, "image.size"),
    ("mode", "border", "image.mode"),
    ("format", "webp", "image.format"),
    ("near_duplicates", 9, "duplicates.radius"),
    ("mask", ("email",), "extraction.mask"),
    ("samples_per_shard", 5, "shards.samples_per_shard"),
    ("delay", 2.5, "web.politeness.host_delay_s"),
    ("deadline", 7.5, "web.deadline_s"),
    ("allow_network", ("10.0.0.0/8",), "web.allow_network"),
]


@pytest.mark.parametrize(("parameter", "value", "path"), PLACES)
def test_each_parameter_has_its_place_in_the_recipe(parameter, value, path):
    assert at(made(), path) != value
    assert at(made(**{parameter: value}), path) == value


def test_every_parameter_is_tried_above_or_below():
    rest = {"input", "contact", "languages", "min_side", "language_model", "preset", "given"}
    rest |= {"blocklist", "queries", "per_query"}
    assert set(inspect.signature(url_list.recipe).parameters) == {row[0] for row in PLACES} | rest


def test_the_files_alone_are_enough():
    assert made().source == UrlList(files=FILES)
    assert made().web.contact == "me@example.org"


def test_the_rules_are_those_of_a_crawl():
    assert made(min_side=300).sample_filters[0].min_side == 300
    assert made(languages=("en",)).candidate_filters[-1].allowed == ("en",)
    assert made(near_duplicates=-1).duplicates.radius is None


def test_lists_of_what_must_not_be_taken_are_named_with_their_kind():
    assert made(blocklist=("urls:a.txt",)).blocklist.urls == ("a.txt",)


def test_a_list_must_be_named():
    with pytest.raises(ConfigError, match="no list is named"):
        url_list.recipe(input=())


def test_it_comes_back_from_build_json():
    recipe = made(columns=("width",), url_col="URL")
    assert settings.decode(settings.encode(recipe)) == recipe


def test_a_list_of_queries_is_balanced_as_in_clip_unless_told_otherwise():
    assert (made().queries, made().balance) == (None, None)
    asked = made(queries="queries.tsv")
    assert (asked.queries.files, asked.queries.required, asked.balance.per_query) == (
        ("queries.tsv",),
        True,
        20_000,
    )
    assert made(queries="queries.tsv", per_query=7).balance.per_query == 7
    assert made(queries="queries.tsv", per_query=0).balance is None
