import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.curation.rows import ran, sample, written
from wit_builder.curation import tables
from wit_builder.errors import BuildError
from wit_builder.pack import pack
from wit_builder.records import CANDIDATE_SCHEMA, Failure, Sample, candidates, failures_table, to_table
from wit_builder.shards.reader import read_shard
from wit_builder.shards.tar import TarWriter
from wit_builder.shards.writer import ShardSpec

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def numbered(n: int) -> str:
    return f"{n:032x}"


def staged(folder: Path, numbers, tar="staged.tar") -> list[Sample]:
    """Samples with those ids, whose images lie in a tar."""
    found = []
    with TarWriter(folder / tar) as writer:
        for n in numbers:
            offset, length = writer.add(f"{n}.jpg", b"image %d" % n)
            found.append(replace(sample(n), id=numbered(n), tar=tar, offset=offset, length=length))
    return found


def failures_file(folder: Path, numbers) -> str:
    rows = to_table([sample(n) for n in numbers], CANDIDATE_SCHEMA)
    failed = [
        Failure(replace(item, id=numbered(n)), "http_404", "404 Not Found", NOW)
        for n, item in zip(numbers, candidates(rows), strict=True)
    ]
    tables.write_parquet(folder / "failures.parquet", failures_table(failed))
    return str(folder / "failures.parquet")


def packed(folder: Path, files, *, failed=(), dropped=(), texts=(), per_shard=10, first=0) -> list[Path]:
    """The shard folders that the three stages write."""
    tables.write_parquet(folder / "dropped.parquet", to_table([], CANDIDATE_SCHEMA).select(["id"]))
    if dropped:
        rows = [replace(sample(n), id=numbered(n)) for n in dropped]
        written(folder / "dropped.parquet", rows)
    gone = [str(folder / "dropped.parquet")]
    source = {"samples": files, "dropped": gone, "failures": list(failed)}
    ordered = ran(pack.order, folder, source, per_shard=per_shard)
    listed = ordered.folder / ordered.files["shards"][0]
    shards = len(orjson.loads(listed.read_bytes()))
    if not shards:
        return []
    routed = ran(pack.route, folder, source, shards=str(listed), texts=list(texts))
    inputs = {kind: [str(routed.folder / name) for name in names] for kind, names in routed.files.items()}
    spec = ShardSpec(samples_per_shard=per_shard)
    more = {"shards": shards, "first": first, "spec": spec, "staged": str(folder)}
    tasks = [ran(pack.write, folder, n, **inputs, **more) for n in range(shards)]
    return [(task.folder / task.files["shard"][0]).parent for task in tasks]


def ids(shard: Path) -> list[int]:
    (tar,) = shard.glob("*.tar")
    return [int(meta["id"], 16) for _, _, _, meta in read_shard(tar)]


def test_shards_are_equally_full_but_for_the_last(tmp_path):
    rows = staged(tmp_path, range(25))
    shards = packed(tmp_path, [written(tmp_path / "s.parquet", rows)])
    assert [len(ids(shard)) for shard in shards] == [10, 10, 5]
    assert [next(shard.glob("*.tar")).name for shard in shards] == ["00000.tar", "00001.tar", "00002.tar"]


def test_samples_lie_in_the_order_of_their_ids_whatever_file_they_came_in(tmp_path):
    rows = staged(tmp_path, [5, 900, 3]) + staged(tmp_path, [4, 70, 901], "other.tar")
    files = [written(tmp_path / "a.parquet", rows[1::2]), written(tmp_path / "b.parquet", rows[::2])]
    shards = packed(tmp_path, files, per_shard=4)
    assert [ids(shard) for shard in shards] == [[3, 4, 5, 70], [900, 901]]


def test_a_sample_takes_along_the_texts_of_those_that_it_stands_for(tmp_path):
    rows = staged(tmp_path, range(3))
    texts = pa.table(
        {"id": [numbered(n) for n in (2, 1, 1, 77)], "text": list("abcd"), "source": ["alt"] * 4}
    )
    tables.write_parquet(tmp_path / "texts.parquet", texts)
    (shard,) = packed(
        tmp_path, [written(tmp_path / "s.parquet", rows)], texts=[str(tmp_path / "texts.parquet")]
    )
    (tar,) = shard.glob("*.tar")
    found = {
        int(meta["id"], 16): [text["text"] for text in meta["alt_texts"]] for *_, meta in read_shard(tar)
    }
    assert found == {0: [], 1: ["b", "c"], 2: ["a"]}


