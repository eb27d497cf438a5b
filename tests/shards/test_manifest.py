from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.shards.pairs import failure, reader, samples
from wit_builder.errors import ConfigError, ShardError
from wit_builder.shards.manifest import SHARDS_SCHEMA, plan, read_manifest, verify, write_manifest
from wit_builder.shards.writer import ShardInfo, ShardSpec, write_shard

SMALL = ShardSpec(samples_per_shard=3)


def build(out: Path, kept: int = 7) -> list[ShardInfo]:
    """A published data set of `kept` samples."""
    all_, lost = samples(kept), [failure(50, "http_404")]
    infos = [
        write_shard(out / "shards", index, all_[part], reader(), lost, SMALL)
        for index, part in enumerate(plan(kept, SMALL))
    ]
    write_manifest(out, infos)
    return infos


@pytest.mark.parametrize(
    ("kept", "sizes"), [(0, []), (1, [1]), (2, [2]), (3, [3]), (4, [3, 1]), (6, [3, 3]), (7, [3, 3, 1])]
)
def test_shards_are_full_but_the_last(kept: int, sizes: list[int]) -> None:
    parts = plan(kept, SMALL)

    assert [len(range(kept)[part]) for part in parts] == sizes
    assert [number for part in parts for number in range(kept)[part]] == list(range(kept))


def test_more_shards_than_the_digits_number_are_a_fault_of_the_recipe() -> None:
    spec = ShardSpec(samples_per_shard=1, index_digits=2)

    assert len(plan(100, spec)) == 100
    with pytest.raises(ConfigError, match="101 samples make 101 shards of 1; 2 digits number fewer"):
        plan(101, spec)


def test_the_manifest_has_a_row_per_shard_by_number(tmp_path: Path) -> None:
    infos = build(tmp_path)
    write_manifest(tmp_path, reversed(infos))

    assert read_manifest(tmp_path) == infos


def test_columns_of_bytes_say_their_unit(tmp_path: Path) -> None:
    build(tmp_path)
    schema = pq.read_schema(tmp_path / "manifest" / "shards.parquet")

    assert schema.field("sidecar_bytes").metadata[b"unit"] == b"bytes"


def test_the_number_of_samples_is_text(tmp_path: Path) -> None:
    build(tmp_path)

    assert (tmp_path / "shards" / "__len__").read_text() == "7"


def test_an_untouched_data_set_is_what_its_manifest_says(tmp_path: Path) -> None:
    build(tmp_path)
    verify(tmp_path)


def test_an_empty_data_set_is_what_its_manifest_says(tmp_path: Path) -> None:
    build(tmp_path, kept=0)
    verify(tmp_path)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.mark.parametrize("name", ["00001.tar", "00002.parquet", "00000_stats.json"])
@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (flip, r"has other bytes than its manifest says \(sha256\)"),
        (grow, r"has \d+ bytes, its manifest says \d+"),
        (Path.unlink, "is missing, the manifest lists it"),
    ],
)
def test_a_harmed_file_is_named(tmp_path: Path, name: str, harm: Callable[[Path], None], says: str) -> None:
    build(tmp_path)
    harm(tmp_path / "shards" / name)

    with pytest.raises(ShardError, match=f"/shards/{name} {says}") as caught:
        verify(tmp_path)
    assert "--out" in str(caught.value.hint)


def test_the_first_of_several_harmed_files_is_named(tmp_path: Path) -> None:
    build(tmp_path)
    for name in ("00002.tar", "00001.parquet"):
        flip(tmp_path / "shards" / name)

    with pytest.raises(ShardError, match=r"00001\.parquet"):
        verify(tmp_path)


@pytest.mark.parametrize("name", ["00003.tar", "00003.parquet", "sizes.json"])
def test_a_file_that_others_would_take_for_ours_is_named(tmp_path: Path, name: str) -> None:
    build(tmp_path)
    (tmp_path / "shards" / name).write_bytes(b"")

    with pytest.raises(ShardError, match=f"{name} is not in the manifest"):
        verify(tmp_path)


@pytest.mark.parametrize("name", [".00003.tar.1-0123abcd.tmp", "notes.txt"])
def test_a_file_that_nobody_reads_is_passed_over(tmp_path: Path, name: str) -> None:
    build(tmp_path)
    (tmp_path / "shards" / name).write_bytes(b"")
    verify(tmp_path)


@pytest.mark.parametrize("text", ["8", "", "7\n", "exit()"])
def test_another_number_of_samples_is_named(tmp_path: Path, text: str) -> None:
    build(tmp_path)
    (tmp_path / "shards" / "__len__").write_text(text)

    with pytest.raises(ShardError, match="__len__ is not the 7 of the manifest"):
        verify(tmp_path)


def test_a_folder_without_a_manifest_is_no_build(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="is no readable manifest") as caught:
        verify(tmp_path)

    assert caught.value.hint == "name the folder of a finished build"


def test_a_manifest_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest").mkdir()
    (tmp_path / "manifest" / "shards.parquet").write_bytes(b"PAR1 no")

    with pytest.raises(ShardError, match=r"shards\.parquet is no readable manifest"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "table",
    [pa.table({"file": ["00000.tar"]}), pa.table([[None]] * len(SHARDS_SCHEMA), schema=SHARDS_SCHEMA)],
)
def test_a_manifest_of_other_columns_or_without_values_is_named(tmp_path: Path, table: pa.Table) -> None:
    (tmp_path / "manifest").mkdir()
    pq.write_table(table, tmp_path / "manifest" / "shards.parquet")

    with pytest.raises(ShardError, match="has other columns than a manifest"):
        read_manifest(tmp_path)


def test_a_manifest_is_replaced_whole(tmp_path: Path) -> None:
    infos = build(tmp_path)
    write_manifest(tmp_path, [replace(infos[0], samples=1)])

    assert [info.samples for info in read_manifest(tmp_path)] == [1]
    assert [path.name for path in (tmp_path / "manifest").iterdir()] == ["shards.parquet"]
