import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.engine import jobs
from wit_builder import mirror, storage
from wit_builder.engine import task as engine
from wit_builder.engine.stage import number
from wit_builder.engine.task import Task, claim, open_task, run_task
from wit_builder.errors import BuildError
from wit_builder.objects import Objects

JOBS = "tests.engine.jobs:"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def planned(tmp_path):
    """The root of a stage with the tasks 3 and 4 to square."""
    engine.plan(tmp_path, "s", JOBS + "square", number([3, 4]), {})
    return tmp_path


def both_at_once(root, work, task_id="00000"):
    """A twin runs and commits while the first is at work; (first, twin)."""
    (first, _), (twin, _) = open_task(root, "s", task_id), open_task(root, "s", task_id)

    def meanwhile(task):
        run_task(twin, work)
        work(task)

    run_task(first, meanwhile)
    return first, twin


def test_the_first_of_two_attempts_is_the_truth_and_the_other_leaves_nothing(planned):
    def work(task):
        task.new_file("square", ".txt").touch()
        (task.new_folder() / "inside").touch()

    _, twin = both_at_once(planned, work)
    left = {path.name for path in planned.glob("s/00000.*")}
    assert left == {f"00000.{twin.attempt}.square.txt", f"00000.{twin.attempt}"}


def test_a_twin_that_lost_leaves_what_both_have_in_common(planned):
    """Fetch and collect hand on files of the task's own folder, whoever wrote them."""

    def work(task):
        (task.home / "chunk").touch()
        task.keep("chunks", task.home / "chunk")

    both_at_once(planned, work)
    assert (planned / "s" / "00000" / "chunk").exists()


def test_of_twins_in_processes_of_their_own_one_wins_each_task(tmp_path):
    engine.plan(tmp_path, "s", JOBS + "square", number(list(range(200))), {})
    command = [sys.executable, "-m", "tests.engine.twins", tmp_path]
    twins = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(3)]
    for twin in twins:
        twin.stdout.readline()
    (tmp_path / "go").touch()
    assert [twin.communicate() and twin.returncode for twin in twins] == [0, 0, 0]
    records = engine.done(tmp_path, "s")
    assert [int(path.read_text()) for path in engine.files(records, "square")] == [n * n for n in range(200)]
    assert len(list(tmp_path.glob("s/*.txt"))) == 200
    assert len({record.files["square"][0].name.split(".")[1] for record in records}) > 1


def test_a_done_task_is_not_run_again(planned):
    task, job = open_task(planned, "s", "00000")
    run_task(task, job)
    run_task(open_task(planned, "s", "00000")[0], lambda task: pytest.fail("it runs again"))


def test_params_and_arguments_come_back_as_they_were_planned(tmp_path):
    engine.plan(tmp_path, "s", JOBS + "square", {"00000": [1, "a"]}, {"pair": (1, 2)})
    task, job = open_task(tmp_path, "s", "00000")
    assert (task.arg, task.params, job.__name__) == ([1, "a"], {"pair": (1, 2)}, "square")


def test_unfinished_tasks_are_named(planned):
    with pytest.raises(BuildError, match="stage s has 2 unfinished tasks, such as 00000"):
        engine.done(planned, "s")


@pytest.mark.parametrize("bytes_left", [0, 9])
def test_a_plan_cut_short_is_named_with_what_to_do(planned, bytes_left):
    plan = planned / "s" / "plan.json"
    plan.write_bytes(plan.read_bytes()[:bytes_left])
    with pytest.raises(BuildError, match=rf"plan.json is damaged \({bytes_left} bytes") as caught:
        engine.pending(planned, "s")
    assert caught.value.hint.startswith(f"rm {plan}, then run the same command again with `--resume`")


def test_a_done_record_cut_short_is_named_and_made_anew_once_removed(planned):
    for task_id in ("00000", "00001"):
        run_task(*open_task(planned, "s", task_id))
    record = planned / "s" / "done" / "00001.json"
    record.write_bytes(record.read_bytes()[:20])
    with pytest.raises(BuildError, match=r"00001.json is damaged"):
        engine.done(planned, "s")
    record.unlink()
    assert engine.pending(planned, "s") == ["00001"]


def test_a_full_disk_is_said_whatever_the_task_was_doing(planned):
    def full(task):
        raise OSError(28, "No space left on device")

    with pytest.raises(BuildError, match=r"cannot write .*: no space is left on the device"):
        run_task(open_task(planned, "s", "00000")[0], full)


def test_what_a_failed_attempt_has_written_is_removed(planned):
    """Else every try on a full disk would leave it fuller."""

    def fails(task):
        task.new_file("square", ".txt").write_text("half")
        raise ValueError

    with pytest.raises(ValueError):
        run_task(open_task(planned, "s", "00000")[0], fails)
    assert list(planned.glob("s/00000.*")) == []


