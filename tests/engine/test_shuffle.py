import uuid

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_builder import mirror
from wit_builder.engine import shuffle
from wit_builder.objects import Objects

SCHEMA = pa.schema([("key", pa.string()), ("n", pa.int64())])


@given(st.lists(st.lists(st.text(max_size=5), max_size=30), min_size=1, max_size=4), st.integers(1, 7))
def test_every_row_comes_out_once_in_the_partition_of_its_key(tmp_path_factory, files, partitions):
    folder = tmp_path_factory.mktemp("shuffle")
    for i, keys in enumerate(files):
        table = pa.table({"key": pa.array(keys, pa.string()), "n": pa.array(range(len(keys)), pa.int64())})
        shuffle.write(folder / str(i), table, shuffle.partition_of(keys, partitions), partitions)
    paths = [folder / str(i) for i in range(len(files))]
    out = [shuffle.read(paths, k, partitions, SCHEMA).column("key").to_pylist() for k in range(partitions)]
    assert sorted(sum(out, [])) == sorted(sum(files, []))
    assert all(set(shuffle.partition_of(keys, partitions)) <= {k} for k, keys in enumerate(out))


def test_rows_of_a_partition_keep_their_order(tmp_path):
    table = pa.table({"key": ["a"] * 5, "n": range(5)}, schema=SCHEMA)
    shuffle.write(tmp_path / "f", table, np.array([1, 0, 1, 0, 1]), 2)
    assert shuffle.read([tmp_path / "f"], 1, 2, SCHEMA).column("n").to_pylist() == [0, 2, 4]


def test_a_partition_without_rows_is_an_empty_table_of_the_schema(tmp_path):
    shuffle.write(tmp_path / "f", SCHEMA.empty_table(), np.array([], np.int64), 3)
    assert shuffle.read([tmp_path / "f"], 2, 3, SCHEMA).schema == SCHEMA


def test_a_row_of_no_partition_is_left_out(tmp_path):
    table = pa.table({"key": list("abcde"), "n": range(5)}, schema=SCHEMA)
    shuffle.write(tmp_path / "f", table, np.array([1, -1, 0, -1, 1]), 2)
    found = [shuffle.read([tmp_path / "f"], k, 2, SCHEMA).column("n").to_pylist() for k in range(2)]
    assert found == [[2], [0, 4]]


@given(
    st.lists(st.lists(st.integers(0, 2), max_size=9), min_size=1, max_size=3), st.integers(0, 2), st.data()
)
def test_rows_that_are_chosen_are_read_as_if_there_were_no_others(tmp_path_factory, files, partition, data):
    folder, paths, number = tmp_path_factory.mktemp("shuffle"), [], 0
    for i, parts in enumerate(files):
        n = range(number, number := number + len(parts))
        table = pa.table({"key": ["x"] * len(parts), "n": n}, schema=SCHEMA)
        paths.append(folder / str(i))
        shuffle.write(paths[-1], table, np.array(parts, np.int64), 3)
    all_of_it = shuffle.read(paths, partition, 3, SCHEMA).column("n").to_pylist()
    chosen = data.draw(st.lists(st.booleans(), min_size=len(all_of_it), max_size=len(all_of_it)))
    found = shuffle.read(paths, partition, 3, SCHEMA, np.array(chosen, bool))
    assert found.schema == SCHEMA
    assert found.column("n").to_pylist() == [n for n, it in zip(all_of_it, chosen, strict=True) if it]


def test_columns_that_nobody_asks_for_are_not_there(tmp_path):
    shuffle.write(tmp_path / "f", pa.table({"key": ["a"], "n": [7]}, schema=SCHEMA), np.array([1]), 2)
    assert [batch.to_pydict() for batch in shuffle.batches([tmp_path / "f"], 1, 2, ["n"])] == [{"n": [7]}]
    assert list(shuffle.batches([tmp_path / "f"], 0, 2, ["n"])) == []


@pytest.mark.parametrize("tail", [8, 64 << 10])
def test_from_a_store_comes_what_a_disk_has_and_each_part_is_asked_for_once(tmp_path, monkeypatch, tail):
    """Whether the index comes alone or with all of the file."""
    monkeypatch.setattr(shuffle, "TAIL", tail)
    table = pa.table({"key": [f"{n}" * 99 for n in range(60)], "n": range(60)}, schema=SCHEMA)
    disk, met = tmp_path / "disk", tmp_path / "met"
    for folder in (disk, met):
        folder.mkdir()
        for number in range(3):
            shuffle.write(folder / f"{number}", table, np.arange(60) % 4 - 1, 4)  # the last has no row
    with mirror.met(f"memory://{uuid.uuid4().hex}/run", met):
        mirror.send(met.iterdir())
        mirror.empty(met)
        asked, part = [], Objects.part
        monkeypatch.setattr(Objects, "part", lambda it, *more: asked.append(more) or part(it, *more))
        found, right = (
            [shuffle.read([folder / f"{number}"], k, 4, SCHEMA) for k in range(4) for number in range(3)]
            for folder in (met, disk)
        )
        assert found == right
        assert shuffle.read([met / "0", met / "1"], 1, 4, SCHEMA).num_rows == 30
    assert len(asked) == (3 * 3 if tail > 8 else 3 * (1 + 3))


def test_a_few_rows_of_each_of_many_files_come_together_and_large_pieces_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(shuffle, "PIECE", 10 * 8)
    rows, paths = iter(range(1_000)), []
    for number, count in enumerate([3, 3, 3, 3, 25, 2, 9]):
        table = pa.table({"n": [next(rows) for _ in range(count)]})
        paths.append(tmp_path / f"{number}.shuffle")
        shuffle.write(paths[-1], table, np.zeros(count, np.int64), 1)
    pieces = list(shuffle.batches(paths, 0, 1))
    assert [len(piece) for piece in pieces] == [9, 3, 25, 2, 9]
    assert [n for piece in pieces for n in piece["n"].to_pylist()] == list(range(48))


def test_what_is_written_of_a_partition_is_one_piece_where_it_is_small(tmp_path, monkeypatch):
    monkeypatch.setattr(shuffle, "BATCH", 4)
    shuffle.write(tmp_path / "a", pa.table({"n": range(16)}), np.arange(16) % 2, 2)
    assert [len(piece) for piece in shuffle.batches([tmp_path / "a"], 1, 2)] == [8]
