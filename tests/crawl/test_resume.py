import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.crawl.dying import SETTINGS
from tests.crawl.maze import maze
from tests.crawl.sites import Crawled, FakeWeb, page, run
from wit_builder.crawl import batch, rounds
from wit_builder.crawl.settings import Crawl
from wit_builder.errors import BuildError

ROOT = Path(__file__).parents[2]
SEED = ("http://a.test/",)
PAGES = 80


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(batch, "PAGES", 4)
    monkeypatch.setattr(rounds, "SWEPT", 3)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Crawled:
    return run(FakeWeb(maze(PAGES)), SETTINGS, tmp_path_factory.mktemp("undisturbed"))


def test_a_stopped_crawl_goes_on_to_the_same_end(tmp_path, small_batches, undisturbed):
    web = FakeWeb(maze(PAGES))
    calls = 0
    while True:
        web.asked.clear()
        crawled = run(web, SETTINGS, tmp_path, stop=lambda: web.asked.total() > 7)
        calls += 1
        if crawled.result.finished:
            break
    assert crawled.outcome == undisturbed.outcome
    assert crawled.result.funnel.as_json() == undisturbed.result.funnel.as_json()
    assert calls > 3


def test_what_was_stopped_is_counted_so_far(tmp_path, small_batches):
    web = FakeWeb(maze(PAGES))
    crawled = run(web, SETTINGS, tmp_path, stop=lambda: web.asked.total() > 20)
    funnel = crawled.result.funnel
    assert not crawled.result.finished
    assert funnel["pages"].dropped.total() + funnel["extract"].dropped.total() == len(crawled.losses)
    assert funnel["extract"].kept == len(crawled.candidates)


def test_a_stop_comes_at_once_whatever_is_in_flight(tmp_path):
    web = FakeWeb({"a.test/": page("/b", "/c"), "a.test/b": page(), "a.test/c": page()})
    web.delay = lambda: 60.0 if web.asked["a.test/b"] else 0.0
    began = time.monotonic()
    crawled = run(web, Crawl(SEED), tmp_path, stop=lambda: bool(web.asked["a.test/b"]))
    assert (crawled.result.finished, crawled.kept) == (False, 1)
    assert time.monotonic() - began < 2


def test_a_wish_to_stop_is_not_taken_back(tmp_path):
    web = FakeWeb({"a.test/": page("/b"), "a.test/b": page()})
    web.delay = lambda: 60.0 if web.asked["a.test/b"] == 1 else 0.0
    wishes = []

    def stop() -> bool:
        wishes.append(web.asked["a.test/b"] > 0)
        return wishes.count(True) == 1

    assert not run(web, Crawl(SEED), tmp_path, stop=stop).result.finished


def test_a_batch_is_committed_after_a_while_however_small(tmp_path, monkeypatch):
    monkeypatch.setattr(rounds, "COMMIT_S", 0.0)
    monkeypatch.setattr(rounds, "REPORT_S", 0.0)
    monkeypatch.setattr(rounds, "POLL_S", 0.02)
    web = FakeWeb({"a.test/": page("/b", "/c"), "a.test/b": page(), "a.test/c": page()})
    web.delay = lambda: 0.1 if web.asked["a.test/c"] else 0.0
    crawled = run(web, Crawl(SEED, concurrency=1), tmp_path)
    assert len(crawled.reports) > 2
    assert crawled.kept + len(crawled.reasons) == 3


def test_a_disk_that_is_full_stops_the_crawl_with_a_sentence(tmp_path, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("wit_builder.crawl.parts.pq.write_table", full)
    web = FakeWeb({"a.test/": page(images={"/cat.jpg": "a cat"})})
    with pytest.raises(BuildError, match=r"cannot be written: .*Input/output error"):
        run(web, Crawl(SEED), tmp_path)
    monkeypatch.undo()
    assert len(run(web, Crawl(SEED), tmp_path).candidates) == 1


def test_killed_before_any_step_it_goes_on_to_the_same_end(tmp_path, undisturbed):
    rng = random.Random(0)
    with FakeWeb(maze(PAGES)).served() as port:
        died = int(dying(tmp_path, port, *(rng.randrange(1, 40) for _ in range(10))).communicate()[0])
    assert died >= 8
    assert run(FakeWeb(maze(PAGES)), SETTINGS, tmp_path).outcome == undisturbed.outcome


@pytest.mark.slow
def test_killed_before_each_step_there_is_it_goes_on_to_the_same_end(tmp_path, undisturbed):
    with FakeWeb(maze(PAGES)).served() as port:
        died = [int(dying(tmp_path / str(step), port, step, 0).communicate()[0]) for step in range(1, 400, 3)]
    assert died[:60] == [1] * 60
    for step in range(1, 400, 3):
        assert run(FakeWeb({}), SETTINGS, tmp_path / str(step)).outcome == undisturbed.outcome


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(25))
def test_killed_at_any_moment_it_goes_on_to_the_same_end(tmp_path, undisturbed, seed):
    rng = random.Random(seed)
    with FakeWeb(maze(PAGES)).served() as port:
        for _ in range(5):
            process = dying(tmp_path, port, 0)
            time.sleep(rng.uniform(0.5, 3.0))
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert run(FakeWeb(maze(PAGES)), SETTINGS, tmp_path).outcome == undisturbed.outcome


def dying(folder: Path, port: int, *steps: int) -> "subprocess.Popen[str]":
    """Crawls in a process of its own, of its own group; see dying.py."""
    command = [sys.executable, "-m", "tests.crawl.dying", str(folder), str(port), *map(str, steps)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
