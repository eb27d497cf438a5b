import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wit_builder.download import windows
from wit_builder.download.windows import Shard, Windows, row_id


def part(folder, file, first, rows):
    ids = [row_id(file, n) for n in range(first, first + rows)]
    path = folder / f"{file}-{first}-{rows}.parquet"
    pq.write_table(pa.table({"x": ids, "id": ids}), path, row_group_size=3)
    return path


def numbers(found):
    return [[shard.number for shard in window.shards] for window in found]


def test_an_id_is_eight_digits_of_file_and_twenty_four_of_row():
    assert row_id(255, 16) == "000000ff" + "0" * 22 + "10"


def test_shards_are_numbered_on_over_files_and_each_file_begins_one(tmp_path):
    parts = [part(tmp_path, 0, 0, 5), part(tmp_path, 1, 0, 4), part(tmp_path, 2, 0, 1)]
    found = Windows(parts, [], per_shard=4, per_part=100, first=7)
    ((shards),) = [window.shards for window in found]
    assert shards == (
        Shard(7, row_id(0, 0), row_id(0, 3)),
        Shard(8, row_id(0, 4), row_id(0, 7)),
        Shard(9, row_id(1, 0), row_id(1, 3)),
        Shard(10, row_id(2, 0), row_id(2, 3)),
    )
    assert (found.rows, found.end) == (10, 11)


def test_rows_that_failed_count_as_any_other(tmp_path):
    found = Windows([part(tmp_path, 0, 0, 3)], [part(tmp_path, 0, 3, 6)], per_shard=4, per_part=100, first=0)
    assert (found.rows, found.end, numbers(found)) == (9, 3, [[0, 1, 2]])


def test_the_order_in_which_parts_are_named_does_not_matter(tmp_path):
    parts = [part(tmp_path, 0, 0, 4), part(tmp_path, 0, 4, 4), part(tmp_path, 1, 0, 2)]
    ways = [list(Windows(order, [], per_shard=2, per_part=4, first=0)) for order in (parts, parts[::-1])]
    assert ways[0] == ways[1]


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (8, [[0, 1], [2, 3], [4]]),
        (11, [[0, 1], [2, 3, 4]]),
        (18, [[0, 1, 2, 3], [4]]),
        (19, [[0, 1, 2, 3, 4]]),
    ],
)
def test_a_window_takes_parts_up_to_so_many_rows_over_files_too(tmp_path, monkeypatch, most, expected):
    monkeypatch.setattr(windows, "WINDOW_ROWS", most)
    parts = [part(tmp_path, 0, 0, 8), part(tmp_path, 0, 8, 8), part(tmp_path, 1, 0, 3)]
    assert numbers(Windows(parts, [], per_shard=4, per_part=8, first=0)) == expected


def test_a_window_names_the_parts_that_hold_its_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(windows, "WINDOW_ROWS", 4)
    kept = [part(tmp_path, 0, 0, 2), part(tmp_path, 0, 4, 4)]
    lost = [part(tmp_path, 0, 2, 2)]
    first, second = Windows(kept, lost, per_shard=4, per_part=4, first=0)
    assert ((first.candidates, first.failures), (second.candidates, second.failures)) == (
        ((kept[0],), (lost[0],)),
        ((kept[1],), ()),
    )


def test_parts_without_rows_are_nothing(tmp_path):
    found = Windows([part(tmp_path, 0, 0, 0)], [], per_shard=4, per_part=8, first=3)
    assert (list(found), found.rows, found.end) == ([], 0, 3)
