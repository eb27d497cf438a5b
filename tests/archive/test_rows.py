"""Columns and parts: the same rows as records would give, in bounded memory."""

from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wit_builder.archive import parts
from wit_builder.archive.parts import Parts
from wit_builder.archive.rows import NoPage, Page, Rows
from wit_builder.engine.task import Task
from wit_builder.records import (
    CANDIDATE_SCHEMA,
    LOSS_SCHEMA,
    Candidate,
    Loss,
    Text,
    candidates,
    losses,
    to_table,
    url_id,
)

AT = datetime(2024, 5, 17, tzinfo=UTC)
OTHERS = (Text("Tom", "title"), Text("Kater", "figcaption"))
PAGE = Page(
    "http://a.test/",
    "Cats",
    "en",
    "a.warc@7",
    AT,
    [
        ("1" * 32, "http://a.test/1", "a cat", "alt", OTHERS, "http://a.test/l"),
        ("2" * 32, "u", "c", "title", (), ""),
    ],
    [("3" * 32, "no_text", "http://a.test/3", "", "img")],
)


def rows(*outcomes: Page | NoPage) -> Rows:
    made = Rows()
    for outcome in outcomes:
        made.add(outcome)
    return made


def test_candidates_are_what_their_records_would_give():
    shared = {
        "page_url": PAGE.url,
        "page_title": "Cats",
        "page_lang": "en",
        "source": PAGE.source,
        "found_at": AT,
    }
    expected = [
        Candidate("1" * 32, "http://a.test/1", "a cat", "alt", OTHERS, licence="http://a.test/l", **shared),
        Candidate("2" * 32, "u", "c", "title", (), licence="", **shared),
    ]
    made = rows(PAGE, replace(PAGE, found=[], url="http://b.test/")).candidates()
    assert list(candidates(made)) == expected
    assert made.equals(to_table(expected, CANDIDATE_SCHEMA))


def test_losses_say_where_they_lay():
    lost = NoPage("http_404", "http://a.test/x", "", "a.warc@9", AT)
    unknown = NoPage("bad_record", "", "it ends early", "a.warc@99", AT)
    assert list(losses(rows(PAGE, lost, unknown).losses())) == [
        Loss("3" * 32, "extract", "no_text", "http://a.test/3", "", "img", AT),
        Loss(url_id("http://a.test/x"), "pages", "http_404", "http://a.test/x", "", "a.warc@9", AT),
        Loss(url_id("a.warc@99"), "pages", "bad_record", "", "", "a.warc@99: it ends early", AT),
    ]


def test_long_addresses_and_evidence_are_cut_in_the_ledger():
    [row] = rows(NoPage("bad_url", "x" * 900, "y" * 900, "a.warc@9", AT)).losses().to_pylist()
    assert (len(row["url"]), len(row["evidence"])) == (500, 500)


def test_counts_add_up():
    made = rows(PAGE, PAGE, NoPage("revisit", "", "", "a.warc@9", AT))
    assert made.funnel().as_json() == {
        "pages": {"seen": 3, "kept": 2, "dropped": {"revisit": 1}},
        "extract": {"seen": 6, "kept": 4, "dropped": {"no_text": 2}},
    }
    assert made.count == 9


def test_no_rows_have_schemas_too():
    assert (rows().candidates().schema, rows().losses().schema) == (CANDIDATE_SCHEMA, LOSS_SCHEMA)


@pytest.fixture
def task(tmp_path):
    (tmp_path / "collect").mkdir()
    return Task(tmp_path, "collect", "00000", None, {})


@pytest.mark.parametrize("limit", [{"PART_ROWS": 4}, {"PART_BYTES": 500}])
def test_parts_are_written_as_rows_come(task, monkeypatch, limit):
    for name, value in limit.items():
        monkeypatch.setattr(parts, name, value)
    written = Parts(task, "candidates")
    for _ in range(5):
        written.add(rows(PAGE).candidates())
    written.flush()
    files = [task.folder / name for name in task.files["candidates"]]
    assert [pq.read_metadata(path).num_rows for path in files] == [4, 4, 2]
    assert pa.concat_tables([pq.read_table(path) for path in files]).schema == CANDIDATE_SCHEMA


def test_no_rows_make_no_file(task):
    written = Parts(task, "losses")
    written.add(rows().losses())
    written.flush()
    assert (task.files, list(task.folder.iterdir())) == ({}, [])
