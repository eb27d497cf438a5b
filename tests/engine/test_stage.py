import os
import signal
import threading
import time
import uuid
from contextlib import closing

import pytest

from tests.engine import clusters
from tests.site import s3
from wit_builder import mirror, storage
from wit_builder.engine import local
from wit_builder.engine import task as engine
from wit_builder.engine.cluster import RayExecutor
from wit_builder.engine.local import LocalExecutor, Needs
from wit_builder.engine.stage import number, run_stage
from wit_builder.engine.task import Stopped
from wit_builder.errors import BuildError, ConfigError

JOBS = "tests.engine.jobs:"


# The contract where the root of a run lies in a store: all of it for one machine, some of it for a cluster.
RAY_IN_STORE = {
    "test_a_stage_runs_every_task_and_hands_files_on_in_plan_order",
    "test_a_killed_worker_costs_one_try_and_not_the_stage",
    "test_where_an_unknown_exception_was_raised_stands_in_a_file",
    "test_a_signal_lets_network_tasks_commit_before_the_stage_stops",
    "test_after_a_stop_the_stage_goes_on_where_it_was",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """An S3 server that everything started from here on finds."""
    folder = tmp_path_factory.mktemp("s3")
    with s3.serving("creating", folder) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment().items():
            patch.setenv(name, value)
        patch.setenv("WIT_SCRATCH", str(tmp_path_factory.mktemp("scratch")))
        s3.let_go()
        yield server


@pytest.fixture(scope="module", params=["local", "ray"])
def workers(request, server):
    """Each executor with two cores, for all tests here."""
    if request.param == "local":
        with closing(LocalExecutor(2, memory_bytes=1 << 30)) as executor:
            yield executor
    else:
        with (
            clusters.cluster(2) as nodes,
            closing(RayExecutor(nodes.address, memory_bytes=1 << 30)) as executor,
        ):
            yield executor


@pytest.fixture(params=["folder", "store"])
def seen(request, workers, tmp_path, server):
    """Where the files of the root are seen, which is met at tmp_path."""
    if request.param == "folder":
        yield tmp_path
        return
    if isinstance(workers, RayExecutor) and request.function.__name__ not in RAY_IN_STORE:
        pytest.skip("one machine has shown it")
    bucket = f"b-{uuid.uuid4().hex[:12]}"
    server.bucket(bucket)
    with mirror.met(f"s3://{bucket}/run", tmp_path):
        yield server.folder / bucket / "run"


@pytest.fixture
def stage(workers, tmp_path, seen):
    """Runs a stage of these arguments."""

    def run(job, arguments, needs=Needs(), name="s", progress=lambda counts, done: None):  # noqa: B008
        return run_stage(workers, tmp_path, name, JOBS + job, number(arguments), {}, needs, progress)

    return run


def squares(records):
    return [int(mirror.here(path).read_text()) for path in engine.files(records, "square")]


def pids(records):
    return {int(path.read_text()) for path in engine.files(records, "pid")}


def test_a_stage_runs_every_task_and_hands_files_on_in_plan_order(stage):
    assert squares(stage("square", [3, 1, 2])) == [9, 1, 4]


def test_a_stage_without_tasks_is_done(stage):
    assert stage("square", []) == []


def test_a_finished_stage_runs_nothing_again(stage):
    before = stage("square", [3, 1])
    assert stage("full_disk", [3, 1]) == before


def test_the_first_plan_stays_so_that_a_resume_keeps_its_tasks(stage):
    stage("square", [5])
    assert squares(stage("square", [6, 7])) == [25]


def test_a_killed_worker_costs_one_try_and_not_the_stage(stage):
    assert squares(stage("die_once", [4, 5, 6])) == [16, 25, 36]


def test_a_task_that_kills_every_worker_is_given_up_with_the_signal(stage):
    with pytest.raises(BuildError, match=r"after 1 try: its process died \(signal SIGKILL\)"):
        stage("die_once", [4], Needs(retries=0))


def test_a_hanging_task_is_killed_and_tried_again(stage):
    """A new worker comes within the time, on a busy machine too."""
    assert squares(stage("hang_once", [4], Needs(timeout_s=8.0))) == [16]


def test_a_task_that_always_hangs_is_given_up(stage):
    with pytest.raises(BuildError, match=r"after 1 try: it took more than 0.2 s"):
        stage("never_ends", [4], Needs(timeout_s=0.2, retries=0))


def test_a_task_that_keeps_failing_stops_the_stage_and_the_others_stay_done(stage, tmp_path):
    with pytest.raises(
        BuildError, match=r"task 00001 was given up after 2 tries: ValueError: 1 is odd"
    ) as caught:
        stage("raise_when_odd", [0, 1, 2], Needs(retries=1))
    assert engine.pending(tmp_path, "s") == ["00001"]
    assert "--resume" in caught.value.hint


def test_where_an_unknown_exception_was_raised_stands_in_a_file(stage, seen):
    with pytest.raises(BuildError, match=r"00000 \(and 1 other\).*\(where: .*s/00000.error.txt\)"):
        stage("raise_when_odd", [1, 3], Needs(retries=0))
    assert "jobs.py" in (seen / "s" / "00000.error.txt").read_text()


def test_where_the_disk_is_too_full_for_that_file_the_exception_is_told_all_the_same(stage, monkeypatch):
    def full(path, data, write=storage.write_bytes):
        if path.name.endswith(".error.txt"):
            raise BuildError("no space")
        write(path, data)

    monkeypatch.setattr(storage, "write_bytes", full)
    with pytest.raises(BuildError, match=r"1 try: ValueError: 1 is odd$"):
        stage("raise_when_odd", [1], Needs(retries=0))


def test_an_exception_that_cannot_travel_is_told_by_its_words(stage):
    with pytest.raises(BuildError, match="Awkward: cannot travel"):
        stage("raise_awkward", [0], Needs(retries=0))


def test_a_worker_that_swells_costs_its_task_only(stage, tmp_path):
    with pytest.raises(BuildError, match="task 00001 was given up after 2 tries: out of memory"):
        stage("swell", [0, 2, 0], Needs(retries=1))
    assert engine.pending(tmp_path, "s") == ["00001"]


@pytest.mark.parametrize(
    ("job", "kind"),
    [("full_disk", BuildError), ("misconfigured", ConfigError), ("raise_a_group", BuildError)],
)
def test_an_error_that_concerns_the_whole_build_is_raised_as_it_is(stage, job, kind):
    with pytest.raises(kind, match=r"^(the disk is full|the frontier has other settings)$"):
        stage(job, [0])


def test_an_error_that_concerns_the_whole_build_lets_network_tasks_commit(tmp_path):
    with closing(LocalExecutor(8)) as executor, pytest.raises(BuildError, match="the disk is full"):
        job, tasks = JOBS + "full_disk_once_another_runs", number([0, 1])
        run_stage(executor, tmp_path, "s", job, tasks, {}, Needs(io=True), lambda counts, done: None)
    assert (tmp_path / "s" / "00000" / "committed").exists()


def test_progress_sums_the_counts_of_all_tasks(stage):
    heard = []
    stage("square", [1, 2, 3], progress=lambda counts, done: heard.append((counts["done"], done)))
    assert heard[-1] == (3, 3)


def test_progress_forgets_what_a_failed_try_has_told(stage):
    heard = []
    with pytest.raises(BuildError):
        stage(
            "swell",
            [2, 0],
            Needs(retries=0),
            progress=lambda counts, done: heard.append((counts["done"], done)),
        )
    assert heard[-1] == (1, 1)


def test_progress_counts_tasks_of_earlier_runs_as_done(stage):
    with pytest.raises(BuildError):
        stage("raise_when_odd", [0, 1, 2], Needs(retries=0))
    heard = []
    with pytest.raises(BuildError):
        stage("raise_when_odd", [], Needs(retries=0), progress=lambda counts, done: heard.append(done))
    assert heard[-1] == 2


def test_the_counts_of_a_stage_add_up_over_its_tasks(stage):
    records = stage("square", [1, 2, 3])
    assert sum(record.funnel["clean"].kept for record in records) == 3


def test_workers_stay_for_the_next_stage_and_end_when_closed(tmp_path):
    with closing(LocalExecutor(1)) as executor:
        first, second = (
            pids(run_stage(executor, tmp_path, name, JOBS + "who", number([0, 1]), {}, Needs(), print))
            for name in ("a", "b")
        )
        assert first == second and len(first) == 1
    assert not _alive(first.pop())


def test_workers_that_a_stage_has_no_use_for_give_back_their_memory(tmp_path):
    with closing(LocalExecutor(3)) as executor:
        run_stage(executor, tmp_path, "a", JOBS + "who", number([0, 1, 2]), {}, Needs(), print)
        run_stage(executor, tmp_path, "b", JOBS + "who", number([0]), {}, Needs(), print)
        assert len(executor._idle) == 1


def test_a_short_stage_is_left_to_the_worker_there_is(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "SHORT_S", 600.0)
    with closing(LocalExecutor(2)) as executor:
        first, second = (
            pids(run_stage(executor, tmp_path, name, JOBS + "who", tasks, {}, Needs(), print))
            for name, tasks in (("a", number([0])), ("b", number([0, 1, 2])))
        )
    assert first == second


@pytest.mark.parametrize(("workers", "tasks", "slots"), [(2, 5, 1), (8, 5, 2), (8, 1, 1)])
def test_few_network_tasks_run_at_once_and_share_the_cores(workers, tasks, slots, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(local, "_Run", lambda *arguments: made.append(arguments) or Nothing())
    LocalExecutor(workers).run(tmp_path, "s", ["0"] * tasks, Needs(io=True), print)
    assert made[0][5:7] == (slots, workers // slots)


class Nothing:
    def finish(self):
        return {}


def test_a_signal_lets_network_tasks_commit_before_the_stage_stops(stage, seen):
    _interrupt_when(seen / "s" / "00000")
    with pytest.raises(Stopped):
        stage("until_stopped", [None], Needs(io=True))
    assert (seen / "s" / "00000" / "committed").exists()


@pytest.mark.parametrize(("needs", "signals"), [(Needs(), 1), (Needs(io=True), 2)])
def test_a_task_without_anything_to_lose_is_stopped_at_once_and_any_other_by_a_second_signal(
    stage, seen, needs, signals, monkeypatch
):
    monkeypatch.setattr(local, "GRACE_S", 60.0)
    _interrupt_when(seen / "s" / "00000", signals)
    with pytest.raises(Stopped):
        stage("deaf", [None], needs)
    (running,) = (seen / "s" / "00000").glob("running-*")
    assert time.time() - running.stat().st_mtime < local.GRACE_S


def test_after_a_stop_the_stage_goes_on_where_it_was(stage, seen):
    _interrupt_when(seen / "s" / "00000")
    with pytest.raises(Stopped):
        stage("hang_once_and_tell", [2])
    assert squares(stage("hang_once_and_tell", [2])) == [4]


def test_after_a_stop_the_old_signal_handlers_are_back(stage):
    before = signal.getsignal(signal.SIGINT)
    stage("square", [1])
    assert signal.getsignal(signal.SIGINT) is before


def test_a_container_may_have_less_memory_than_the_machine(monkeypatch):
    machine = local.machine_memory()
    monkeypatch.setattr(local.Path, "read_text", lambda path: "1000000\n")
    assert local.machine_memory() == 1_000_000 < machine


def _interrupt_when(folder, signals=1):
    """Ctrl-C once the task runs."""

    def wait():
        while not list(folder.glob("running-*")):
            time.sleep(0.02)
        for _ in range(signals):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1.0)  # two that come together are one

    threading.Thread(target=wait, daemon=True).start()


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
