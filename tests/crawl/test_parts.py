from dataclasses import replace
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest

from wit_builder.crawl import parts as parts_module
from wit_builder.crawl.frontier import Frontier
from wit_builder.crawl.parts import Parts
from wit_builder.records import LOSS_SCHEMA, Loss, losses

ATTEMPT = "0000000a"
LOSS = Loss("0" * 32, "pages", "http_404", "http://a.test/", "", "404", datetime(2026, 1, 1, tzinfo=UTC))


def test_rows_are_read_back_as_they_were(tmp_path):
    with Frontier(tmp_path / "f.sqlite") as frontier:
        parts = Parts(tmp_path, ATTEMPT, frontier)
        with frontier.transaction():
            parts.write("losses", [LOSS])
            parts.write("candidates", [])
        (path,) = parts.paths("losses")
        assert (list(losses(pq.read_table(path))), parts.paths("candidates")) == ([LOSS], [])
        assert pq.read_schema(path).equals(LOSS_SCHEMA, check_metadata=True)


def test_small_files_become_one_and_lose_no_row(tmp_path, monkeypatch):
    monkeypatch.setattr(parts_module, "TOGETHER", 3)
    monkeypatch.setattr(parts_module, "SMALL", 4)
    rows = [replace(LOSS, id=f"{n:032}") for n in range(20)]
    with Frontier(tmp_path / "f.sqlite") as frontier:
        for row in rows:
            parts = Parts(tmp_path, ATTEMPT, frontier)
            with frontier.transaction():
                parts.write("losses", [row])
            parts.tidy()
        found = [row for path in parts.paths("losses") for row in losses(pq.read_table(path))]
        assert sorted(found, key=lambda loss: loss.id) == rows
        sizes = [pq.read_metadata(path).num_rows for path in (tmp_path / "losses").iterdir()]
        assert (sorted(sizes), len(parts.paths("losses"))) == ([5, 5, 5, 5], 4)


def test_a_merge_that_is_not_committed_leaves_the_small_files(tmp_path, monkeypatch):
    monkeypatch.setattr(parts_module, "TOGETHER", 2)
    with Frontier(tmp_path / "f.sqlite") as frontier:
        parts = Parts(tmp_path, ATTEMPT, frontier)
        with frontier.transaction():
            parts.write("losses", [LOSS])
        with pytest.raises(ZeroDivisionError), frontier.transaction():
            parts.write("losses", [LOSS])
            raise ZeroDivisionError
        assert Parts(tmp_path, ATTEMPT, frontier).paths("losses") == [
            tmp_path / "losses" / "part-00000.0000000a.parquet"
        ]
        assert pq.read_table(tmp_path / "losses" / "part-00000.0000000a.parquet").num_rows == 1


def test_a_file_of_a_transaction_that_failed_is_removed_and_its_name_used_again(tmp_path):
    with Frontier(tmp_path / "f.sqlite") as frontier:
        parts = Parts(tmp_path, ATTEMPT, frontier)
        with pytest.raises(ZeroDivisionError), frontier.transaction():
            parts.write("losses", [LOSS])
            raise ZeroDivisionError
    (tmp_path / "losses" / ".part-00001.0000000a.parquet.1-01234567.tmp").touch()
    with Frontier(tmp_path / "f.sqlite") as frontier:
        parts = Parts(tmp_path, ATTEMPT, frontier)
        assert list((tmp_path / "losses").iterdir()) == []
        with frontier.transaction():
            parts.write("losses", [LOSS])
        assert parts.paths("losses") == [tmp_path / "losses" / "part-00000.0000000a.parquet"]