def test_what_a_killed_attempt_has_written_goes_when_a_command_begins(tmp_path):
    engine.plan(tmp_path, "s", JOBS + "die_writing", number([3]), {})
    program = "import sys; from pathlib import Path; from wit_builder.engine import task as engine"
    program += "; engine.run_task(*engine.open_task(Path(sys.argv[1]), 's', '00000'))"
    assert subprocess.run([sys.executable, "-c", program, tmp_path], cwd=ROOT, check=False).returncode == -9
    assert len(list(tmp_path.glob("s/00000.*"))) == 2
    engine.tidy(tmp_path / "s")
    assert {path.name for path in (tmp_path / "s").iterdir()} == {"plan.json", "done", "00000"}


def test_what_an_attempt_at_work_or_committed_has_written_stays(planned):
    def work(task):
        jobs.square(task)
        engine.tidy(task.folder)
        assert Path(task.folder, task.files["square"][0]).exists()

    run_task(open_task(planned, "s", "00000")[0], work)
    (committed,) = engine.Done.read(planned / "s" / "done" / "00000.json").files["square"]
    attempt = committed.name.split(".")[1]
    (planned / "s" / f".00000.{attempt}.attempt.1-0a1b2c3d.tmp").touch()  # killed right behind its record
    engine.tidy(planned / "s")
    assert committed.exists()


def test_a_task_of_a_run_that_has_gone_on_makes_no_folder(planned):
    (planned / "s").rename(planned / "gone")
    with pytest.raises(BuildError, match="has no stage s any more"):
        open_task(planned, "s", "00000")
    assert not (planned / "s").exists()


def test_of_several_exceptions_ours_is_raised_else_the_first(planned):
    def fails(*errors):
        def work(task):
            raise ExceptionGroup("group", [*errors, ExceptionGroup("inner", [KeyError("last")])])

        with pytest.raises(Exception) as caught:
            run_task(open_task(planned, "s", "00000")[0], work)
        return caught.value

    assert type(fails(ValueError(), BuildError("ours"))) is BuildError
    assert type(fails(ValueError(), TypeError())) is ValueError
    assert type(fails()) is KeyError


def test_the_first_to_claim_a_file_gets_it(tmp_path):
    assert [claim(tmp_path / "a", word, "0000000a") for word in (b"first", b"second")] == [True, False]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"first"}


def test_what_a_killed_claim_leaves_is_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)  # as if it were killed before
    claim(tmp_path / "a", b"first", "0000000a")
    monkeypatch.undo()
    assert len(list(tmp_path.iterdir())) == 2
    storage.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_tasks_of_their_own_read_what_is_of_this_run(tmp_path):
    storage.write_json(tmp_path / "session.json", {"connect_to": [["a", "b"]]})
    assert Task(tmp_path, "s", "0", None, {}).session == {"connect_to": [["a", "b"]]}


def test_a_root_may_be_met_at_another_place(tmp_path):
    """Paths below it are written relative to it; all others stay as they are."""
    first, other = tmp_path / "first", tmp_path / "other"
    params = {
        "inputs": [str(first / "a" / "0.b"), "/elsewhere/c"],
        "root": f"{first}-not",
        "at": Path(first / "p"),
    }
    engine.plan(first, "s", "tests.engine.jobs:square", {"0": {"part": str(first / "a" / "0")}}, params)
    assert str(first / "a") not in (first / "s" / "plan.json").read_text()
    first.rename(other)
    task, _ = open_task(other, "s", "0")
    assert task.arg == {"part": str(other / "a" / "0")}
    assert task.params == {
        "inputs": (str(other / "a" / "0.b"), "/elsewhere/c"),
        "root": f"{first}-not",
        "at": other / "p",
    }


def test_files_stay_where_only_the_store_knows_whether_they_were_committed(tmp_path, monkeypatch):
    """The answer to the creation of the record is lost, and the store is away from then on."""
    create = Objects.create

    def no_answer(objects, name, data):
        create(objects, name, data)
        raise BuildError("the store does not answer")

    with mirror.met(f"memory://{uuid.uuid4().hex}/run", tmp_path):
        engine.plan(tmp_path, "s", "tests.engine.jobs:square", number([3]), {})
        monkeypatch.setattr(Objects, "create", no_answer)
        with pytest.raises(BuildError, match="does not answer"):
            run_task(*open_task(tmp_path, "s", "00000"))
        monkeypatch.undo()
        (path,) = engine.files(engine.done(tmp_path, "s"), "square")
        assert mirror.here(path).read_text() == "9"


def test_of_twins_in_a_store_the_one_that_comes_late_leaves_nothing(tmp_path):
    with mirror.met(f"memory://{uuid.uuid4().hex}/run", tmp_path):
        engine.plan(tmp_path, "s", "tests.engine.jobs:square", number([3]), {})
        objects, _ = mirror.behind(tmp_path)

        def late(task):
            jobs.square(task)
            objects.create("s/done/00000.json", b"{}")  # by its twin, elsewhere

        run_task(Task(tmp_path, "s", "00000", 3, {}), late)
        assert objects.listed("**").keys() == {"s/done/00000.json", "s/plan.json"}
        assert list(tmp_path.iterdir()) == []
