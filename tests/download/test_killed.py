"""kill -9 at any point, then the same command: the same shards."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.cli.processes import ROOT, environment, ran, started
from tests.download.lists import asked, fetched, listed, members, rows, tars
from tests.site.told import Say, picture, told

OPTIONS = [
    *("--url_col", "URL", "--caption_col", "TEXT", "--output_format", "webdataset", "--image_size", "32"),
    *(
        "--number_sample_per_shard",
        "4",
        "--delay",
        "0",
        "--allow_network",
        "127.0.0.0/8",
        "--connect-to",
        "*=",
    ),
]
WAIT_S = 0.1  # for each picture; they lie on one host, so they come one after the other


@pytest.fixture
def web():
    with told() as one:
        one.answers = {f"http://one.test/{n}.png": Say(picture(n), wait=WAIT_S) for n in range(20)}
        yield one


def typed(web, out):
    return [
        "fetch",
        "a.parquet",
        "--out",
        out,
        *OPTIONS[:-2],
        "--connect-to",
        f"*.test=127.0.0.1:{web.port}",
        *OPTIONS[-2:],
    ]


def killed_when(process, enough):
    """Ends the command and its children as kill -9 does, once that is so."""
    deadline = time.monotonic() + 60
    while not enough():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def test_a_command_that_is_killed_ends_with_the_same_shards(web, tmp_path):
    """6 s on a quiet machine: two commands start, each with its processes."""
    path = listed(tmp_path / "a.parquet", [f"http://one.test/{n}.png" for n in range(20)])
    killed_when(started(*typed(web, "out"), cwd=tmp_path), lambda: len(web.asked) >= 8)
    assert not list((tmp_path / "out").glob("*.tar"))
    said = ran(*typed(web, "out"), cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    fetched(tmp_path / "whole", web, asked(path))
    assert tars(tmp_path / "out") == tars(tmp_path / "whole")
    assert len(tars(tmp_path / "out")) == 5
    assert len([name for name in members(tmp_path / "out" / "00004.tar") if name.endswith(".jpg")]) == 4


def test_what_was_stopped_says_how_to_go_on_and_asks_for_no_picture_twice(web, tmp_path):
    listed(tmp_path / "a.parquet", [f"http://one.test/{n}.png" for n in range(20)])
    process = started(*typed(web, "out"), cwd=tmp_path)
    while len(web.asked) < 8:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "error: stopped; nothing that was done is lost" in said
    assert said.rstrip().endswith("--connect-to '*='")
    had = set(web.asked[:-1])  # the last one was under way
    web.asked.clear()
    assert ran(*typed(web, "out"), cwd=tmp_path).returncode == 0
    assert not had & set(web.asked)
    assert [row["status"] for row in rows(tmp_path / "out")] == ["success"] * 20


@pytest.mark.slow
def test_killed_before_any_of_its_steps_it_goes_on_to_the_same_shards(tmp_path):
    """Some 50 kills, at every eleventh sync, rename, link, unlink and tar member of a fetch with a retry."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.download.dying", tmp_path, "11"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, int(done.stdout or 0) > 30) == (0, True), done.stderr
