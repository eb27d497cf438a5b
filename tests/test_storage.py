import errno
import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wit_builder import storage
from wit_builder.errors import BuildError

KIB = 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB of its own; skips where we may not mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file of this process may grow over 64 KiB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * KIB, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_shows_only_when_its_block_has_ended(tmp_path: Path) -> None:
    with storage.whole(tmp_path / "a.tar") as temporary:
        temporary.write_bytes(b"half")
        assert list(tmp_path.glob("*.tar")) == []

    assert names(tmp_path) == ["a.tar"]


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    storage.write_bytes(tmp_path / "a", b"old")
    with pytest.raises(ZeroDivisionError), storage.whole(tmp_path / "a") as temporary:
        temporary.write_bytes(b"new")
        raise ZeroDivisionError

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


def test_the_temporary_file_lies_beside_the_file_and_names_its_process(tmp_path: Path) -> None:
    with storage.whole(tmp_path / "a.tar") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(f".a.tar.{os.getpid()}-")


def test_two_writers_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    with storage.whole(tmp_path / "a") as one, storage.whole(tmp_path / "a") as two:
        one.write_bytes(b"one")
        two.write_bytes(b"two")

    assert (tmp_path / "a").read_bytes() == b"one"  # its block ended last


def test_the_folder_is_made_when_it_is_missing(tmp_path: Path) -> None:
    storage.write_bytes(tmp_path / "x" / "y" / "a", b"data")

    assert (tmp_path / "x" / "y" / "a").read_bytes() == b"data"


def test_a_file_has_the_rights_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    storage.write_bytes(tmp_path / "a", b"")
    os.umask(before)

    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_json_is_sorted_indented_and_ends_with_a_line(tmp_path: Path) -> None:
    storage.write_json(tmp_path / "a.json", {"b": 1, "a": ["é"]})

    assert (tmp_path / "a.json").read_text() == '{\n  "a": [\n    "é"\n  ],\n  "b": 1\n}\n'


def test_file_and_folder_are_synced_in_this_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(storage, "sync", lambda path: calls.append(f"sync {path.suffix or 'folder'}"))
    monkeypatch.setattr(Path, "replace", lambda self, target: calls.append("rename"))
    storage.write_bytes(tmp_path / "a", b"")

    assert calls == ["sync .tmp", "rename", "sync folder"]


# --- a disk that will not have it


def test_a_full_disk_is_one_sentence_and_what_to_type(small_disk: Path) -> None:
    with pytest.raises(
        BuildError, match=r"^cannot write .*/disk/big: no space is left on the device$"
    ) as caught:
        storage.write_bytes(small_disk / "big", bytes(65 * KIB))

    assert "free some space" in str(caught.value.hint)
    assert "--resume" in str(caught.value.hint)


def test_a_full_disk_keeps_the_old_file_and_no_part_of_the_new(small_disk: Path) -> None:
    storage.write_bytes(small_disk / "a", b"old")
    with pytest.raises(BuildError):
        storage.write_bytes(small_disk / "a", bytes(65 * KIB))

    assert names(small_disk) == ["a"]
    assert (small_disk / "a").read_bytes() == b"old"


def test_what_fits_a_small_disk_exactly_is_written(small_disk: Path) -> None:
    storage.write_bytes(small_disk / "a", bytes(60 * KIB))

    assert (small_disk / "a").stat().st_size == 60 * KIB


def test_a_read_only_disk_is_one_sentence(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)

    with pytest.raises(BuildError, match="the file system is read-only"):
        storage.write_bytes(small_disk / "a", b"data")


@pytest.mark.usefixtures("small_files")
def test_a_file_over_the_limit_of_the_process_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="over the limit for one file"):
        storage.write_bytes(tmp_path / "a", bytes(64 * KIB + 1))

    assert names(tmp_path) == []


@pytest.mark.usefixtures("small_files")
def test_a_file_at_the_limit_of_the_process_is_written(tmp_path: Path) -> None:
    storage.write_bytes(tmp_path / "a", bytes(64 * KIB))

    assert (tmp_path / "a").stat().st_size == 64 * KIB


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_errors_of_the_disk_become_build_errors(number: int) -> None:
    with pytest.raises(BuildError, match="cannot write /out/a: "), storage.plain_errors(Path("/out/a")):
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EIO, errno.EISDIR])
def test_other_errors_stay_what_they_are(number: int) -> None:
    with pytest.raises(OSError, match=os.strerror(number)), storage.plain_errors(Path("/out/a")):
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("named", ["/out/a", "/out/.a.1-0.tmp", "/out", "/", "/out/a/deep/file"])
def test_an_error_that_names_the_file_or_a_folder_of_it_is_ours(named: str) -> None:
    with pytest.raises(BuildError), storage.plain_errors(Path("/out/a")):
        raise PermissionError(errno.EACCES, "no", named)


def test_a_foreign_file_that_cannot_be_read_keeps_its_own_error() -> None:
    with pytest.raises(PermissionError, match="/etc/shadow"), storage.plain_errors(Path("/out/a")):
        raise PermissionError(errno.EACCES, "no", "/etc/shadow")


def test_the_message_names_the_file_and_not_its_temporary_path() -> None:
    with pytest.raises(BuildError, match=r"^cannot write /out/a\.tar: "):  # noqa: SIM117
        with storage.plain_errors(Path("/out/.a.tar.77-0123abcd.tmp")):
            raise OSError(errno.ENOSPC, "full")


# --- publish


