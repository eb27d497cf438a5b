from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest

from wit_builder import ledger
from wit_builder.curation import tables
from wit_builder.errors import BuildError
from wit_builder.ledger import Funnel
from wit_builder.records import LOSS_SCHEMA, Loss, to_table

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def loss(stage, reason, n=0):
    return Loss(f"{n:032x}", stage, reason, f"http://a.test/{n}", "a caption", "", NOW)


def written(tmp_path, *losses):
    ledger.write(tmp_path, [to_table(losses, LOSS_SCHEMA)])
    return tmp_path


def test_seen_is_kept_plus_dropped():
    funnel = Funnel()
    funnel["fetch"].kept = 3
    funnel["fetch"].drop("dns", 2)
    assert funnel["fetch"].seen == 5


def test_a_stage_that_is_none_is_refused():
    with pytest.raises(KeyError, match="'fetched' is no stage"):
        Funnel()["fetched"]


def test_funnels_add_up_and_survive_json():
    funnel, total = Funnel(), Funnel()
    funnel["fetch"].drop("dns", 2)
    total.add(funnel)
    total.add(Funnel.from_json(funnel.as_json()))
    assert total.as_json() == {"fetch": {"seen": 4, "kept": 0, "dropped": {"dns": 4}}}


def test_the_ledger_gives_back_what_was_written(tmp_path):
    rows = [loss("fetch", "dns", 1), loss("pages", "robots", 2), loss("fetch", "http_404", 3)]
    written(tmp_path, *rows)
    (table,) = ledger.read(tmp_path, "fetch")
    assert table.to_pylist() == to_table([rows[0], rows[2]], LOSS_SCHEMA).to_pylist()


def test_the_ledger_counts_by_stage_and_reason(tmp_path):
    counts = ledger.count(written(tmp_path, loss("fetch", "dns", 1), loss("fetch", "dns", 2)))
    assert counts["fetch"] == {"dns": 2}
    assert not counts["clean"]


def test_the_whole_ledger_reads_as_one_table(tmp_path):
    written(tmp_path, loss("fetch", "dns", 1), loss("pages", "robots", 2))
    table = pq.read_table(tmp_path / "ledger")
    found = zip(table.column("stage").to_pylist(), table.column("reason").to_pylist(), strict=True)
    assert sorted(found) == [("fetch", "dns"), ("pages", "robots")]


def test_a_second_writing_replaces_the_first(tmp_path):
    written(tmp_path, loss("fetch", "dns", 1))
    written(tmp_path, loss("pages", "robots", 2))
    assert [path.name for path in (tmp_path / "ledger").iterdir()] == ["stage=pages"]


def test_a_writing_that_fails_leaves_the_old_ledger(tmp_path):
    written(tmp_path, loss("fetch", "dns", 1))

    def broken():
        yield to_table([loss("pages", "robots", 2)], LOSS_SCHEMA)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        ledger.write(tmp_path, broken())
    assert ledger.count(tmp_path)["fetch"] == {"dns": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["ledger"]


@pytest.mark.parametrize("written_again", [False, True])
def test_a_kill_between_the_two_renames_loses_nothing(tmp_path, written_again):
    written(tmp_path, loss("fetch", "dns", 1))
    (tmp_path / "ledger").rename(tmp_path / ".ledger.old")  # here it was killed
    if written_again:
        before = (table for table in ledger.read(tmp_path, "fetch"))
        ledger.write(tmp_path, before)
    else:
        ledger.restore(tmp_path)
    assert ledger.count(tmp_path)["fetch"] == {"dns": 1}


def test_a_kill_before_the_old_ledger_is_removed_leaves_the_new_one(tmp_path):
    written(tmp_path, loss("fetch", "dns", 1))
    (tmp_path / ".ledger.old" / "stage=fetch").mkdir(parents=True)
    ledger.restore(tmp_path)
    assert ledger.count(tmp_path)["fetch"] == {"dns": 1}


def test_a_full_disk_is_said_and_the_old_ledger_stays(tmp_path, monkeypatch):
    written(tmp_path, loss("fetch", "dns", 1))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(BuildError, match="no space is left"):
        written(tmp_path, loss("pages", "robots", 2))
    assert ledger.count(tmp_path)["fetch"] == {"dns": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["ledger"]


@pytest.mark.parametrize(("batch", "sizes"), [(2, [4, 4, 1]), (3, [3, 3, 3]), (5, [5, 4])])
def test_a_new_part_begins_when_one_would_be_too_full(tmp_path, monkeypatch, batch, sizes):
    monkeypatch.setattr(ledger, "PART_ROWS", 4)
    rows = [loss("fetch", "dns", i) for i in range(9)]
    ledger.write(tmp_path, [to_table(rows[i : i + batch], LOSS_SCHEMA) for i in range(0, 9, batch)])
    parts = sorted((tmp_path / "ledger" / "stage=fetch").iterdir())
    assert [pq.read_metadata(part).num_rows for part in parts] == sizes


def test_captions_of_any_kind_stand_in_the_ledger(tmp_path):
    path = tmp_path / "losses.parquet"
    awful = Loss("0" * 32, "fetch", "dns", "http://a.test/", "\ud800 \0 \u202e" + "x" * 10**6, "", NOW)
    tables.write_parquet(path, to_table([awful], LOSS_SCHEMA))
    assert pq.read_table(path).column("caption")[0].as_py().endswith("xxx")
