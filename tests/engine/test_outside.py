"""Tasks done by `wit worker` processes while the driver waits."""

import os
import re
import signal
import subprocess
import threading
import time
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from tests.cli.processes import ROOT, WIT, environment
from tests.site import s3
from wit_builder import __version__, mirror
from wit_builder.cli.worker import command
from wit_builder.engine import outside, tries
from wit_builder.engine import task as engine
from wit_builder.engine.local import LocalExecutor, Needs
from wit_builder.engine.outside import OutsideExecutor, run_part
from wit_builder.engine.stage import number, run_stage
from wit_builder.engine.task import Stopped
from wit_builder.errors import BuildError, ConfigError

JOBS = "tests.engine.jobs:"


def unwatched(name, tasks):
    return lambda counts, done: None


def worker(root, part, stage="s"):
    typed = [*WIT, "worker", str(root), stage, "--part", part, "--workers", "1"]
    return subprocess.run(typed, capture_output=True, text=True, env=environment(), cwd=ROOT, timeout=120)


def test_the_driver_goes_on_when_workers_have_done_all_parts(tmp_path):
    said, records, planned = [], [], threading.Event()

    def say(sentence):
        said.append(sentence)
        planned.set()

    def work():
        planned.wait(30)
        records.extend([worker(tmp_path, "1/2"), worker(tmp_path, "2/2"), worker(tmp_path, "1/2")])

    helper = threading.Thread(target=work)
    helper.start()
    done = run_stage(
        OutsideExecutor(say),
        tmp_path,
        "s",
        JOBS + "square",
        number([1, 2, 3]),
        {},
        Needs(),
        lambda c, d: None,
    )
    helper.join()
    assert [int(path.read_text()) for path in engine.files(done, "square")] == [1, 4, 9]
    assert [one.returncode for one in records] == [0, 0, 0]
    assert re.search(r"3 tasks to do; .* wit worker .* s --part I/N", said[0])


def test_workers_and_driver_need_share_nothing_but_a_store(tmp_path, monkeypatch):
    monkeypatch.setenv("WIT_SCRATCH", str(tmp_path / "scratch"))
    with s3.serving("creating", tmp_path / "s3") as server:
        server.bucket("bucket")
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        s3.let_go()
        with mirror.met("s3://bucket/run", tmp_path / "met"):
            engine.plan(tmp_path / "met", "s", JOBS + "square", number([2, 3]), {}, {})
            first = worker("s3://bucket/run", "2/2")
            assert (first.returncode, engine.pending(tmp_path / "met", "s")) == (0, ["00000"]), first.stderr
            said = worker("s3://bucket/run", "1/1", stage="other")
            assert "'s3://bucket/run' has no plan of a stage 'other'" in said.stderr
    assert not list((tmp_path / "scratch").iterdir())


def test_a_part_is_its_own_tasks_and_each_once(tmp_path):
    engine.plan(tmp_path, "s", JOBS + "square", number(list(range(5))), {}, {})
    with_one = LocalExecutor(1)
    try:
        run_part(with_one, tmp_path, "s", 2, 2, unwatched)
        assert engine.pending(tmp_path, "s") == ["00000", "00002", "00004"]
        before = (tmp_path / "s" / "done" / "00001.json").read_bytes()
        run_part(with_one, tmp_path, "s", 2, 2, unwatched)
        assert (tmp_path / "s" / "done" / "00001.json").read_bytes() == before
    finally:
        with_one.close()


def test_what_is_given_up_is_said_with_its_reason_and_exit_1(tmp_path):
    engine.plan(tmp_path, "s", JOBS + "raise_when_odd", number([0, 1]), {}, {"retries": 0})
    found = worker(tmp_path, "1/1")
    assert found.returncode == 1
    assert "task 00001 was given up: ValueError: 1 is odd" in found.stderr
    assert engine.pending(tmp_path, "s") == ["00001"]


def test_a_driver_whose_workers_gave_up_all_that_is_left_ends_as_any_other(tmp_path):
    said = []

    def say(sentence):
        said.append(sentence)
        if len(said) == 1:
            helper.start()

    helper = threading.Thread(target=lambda: [worker(tmp_path, part) for part in ("1/2", "2/2")])
    tasks = number([0, 1, 2])
    with pytest.raises(BuildError, match="task 00001 was given up after 1 try: ValueError: 1 is odd"):
        run_stage(
            OutsideExecutor(say),
            tmp_path,
            "s",
            JOBS + "raise_when_odd",
            tasks,
            {},
            Needs(retries=0),
            lambda c, d: None,
        )
    helper.join()
    assert engine.pending(tmp_path, "s") == ["00001"]
    assert said[1].startswith("a worker gave up task 00001: ValueError: 1 is odd")


def test_what_ends_a_worker_for_all_of_the_run_ends_the_driver(tmp_path):
    said = []

    def say(sentence):
        said.append(sentence)
        helper.start()

    helper = threading.Thread(target=lambda: worker(tmp_path, "1/1"))
    tasks = number([0, 1])
    with pytest.raises(BuildError, match="a worker ended: the disk is full") as caught:
        run_stage(
            OutsideExecutor(say), tmp_path, "s", JOBS + "full_disk", tasks, {}, Needs(), lambda c, d: None
        )
    helper.join()
    assert caught.value.hint == "free some space"