def test_images_are_copied_byte_for_byte_out_of_whichever_staged_tar(tmp_path):
    rows = [row for n in range(100) for row in staged(tmp_path, [n], f"{n}.tar")]
    (shard,) = packed(tmp_path, [written(tmp_path / "s.parquet", rows)], per_shard=100)
    images = [image for _, image, _, _ in read_shard(shard / "00000.tar")]
    assert images == [b"image %d" % n for n in range(100)]


def test_near_duplicates_are_left_out_and_the_others_fill_their_places(tmp_path):
    file = written(tmp_path / "s.parquet", staged(tmp_path, range(7)))
    shards = packed(tmp_path, [file], dropped=[0, 3, 6], per_shard=2)
    assert [ids(shard) for shard in shards] == [[1, 2], [4, 5]]


def test_a_failure_stands_in_the_sidecar_of_the_shard_its_id_falls_into(tmp_path):
    file = written(tmp_path / "s.parquet", staged(tmp_path, [10, 20, 30, 40]))
    shards = packed(tmp_path, [file], failed=[failures_file(tmp_path, [1, 29, 30, 31, 99])], per_shard=2)
    found = [_failed(shard) for shard in shards]
    assert found == [[1, 29], [30, 31, 99]]


@pytest.mark.parametrize(("most", "found"), [(2, [[1, 2], [30, 31]]), (3, [[1, 2, 3], [30, 31, 99]])])
def test_a_sidecar_holds_so_many_failures_and_no_more_the_first_by_id(tmp_path, monkeypatch, most, found):
    monkeypatch.setattr(pack, "MAX_FAILURES", most)
    file = written(tmp_path / "s.parquet", staged(tmp_path, [10, 20, 30, 40]))
    shards = packed(tmp_path, [file], failed=[failures_file(tmp_path, [1, 2, 3, 30, 31, 99])], per_shard=2)
    assert [_failed(shard) for shard in shards] == found


def test_a_shard_without_failures_has_none(tmp_path):
    file = written(tmp_path / "s.parquet", staged(tmp_path, [10, 20]))
    shards = packed(tmp_path, [file], failed=[failures_file(tmp_path, [25])], per_shard=1)
    assert [_failed(shard) for shard in shards] == [[], [25]]


def test_no_samples_make_no_shard(tmp_path):
    file = written(tmp_path / "s.parquet", staged(tmp_path, [1]))
    assert packed(tmp_path, [file], dropped=[1]) == []


def test_shards_are_numbered_from_the_first(tmp_path):
    (shard,) = packed(tmp_path, [written(tmp_path / "s.parquet", staged(tmp_path, [1]))], first=7)
    info = json.loads((shard / "info.json").read_bytes())
    assert (info["file"], info["first_key"], info["samples"]) == ("00007.tar", "000070", 1)


def test_a_staged_tar_cut_short_is_named_with_what_to_do(tmp_path):
    file = written(tmp_path / "s.parquet", staged(tmp_path, range(3)))
    tar = tmp_path / "staged.tar"
    tar.write_bytes(tar.read_bytes()[: 1024 + 512 + 3])
    with pytest.raises(BuildError, match=r"staged.tar ends before its image at byte \d+") as caught:
        packed(tmp_path, [file])
    assert "--resume" in caught.value.hint


@settings(max_examples=20)
@given(st.sets(st.integers(0, 200), min_size=1, max_size=30), st.integers(1, 7), st.data())
def test_every_survivor_is_in_one_shard_and_every_failure_in_one_sidecar(
    tmp_path_factory, numbers, size, data
):
    folder = tmp_path_factory.mktemp("pack")
    dropped = data.draw(st.sets(st.sampled_from(sorted(numbers)), max_size=len(numbers) - 1))
    failed = sorted(data.draw(st.sets(st.integers(201, 400), max_size=10)))
    file = written(folder / "s.parquet", staged(folder, sorted(numbers)))
    shards = packed(folder, [file], dropped=dropped, failed=[failures_file(folder, failed)], per_shard=size)
    assert [n for shard in shards for n in ids(shard)] == sorted(numbers - dropped)
    assert [n for shard in shards for n in _failed(shard)] == failed


def _failed(shard: Path) -> list[int]:
    (sidecar,) = shard.glob("*.parquet")
    rows = pq.read_table(sidecar).to_pylist()
    return [int(row["id"], 16) for row in rows if row["status"] != "success"]
