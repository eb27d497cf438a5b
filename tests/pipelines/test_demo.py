import pytest

from wit_builder import settings
from wit_builder.demo_web.settings import DemoWeb
from wit_pipelines import demo


def test_its_web_is_the_one_asked_for():
    recipe = demo.recipe(pages=20, seed=3, samples_per_shard=7)
    assert recipe.demo_web == DemoWeb(20, 3)
    assert recipe.source.seeds == DemoWeb(20, 3).seeds
    assert (recipe.name, recipe.shards.samples_per_shard) == ("demo", 7)


def test_it_needs_no_contact_and_reaches_loopback_only():
    recipe = demo.recipe()
    assert (recipe.web.contact, recipe.web.allow_network) == ("", ("127.0.0.0/8",))
    assert recipe.source.hosts == ("*.demo.test",)


@pytest.mark.parametrize("pages", [9, 1_000_001])
def test_a_size_out_of_range_is_refused(pages):
    with pytest.raises(ValueError, match=f"DemoWeb.pages is {pages}, expected 10 to 1000000"):
        demo.recipe(pages=pages)


def test_it_comes_back_from_build_json():
    recipe = demo.recipe(seed=5)
    assert settings.decode(settings.encode(recipe)) == recipe