def test_a_signal_that_comes_with_the_last_task_is_not_lost(tmp_path, monkeypatch):
    def meanwhile(_seconds):
        run_part(with_one, tmp_path, "s", 1, 1, unwatched)
        os.kill(os.getpid(), signal.SIGTERM)

    with_one = LocalExecutor(1)
    monkeypatch.setattr(outside, "time", SimpleNamespace(sleep=meanwhile))
    with pytest.raises(Stopped):
        run_stage(
            OutsideExecutor(lambda _: None),
            tmp_path,
            "s",
            JOBS + "square",
            number([1]),
            {},
            Needs(),
            lambda c, d: None,
        )
    with_one.close()
    assert engine.pending(tmp_path, "s") == []


def test_another_version_than_the_planner_s_is_refused(tmp_path, monkeypatch):
    engine.plan(tmp_path, "s", JOBS + "square", number([1]), {}, {})
    monkeypatch.setattr(outside, "__version__", "9.9.9")
    with pytest.raises(ConfigError, match=f"planned by wit-builder {__version__}, and this is 9.9.9"):
        run_part(LocalExecutor(1), tmp_path, "s", 1, 1, unwatched)


def test_what_another_process_is_at_is_left_to_it(tmp_path):
    """The worker says so, and the driver, which still waits for that process, hears of nothing."""
    engine.plan(tmp_path, "s", JOBS + "busy", number([2, 3]), {}, {"retries": 0})
    found = worker(tmp_path, "1/1")
    assert (found.returncode, engine.pending(tmp_path, "s")) == (1, ["00000"])
    assert "task 00000 was given up: another process squares here" in found.stderr
    assert tries.given_up(tmp_path / "s", ["00000"]) == {}


def test_a_worker_that_is_started_again_counts_from_the_start(tmp_path):
    """The driver goes on waiting while somebody tries again what was given up."""
    engine.plan(tmp_path, "s", JOBS + "raise_until_mended", number([1, 3]), {}, {"retries": 0})
    assert worker(tmp_path, "1/2").returncode == 1
    assert list(tries.given_up(tmp_path / "s", ["00000", "00001"])) == ["00000"]
    (tmp_path / "s" / "mended").touch()
    assert worker(tmp_path, "1/2").returncode == 0
    assert tries.given_up(tmp_path / "s", ["00000", "00001"]) == {}


def test_a_worker_that_is_told_to_stop_keeps_what_it_did_and_exits_with_1(tmp_path):
    engine.plan(tmp_path, "s", JOBS + "slow_square", number(list(range(40))), {}, {})
    typed = [*WIT, "worker", str(tmp_path), "s", "--workers", "1"]
    running = subprocess.Popen(typed, stderr=subprocess.PIPE, text=True, env=environment(), cwd=ROOT)
    while len(engine.pending(tmp_path, "s")) == 40:
        time.sleep(0.05)
    running.terminate()
    _, said = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "stopped; nothing that was done is lost" in said
    assert 0 < len(engine.pending(tmp_path, "s")) < 40


@pytest.mark.parametrize(
    ("stage", "line"),
    [
        ("select-judge", "select: filter, deduplicate"),
        ("route", "route: give images to shards"),
        ("embed", "embed: embed the sets' images"),
    ],
)
def test_a_worker_says_what_it_does_in_a_line(tmp_path, stage, line):
    engine.plan(tmp_path, stage, JOBS + "square", number([1, 2]), {}, {})
    assert worker(tmp_path, "1/1", stage).stderr == f"{line}\n"


def test_what_waits_for_workers_is_counted_in_words(tmp_path):
    engine.plan(tmp_path, "s", JOBS + "square", number([1]), {}, {})
    said = []

    def say(sentence):
        said.append(sentence)
        worker(tmp_path, "1/1")

    OutsideExecutor(say).run(tmp_path, "s", ["00000"], Needs(), lambda counts, done: None)
    assert said == [f"1 task to do; on each machine: wit worker {tmp_path} s --part I/N"]


@pytest.mark.parametrize("part", ["0/2", "3/2", "2", "a/b", "1/0", "-1/2", "1/2/3", "1.5/2", ""])
def test_a_part_that_is_none_is_one_sentence(tmp_path, part):
    found = CliRunner().invoke(command, [str(tmp_path), "s", "--part", part])
    assert found.exit_code == 2
    assert f"{part!r} is no part such as 3/8" in found.output


@pytest.mark.parametrize("root", ["nowhere", "empty"])
def test_a_root_that_is_no_run_is_one_sentence(tmp_path, root):
    (tmp_path / "empty").mkdir()
    found = worker(tmp_path / root, "1/1")
    assert found.returncode == 2
    assert f"{root}' has no plan of a stage 's'" in found.stderr
    assert "--executor outside" in found.stderr


def test_a_root_that_is_out_itself_is_told_where_its_tasks_are(tmp_path):
    engine.plan(tmp_path / "work", "s", JOBS + "square", {}, {})
    found = worker(tmp_path, "1/1")
    assert found.returncode == 2
    assert f"wit worker {tmp_path}/work s" in found.stderr


def test_a_stage_that_is_not_there_is_one_sentence(tmp_path):
    engine.plan(tmp_path, "s", JOBS + "square", {}, {})
    with pytest.raises(ConfigError, match="has no plan of a stage 'x'") as caught:
        run_part(LocalExecutor(1), tmp_path, "x", 1, 1, unwatched)
    assert "s" in caught.value.hint
    assert worker(tmp_path, "3/2").returncode == 2
