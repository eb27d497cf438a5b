import inspect

import pytest

from wit_builder import settings
from wit_builder.errors import ConfigError
from wit_filters.language import Language
from wit_pipelines import crawl

SEEDS = ("https://example.org/",)


def made(**values):
    return crawl.recipe(seeds=SEEDS, contact="me@example.org", **values)


def at(recipe, path):
    for name in path.split("."):
        recipe = getattr(recipe, name)
    return recipe


PLACES = [  # parameter, a value, where it stands in the recipe
    ("name", "birds", "name"),
    ("scope", "domain", "source.scope"),
    ("hosts", ("*.b.test",), "source.hosts"),
    ("include", ("a+",), "source.include"),
    ("exclude", ("b+",), "source.exclude"),
    ("max_depth", 2, "source.max_depth"),
    ("max_pages_per_host", 7, "source.max_pages_per_host"),
    ("max_pages", 8, "source.max_pages"),
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
    rest = {"seeds", "contact", "languages", "min_side", "language_model", "preset", "given"}
    rest |= {"blocklist", "queries", "per_query"}
    assert set(inspect.signature(crawl.recipe).parameters) == {row[0] for row in PLACES} | rest


def test_seeds_and_contact_are_taken():
    assert (made().source.seeds, made().web.contact) == (SEEDS, "me@example.org")


def test_an_address_is_asked_ten_times_as_often_as_a_host():
    assert made(delay=5.0).web.politeness.ip_delay_s == 0.5


def test_no_radius_keeps_near_duplicates():
    assert made(near_duplicates=-1).duplicates.radius is None
    assert made(near_duplicates=0).duplicates.radius == 0


def test_the_shorter_side_is_that_of_the_filter():
    assert made(min_side=300).sample_filters[0].min_side == 300


def test_languages_are_filtered_when_some_are_wanted():
    assert not any(isinstance(rule, Language) for rule in made().candidate_filters)
    assert made(languages=("en", "ceb")).candidate_filters[-1] == Language(allowed=("en", "ceb"))


@pytest.mark.parametrize("code", ["english", "EN", "e", "", "en-GB"])
def test_what_is_no_code_of_a_language_is_refused(code):
    with pytest.raises(ConfigError, match="is no language"):
        made(languages=("en", code))


def test_lists_of_what_must_not_be_taken_are_named_with_their_kind():
    blocklist = made(blocklist=("sha256:a.txt", "pdq:s3://b/c.csv.gz", "sha256:d.txt")).blocklist
    assert (blocklist.sha256, blocklist.pdq) == (("a.txt", "d.txt"), ("s3://b/c.csv.gz",))


def test_it_comes_back_from_build_json():
    recipe = made(languages=("en",), max_pages=3)
    assert settings.decode(settings.encode(recipe)) == recipe
