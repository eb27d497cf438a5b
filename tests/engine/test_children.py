import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.engine.jobs import Awkward
from wit_builder.engine import children
from wit_builder.engine.children import Child
from wit_builder.errors import ImageError

ROOT = Path(__file__).parents[2]
ECHO = "tests.engine.jobs:echo"


@pytest.fixture
def child():
    child = Child(ECHO, memory_bytes=3 << 30)
    assert child.answer() == ("ready", None)
    yield child
    child.kill()
    child.close()


def test_a_child_tells_news_and_then_its_answer(child):
    child.call("word")
    assert [child.answer(), child.answer()] == [("news", {"news": "word"}), ("done", "word")]


@pytest.mark.parametrize(
    ("wanted", "had"), [({}, "system"), ({"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}, "mimalloc")]
)
def test_a_child_has_the_systems_allocator_unless_another_is_wanted(monkeypatch, wanted, had):
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)
    child = Child(ECHO)
    child.call("allocator")
    assert [child.answer() for _ in range(3)][-1] == ("done", had)
    child.kill()
    child.close()


def test_an_exception_comes_back_as_itself(child):
    child.call("image")
    child.answer()
    kind, error = child.answer()
    assert (kind, type(error), error.reason, error.evidence) == (
        "failed",
        ImageError,
        "decode_error",
        "half of it",
    )


def test_a_child_that_failed_answers_the_next_call(child):
    for word in ("image", "word"):
        child.call(word)
        child.answer()
        last = child.answer()
    assert last == ("done", "word")


def test_what_a_child_printed_is_there_when_it_has_ended(capfd, monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    child = Child("builtins:print")
    child.answer()
    child.call("words")
    assert child.answer() == ("done", None)
    children.dismiss([child])
    assert capfd.readouterr().out.startswith("words")


def test_a_dead_child_is_an_end_of_file_with_its_exit_code(child):
    child.call("die")
    with pytest.raises(EOFError):
        child.answer(), child.answer()
    assert child.kill() == 7


def test_memory_beyond_the_limit_is_an_error_and_not_a_dead_machine(child):
    child.call("memory")
    child.answer()
    kind, error = child.answer()
    assert (kind, type(error)) == ("failed", MemoryError)


def test_an_unknown_exception_brings_its_traceback_along(child):
    child.call("divide")
    child.answer()
    kind, error = child.answer()
    assert (kind, type(error)) == ("failed", ZeroDivisionError)
    assert "jobs.py" in error.__notes__[0]


@pytest.mark.parametrize("word", ["awkward", "local"])
def test_what_cannot_be_sent_is_told_by_its_words(child, word):
    child.call(word)
    child.answer()
    kind, error = child.answer()
    assert (kind, type(error)) == ("failed", RuntimeError)
    assert "cannot be sent" in str(error)


def test_what_a_function_raises_becomes_its_answer():
    def fails(error, tell):
        raise error

    ours, other = ImageError("decode_error"), KeyError("what")
    assert children._answer(fails, (ours,), print) == ("failed", ours)
    assert children._answer(fails, (other,), print) == ("failed", other)
    assert "test_children.py" in other.__notes__[0] and not hasattr(ours, "__notes__")


def test_an_exception_that_does_not_unpack_keeps_its_traceback():
    error = Awkward("cannot ", "travel")
    error.add_note("the traceback")
    kind, told = pickle.loads(children._packed(("failed", error)))
    assert (kind, str(told).partition(" (")[0]) == ("failed", "Awkward: cannot travel")
    assert told.__notes__ == ["the traceback"]


def test_without_linux_a_child_looks_now_and_then_whether_its_parent_lives(monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(children.sys, "platform", "darwin")
    monkeypatch.setattr(children.os, "_exit", lambda code: ended.set())
    monkeypatch.setattr(children.time, "sleep", lambda seconds: None)
    parents = iter([7, 7, 1])
    monkeypatch.setattr(children.os, "getppid", lambda: next(parents))
    children.die_with_parent(7)
    assert ended.wait(5)


def test_a_process_that_cannot_be_started_leaves_no_open_pipe(monkeypatch):
    def no_more(*_, **__):
        raise OSError(11, "Resource temporarily unavailable")

    before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(subprocess, "Popen", no_more)
    with pytest.raises(OSError, match="temporarily unavailable"):
        Child(ECHO)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_child_that_is_asked_to_stop_knows(child):
    child.call("until stopped")
    child.answer()
    child.stop_soon()
    assert child.answer() == ("done", "stopped")


def test_memory_runs_out_for_a_child_before_its_parent(child):
    child.call("score")
    child.answer()
    _, score = child.answer()
    assert score > int(Path("/proc/self/oom_score_adj").read_text())


def test_a_killed_driver_leaves_no_process_behind(tmp_path):
    command = [sys.executable, "-m", "tests.engine.driver", tmp_path]
    driver = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    while len(list(tmp_path.glob("s/running-*"))) < 2:
        time.sleep(0.02)
    assert len(_group(driver.pid)) >= 5  # the driver, two workers, a child of each
    driver.kill()
    driver.wait()
    deadline = time.monotonic() + 10
    while (left := _group(driver.pid)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert left == []


def _group(leader):
    """Processes of that group that live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, group = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue  # it has just ended
        if int(group) == leader and state != "Z":
            found.append(path.parent.name)
    return found
