"""Lists of a whole build: what they keep out, when they grow, and when they are gone."""

import pytest

from tests import builds
from tests.builds import image_url
from tests.forget import folders
from tests.journeys.folders import lost
from tests.site.told import told
from wit_builder.blocklist.settings import Blocklist
from wit_builder.errors import ConfigError


@pytest.fixture
def web():
    with told() as one:
        builds.tell(one)
        yield one


@pytest.fixture
def listed(tmp_path):
    """A list of addresses, and the recipe that obeys it."""
    path = tmp_path / "owners.txt"
    path.write_text(f"{image_url(1)}\n")
    return path, builds.recipe(blocklist=Blocklist(urls=(str(path),)))


def blocked(out):
    return [row[:3] for row in lost(out) if row[1] == "blocked"]


def test_a_list_that_grew_counts_from_the_next_start(web, listed, tmp_path):
    path, made = listed
    out = tmp_path / "out"
    builds.run(out, web.connect_to, made, until="select")
    path.write_text(f"{image_url(1)}\n{image_url(2)}\n")
    builds.run(out, web.connect_to, made)
    assert blocked(out) == [("fetch", "blocked", image_url(2)), ("select", "blocked", image_url(1))]
    assert not {image_url(1), image_url(2)} & set(web.asked)
    folders.check(out)


def test_a_list_that_is_gone_stops_the_next_start_and_nothing_is_lost(web, listed, tmp_path):
    path, made = listed
    out = tmp_path / "out"
    builds.run(out, web.connect_to, made, until="select")
    kept = path.read_text()
    path.unlink()
    with pytest.raises(ConfigError, match=r"owners\.txt.*No such file"):
        builds.run(out, web.connect_to, made)
    path.write_text(kept)
    builds.run(out, web.connect_to, made)
    assert blocked(out) == [("select", "blocked", image_url(1))]


def test_a_list_that_cannot_be_read_leaves_nothing(web, listed, tmp_path):
    path, made = listed
    path.write_text("no address\n")
    with pytest.raises(ConfigError, match="line 1"):
        builds.run(tmp_path / "out", web.connect_to, made)
    assert not (tmp_path / "out").exists() and web.asked == []


def test_the_kept_set_is_that_of_a_build_without_lists_but_for_what_is_listed(web, listed, tmp_path):
    builds.run(tmp_path / "out", web.connect_to, listed[1])
    kept = {row["url"] for row in folders.pairs(tmp_path / "out").values()}
    all_ = {row["url"] for row in folders.pairs(builds.finished()).values()}
    assert kept == all_ - {image_url(1)}
