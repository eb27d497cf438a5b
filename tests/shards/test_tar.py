import io
import os
import resource
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_builder.errors import BuildError
from wit_builder.shards.tar import BLOCK, RECORD, TarWriter

Members = list[tuple[str, bytes]]

NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789._-", min_size=1, max_size=100)
MEMBERS = st.lists(st.tuples(NAMES, st.binary(max_size=3 * BLOCK)), max_size=8)


def write(path: Path, members: Members) -> list[tuple[int, int]]:
    with TarWriter(path) as tar:
        return [tar.add(name, data) for name, data in members]


def as_the_standard_library_writes(members: Members) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.mode, info.size = 0o444, len(data)
            tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


@given(MEMBERS)
def test_the_bytes_are_those_of_the_standard_library(
    tmp_path_factory: pytest.TempPathFactory, members: Members
) -> None:
    path = tmp_path_factory.mktemp("tar") / "a.tar"
    write(path, members)

    assert path.read_bytes() == as_the_standard_library_writes(members)


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, (1 << 20) - 1, (1 << 20) + 1])
def test_any_size_of_data_is_padded_as_the_standard_library_does(tmp_path: Path, size: int) -> None:
    members = [("a", b"x" * size), ("b", b"y")]
    write(tmp_path / "a.tar", members)

    assert (tmp_path / "a.tar").read_bytes() == as_the_standard_library_writes(members)


def test_data_is_found_where_add_said(tmp_path: Path) -> None:
    members = [("a.jpg", b"x" * 700), ("a.txt", b"text"), ("b.jpg", b"")]
    places = write(tmp_path / "a.tar", members)
    whole = (tmp_path / "a.tar").read_bytes()

    assert [whole[offset : offset + length] for offset, length in places] == [data for _, data in members]


def test_size_counts_the_end_mark_once_closed(tmp_path: Path) -> None:
    with TarWriter(tmp_path / "a.tar") as tar:
        tar.add("a", b"x")
        assert tar.size == 2 * BLOCK

    assert tar.size == (tmp_path / "a.tar").stat().st_size == RECORD


def test_closing_twice_ends_the_tar_once(tmp_path: Path) -> None:
    with TarWriter(tmp_path / "a.tar") as tar:
        tar.close()

    assert (tmp_path / "a.tar").stat().st_size == RECORD


@pytest.mark.parametrize("name", ["a" * 101, "", "é.jpg", "a\0b"])
def test_a_name_that_no_reader_would_get_back_is_refused(tmp_path: Path, name: str) -> None:
    with TarWriter(tmp_path / "a.tar") as tar, pytest.raises(ValueError, match="1 to 100 ASCII characters"):
        tar.add(name, b"")


def test_a_name_of_100_bytes_is_taken(tmp_path: Path) -> None:
    write(tmp_path / "a.tar", [("a" * 100, b"x")])

    with tarfile.open(tmp_path / "a.tar") as tar:
        assert tar.getnames() == ["a" * 100]


def test_more_than_8_gib_are_refused(tmp_path: Path) -> None:
    class Huge(bytes):
        def __len__(self) -> int:
            return 8**11

    with TarWriter(tmp_path / "a.tar") as tar, pytest.raises(ValueError, match="holds 8589934591 at most"):
        tar.add("a", Huge())


def test_an_exception_leaves_a_tar_that_no_reader_takes_for_whole(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), TarWriter(tmp_path / "a.tar") as tar:
        tar.add("a", b"x" * (1 << 20))
        raise ZeroDivisionError

    assert (tmp_path / "a.tar").read_bytes()[-2 * BLOCK :] != bytes(2 * BLOCK)


def test_a_full_disk_is_one_sentence_and_closing_then_does_not_end_the_tar(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    tar = TarWriter(tmp_path / "a.tar")
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, before[1]))
    try:
        with pytest.raises(BuildError, match=r"cannot write .*/a\.tar: the file grew over the limit"):
            tar.add("a", bytes(1 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    tar.close()

    assert (tmp_path / "a.tar").stat().st_size == 64 << 10


def test_a_write_that_takes_only_a_part_goes_on_with_the_rest(tmp_path: Path) -> None:
    class Slow(io.FileIO):
        def write(self, data: Any) -> int:
            return super().write(bytes(data)[:100_000])

    tar = TarWriter(tmp_path / "a.tar")
    tar._file.close()
    tar._file = Slow(tmp_path / "a.tar", "wb")
    tar.add("a", bytes(range(256)) * 2_000)
    tar.close()

    assert (tmp_path / "a.tar").read_bytes() == as_the_standard_library_writes(
        [("a", bytes(range(256)) * 2_000)]
    )


def test_closing_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    write(tmp_path / "a.tar", [("a", b"x")])

    assert synced == [RECORD]


def test_a_folder_that_may_not_be_written_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *args: object, **kwargs: object) -> None:
        raise PermissionError(13, "no", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(BuildError, match="this user may not write there"):
        TarWriter(tmp_path / "a.tar")
