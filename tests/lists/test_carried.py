import base64
import datetime as dt
import decimal
import json
import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lists.reading import parquet, read, write
from wit_builder.errors import ConfigError
from wit_builder.lists import carried, rows
from wit_builder.lists.plan import plan
from wit_builder.lists.settings import UrlList

URL, TEXT = "http://a.test/{}.jpg", "a red boat"
NOON = dt.datetime(2026, 3, 1, 12, 30, 15, 250, dt.UTC)
BOX, PAIR = [[0.1, 0.2], [1, 2], None], pa.struct([("key", pa.string()), ("value", pa.int32())])
FACE = pa.struct([("x", pa.int32()), ("y", pa.list_(pa.float64()))])
COLUMNS = {  # name: values, type, and what comes back where that is another value or type
    "number": ([1, None, -(2**63)], pa.int64(), None),
    "small": ([1, 2, None], pa.int8(), None),
    "large": ([2**64 - 1, 0, None], pa.uint64(), None),
    "score": ([0.1, None, 1e300], pa.float64(), None),
    "single": ([0.1, -0.0, None], pa.float32(), None),
    "half": ([0.5, 2.0, None], pa.float16(), ([0.5, 2.0, None], pa.float32())),
    "odd": ([math.nan, math.inf, -math.inf], pa.float64(), ([None, None, None], pa.float64())),
    "flag": ([True, False, None], pa.bool_(), None),
    "text": (["ä\n\"'\0", "", None], pa.string(), None),
    "long": (["x", "", None], pa.large_string(), (["x", "", None], pa.string())),
    "kind": (["x", "y", None], pa.dictionary(pa.int8(), pa.string()), (["x", "y", None], pa.string())),
    "none": ([None, None, None], pa.null(), None),
    "tags": ([["a", None], [], None], pa.list_(pa.string()), None),
    "box": (BOX, pa.list_(pa.float32(), 2), (BOX, pa.list_(pa.float32()))),
    "face": ([{"x": 1, "y": [0.5]}, {"x": None, "y": None}, None], FACE, None),
    "pairs": (
        [[("a", 1)], [], None],
        pa.map_(pa.string(), pa.int32()),
        ([[{"key": "a", "value": 1}], [], None], pa.list_(PAIR)),
    ),
    "at": (
        [NOON, None, NOON],
        pa.timestamp("us", "UTC"),
        (["2026-03-01 12:30:15.000250Z", None, "2026-03-01 12:30:15.000250Z"], pa.string()),
    ),
    "nano": (
        [1, None, None],
        pa.timestamp("ns"),
        (["1970-01-01 00:00:00.000000001", None, None], pa.string()),
    ),
    "day": ([dt.date(2026, 3, 1), None, None], pa.date32(), (["2026-03-01", None, None], pa.string())),
    "price": (
        [decimal.Decimal("1.50"), None, None],
        pa.decimal128(9, 2),
        (["1.50", None, None], pa.string()),
    ),
    "raw": ([b"\0\xff", b"", None], pa.binary(), (["AP8=", "", None], pa.string())),
    "raws": ([[b"\xff"], None, None], pa.list_(pa.binary()), ([["/w=="], None, None], pa.list_(pa.string()))),
    "key": (["k", None, None], pa.string(), None),
}


def taken_back(done, text):
    """As the shard writer makes columns again: the values of the JSON, and the type that is carried."""
    schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text)))
    return {f.name: pa.array([row.get(f.name) for row in done.extras], f.type) for f in schema}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_comes_back_with_its_values_and_type(tmp_path, name):
    values, kind, other = COLUMNS[name]
    columns = {"url": [URL.format(n) for n in range(3)], "caption": [TEXT] * 3, name: pa.array(values, kind)}
    file = parquet(tmp_path / "a.parquet", **columns)
    text = plan(UrlList(files=(str(file),))).carried
    expected, its_kind = other or (values, kind)
    assert taken_back(read(tmp_path, file), text) == {
        "input_key" if name == "key" else name: pa.array(expected, its_kind)
    }


VALUES = {
    "int": st.none() | st.integers(-(2**63), 2**63 - 1),
    "float": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "text": st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    "list": st.none() | st.lists(st.none() | st.booleans()),
}


@given(st.lists(st.fixed_dictionaries(VALUES), min_size=1))
def test_any_values_come_back(objects):
    kinds = {"int": pa.int64(), "float": pa.float64(), "text": pa.string(), "list": pa.list_(pa.bool_())}
    batch = {name: pa.array([row[name] for row in objects], kind) for name, kind in kinds.items()}
    texts = carried.objects({name: carried.values(column) for name, column in batch.items()}, len(objects))
    back = [json.loads(text) for text in texts]
    assert {name: pa.array([row[name] for row in back], kinds[name]) for name in batch} == batch


def test_a_name_that_is_ours_gets_another():
    assert carried.keys(["width", "WIDTH", "score", "sha256", "md5", "status"]) == {
        "width": "input_width", "WIDTH": "WIDTH", "score": "score",
        "sha256": "input_sha256", "md5": "input_md5", "status": "input_status",
    }  # fmt: skip
    assert carried.keys(["input_width", "width"]) == {
        "input_width": "input_width",
        "width": "input_input_width",
    }


def test_nothing_carried_is_said_by_an_empty_text(tmp_path):
    file = parquet(tmp_path / "a.parquet", url=["x"], caption=["y"])
    assert plan(UrlList(files=(str(file),))).carried == ""
    assert carried.schema_of("") == pa.schema([])


