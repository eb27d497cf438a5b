"""A damaged OUT is told in one sentence, by `wit verify`, and by `wit forget` and `wit retry` before they write."""

import json
import shutil
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import builds
from tests.builds import image_url
from tests.forget import folders
from wit_builder import publish

FORGET, RETRY = ("forget", "OUT", "--url", image_url(5)), ("retry", "OUT", "--only", "5xx", "--quiet")
VERIFY = ("verify", "OUT")
PARQUET = ("shards/00001.parquet", "candidates/part-00000.parquet", "ledger/stage=fetch/part-00000.parquet")


@pytest.fixture
def out(tmp_path):
    return shutil.copytree(builds.finished(), tmp_path / "OUT")


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def other(path):
    if path.suffix == ".parquet":
        pq.write_table(pa.table({"a": [1, 2]}), path)
    else:
        path.write_text('{"a": 1}')


def absent(path):
    path.unlink()


def content(out):
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def refused(wit, out, words, name):
    before = content(out)
    said = wit(*words)
    assert said.code == 1, said.err
    assert f"OUT/{name}" in said.error and "fault of wit-builder" not in said.err
    assert said.hint.startswith("put back an undamaged copy")
    assert content(out) == before


@pytest.mark.parametrize("words", [FORGET, RETRY], ids=["forget", "retry"])
@pytest.mark.parametrize("damage", [cut, empty, other])
@pytest.mark.parametrize("name", [*PARQUET[1:], "funnel.json"])
def test_a_damaged_file_is_named(wit, out, words, name, damage):
    damage(out / name)
    refused(wit, out, words, name)


@pytest.mark.parametrize("name", ["ledger/stage=fetch/part-00000.parquet", "funnel.json"])
def test_verify_names_a_damaged_file_that_is_no_shard(wit, out, name):
    cut(out / name)
    refused(wit, out, VERIFY, name)


@pytest.mark.parametrize("words", [FORGET, RETRY], ids=["forget", "retry"])
def test_candidates_that_are_gone_are_said(wit, out, words):
    for path in (out / "candidates").iterdir():
        path.unlink()
    refused(wit, out, words, "candidates")


@pytest.mark.parametrize("words", [FORGET, RETRY], ids=["forget", "retry"])
@pytest.mark.parametrize("damage", [cut, absent])
@pytest.mark.parametrize("name", ["shards/00002.tar", "shards/00001.parquet", "shards/00000_stats.json"])
def test_a_shard_that_is_not_as_its_manifest_says_is_named(wit, out, words, name, damage):
    damage(out / name)
    refused(wit, out, words, name)


@pytest.mark.parametrize("words", [FORGET, RETRY, VERIFY], ids=["forget", "retry", "verify"])
def test_a_ledger_with_a_part_too_few_is_said(wit, out, words):
    (out / PARQUET[2]).unlink()
    said = wit(*words)
    assert (said.code, said.error) == (
        1,
        "OUT is damaged: stage fetch dropped 1 items for http_404, the ledger has 0",
    )


@pytest.mark.parametrize(
    "value",
    [
        [],
        {"fetch": 1},
        {"fetch": {"kept": "1", "dropped": {}}},
        {"fetch": {"kept": 1, "dropped": {}}},
        "\ud800",
    ],
)
def test_a_funnel_of_another_shape_is_named(wit, out, value):
    (out / "funnel.json").write_bytes(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    refused(wit, out, FORGET, "funnel.json")


def test_a_shard_with_a_damaged_image_is_not_written_again(wit, out):
    """A new manifest would certify it."""
    one = next(row for row in folders.rows(out) if row["url"] == image_url(5))["key"]
    path = out / "shards" / f"{one[:5]}.tar"
    with tarfile.open(path) as tar:
        image = next(m for m in tar if m.name.endswith(".jpg") and not m.name.startswith(one))
    data = bytearray(path.read_bytes())
    data[image.offset_data + image.size // 2] ^= 255
    path.write_bytes(data)
    refused(wit, out, FORGET, f"shards/{one[:5]}.tar")
    assert wit(*FORGET[:3], image_url(0)).code == 0  # of another shard
    assert not (out / publish.FORGETTING).exists()
