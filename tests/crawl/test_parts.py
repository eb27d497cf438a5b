from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest

from wit_builder.crawl.frontier import Frontier
from wit_builder.crawl.parts import Parts
from wit_builder.records import LOSS_SCHEMA, Loss, losses

LOSS = Loss("0" * 32, "pages", "http_404", "http://a.test/", "", "404", datetime(2026, 1, 1, tzinfo=UTC))


def test_rows_are_read_back_as_they_were(tmp_path):
    with Frontier(tmp_path / "f.sqlite") as frontier:
        parts = Parts(tmp_path, frontier)
        with frontier.transaction():
            parts.write("losses", [LOSS])
            parts.write("candidates", [])
        (path,) = parts.paths("losses")
        assert (list(losses(pq.read_table(path))), parts.paths("candidates")) == ([LOSS], [])
        assert pq.read_schema(path).equals(LOSS_SCHEMA, check_metadata=True)


def test_a_file_of_a_transaction_that_failed_is_removed_and_its_name_used_again(tmp_path):
    with (
        Frontier(tmp_path / "f.sqlite") as frontier,
        pytest.raises(ZeroDivisionError),
        frontier.transaction(),
    ):
        Parts(tmp_path, frontier).write("losses", [LOSS])
        raise ZeroDivisionError
    (tmp_path / "losses" / ".part-00001.parquet.1-01234567.tmp").touch()
    with Frontier(tmp_path / "f.sqlite") as frontier:
        parts = Parts(tmp_path, frontier)
        assert list((tmp_path / "losses").iterdir()) == []
        with frontier.transaction():
            parts.write("losses", [LOSS])
        assert parts.paths("losses") == [tmp_path / "losses" / "part-00000.parquet"]
