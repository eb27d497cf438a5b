import os
import signal
import threading
import time

import pytest

from wit_builder.engine import task as engine
from wit_builder.engine.local import LocalExecutor, Needs
from wit_builder.engine.stage import number, run_stage
from wit_builder.engine.task import Stopped, open_task, run_task
from wit_builder.errors import BuildError

JOBS = "tests.engine.jobs:"


def stage(root, job, arguments, needs=Needs(), workers=2, progress=lambda counts, done: None):  # noqa: B008
    return run_stage(LocalExecutor(workers), root, "s", JOBS + job, number(arguments), {}, needs, progress)


def squares(records):
    return [int(path.read_text()) for path in engine.files(records, "square")]


def test_a_stage_runs_every_task_and_hands_files_on_in_plan_order(tmp_path):
    assert squares(stage(tmp_path, "square", [3, 1, 2])) == [9, 1, 4]


def test_a_finished_stage_runs_nothing_again(tmp_path):
    before = stage(tmp_path, "square", [3, 1])
    assert stage(tmp_path, "full_disk", [3, 1]) == before


def test_the_first_plan_stays_so_that_a_resume_keeps_its_tasks(tmp_path):
    stage(tmp_path, "square", [5])
    assert squares(stage(tmp_path, "square", [6, 7])) == [25]


def test_a_killed_worker_costs_one_try_and_not_the_stage(tmp_path):
    assert squares(stage(tmp_path, "die_once", [4, 5, 6])) == [16, 25, 36]


def test_a_hanging_task_is_killed_and_tried_again(tmp_path):
    assert squares(stage(tmp_path, "hang_once", [4], Needs(timeout_s=3.0))) == [16]


def test_a_task_that_keeps_failing_stops_the_stage_and_the_others_stay_done(tmp_path):
    with pytest.raises(BuildError, match=r"task 00001 was given up after 3 tries.*1 is odd"):
        stage(tmp_path, "raise_when_odd", [0, 1, 2])
    assert engine.pending(tmp_path, "s") == ["00001"]


def test_an_error_that_concerns_the_whole_build_is_not_retried(tmp_path):
    with pytest.raises(BuildError, match="the disk is full") as caught:
        stage(tmp_path, "full_disk", [0])
    assert caught.value.hint == "free some space"


def test_progress_sums_the_counts_of_all_tasks(tmp_path):
    heard = []
    stage(tmp_path, "square", [1, 2, 3], progress=lambda counts, done: heard.append((counts["done"], done)))
    assert heard[-1] == (3, 3)


def test_the_counts_of_a_stage_add_up_over_its_tasks(tmp_path):
    records = stage(tmp_path, "square", [1, 2, 3])
    assert sum(record.funnel["clean"].kept for record in records) == 3


def test_the_first_of_two_attempts_is_the_truth_and_the_other_leaves_nothing(tmp_path):
    engine.plan(tmp_path, "s", JOBS + "square", {"00000": 3}, {})
    (first, job), (twin, _) = open_task(tmp_path, "s", "00000"), open_task(tmp_path, "s", "00000")

    def both(task):
        run_task(twin, job)
        job(task)

    run_task(first, both)
    assert [path.name for path in tmp_path.glob("s/*.txt")] == [f"00000.{twin.attempt}.square.txt"]


def test_a_signal_lets_network_tasks_commit_before_the_stage_stops(tmp_path):
    threading.Thread(target=_interrupt_when, args=(tmp_path / "s" / "00000",), daemon=True).start()
    with pytest.raises(Stopped):
        stage(tmp_path, "until_stopped", [None], Needs(io=True))
    assert (tmp_path / "s" / "00000" / "committed").exists()


def test_after_a_stop_the_old_signal_handlers_are_back(tmp_path):
    before = signal.getsignal(signal.SIGINT)
    stage(tmp_path, "square", [1])
    assert signal.getsignal(signal.SIGINT) is before


def _interrupt_when(folder):
    while not list(folder.glob("running-*")):
        time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGINT)
