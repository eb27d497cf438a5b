"""A list's own columns in shards: first in the JSON and the sidecar, with their types."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.shards.pairs import failure, reader, sample
from wit_builder.records import Candidate, Failure
from wit_builder.shards import sidecar
from wit_builder.shards.layout import AS_LISTED, OF_BUILDS, Layout, carried, carry
from wit_builder.shards.reader import read_shard
from wit_builder.shards.writer import ShardSpec, write_shard

COLUMNS = pa.schema(
    [("similarity", pa.float32()), ("uid", pa.string()), ("faces", pa.list_(pa.list_(pa.float64())))]
)
ROW = {"similarity": 0.25, "uid": "u1", "faces": [[0.5, 0.5, 1.0, 1.0]]}
LAYOUT = Layout(carried=carry(COLUMNS))


def with_extra(item, **extra):
    changed = {name: getattr(item, name) for name in type(item).__slots__} | {"extra": json.dumps(extra)}
    return type(item)(**changed)


def test_types_travel_as_text() -> None:
    assert carried(carry(COLUMNS)).equals(COLUMNS)
    assert (carry(pa.schema([])), carried("").names) == ("", [])


def test_the_list_s_columns_come_first_in_the_json() -> None:
    meta = sidecar.meta_of(with_extra(sample(1), **ROW), "0", LAYOUT)
    assert list(meta)[:4] == ["similarity", "uid", "faces", "caption"]
    assert {name: meta[name] for name in ROW} == ROW


def test_a_built_shard_has_them_in_tar_and_sidecar_failures_too(tmp_path: Path) -> None:
    lost = failure(2, "http_404")
    lost = Failure(with_extra(lost.candidate, uid="u2"), lost.reason, lost.evidence, lost.at)
    write_shard(tmp_path, 0, [with_extra(sample(0), **ROW)], reader(), [lost], ShardSpec(10), LAYOUT)
    table = pq.read_table(tmp_path / "00000.parquet")
    assert [table.schema.field(name).type for name in COLUMNS.names] == COLUMNS.types
    assert table.select(COLUMNS.names).to_pylist() == [ROW, {"similarity": None, "uid": "u2", "faces": None}]
    ((_, _, _, meta),) = read_shard(tmp_path / "00000.tar")
    assert list(meta)[:3] == COLUMNS.names


def test_what_is_not_carried_is_not_written() -> None:
    assert "secret" not in sidecar.meta_of(with_extra(sample(1), secret=1, **ROW), "0", LAYOUT)


@pytest.mark.parametrize("value", ["no number", [1], {"a": 1}, 1e60])
def test_a_value_that_its_type_cannot_hold_is_null_in_the_sidecar_and_whole_in_the_json(
    value: object,
) -> None:
    metas = [
        sidecar.meta_of(
            with_extra(sample(n), **(ROW | {"similarity": v})),
            "0",
            Layout(carried=carry(pa.schema([("similarity", pa.int8())]))),
        )
        for n, v in enumerate((1, value))
    ]
    rows = [sidecar.aside(sample(0), meta) for meta in metas]
    layout = Layout(carried=carry(pa.schema([("similarity", pa.int8())])))
    assert sidecar.table_of(rows, layout).column("similarity").to_pylist() == [1, None]
    assert metas[1]["similarity"] == value


def test_a_list_s_column_may_have_the_name_of_a_record_s_field() -> None:
    layout = Layout(carried=carry(pa.schema([("source", pa.int64())])), ours=("phash",))
    assert sidecar.meta_of(with_extra(sample(1), source=7), "0", layout)["source"] == 7


def test_the_address_stands_as_its_list_has_it() -> None:
    listed = with_extra(sample(1), **{AS_LISTED: "HTTP://Example.org/a b"})
    assert sidecar.meta_of(listed, "0")["url"] == "HTTP://Example.org/a b"
    assert AS_LISTED not in sidecar.meta_of(listed, "0")


@pytest.mark.parametrize(("hash_", "expected"), [("md5", "5" * 32), ("sha256", "ab" * 32), (None, None)])
def test_the_hash_is_the_one_that_was_asked_for(hash_, expected) -> None:
    meta = sidecar.meta_of(with_extra(sample(1), md5="5" * 32), "0", Layout(hash=hash_))
    assert [meta[name] for name in ("md5", "sha256", "sha512") if name in meta] == (
        [expected] if hash_ else []
    )
    assert list(meta)[-len(OF_BUILDS) - 1] == (hash_ or "exif")


def test_fields_can_be_left_out() -> None:
    meta = sidecar.meta_of(sample(1), "0", Layout(caption=False, exif=False, hash=None, ours=()))
    assert list(meta) == [
        *("url", "key", "status", "error_message"),
        *("width", "height", "original_width", "original_height"),
    ]
    assert sidecar.row_of(failure(1, "http_404"), "7", Layout(ours=()))["key"] == "7"


def test_a_candidate_of_a_build_has_no_other_columns() -> None:
    assert Candidate.__slots__[-1] == "query_spans"
    assert next(iter(sidecar.meta_of(sample(1), "0"))) == "caption"
