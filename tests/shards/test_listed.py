"""A shard of a list: each row has its number; written in four ways, and read back row by row."""

import json
import resource
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.shards.pairs import failure, jpeg, reader, sample
from wit_builder.errors import BuildError, ShardError
from wit_builder.shards import listed, standing
from wit_builder.shards.layout import Layout, carry
from wit_builder.shards.listed import write_listed
from wit_builder.shards.reader import read_shard
from wit_builder.shards.writer import ShardSpec

SPEC = ShardSpec(samples_per_shard=100)
ROWS = [(0, sample(0)), (2, failure(2, "http_404", "gone")), (5, sample(5)), (7, failure(7, "decode_error"))]
OUTPUTS = ["webdataset", "files", "parquet"]
BARE = Layout()


def written(folder: Path, output="webdataset", rows=ROWS, layout=BARE) -> list[str]:
    folder.mkdir()
    made = write_listed(folder, 3, rows, reader(), SPEC, layout, output)
    return [path.name for path in made]


@pytest.mark.parametrize(
    ("output", "names"),
    [
        ("webdataset", ["00003.tar", "00003.parquet", "00003_stats.json"]),
        ("files", ["00003", "00003.parquet", "00003_stats.json"]),
        ("parquet", ["00003.parquet", "00003_stats.json"]),
        ("dummy", ["00003_stats.json"]),
    ],
)
def test_the_files_are_those_of_img2dataset_the_stats_last(tmp_path, output, names):
    assert written(tmp_path / "a", output) == names
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(names)


def test_keys_say_the_row_s_number_with_gaps_in_the_tar_where_rows_failed(tmp_path):
    written(tmp_path / "a")
    assert [key for key, _, _, _ in read_shard(tmp_path / "a" / "00003.tar")] == ["0000300", "0000305"]
    keys = pq.read_table(tmp_path / "a" / "00003.parquet").column("key").to_pylist()
    assert keys == ["0000300", "0000302", "0000305", "0000307"]


@pytest.mark.parametrize("output", [*OUTPUTS, "dummy"])
def test_stats_are_the_same_in_each_way(tmp_path, output):
    written(tmp_path / "a", output)
    stats = json.loads((tmp_path / "a" / "00003_stats.json").read_bytes())
    assert (stats["count"], stats["successes"], stats["failed_to_download"], stats["failed_to_resize"]) == (
        4,
        2,
        1,
        1,
    )
    assert stats["status_dict"] == {"success": 2, "HTTP Error 404: Not Found": 1, "Image decoding error": 1}
    assert (stats["duration"], stats["end_time"] - stats["start_time"]) == (7.0, 7.0)


def test_files_hold_what_the_tar_would(tmp_path):
    written(tmp_path / "tar")
    written(tmp_path / "files", "files")
    ((_, image, caption, meta), _) = read_shard(tmp_path / "tar" / "00003.tar")
    folder = tmp_path / "files" / "00003"
    assert (folder / "0000300.jpg").read_bytes() == image == jpeg(0)
    assert (folder / "0000300.txt").read_text() == caption
    assert json.loads((folder / "0000300.json").read_bytes()) == meta


def test_many_images_make_several_row_groups_so_that_few_are_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(listed, "MAX_GROUP_BYTES", len(jpeg(0) + jpeg(1)) - 1)
    written(tmp_path / "a", "parquet", [(n, sample(n)) for n in (0, 1, 0, 1, 0)])
    file = pq.ParquetFile(tmp_path / "a" / "00003.parquet")
    assert file.metadata.num_row_groups == 3
    assert file.read().column("jpg").to_pylist() == [jpeg(n) for n in (0, 1, 0, 1, 0)]


@pytest.mark.parametrize("output", OUTPUTS)
def test_written_again_it_is_the_same(tmp_path, output):
    for name in ("a", "b"):
        written(tmp_path / name, output)
    a, b = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("a", "b")
    )
    assert a == b


def test_an_image_of_another_length_than_its_record_says_ends_it(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(BuildError, match="has 4 bytes, its record says"):
        write_listed(tmp_path / "a", 0, ROWS, lambda _: b"half", SPEC, BARE, "webdataset")


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_disk_that_is_full_is_one_sentence(tmp_path, output):
    rows = [(n, sample(n, caption="x" * 9_000 + str(n))) for n in range(50)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, hard))
    try:
        with pytest.raises(BuildError, match="cannot write"):
            written(tmp_path / "a", output, rows)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("output", OUTPUTS)
def test_read_back_and_written_again_it_is_the_same(tmp_path, output):
    layout = Layout(carried=carry(pa.schema([("score", pa.float32())])))
    rows = [(0, sample(0, extra='{"score": 0.1}')), (1, failure(1, "robots", "Disallow: /")), (3, sample(3))]
    written(tmp_path / "a", output, rows, layout)
    back = list(standing.standing(tmp_path / "a", 3, SPEC, layout, output))
    assert [number for number, _ in back] == [0, 1, 3]
    written(tmp_path / "b", output, back, layout)
    for path in (tmp_path / "a").rglob("*.*"):
        assert (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes() == path.read_bytes(), path


def test_a_shard_whose_columns_are_others_is_not_read_back(tmp_path):
    written(tmp_path / "a")
    with pytest.raises(ShardError, match="has other columns than it was written with"):
        list(standing.standing(tmp_path / "a", 3, SPEC, Layout(hash=None), "webdataset"))


@pytest.mark.parametrize(
    ("output", "gone"),
    [("webdataset", "00003.tar"), ("files", "00003/0000305.jpg"), ("parquet", "00003.parquet")],
)
def test_a_shard_that_has_lost_a_file_is_not_read_back(tmp_path, output, gone):
    written(tmp_path / "a", output)
    (tmp_path / "a" / gone).unlink()
    with pytest.raises(ShardError):
        list(standing.standing(tmp_path / "a", 3, SPEC, BARE, output))
