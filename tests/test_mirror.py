"""A folder of a store met here: what is asked for comes, what is handed on goes, and nothing stays."""

import subprocess
import sys
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wit_builder import mirror, objects
from wit_builder.errors import BuildError
from wit_builder.objects import Objects


@pytest.fixture
def there():
    """An empty folder of a store in memory."""
    return Objects(f"memory://{uuid.uuid4().hex}/run")


@pytest.fixture
def root(there, tmp_path):
    """It, met at a folder."""
    with mirror.met(there.url, tmp_path / "met"):
        yield tmp_path / "met"


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_the_first_who_creates_a_file_wins_and_knows_it_again(there):
    assert there.create("done/0.json", b"mine")
    assert not there.create("done/0.json", b"theirs")
    assert there.create("done/0.json", b"mine")  # as when its first answer was lost
    assert there.read("done/0.json") == b"mine"


@pytest.mark.parametrize(
    ("start", "end", "part"),
    [
        (0, 3, b"abc"),
        (2, 4, b"cd"),
        (3, None, b"defgh"),
        (-3, None, b"fgh"),
        (-99, None, b"abcdefgh"),
        (6, 99, b"gh"),
    ],
)
def test_parts_of_a_file_come_with_its_size(there, start, end, part):
    there.write("a", b"abcdefgh")
    assert there.part("a", start, end) == (part, 8)


def test_a_part_of_what_is_not_there_is_none_and_bytes_that_must_be_there_are_missed(there):
    there.write("a", b"abc")
    assert there.part("b", 0) is None
    assert there.bytes_of("a", 1, 3) == b"bc"
    with pytest.raises(BuildError, match=r"/a has 3 bytes, expected 4 at least"):
        there.bytes_of("a", 1, 4)
    with pytest.raises(BuildError, match="/b is missing"):
        there.bytes_of("b", 1, 4)


@pytest.mark.parametrize("size", [7, 8, 9, 17])
def test_a_file_is_brought_whole_however_many_blocks_it_has(there, tmp_path, monkeypatch, size):
    monkeypatch.setattr(objects, "BLOCK", 8)
    there.write("a", bytes(range(size)))
    assert there.bring("a", tmp_path / "below" / "a") == size
    assert (tmp_path / "below" / "a").read_bytes() == bytes(range(size))
    assert [path.name for path in (tmp_path / "below").iterdir()] == ["a"]


def test_a_path_in_no_mirror_is_as_it_was(tmp_path):
    assert mirror.here(str(tmp_path / "a")) == tmp_path / "a"
    assert mirror.name(tmp_path / "a") == str(tmp_path / "a")
    assert mirror.behind(tmp_path / "a") is None
    assert not mirror.exists(tmp_path / "a")
    mirror.send([tmp_path / "a"])  # nothing happens, though it is not there


def test_what_is_handed_on_is_there_for_others(root, there, tmp_path):
    sent = write(root / "s" / "a.bin", b"a")
    mirror.send([sent])
    assert there.read("s/a.bin") == b"a"
    assert mirror.name(sent) == f"{there.url}/s/a.bin" and mirror.name(root) == there.url
    with mirror.met(there.url, tmp_path / "other"):
        other = tmp_path / "other" / "s" / "a.bin"
        assert mirror.exists(other) and not other.exists()
        assert mirror.here(other).read_bytes() == b"a"
        assert not mirror.here(other.with_name("b.bin")).exists()


def test_a_file_is_sent_once(root, there):
    sent = write(root / "a", b"first")
    mirror.send([sent])
    there.write("a", b"as it is there")
    mirror.send([sent])
    assert there.read("a") == b"as it is there"


def test_an_emptied_mirror_has_its_files_from_the_store(root, there):
    mirror.send([write(root / "s" / "a", b"a")])
    write(root / "s" / "b", b"never sent")
    mirror.empty(root)
    assert list(root.iterdir()) == []
    assert mirror.here(root / "s" / "a").read_bytes() == b"a"
    assert not mirror.here(root / "s" / "b").exists()


def test_what_is_removed_is_gone_from_both(root, there):
    mirror.send([write(root / "s" / "0.a" / "tar", b"a"), write(root / "s" / "1", b"b")])
    mirror.remove([root / "s" / "0.a"])
    assert there.listed("**").keys() == {"s/1"}
    mirror.forget(root / "s")
    assert there.listed("**") == {}


def test_of_brought_files_the_oldest_make_room(root, there, monkeypatch):
    monkeypatch.setattr(mirror, "HELD", 10)
    for name in "abc":
        there.write(name, b"four")
    first = mirror.here(root / "a")
    with first.open("rb") as held:
        for name in "bc":
            mirror.here(root / name)
        assert (first.exists(), held.read()) == (False, b"four")
    assert mirror.here(first).read_bytes() == b"four"


@pytest.mark.parametrize("least", [1, 64 << 10])
def test_rows_of_a_parquet_file_are_told_by_its_end(root, monkeypatch, least, tmp_path):
    monkeypatch.setattr(mirror, "FOOTER", max(least, 8))
    pq.write_table(pa.table({"n": list(range(100_000))}), tmp_path / "n.parquet")
    mirror.send([write(root / "n.parquet", (tmp_path / "n.parquet").read_bytes())])
    mirror.empty(root)
    assert pq.read_metadata(mirror.footer(root / "n.parquet")).num_rows == 100_000
    assert not (root / "n.parquet").exists()


def test_a_killed_process_leaves_a_folder_that_the_next_one_removes(tmp_path, monkeypatch):
    monkeypatch.setenv("WIT_SCRATCH", str(tmp_path))
    program = (
        "from wit_builder import mirror; import os, signal; print(mirror.meet('memory://a/b'), flush=True)"
    )
    for end, left in (("os.kill(os.getpid(), signal.SIGKILL)", 1), ("os._exit(0)", 1), ("pass", 0)):
        subprocess.run([sys.executable, "-c", f"{program}; {end}"], check=False, capture_output=True)
        assert len(list(tmp_path.iterdir())) == left
