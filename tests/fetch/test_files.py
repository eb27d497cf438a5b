"""What hosts gave for robots.txt and tdmrep.json is not asked for again by the next attempt, while it holds."""

import pytest

from tests.fetch.pairs import InPlace, kept, lost, task
from tests.site.told import Say, told
from wit_builder.engine import lease
from wit_builder.engine.task import Stopped
from wit_builder.fetch import fetch as fetch_
from wit_builder.fetch import files as files_
from wit_builder.fetch.fetch import fetch
from wit_builder.fetch.files import NAME, Files
from wit_builder.web.robots import KEEP_S, RobotsAnswer

SECRET = "http://a.test/private/0"
IMAGES = [f"http://{host}.test/{n}" for host in "ab" for n in range(8)]
ROBOTS = Say(b"User-agent: *\nDisallow: /private/", type="text/plain")
RULES = [f"http://{host}.test/{name}" for host in "ab" for name in (".well-known/tdmrep.json", "robots.txt")]


@pytest.fixture
def web(monkeypatch):
    monkeypatch.setattr(fetch_, "Pixels", InPlace)
    with told() as told_web:
        told_web.answers = {url: Say(b"x", wait=0.05) for url in IMAGES}
        told_web.answers["http://a.test/robots.txt"] = ROBOTS
        yield told_web


@pytest.fixture
def stopped(web, tmp_path):
    """A first attempt that has asked both hosts for their rules, and was stopped before its end."""
    first = task(tmp_path, [*IMAGES, SECRET], web.connect_to, attempt="0000000a")
    first.stopping = lambda: len(web.rules) == 4 and len(web.asked) >= 4
    with pytest.raises(Stopped):
        fetch(first)
    assert sorted(web.rules) == RULES
    web.rules.clear()
    return first


def again(web, tmp_path):
    second = task(tmp_path, [*IMAGES, SECRET], web.connect_to, attempt="0000000b")
    fetch(second)
    assert (kept(second), lost(second)) == (IMAGES, {SECRET: "robots"})
    return sorted(web.rules)


def test_the_next_attempt_obeys_them_without_asking(stopped, web, tmp_path):
    assert again(web, tmp_path) == []


def test_after_a_day_hosts_are_asked_again(stopped, web, tmp_path, monkeypatch):
    now = files_._now
    monkeypatch.setattr(files_, "_now", lambda: now() + KEEP_S)
    assert again(web, tmp_path) == RULES


def test_on_another_machine_nobody_can_tell_how_old_they_are(stopped, web, tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "machine", lambda: "another")
    assert again(web, tmp_path) == RULES


def test_of_a_damaged_file_nothing_counts(stopped, web, tmp_path):
    path = stopped.home / NAME
    path.write_bytes(path.read_bytes().replace(b"[", b"(", 3))
    assert again(web, tmp_path) == RULES


@pytest.mark.parametrize(
    ("answer", "there"),
    [
        (RobotsAnswer(200, b"User-agent: \xff\r\n"), True),
        (RobotsAnswer(404, b""), True),
        (RobotsAnswer(429, b""), False),
        (RobotsAnswer(503, b""), False),
        (RobotsAnswer(200, b"#" * files_.LONGEST), False),
    ],
)
def test_what_is_soon_asked_again_or_too_long_is_not_kept(tmp_path, monkeypatch, answer, there):
    monkeypatch.setattr(files_, "_now", lambda: 100.0)
    with Files.open(tmp_path) as files:
        files.keep("http://a.test/robots.txt", answer)
    monkeypatch.setattr(files_, "_now", lambda: 101.0)
    with Files.open(tmp_path) as files:
        found = files.get("http://a.test/robots.txt")
    assert found == (RobotsAnswer(answer.status, answer.body, 1.0) if there else None)


def test_all_together_they_take_no_more_than_their_room(tmp_path, monkeypatch):
    monkeypatch.setattr(files_, "MOST", 1_000)
    with Files.open(tmp_path) as files:
        for n in range(100):
            files.keep(f"http://{n}.test/robots.txt", RobotsAnswer(404, b""))
    assert 900 < (tmp_path / NAME).stat().st_size <= 1_000
