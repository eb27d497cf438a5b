import time
from collections import Counter
from contextlib import closing

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.fetch.pairs import InPlace, kept, lost, task
from tests.site.told import Say, picture, told
from wit_builder.engine.task import Stopped, run_task
from wit_builder.errors import BuildError
from wit_builder.fetch import chunks as chunks_
from wit_builder.fetch import fetch as fetch_
from wit_builder.fetch.fetch import fetch
from wit_builder.shards.tar import TarWriter
from wit_builder.web.journal import Journal
from wit_builder.web.politeness import Wish


@pytest.fixture
def web():
    with told() as told_web:
        yield told_web


@pytest.fixture
def in_place(monkeypatch):
    """No processes: every body is a picture."""
    monkeypatch.setattr(fetch_, "Pixels", InPlace)


def urls(count, host="h{}.test"):
    return [f"http://{host.format(n)}/{n}.png" for n in range(count)]


def stopping_after(asks, web):
    return lambda: len(web.asked) >= asks


def test_every_candidate_becomes_a_sample_or_a_failure_with_its_reason(web, tmp_path):
    a, b, c, d = urls(4)
    web.answers = {a: Say(picture(1)), b: Say(b"no image"), c: Say(b"<html>", type="text/html")}
    done = task(tmp_path, [a, b, c, d], web.connect_to)
    fetch(done)
    assert kept(done) == [a]
    assert lost(done) == {b: "not_image", c: "not_image", d: "http_404"}
    assert done.funnel.as_json()["fetch"]["seen"] == 4


def test_only_rows_that_stay_are_asked_for(web, tmp_path, in_place):
    done = task(tmp_path, urls(3), web.connect_to)
    np.save(tmp_path / "stays.npy", np.array([True, False, True]))
    done.params["stays"].append(str(tmp_path / "stays.npy"))
    fetch(done)
    assert sorted(lost(done)) == [urls(3)[0], urls(3)[2]]


def test_a_task_without_candidates_is_done(web, tmp_path):
    done = task(tmp_path, [], web.connect_to)
    fetch(done)
    assert (list(done.files), done.funnel.as_json()) == (
        ["wishes"],
        {"fetch": {"seen": 0, "kept": 0, "dropped": {}}},
    )


def test_a_bin_where_everything_fails_is_done(web, tmp_path, in_place):
    done = task(tmp_path, urls(5), web.connect_to)
    fetch(done)
    assert lost(done) == dict.fromkeys(urls(5), "http_404")
    assert kept(done) == []


def test_a_failure_that_passes_is_tried_again(web, tmp_path, in_place):
    (url,) = urls(1)
    web.answers = {url: [Say(status=503), Say(status=500), Say(b"there")]}
    done = task(tmp_path, [url], web.connect_to)
    fetch(done)
    assert (kept(done), web.times(url)) == ([url], 3)


@pytest.mark.parametrize("retries", [0, 2])
def test_a_failure_that_does_not_pass_is_given_up_after_its_retries(web, tmp_path, in_place, retries):
    (url,) = urls(1)
    web.answers = {url: Say(status=500)}
    done = task(tmp_path, [url], web.connect_to, retries=retries)
    fetch(done)
    assert (lost(done), web.times(url)) == ({url: "http_500"}, 1 + retries)


@pytest.mark.parametrize("name", ["robots.txt", ".well-known/tdmrep.json"])
@pytest.mark.parametrize("failures", [1, 3])
def test_a_host_whose_wishes_cannot_be_had_at_first_loses_nothing(web, tmp_path, in_place, name, failures):
    file, images = f"http://a.test/{name}", urls(20, "a.test")
    web.answers = {file: [Say(status=503, headers=(("Retry-After", "0"),))] * failures + [Say(status=404)]}
    web.answers |= {url: Say(b"x") for url in images}
    done = task(tmp_path, images, web.connect_to, backoff_s=0.05)
    fetch(done)
    assert (kept(done), web.rules.count(file)) == (sorted(images), failures + 1)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("robots.txt", "robots_unreachable"), (".well-known/tdmrep.json", "tdmrep_unreachable")],
)
def test_a_host_whose_wishes_cannot_be_had_is_given_up_after_the_retries(
    web, tmp_path, in_place, name, reason
):
    file, (image,) = f"http://a.test/{name}", urls(1, "a.test")
    web.answers = {file: Say(status=500)} | {image: Say(b"x")}
    done = task(tmp_path, [image], web.connect_to, retries=2)
    fetch(done)
    assert (lost(done), web.asked) == ({image: reason}, [])
    assert web.rules.count(file) == 3


@pytest.mark.parametrize("name", ["robots.txt", ".well-known/tdmrep.json"])
def test_wishes_that_failed_once_are_asked_for_again(web, tmp_path, in_place, name):
    file, (image,) = f"http://a.test/{name}", urls(1, "a.test")
    web.answers = {file: [Say(status=503), Say(status=404)], image: Say(b"x")}
    done = task(tmp_path, [image], web.connect_to)
    fetch(done)
    assert (kept(done), web.rules.count(file)) == ([image], 2)


def test_a_host_that_says_nothing_is_asked_once_and_no_more_than_a_deadline(web, tmp_path, in_place):
    silent, fine = urls(20, "silent.test"), urls(5)
    web.answers = {url: Say(b"x", wait=9.0) for url in silent} | {url: Say(b"x") for url in fine}
    done = task(tmp_path, silent + fine, web.connect_to, circuit_s=0.5, silence_s=0.3)
    began = time.monotonic()
    fetch(done)
    assert time.monotonic() - began < 3.0
    assert kept(done) == fine
    assert Counter(lost(done).values()) == {"timeout": 20}
    assert sorted(web.times(url) for url in silent) == [*[0] * 18, 1, 1]