def test_texts_that_are_not_utf8_are_carried_with_a_sign_for_what_is_not(tmp_path):
    odd = pa.array([b"caf\xe9", b"x"]).view(pa.string())
    file = parquet(
        tmp_path / "a.parquet", url=["http://a.test/", "http://b.test/"], text=["x", "y"], note=odd
    )
    assert [row["note"] for row in read(tmp_path, file).extras] == ["caf\ufffd", "x"]


# -- several files


def files(tmp_path, *kinds):
    for n, kind in enumerate(kinds):
        column = {} if kind is None else {"n": pa.array([[1] if pa.types.is_list(kind) else 1], kind)}
        parquet(tmp_path / f"{n}.parquet", url=[URL.format(n)], caption=[TEXT], **column)
    return tmp_path / "*.parquet"


def test_numbers_of_several_widths_are_carried_in_the_widest(tmp_path):
    glob = files(tmp_path, pa.int8(), None, pa.float32(), pa.int32())
    text = plan(UrlList(files=(str(glob),))).carried
    assert carried.schema_of(text).field("n").type == pa.float64()
    assert taken_back(read(tmp_path, glob), text)["n"].to_pylist() == [1.0, None, 1.0, 1.0]


def test_a_column_of_two_kinds_is_refused_with_both_files(tmp_path):
    glob = files(tmp_path, pa.int64(), pa.list_(pa.int64()))
    with pytest.raises(
        ConfigError, match=r"column 'n' is int64 in .*0\.parquet and list<.*> in .*1\.parquet"
    ):
        plan(UrlList(files=(str(glob),)))


def test_a_type_that_cannot_travel_is_refused(monkeypatch):
    schema = pa.schema([("n", pa.month_day_nano_interval())])
    with pytest.raises(ConfigError, match=r"column 'n' of a\.arrow is month_day_nano_interval"):
        carried.back(schema, "a.arrow")


# -- JSON, whose types are those of the first rows


def kinds_of(tmp_path, *objects):
    lines = [json.dumps({"url": URL.format(n), "caption": TEXT} | it) for n, it in enumerate(objects)]
    file = write(tmp_path / "a.jsonl", "\n".join(lines))
    made = plan(UrlList(files=(str(file),)))
    return carried.schema_of(made.carried), read(tmp_path, file)


def test_json_keeps_its_types(tmp_path):
    objects = [{"a": 1, "b": 0.5, "c": True, "d": ["x"], "e": {"f": 1}, "g": "é"}, {"a": None}]
    schema, done = kinds_of(tmp_path, *objects)
    assert [str(kind) for kind in schema.types] == [
        "int64", "double", "bool", "list<item: string>", "struct<f: int64>", "string",
    ]  # fmt: skip
    assert done.extras == [objects[0], dict.fromkeys("abcdeg")]


@pytest.mark.parametrize(
    ("values", "kind", "back"),
    [
        ([1, 2.5], "double", [1, 2.5]),
        ([1, "x"], "string", ["1", "x"]),
        ([True, 1], "string", ["true", "1"]),
        ([{"x": 1}, {"x": "y"}], "string", ['{"x":1}', '{"x":"y"}']),
        ([{"x": 1}, {"y": 1}], "struct<x: int64, y: int64>", [{"x": 1}, {"y": 1}]),
        ([[], [None]], "string", ["[]", "[null]"]),
        ([{}], "string", ["{}"]),
        ([None], "string", [None]),
        ([2**70], "double", [float(2**70)]),  # as orjson reads it
        ([2**63], "string", [str(2**63)]),
        (["\ud800x"], "string", ["?x"]),
        ([[1, 2.5]], "list<item: double>", [[1, 2.5]]),
    ],
)
def test_json_of_several_kinds_is_carried_as_text(tmp_path, values, kind, back):
    schema, done = kinds_of(tmp_path, *({"a": value} for value in values))
    assert str(schema.field("a").type) == kind
    assert [row["a"] for row in done.extras] == back


@pytest.mark.parametrize("late", [1.5, "x", True, [1], {"b": 1}, 2**63])
def test_a_value_of_another_kind_than_the_first_rows_makes_its_row_a_bad_one(tmp_path, monkeypatch, late):
    monkeypatch.setattr("wit_builder.lists.look.SAMPLE", 2)
    _, done = kinds_of(tmp_path, {"a": 1}, {"a": 2**63 - 1}, {"a": late}, {"a": 3})
    assert [row["a"] for row in done.extras] == [1, 2**63 - 1, 3]
    ((reason, evidence),) = done.lost
    assert reason == "bad_row"
    assert evidence == f"a.jsonl#2: a is {late}, expected int64"


# -- bounds


def test_what_is_carried_of_one_row_has_a_bounded_size(tmp_path):
    most = carried.MAX_EXTRA - len('{"raw":""}')
    urls = [URL.format(n) for n in range(3)]
    file = parquet(
        tmp_path / "a.parquet", url=urls, caption=[TEXT] * 3, raw=["x" * most, "x" * (most + 1), ""]
    )
    done = read(tmp_path, file)
    assert [url for url, _ in done.pairs] == [urls[0], urls[2]]
    assert done.lost == [
        ("bad_row", "a.parquet#1: its other columns take 1,048,577 bytes, 1,048,576 at most")
    ]
    assert rows.MAX_EXTRA == carried.MAX_EXTRA
