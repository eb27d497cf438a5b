"""What may be a pool, and how its pairs are read."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.ablate import pools
from tests.ablate.pools import ablated, pair, preset
from tests.curation.rows import out as files
from tests.curation.rows import ran
from wit_builder.ablate import pool
from wit_builder.errors import ConfigError, ShardError
from wit_builder.records import CANDIDATE_SCHEMA, samples
from wit_builder.shards import staged

ROWS = [pair(n) for n in range(6)]


@pytest.fixture
def folder(tmp_path):
    return pools.write(tmp_path / "pool", ROWS)


def read(folder, tmp_path, index=0):
    shards = folder / "shards"
    arg = {"sidecar": str(shards / f"{index:05d}.parquet"), "tar": str(shards / f"{index:05d}.tar")}
    return ran(pool.read, tmp_path, arg, partitions=1)


def test_a_pair_comes_back_as_it_was_published_with_the_place_of_its_image(folder, tmp_path):
    task = read(folder, tmp_path)
    found = list(samples(pq.read_table(files(task, "samples")[0])))
    rows = {row.id: row for row in ROWS}
    assert [row.id for row in found] == sorted(rows)[:4]
    for row in found:
        was = rows[row.id]
        for name in ("caption", "url", "sha256", "phash", "original_width", "original_bytes", "found_at"):
            assert getattr(row, name) == getattr(was, name)
        image = staged.image(tmp_path, row.tar, row.offset, row.length)
        assert image == pools.picture(was)
        assert Image.open(io.BytesIO(image)).size == (60, 40)
    assert pq.read_schema(files(task, "candidates")[0]).equals(CANDIDATE_SCHEMA)


def test_a_pool_is_a_finished_build_with_pairs(tmp_path, folder):
    assert pool.opened(folder).pairs == len(ROWS)
    with pytest.raises(ConfigError, match="holds no build"):
        pool.opened(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="is not finished") as error:
        pool.opened(pools.write(tmp_path / "begun", ROWS, state="started"))
    assert error.value.hint == "wit build ... --resume, then ablate"
    with pytest.raises(ConfigError, match="kept no pair"):
        pool.opened(pools.write(tmp_path / "empty", []))


def test_another_manifest_is_another_pool(tmp_path, folder):
    assert pool.opened(folder).manifest == pool.opened(pools.write(tmp_path / "same", ROWS)).manifest
    assert pool.opened(folder).manifest != pool.opened(pools.write(tmp_path / "less", ROWS[1:])).manifest


def test_a_sidecar_that_lacks_a_column_is_named(folder, tmp_path):
    path = folder / "shards" / "00000.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["phash", "sha256"]), path)
    with pytest.raises(ShardError, match="has no column phash, sha256"):
        read(folder, tmp_path)


def test_a_sidecar_that_is_cut_is_named(folder, tmp_path):
    path = folder / "shards" / "00000.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ShardError, match=r"00000\.parquet cannot be read"):
        read(folder, tmp_path)


def test_a_row_without_an_image_is_named(folder, tmp_path):
    path = folder / "shards" / "00000.parquet"
    table = pq.read_table(path)
    keys = pa.array(["999999999", *table.column("key").to_pylist()[1:]])
    pq.write_table(table.set_column(table.schema.get_field_index("key"), "key", keys), path)
    with pytest.raises(ShardError, match="has no image 999999999, its sidecar has one") as error:
        read(folder, tmp_path)
    assert error.value.hint == f"wit verify {folder}"


def test_what_failed_to_download_is_no_pair(folder, tmp_path):
    path = folder / "shards" / "00001.parquet"
    table = pq.read_table(path)
    status = pa.array(["failed_to_download", "success"])
    pq.write_table(table.set_column(table.schema.get_field_index("status"), "status", status), path)
    assert pq.read_metadata(files(read(folder, tmp_path, 1), "samples")[0]).num_rows == 1


def test_a_pool_is_left_as_it_was(folder, tmp_path):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    ablated(folder, tmp_path / "out", {"all": preset()})
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