def test_publishing_links_the_file(tmp_path: Path) -> None:
    (tmp_path / "src").write_bytes(b"data")
    storage.publish(tmp_path / "src", tmp_path / "shards" / "dst")

    assert (tmp_path / "shards" / "dst").stat().st_ino == (tmp_path / "src").stat().st_ino


def test_publishing_twice_leaves_no_temporary_link(tmp_path: Path) -> None:
    (tmp_path / "src").write_bytes(b"data")
    for _ in range(2):
        storage.publish(tmp_path / "src", tmp_path / "dst")

    assert names(tmp_path) == ["dst", "src"]


def test_publishing_replaces_an_older_file(tmp_path: Path) -> None:
    (tmp_path / "src").write_bytes(b"new")
    (tmp_path / "dst").write_bytes(b"old")
    storage.publish(tmp_path / "src", tmp_path / "dst")

    assert (tmp_path / "dst").read_bytes() == b"new"


def test_publishing_to_another_file_system_copies(tmp_path: Path, small_disk: Path) -> None:
    (tmp_path / "src").write_bytes(b"data")
    storage.publish(tmp_path / "src", small_disk / "dst")

    assert names(small_disk) == ["dst"]
    assert (small_disk / "dst").read_bytes() == b"data"


def test_publishing_to_a_full_file_system_leaves_nothing(tmp_path: Path, small_disk: Path) -> None:
    (tmp_path / "src").write_bytes(bytes(65 * KIB))
    with pytest.raises(BuildError, match=r"cannot write .*/disk/dst: no space"):
        storage.publish(tmp_path / "src", small_disk / "dst")

    assert names(small_disk) == []


def test_a_link_that_is_forbidden_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(src: Path, dst: Path) -> None:
        raise PermissionError(errno.EACCES, "no", str(src), None, str(dst))

    (tmp_path / "src").write_bytes(b"data")
    monkeypatch.setattr(os, "link", forbidden)
    with pytest.raises(BuildError, match="this user may not write there"):
        storage.publish(tmp_path / "src", tmp_path / "out" / "dst")


def test_publishing_what_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        storage.publish(tmp_path / "src", tmp_path / "dst")

    assert names(tmp_path) == []


# --- killed writers

WRITER = """
import sys, time
from pathlib import Path
from wit_builder import storage
with storage.whole(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def writing(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, in the middle of writing tmp_path/a.tar."""
    command = [sys.executable, "-c", WRITER, str(tmp_path / "a.tar")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        yield process
        process.kill()


def test_a_killed_writer_leaves_no_visible_file(tmp_path: Path, writing: subprocess.Popen[str]) -> None:
    writing.send_signal(signal.SIGKILL)
    writing.wait()

    assert [name for name in names(tmp_path) if not name.startswith(".")] == []


def test_a_sweep_removes_what_a_killed_writer_left(tmp_path: Path, writing: subprocess.Popen[str]) -> None:
    (left,) = tmp_path.iterdir()
    writing.kill()
    writing.wait()

    assert storage.sweep(tmp_path) == [left]
    assert names(tmp_path) == []


def test_a_sweep_leaves_a_living_writer_alone(tmp_path: Path, writing: subprocess.Popen[str]) -> None:
    before = names(tmp_path)

    assert storage.sweep(tmp_path) == []
    assert names(tmp_path) == before
    assert writing.poll() is None


def test_a_sweep_leaves_this_process_s_own_file_alone(tmp_path: Path) -> None:
    with storage.whole(tmp_path / "a") as temporary:
        temporary.write_bytes(b"data")
        assert storage.sweep(tmp_path) == []

    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize(
    "name", ["a.tmp", ".a.tmp", ".a.12-0123456.tmp", ".a.12-0123abcz.tmp", "a.12-0123abcd.tmp"]
)
def test_a_sweep_touches_no_file_of_another_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")

    assert storage.sweep(tmp_path) == []


def test_a_sweep_removes_a_file_that_only_looks_like_a_living_process_s(tmp_path: Path) -> None:
    stale = tmp_path / f".a.{os.getpid()}-0123abcd.tmp"  # a process id comes again
    stale.write_bytes(b"half")

    assert storage.sweep(tmp_path) == [stale]


def test_a_sweep_passes_over_folders_links_and_missing_places(tmp_path: Path) -> None:
    (tmp_path / ".a.1-0123abcd.tmp").mkdir()
    (tmp_path / ".b.1-0123abcd.tmp").symlink_to("/etc/hostname")

    assert storage.sweep(tmp_path) == []
    assert storage.sweep(tmp_path / "none") == []


def test_without_locks_files_are_written_and_none_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(descriptor: int, kind: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "no locks here")

    monkeypatch.setattr(storage.fcntl, "flock", no_locks)
    storage.write_bytes(tmp_path / "a", b"data")
    (tmp_path / ".a.1-0123abcd.tmp").write_bytes(b"")

    assert storage.sweep(tmp_path) == []
    assert names(tmp_path) == [".a.1-0123abcd.tmp", "a"]


def test_a_sweep_between_making_and_holding_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, sweeps = storage.fcntl.flock, [tmp_path]

    def flock(descriptor: int, kind: int) -> None:
        if sweeps:
            storage.sweep(sweeps.pop())
        real(descriptor, kind)

    monkeypatch.setattr(storage.fcntl, "flock", flock)
    with storage.whole(tmp_path / "a"):
        assert storage.sweep(tmp_path) == []  # the file that took the swept one's place is held

    assert names(tmp_path) == ["a"]
