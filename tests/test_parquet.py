"""A damaged parquet file is named, with what was expected."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wit_builder import parquet
from wit_builder.errors import ShardError

COLUMNS = pa.schema([("id", pa.string()), ("n", pa.int64())])


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "rows.parquet"
    rows = pa.table({"n": [1, 2, 3], "more": [0.5] * 3, "id": ["a", "b", "c"]})
    pq.write_table(rows.replace_schema_metadata({"carried": "x"}), found)
    return found


def both(path):
    """The sentence that either way of reading says."""
    said = []
    for read in (parquet.table, lambda *given: list(parquet.batches(*given))):
        with pytest.raises(ShardError) as caught:
            read(path, COLUMNS)
        said.append(str(caught.value))
        assert caught.value.hint == parquet.MEND
    assert said[0] == said[1]
    return said[0]


def test_the_columns_come_whole_or_in_pieces(path):
    assert [rows.to_pydict() for rows in parquet.batches(path, COLUMNS, 2)] == [
        {"id": ["a", "b"], "n": [1, 2]},
        {"id": ["c"], "n": [3]},
    ]
    found = parquet.table(path, COLUMNS)
    assert found.to_pydict() == {"id": ["a", "b", "c"], "n": [1, 2, 3]}
    assert found.schema.metadata[b"carried"] == b"x"


@pytest.mark.parametrize("left", [0, 3, 100])
def test_a_file_that_is_cut_is_said(path, left):
    path.write_bytes(path.read_bytes()[:left])
    assert both(path).startswith(f"{path} cannot be read: Parquet ")


def test_a_file_that_is_not_there_or_a_folder_is_said(path):
    path.unlink()
    assert both(path) == f"{path} is missing"
    path.mkdir()
    assert both(path).startswith(f"{path} cannot be read: ")


def test_a_column_that_is_not_there_or_is_another_is_said(path):
    pq.write_table(pa.table({"id": ["a"]}), path)
    assert both(path) == f"{path} should have a column n (int64), and has none"
    pq.write_table(pa.table({"id": ["a"], "n": ["1"]}), path)
    assert both(path) == f"{path} should have a column n (int64), and has string there"


def test_an_error_of_who_reads_is_its_own(path):
    with pytest.raises(OSError, match="a full disk"):
        for _ in parquet.batches(path, COLUMNS):
            raise OSError("a full disk")
