"""What may break while a stage runs, each broken here once: it goes on, or ends with one sentence, and a resume gives
the same files.

    a task's process killed, hanging, out of memory     test_stage.py, by every executor
    a node lost; a node that sees no folder             test_cluster.py
    a driver killed, resumed elsewhere                  here, and whole builds: ../journeys/test_cluster.py
    clocks that differ                                  ../journeys/test_cluster.py
    a disk that fills                                   here by every executor; whole builds: ../test_build.py
    two drivers on one root                             here, and whole builds: ../journeys/test_two_drivers.py
    a store that fails                                  ../stores
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing

import pytest

from tests.cli.processes import ROOT, environment
from tests.engine import clusters
from wit_builder.engine import cluster, tries
from wit_builder.engine import task as engine
from wit_builder.engine.cluster import RayExecutor
from wit_builder.engine.local import LocalExecutor, Needs
from wit_builder.engine.stage import number, run_stage
from wit_builder.errors import BuildError

JOBS = "tests.engine.jobs:"
TWELVE = number(list(range(12)))


def silent(counts, done):
    pass


def squares(records):
    return [int(path.read_text()) for path in engine.files(records, "square")]


def resumed(root):
    """The stage of slow squares, ended on one machine."""
    with closing(LocalExecutor(2)) as executor:
        return squares(run_stage(executor, root, "s", JOBS + "slow_square", {}, {}, Needs(), silent))


@pytest.fixture(scope="module")
def nodes():
    with clusters.cluster(2) as made:
        yield made


@pytest.fixture(params=["local", "ray"])
def workers(request):
    """Each executor."""
    if request.param == "ray":
        nodes = request.getfixturevalue("nodes")
        with closing(RayExecutor(nodes.address)) as executor:
            yield executor
    else:
        with closing(LocalExecutor(2)) as executor:
            yield executor


def test_a_disk_that_fills_is_one_sentence_and_with_more_room_the_stage_goes_on(workers, tmp_path):
    with pytest.raises(BuildError, match=r"cannot write .*/s: .*over the limit for one file") as caught:
        run_stage(workers, tmp_path, "s", JOBS + "outgrow", number([0]), {}, Needs(), silent)
    assert "run the same command again" in caught.value.hint
    assert not list((tmp_path / "s" / "done").iterdir())
    assert not list((tmp_path / "s").glob("00000.*"))


def test_a_task_given_up_is_written_down_until_it_is_run_again(workers, tmp_path):
    def run():
        job, tasks = JOBS + "raise_until_mended", number([0, 1, 2])
        return run_stage(workers, tmp_path, "s", job, tasks, {}, Needs(retries=0), silent)

    with pytest.raises(BuildError, match="task 00001 was given up"):
        run()
    assert engine.pending(tmp_path, "s") == ["00001"]  # the others were run first
    (told,) = tries.given_up(tmp_path / "s", engine.ids(tmp_path, "s")).values()
    assert told.reason.startswith("ValueError: 1 is odd")
    (tmp_path / "s" / "mended").touch()
    assert squares(run()) == [0, 1, 4]
    assert tries.given_up(tmp_path / "s", engine.ids(tmp_path, "s")) == {}


def test_a_killed_worker_of_the_cluster_costs_one_try(nodes, tmp_path):
    with closing(RayExecutor(nodes.address)) as executor:
        job, tasks = JOBS + "cost_the_worker", number([1, 0])
        records = run_stage(executor, tmp_path, "s", job, tasks, {}, Needs(), silent)
    assert squares(records) == [1, 0]


def test_a_task_that_costs_the_cluster_a_worker_each_time_is_given_up(nodes, tmp_path):
    with (
        closing(RayExecutor(nodes.address)) as executor,
        pytest.raises(BuildError, match="given up after 2 tries: its worker process was gone"),
    ):
        job = JOBS + "cost_the_worker"
        run_stage(executor, tmp_path, "s", job, number([2]), {}, Needs(retries=1), silent)


def test_a_task_that_ray_kills_for_its_memory_each_time_is_given_up(tmp_path):
    """Ray's own watch, which here finds any memory too much, would try it again for ever."""
    with (
        clusters.cluster(1, memory_usage_threshold=0.001, memory_monitor_refresh_ms=100) as nodes,
        closing(RayExecutor(nodes.address)) as executor,
        pytest.raises(BuildError, match="task 00000 was given up after 2 tries: out of memory"),
    ):
        run_stage(executor, tmp_path, "s", JOBS + "never_ends", number([0]), {}, Needs(retries=1), silent)


def test_a_task_that_loses_machine_after_machine_is_given_up(tmp_path):
    known = tries.Tries(tmp_path, retries=1)
    again = [known.lost("00000") for _ in range(2 * tries.MACHINES)]
    assert again == [True] * (2 * tries.MACHINES - 1) + [False]
    assert known.given_up == {"00000": f"{tries.MACHINES} machines were lost with it"}


@pytest.mark.parametrize("lost", ["head", "all"])
def test_a_cluster_that_goes_is_one_sentence_and_the_stage_ends_elsewhere(tmp_path, monkeypatch, lost):
    monkeypatch.setattr(cluster, "_LOOK_S", 0.5)
    monkeypatch.setattr(cluster, "_GONE_S", 2.0)
    with clusters.cluster(1) as nodes, closing(RayExecutor(nodes.address)) as executor:
        gone = []

        def lose(counts, done):
            if done >= 1 and not gone:
                gone.append(done)
                nodes.head_node.kill_gcs_server()
                if lost == "all":
                    nodes.head_node.kill_raylet()

        with pytest.raises(BuildError, match="the Ray cluster failed: ") as caught:
            run_stage(executor, tmp_path, "s", JOBS + "slow_square", TWELVE, {}, Needs(), lose)
        assert "--resume` goes on, there or elsewhere" in caught.value.hint
        with pytest.raises(BuildError, match=r"the Ray cluster failed: its head .* is gone"):
            run_stage(executor, tmp_path, "s", JOBS + "slow_square", TWELVE, {}, Needs(), silent)
    assert engine.pending(tmp_path, "s")
    assert resumed(tmp_path) == [n * n for n in range(12)]


def driver(root, *where, cwd=ROOT, **odd):
    """`tests.engine.squares` as a process of its own."""
    words = [sys.executable, "-m", "tests.engine.squares", str(root), *where]
    return subprocess.Popen(words, env=environment(**odd), cwd=cwd, stderr=subprocess.PIPE, text=True)


def wait_for(root, pattern):
    deadline = time.monotonic() + 120
    while not list(root.glob(pattern)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("where", ["local", "ray"])
def test_what_a_killed_driver_left_another_one_ends_in_another_folder(nodes, tmp_path, where):
    (tmp_path / "first").mkdir()
    address = [nodes.address] if where == "ray" else []
    killed = driver(tmp_path / "root", *address, cwd=tmp_path / "first")
    wait_for(tmp_path / "root", "s/done/*.json")
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert engine.pending(tmp_path / "root", "s")
    assert resumed(tmp_path / "root") == [n * n for n in range(12)]


def test_two_drivers_on_one_root_are_harmless_where_nothing_can_lock(tmp_path):
    odd = {"WIT_ODD_LOCKS": "1"}
    both = [driver(tmp_path, **odd) for _ in range(2)]
    said = [one.communicate(timeout=120)[1] for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    records = engine.done(tmp_path, "s")
    assert squares(records) == [n * n for n in range(12)]
    named = {path.name for record in records for paths in record.files.values() for path in paths}
    assert {path.name for path in (tmp_path / "s").glob("*.txt")} == named  # what came second is gone
