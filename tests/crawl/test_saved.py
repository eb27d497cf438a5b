"""A crawl in a store goes on elsewhere from what was saved last, and ends as if nothing had happened."""

import uuid

import pytest

from tests.crawl.dying import SETTINGS
from tests.crawl.maze import maze
from tests.crawl.sites import FakeWeb, run
from wit_builder import mirror
from wit_builder.crawl import batch, parts, rounds, saved
from wit_builder.errors import BuildError

PAGES = 40


class Killed(BaseException):
    """Stands for a kill: no code of ours catches it."""


@pytest.fixture
def small(monkeypatch):
    """Small batches, small files that become one soon, and saved as often as can be."""
    monkeypatch.setattr(batch, "PAGES", 4)
    monkeypatch.setattr(rounds, "SWEPT", 3)
    monkeypatch.setattr(parts, "TOGETHER", 3)
    monkeypatch.setattr(saved, "SAVE_S", 0.0)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return run(FakeWeb(maze(PAGES)), SETTINGS, tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def elsewhere(tmp_path):
    """Crawls one attempt after the other into a store, each with a folder that is its own."""
    url, number = f"memory://{uuid.uuid4().hex}/run", 0

    def attempt(web, stop):
        nonlocal number
        number += 1
        folder = tmp_path / f"{number}"
        with mirror.met(url, folder):
            crawled = run(web, SETTINGS, folder / "home", attempt=f"{number:08x}", stop=stop)
            mirror.send([*crawled.result.candidate_parts, *crawled.result.loss_parts])
            return crawled

    return attempt


def test_a_stopped_crawl_goes_on_elsewhere_and_asks_for_nothing_twice(elsewhere, small, undisturbed):
    web, asked, calls = FakeWeb(maze(PAGES)), 0, 0
    finished = False
    while not finished:
        begun = web.asked.total()
        crawled = elsewhere(web, lambda begun=begun: web.asked.total() > begun + 7)
        finished, calls, asked = crawled.result.finished, calls + 1, web.asked.total()
    assert crawled.outcome == undisturbed.outcome
    assert crawled.result.funnel.as_json() == undisturbed.result.funnel.as_json()
    assert calls > 2
    assert asked < 2 * len(web.asked)


def test_a_killed_crawl_goes_on_elsewhere_from_what_was_saved(elsewhere, small, undisturbed):
    web = FakeWeb(maze(PAGES))

    def kill_after(pages):
        if web.asked.total() > pages:
            raise Killed
        return False

    for pages in (12, 30):
        with pytest.raises(Killed):
            elsewhere(web, lambda pages=pages: kill_after(pages))
    crawled = elsewhere(web, lambda: False)
    assert crawled.outcome == undisturbed.outcome
    assert crawled.result.funnel.as_json() == undisturbed.result.funnel.as_json()


def test_of_two_that_crawl_at_once_one_stops(elsewhere, small, monkeypatch):
    web = FakeWeb(maze(PAGES))
    monkeypatch.setattr(saved, "claim", lambda record, data, attempt: False)
    with pytest.raises(BuildError, match=r"another process crawls into memory://.*/run/home; this one stops"):
        elsewhere(web, lambda: False)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8])
def test_the_last_that_was_saved_is_found(tmp_path, count):
    with mirror.met(f"memory://{uuid.uuid4().hex}/run", tmp_path):
        for number in range(1, count + 1):
            mirror.create(tmp_path / f"saved-{number:05d}.json", b"{}")
        assert saved._last(tmp_path) == count
