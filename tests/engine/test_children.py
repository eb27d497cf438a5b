import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wit_builder.engine.children import Child
from wit_builder.errors import ImageError

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


def test_children_die_with_a_killed_parent():
    code = f"from wit_builder.engine.children import Child; c = Child({ECHO!r}); c.answer(); "
    code += "print(c.pid, flush=True); c.answer()"
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert _gone(pid, within_s=5)


def _gone(pid: int, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
            return True
        time.sleep(0.02)
    return False
