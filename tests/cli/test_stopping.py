"""Ctrl-C: said at once, with a command to go on; twice, nothing is waited for."""

import os
import shlex
import signal
import socket
import subprocess
import time

import pytest

from tests.cli.processes import environment, started
from wit_builder.cli.stopping import stoppable
from wit_builder.engine.task import Stopped


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_between_two_stages_stops_at_once(number):
    said = []
    with pytest.raises(Stopped), stoppable(said.append):
        os.kill(os.getpid(), number)
        time.sleep(1)  # not slept
    assert said == ["stopping: what runs is being committed (Ctrl-C again ends it at once)"]


def test_while_an_executor_has_the_signals_the_first_is_told_of_and_only_it():
    said, seen = [], []
    with stoppable(said.append):
        previous = signal.signal(signal.SIGINT, lambda *_: seen.append(len(said)))
        os.kill(os.getpid(), signal.SIGINT)
        while not said:
            time.sleep(0.001)
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        signal.signal(signal.SIGINT, previous)
    assert (len(said), len(seen)) == (1, 3)


def test_other_signals_are_none_of_its_business():
    said = []
    previous = signal.signal(signal.SIGUSR1, lambda *_: None)
    with stoppable(said.append):
        os.kill(os.getpid(), signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, previous)
    assert said == []


def test_afterwards_signals_do_what_they_did():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with stoppable(lambda _: None):
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert signal.set_wakeup_fd(-1) == -1


@pytest.fixture
def silent_host():
    """The port of a host that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def run(silent_host, tmp_path):
    """A build that waits for that host."""
    reach = ["--connect-to", f"a.test=127.0.0.1:{silent_host}", "--allow-network", "127.0.0.0/8"]
    process = started(
        *["build", "crawl", "--seeds", "http://a.test/", *reach, "--until", "collect", "--out", "my out"],
        cwd=tmp_path,
    )
    while not list(tmp_path.glob("my out/work/collect/00000/frontier.sqlite")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    yield process
    process.kill()
    process.communicate()


def test_once_it_stops_and_says_what_to_type(run, tmp_path):
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=20)
    assert run.returncode == 1
    assert "\nstopping: what runs" in said
    hint = said.partition("hint: go on with: ")[2].strip()
    assert shlex.split(hint)[-3:] == ["--out", "my out", "--resume"]
    again = subprocess.run(  # all of it is understood up to the last word, which is there to end it
        ["sh", "-c", f"{hint} --connect-to nonsense"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert again.stderr.startswith("error: --connect-to 'nonsense'")


def test_twice_it_ends_at_once(run):
    run.send_signal(signal.SIGINT)
    while "stopping" not in run.stderr.readline():
        pass
    asked = time.monotonic()
    run.send_signal(signal.SIGINT)
    run.wait(timeout=20)
    assert (run.returncode, time.monotonic() - asked < 2) == (1, True)
