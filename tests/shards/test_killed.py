"""kill -9 of a real process before and after every step of writing a shard: readers never see half a file."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.shards.dying import IMAGES, write_new, write_old
from tests.shards.pairs import reader
from wit_builder import storage

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def died(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What each killed process left, in the order of how far it came."""
    folder = tmp_path_factory.mktemp("died")
    command = [sys.executable, "-m", "tests.shards.dying", folder]
    count = int(subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout)
    return sorted(folder.iterdir())[:count]


def contents(folder: Path) -> dict[str, bytes]:
    """The files that readers see."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("old")
    write_old(folder)
    return contents(folder)


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("new")
    write_new(folder, reader())
    return contents(folder)


def test_processes_died_at_every_image_sync_rename_and_unlink(died: list[Path]) -> None:
    assert len(died) >= IMAGES + 7 + 3 + 1


def test_every_visible_file_is_the_old_one_or_the_new_one(
    died: list[Path], old: dict[str, bytes], new: dict[str, bytes]
) -> None:
    for folder in died:
        for name, data in contents(folder).items():
            assert data in (old[name], new[name]), f"{folder.name}/{name}"


def test_where_the_mark_stands_the_shard_is_all_old_or_all_new(
    died: list[Path], old: dict[str, bytes], new: dict[str, bytes]
) -> None:
    marked = [found for folder in died if "00000_stats.json" in (found := contents(folder))]

    assert [found for found in marked if found not in (old, new)] == []
    assert (old in marked, new in marked) == (True, True)
    assert len(marked) < len(died)  # some died while the mark was away


def test_writing_again_gives_the_shard_and_a_sweep_clears_the_rest(
    died: list[Path], new: dict[str, bytes]
) -> None:
    for folder in died:
        write_new(folder, reader())
        storage.sweep(folder)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == new
