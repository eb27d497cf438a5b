"""A shard that is written again without some samples is the shard of the others, with their keys."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.shards.pairs import failure, reader, samples
from wit_builder.errors import ShardError
from wit_builder.shards import removal
from wit_builder.shards.reader import read_members, read_shard
from wit_builder.shards.stats import Stats
from wit_builder.shards.writer import ShardSpec, file_sha256, paths, read_info, write_shard

COUNT = 6
FAILED = [failure(50, "http_404"), failure(60, "decode_error")]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    write_shard(folder, 3, samples(COUNT), reader(), FAILED, ShardSpec(samples_per_shard=10))
    return folder


def without(numbers, texts=None):
    """Without the samples of these numbers; texts: key to the alt_texts that it keeps."""
    gone = pa.array([f"{30 + n:06d}" for n in numbers], pa.string())

    def change(rows):
        stay = pc.invert(pc.fill_null(pc.is_in(rows.column("key"), gone), False))
        return rows.filter(stay), texts or {}

    return change


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gone=st.sets(st.integers(0, COUNT - 1)))
def test_the_others_keep_keys_bytes_and_rows(made, tmp_path, gone):
    folder = tmp_path / "shard"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made, folder)
    before = dict(read_members(made / "00003.tar"))
    removal.rewrite(folder, "00003", without(gone))
    keys = {f"{30 + n:06d}" for n in gone}
    assert dict(read_members(folder / "00003.tar")) == {k: m for k, m in before.items() if k not in keys}
    rows = pq.read_table(made / "00003.parquet").to_pylist()
    table = pq.read_table(folder / "00003.parquet")
    assert table.to_pylist() == [row for row in rows if row["key"] not in keys]
    assert table.schema.equals(pq.read_schema(made / "00003.parquet"), check_metadata=True)
    left = [one for n, one in enumerate(samples(COUNT)) if n not in gone]
    assert (folder / "00003_stats.json").read_bytes() == Stats.of([*left, *FAILED]).as_json()
    info = read_info(folder, "00003")
    assert (info.samples, info.failures) == (COUNT - len(gone), 2)


def test_again_it_is_the_same_to_the_byte_and_without_a_change_the_tar_is_what_it_was(made, tmp_path):
    folder = shutil.copytree(made, tmp_path / "shard")
    removal.rewrite(folder, "00003", without([]))
    assert file_sha256(folder / "00003.tar") == file_sha256(made / "00003.tar")
    removal.rewrite(folder, "00003", without([2]))
    first = [path.read_bytes() for path in paths(folder, "00003")]
    removal.rewrite(folder, "00003", without([2]))
    assert [path.read_bytes() for path in paths(folder, "00003")] == first


def test_texts_that_change_do_so_in_the_json(made, tmp_path):
    folder = shutil.copytree(made, tmp_path / "shard")
    texts = [{"text": "what stays", "source": "title"}]
    removal.rewrite(folder, "00003", without([], {"000031": texts}))
    before, after = ({key: meta for key, _, _, meta in read_shard(at / "00003.tar")} for at in (made, folder))
    assert after == before | {"000031": before["000031"] | {"alt_texts": texts}}
    assert list(after["000031"]) == list(before["000031"])  # in the order of their fields


def test_a_tar_that_is_cut_is_said_and_stays(made, tmp_path):
    folder = shutil.copytree(made, tmp_path / "shard")
    cut = (folder / "00003.tar").read_bytes()[:2_000]
    (folder / "00003.tar").write_bytes(cut)
    with pytest.raises(ShardError, match="cut"):
        removal.rewrite(folder, "00003", without([1]))
    assert (folder / "00003.tar").read_bytes() == cut
    assert sorted(path.name for path in folder.iterdir()) == [
        "00003.parquet",
        "00003.tar",
        "00003_stats.json",
    ]


def test_what_an_audit_made_of_the_shard_goes_with_it(made, tmp_path):
    folder = shutil.copytree(made, tmp_path / "shards")
    (folder / removal.AUDIT).mkdir()
    for name in ("00003.pdq-1a2b3c4d.npz", "00004.pdq-1a2b3c4d.npz"):
        (folder / removal.AUDIT / name).write_bytes(b"hashes")
    removal.rewrite(folder, "00003", without([1]))
    assert [path.name for path in (folder / removal.AUDIT).iterdir()] == ["00004.pdq-1a2b3c4d.npz"]


@pytest.mark.parametrize("key", ["../../victim/thesis", "*", "00003?", "", "/etc/x", "a", "1" * 33])
def test_a_key_that_names_no_sample_is_refused_and_no_file_goes(made, tmp_path, key):
    folder = shutil.copytree(made, tmp_path / "out" / "shards")
    (folder / "00003").mkdir()
    (tmp_path / "victim").mkdir()
    kept = [tmp_path / "victim" / "thesis.txt", folder / "00003" / "000030.jpg"]
    for path in kept:
        path.write_text("x")
    rows = pq.read_table(folder / "00003.parquet")
    at = rows.schema.get_field_index("key")
    keys = [key, *rows.column("key").to_pylist()[1:]]
    pq.write_table(
        rows.set_column(at, rows.schema.field(at), pa.array(keys, pa.string())), folder / "00003.parquet"
    )
    with pytest.raises(ShardError, match="expected digits"):
        removal.rewrite(folder, "00003", lambda rows: (rows.slice(0, 0), {}))
    assert all(path.exists() for path in kept)
    assert [sorted(members) for _, members in read_members(folder / "00003.tar")]


def test_files_of_a_sample_go_and_those_of_keys_that_begin_like_it_stay(made, tmp_path):
    folder = shutil.copytree(made, tmp_path / "shards")
    (folder / "00003").mkdir()
    for name in ("000031.jpg", "000031.json", "0000310.jpg", "000032.jpg"):
        (folder / "00003" / name).write_text("x")
    removal.rewrite(folder, "00003", without([1]))
    assert sorted(path.name for path in (folder / "00003").iterdir()) == ["0000310.jpg", "000032.jpg"]
