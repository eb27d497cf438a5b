"""Images in staged tars: from a disk one by one, from a store many at a time."""

import uuid

import pyarrow as pa
import pytest

from wit_builder import mirror
from wit_builder.errors import BuildError
from wit_builder.shards import staged

TARS = {"0/a.tar": bytes(range(100)), "0/b.tar": bytes(range(100, 200))}
PLACES = [("0/a.tar", 10, 5), ("0/b.tar", 0, 3), ("0/a.tar", 15, 5), ("0/a.tar", 90, 10)]


def rows(places):
    return pa.table(list(zip(*places, strict=True)), names=["tar", "offset", "length"])


def bytes_at(tar, offset, length):
    return TARS[tar][offset : offset + length]


@pytest.fixture
def store(tmp_path):
    """The tars in a store, which is met at a folder."""
    url = f"memory://{uuid.uuid4().hex}/run"
    with mirror.met(url, tmp_path):
        objects, _ = mirror.behind(tmp_path / "fetch")
        for name, data in TARS.items():
            objects.write(f"fetch/{name}", data)
        yield objects


@pytest.mark.parametrize("window", [1, 8, 1 << 20])
def test_every_image_of_a_store_is_what_lies_there_in_any_order(store, tmp_path, monkeypatch, window):
    monkeypatch.setattr(staged, "WINDOW", window)
    image = staged.images(tmp_path / "fetch", rows(PLACES))
    for place in [*PLACES, *reversed(PLACES), PLACES[2]]:
        assert image(*place) == bytes_at(*place)


def test_from_a_disk_they_are_the_same(tmp_path):
    for name, data in TARS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    image = staged.images(tmp_path, rows(PLACES))
    assert [image(*place) for place in PLACES] == [bytes_at(*place) for place in PLACES]


@pytest.mark.parametrize(("gap", "requests"), [(0, 3), (69, 3), (70, 2)])
def test_neighbours_come_with_one_request(monkeypatch, gap, requests):
    monkeypatch.setattr(staged, "GAP", gap)
    assert len(staged.spans(PLACES)) == requests


def test_a_request_has_an_end(monkeypatch):
    monkeypatch.setattr(staged, "SPAN", 10)
    found = staged.spans([("a", 0, 5), ("a", 5, 5), ("a", 10, 5)])
    assert list(found) == [("a", 0, 10), ("a", 10, 15)]


def test_a_tar_that_ends_before_its_image_is_named(store, tmp_path):
    with pytest.raises(BuildError, match=r"0/a\.tar has 100 bytes, expected 101 at least"):
        staged.images(tmp_path / "fetch", rows([("0/a.tar", 96, 5)]))("0/a.tar", 96, 5)