def test_a_failure_that_will_not_pass_is_not_tried_again(web, tmp_path, in_place):
    (url,) = urls(1)
    fetch(task(tmp_path, [url], web.connect_to))
    assert web.times(url) == 1


def test_a_slow_host_delays_no_other(web, tmp_path, in_place):
    slow, fast = urls(3, "slow.test"), urls(30)
    web.answers = {url: Say(b"x", wait=0.2) for url in slow} | {url: Say(b"x") for url in fast}
    fetch(task(tmp_path, slow + fast, web.connect_to))
    assert set(fast) <= set(web.asked[: web.asked.index(slow[1])])


def test_one_host_is_asked_for_one_image_at_a_time(web, tmp_path, in_place):
    web.answers = {url: Say(b"x", wait=0.02) for url in urls(4, "one.test")}
    fetch(task(tmp_path, list(web.answers), web.connect_to))
    assert web.most_at_once == 1


@pytest.mark.parametrize(("connections", "most"), [(2, 2), (100, 6)])
def test_no_more_is_asked_at_once_than_there_are_connections(web, tmp_path, in_place, connections, most):
    web.answers = {url: Say(b"x", wait=0.1) for url in urls(6)}
    fetch(task(tmp_path, list(web.answers), web.connect_to, connections=connections))
    assert web.most_at_once == most


def test_told_to_stop_it_commits_and_asks_for_nothing_more(web, tmp_path, in_place):
    images = urls(10, "one.test")
    web.answers = {url: Say(b"x", wait=0.03) for url in images}
    stopped = task(tmp_path, images, web.connect_to)
    stopped.stopping = stopping_after(3, web)
    with pytest.raises(Stopped):
        fetch(stopped)
    assert len(web.asked) < 10
    assert len(_committed(stopped)) >= 2


def test_a_second_attempt_asks_for_nothing_that_is_settled(web, tmp_path, in_place):
    images = urls(10, "one.test")
    web.answers = {url: Say(b"x", wait=0.03) for url in images[:8]}
    stopped = task(tmp_path, images, web.connect_to, attempt="0000000a")
    stopped.stopping = stopping_after(4, web)
    with pytest.raises(Stopped):
        fetch(stopped)
    settled = _committed(stopped)
    web.asked.clear()
    again = task(tmp_path, images, web.connect_to, attempt="0000000b")
    fetch(again)
    assert sorted(web.asked) == sorted(set(images) - settled)
    assert (kept(again), sorted(lost(again))) == (images[:8], images[8:])


@pytest.mark.parametrize(("attempts_before", "waits"), [(0, True), (1, False)])
def test_the_first_attempt_waits_for_what_hosts_asked_the_crawl_for(
    web, tmp_path, in_place, attempts_before, waits
):
    done = task(tmp_path, urls(1), web.connect_to)
    crawls = tmp_path / "journal.jsonl"
    for path, pause in [(crawls, 1.0), (done.home / "journal.jsonl", 0.0)][: 1 + attempts_before]:
        with closing(Journal(path)) as journal:
            journal.begin(0, 1, {"h0.test": Wish(pause=pause)})
    done.params["wishes"] = [str(crawls)]
    began = time.monotonic()
    fetch(done)
    assert (web.log[0][0] - began >= 1.0) == waits


def test_what_is_settled_does_not_wait_for_the_slowest_to_be_committed(web, tmp_path, in_place, monkeypatch):
    monkeypatch.setattr(chunks_, "CHUNK_SECONDS", 0.05)
    quick, slow = urls(2)
    done = task(tmp_path, [quick, slow], web.connect_to)
    seen = []
    web.answers = {
        quick: Say(b"x"),
        slow: [Say(wait=0.4, status=503), Say(b"x", first=lambda: seen.append(_committed(done)))],
    }
    fetch(done)
    assert seen == [{quick}]


def test_it_reports_how_far_it_is(web, tmp_path, in_place):
    told_counts = []
    web.answers = {url: Say(b"x") for url in urls(2)}
    done = task(tmp_path, urls(3), web.connect_to)
    done.report = told_counts.append
    fetch(done)
    assert told_counts[-1] == {"done": 3, "total": 3, "kept": 2, "lost http_404": 1}


def test_an_unknown_exception_stops_the_stage_as_itself(web, tmp_path, monkeypatch):
    class Faulty(InPlace):
        async def process(self, body, extra):
            raise KeyError("our fault")

    monkeypatch.setattr(fetch_, "Pixels", Faulty)
    web.answers = {url: Say(b"x") for url in urls(3)}
    done = task(tmp_path, urls(3), web.connect_to)
    with pytest.raises(KeyError, match="our fault"):
        run_task(done, fetch)


def test_a_full_disk_stops_the_stage_with_what_to_do_and_no_chunk_is_committed(
    web, tmp_path, in_place, monkeypatch
):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(TarWriter, "add", full)
    web.answers = {url: Say(b"x") for url in urls(3)}
    done = task(tmp_path, [*urls(3), "http://gone.test/"], web.connect_to)
    with pytest.raises(BuildError, match="no space is left on the device"):
        run_task(done, fetch)
    assert list(done.home.rglob("chunk-*.json")) == []


def _committed(task):
    """URLs in the chunks that have a record."""
    stems = {path.stem for path in task.home.rglob("chunk-*.json")}
    tables = [path for path in task.home.rglob("chunk-*.parquet") if path.name.split(".")[0] in stems]
    wanted = [path for path in tables if "losses" not in path.name]
    return {url for path in wanted for url in pq.read_table(path).column("url").to_pylist()}
