import subprocess
import sys

import pytest

from tests.cli.processes import ROOT
from wit_builder.errors import BuildError
from wit_builder.web import journal as journal_
from wit_builder.web.journal import NAME, Journal
from wit_builder.web.politeness import Wish

HOLDS_IT = """
import sys
from pathlib import Path
from wit_builder.web.journal import Journal

with Journal.open(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def read(home):
    with Journal.open(home) as journal:
        return journal.windows, journal.window, journal.wishes


def test_the_first_attempt_finds_nothing(tmp_path):
    assert read(tmp_path) == (None, 0, {})


def test_what_was_heard_is_there_for_the_next_attempt_the_longest_of_each_host(tmp_path):
    with Journal.open(tmp_path) as journal:
        journal.begin(2, 5, {"a.test": Wish(delay=3.0)})
        for pause in (9.0, 4.0):
            journal.hear("a.test", Wish(pause=pause))
        journal.hear("b.test", Wish(delay=2.0))
    assert read(tmp_path) == (5, 2, {"a.test": Wish(3.0, 9.0), "b.test": Wish(2.0, 0.0)})


def test_of_a_window_that_is_over_only_what_still_counts_is_kept(tmp_path):
    with Journal.open(tmp_path) as journal:
        journal.begin(0, 2, {})
        journal.hear("a.test", Wish(pause=9.0))
        journal.begin(1, 2, {"b.test": Wish(delay=2.0)})
    assert read(tmp_path) == (2, 1, {"b.test": Wish(2.0, 0.0)})


@pytest.mark.parametrize(("heard", "kept"), [(2, 2), (3, 1)])
def test_once_it_has_grown_by_much_only_what_still_counts_is_kept(tmp_path, monkeypatch, heard, kept):
    monkeypatch.setattr(journal_, "MOST", 2 * len(b'["a.test",0.0,9.0]\n'))
    with Journal.open(tmp_path) as journal:
        journal.begin(1, 5, {})
        for name in "abc"[:heard]:
            journal.hear(f"{name}.test", Wish(pause=9.0))
        journal.sync(lambda: {"d.test": Wish(delay=3.0)})
        journal.hear("e.test", Wish(pause=1.0))
    windows, window, wishes = read(tmp_path)
    assert (windows, window) == (5, 1)
    assert len(wishes) == kept + 1 and ("d.test" in wishes) == (kept == 1)


def test_a_wish_that_was_half_written_is_none(tmp_path):
    with Journal.open(tmp_path) as journal:
        journal.begin(0, 1, {"a.test": Wish(delay=3.0)})
    with (tmp_path / NAME).open("ab") as file:
        file.write(b'["b.test",9.')
    assert read(tmp_path) == (1, 0, {"a.test": Wish(3.0, 0.0)})


@pytest.mark.parametrize("lines", [b"", b"nonsense\n", b'[1,0]\n["a.test"]\n', b'[1,0]\n["a","b","c"]\n'])
def test_a_damaged_journal_is_named_with_what_to_do(tmp_path, lines):
    (tmp_path / NAME).write_bytes(lines)
    with pytest.raises(BuildError, match=r"journal.jsonl is damaged \(\d+ bytes") as caught:
        read(tmp_path)
    assert caught.value.hint.startswith("rm ")


def test_a_second_process_on_the_same_task_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_, "PATIENCE_S", 0.3)
    with Journal.open(tmp_path), pytest.raises(BuildError, match="another process fetches for"):
        read(tmp_path)


def test_one_that_dies_is_waited_for(tmp_path):
    command = [sys.executable, "-c", HOLDS_IT, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        holder.kill()
        assert read(tmp_path) == (None, 0, {})


def test_where_there_are_no_locks_there_is_no_complaint(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(95, "not supported")

    monkeypatch.setattr(journal_.fcntl, "flock", no_locks)
    with Journal.open(tmp_path):
        assert read(tmp_path) == (None, 0, {})
