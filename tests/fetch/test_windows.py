"""A bin with more rows than a task holds is split in time."""

import pickle
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest

from tests.cli.processes import ROOT
from tests.fetch.pairs import InPlace, kept, lost, task
from tests.site.told import Say, told
from wit_builder.engine import shuffle
from wit_builder.engine.task import Stopped
from wit_builder.fetch import fetch as fetch_
from wit_builder.fetch import windows
from wit_builder.fetch.fetch import fetch
from wit_builder.web.url import host_of

GIANT = [f"http://giant.test/{n}.png" for n in range(60)]
OTHERS = [f"http://h{n}.test/1.png" for n in range(30)]

MEASURED = """
import pickle, re, sys
from pathlib import Path

from wit_builder.engine.task import Task
from wit_builder.fetch import fetch, windows

root, windows.ROWS = Path(sys.argv[1]), int(sys.argv[2])
asked = Task(root, "fetch", "00000", 0, pickle.loads((root / "params").read_bytes()))
fetch.fetch(asked)
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
print(asked.funnel["fetch"].dropped["network_refused"], peak >> 10)
"""


@pytest.fixture
def web():
    with told() as told_web:
        told_web.answers = {url: Say(b"x") for url in GIANT + OTHERS}
        yield told_web


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """No processes, and windows of at most about 18 rows: five of them."""
    monkeypatch.setattr(fetch_, "Pixels", InPlace)
    monkeypatch.setattr(windows, "ROWS", 18)


def window(bin_, number, of):
    return bin_.window(number, of).column("url").to_pylist()


def test_each_row_that_stays_is_in_one_window(web, tmp_path):
    whole = task(tmp_path, GIANT + OTHERS, web.connect_to)
    np.save(tmp_path / "stays.npy", np.arange(90) % 3 > 0)
    whole.params["stays"].append(str(tmp_path / "stays.npy"))
    bin_ = windows.Bin(whole)
    rows = [url for number in range(4) for url in window(bin_, number, 4)]
    assert sorted(rows) == sorted(url for n, url in enumerate(GIANT + OTHERS) if n % 3)
    assert bin_.rows() == 60


def test_each_host_has_its_share_in_each_window(web, tmp_path):
    urls = [
        f"http://h{n % 3}.test/{n}" for n in range(3_000)
    ]  # in the list's order or host by host, all the same
    bin_ = windows.Bin(task(tmp_path, sorted(urls), web.connect_to))
    for number in range(5):
        counts = Counter(map(host_of, window(bin_, number, 5)))
        assert all(150 < count < 250 for count in counts.values()) and len(counts) == 3


def test_windows_end_as_one_window_does(web, tmp_path, monkeypatch):
    many = task(tmp_path / "many", [*GIANT, *OTHERS, "http://gone.test/"], web.connect_to)
    fetch(many)
    monkeypatch.setattr(windows, "ROWS", 1_000)
    one = task(tmp_path / "one", [*GIANT, *OTHERS, "http://gone.test/"], web.connect_to)
    fetch(one)
    assert len(list(many.home.glob("0*"))) == 6
    assert (kept(many), lost(many)) == (kept(one), lost(one))
    assert many.funnel.as_json() == one.funnel.as_json()


def test_robots_txt_is_asked_for_once_whatever_the_number_of_windows(web, tmp_path):
    fetch(task(tmp_path, GIANT, web.connect_to))
    assert web.rules == ["http://giant.test/robots.txt", "http://giant.test/.well-known/tdmrep.json"]


def test_a_giant_takes_its_own_time_and_holds_up_nobody(web, tmp_path):
    began = time.monotonic()
    fetch(task(tmp_path, GIANT + OTHERS, web.connect_to, host_delay_s=0.05))
    assert 3.0 <= time.monotonic() - began < 4.5
    first_half = {host_of(url) for url in web.asked[:45]}
    assert 5 < len(first_half) < 27  # others come all along, and the giant from the beginning


def test_between_windows_a_host_is_left_alone_as_within_them(web, tmp_path):
    fetch(task(tmp_path, GIANT[:20], web.connect_to, host_delay_s=0.1))
    times = [at for at, *_ in web.log]
    assert times[-1] - times[0] > 0.1 * (len(times) - 1) - 0.07  # of the whole: a busy machine bunches some


def test_a_second_attempt_begins_with_the_first_window_that_is_not_settled(web, tmp_path, monkeypatch):
    stopped = task(tmp_path, GIANT + OTHERS, web.connect_to, attempt="0000000a")
    stopped.stopping = lambda: len(web.asked) > 45
    web.answers |= {url: Say(b"x", wait=0.02) for url in GIANT}
    with pytest.raises(Stopped):
        fetch(stopped)
    read = []
    monkeypatch.setattr(windows.Bin, "window", spied(windows.Bin.window, read))
    again = task(tmp_path, GIANT + OTHERS, web.connect_to, attempt="0000000b")
    fetch(again)
    assert min(read) > 0 and max(read) == 4
    assert sorted(kept(again)) == sorted(GIANT + OTHERS)
    assert web.times(GIANT[0]) == 1


def spied(method, numbers):
    def spy(self, number, of):
        numbers.append(number)
        return method(self, number, of)

    return spy


def test_the_number_of_windows_stays_what_it_was_when_the_task_began(web, tmp_path, monkeypatch):
    stopped = task(tmp_path, GIANT, web.connect_to)
    stopped.stopping = lambda: True
    with pytest.raises(Stopped):
        fetch(stopped)
    monkeypatch.setattr(windows, "ROWS", 7)
    again = task(tmp_path, GIANT, web.connect_to)
    fetch(again)
    assert len(list(again.home.glob("0*"))) == 4
    assert kept(again) == sorted(GIANT)


def peak_mb(folder, rows, count):
    """Of a process that fetches so many rows in windows of so many; it asks nobody."""
    asked = task(folder, [f"http://10.0.0.1/{n:03000}" for n in range(count)], {})
    (folder / "params").write_bytes(pickle.dumps(asked.params))
    command = [sys.executable, "-c", MEASURED, str(folder), str(rows)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    refused, peak = map(int, done.split())
    assert refused == count
    return peak


def test_memory_does_not_grow_with_the_bin(tmp_path, monkeypatch):
    """40,000 of these rows take 0.12 GB, twice while they are brought together."""
    monkeypatch.setattr(shuffle, "BATCH", 1_000)
    few, many = peak_mb(tmp_path / "few", 2_000, 8_000), peak_mb(tmp_path / "many", 2_000, 40_000)
    assert many < few + 60
    assert peak_mb(tmp_path / "whole", 40_000, 40_000) > few + 150
