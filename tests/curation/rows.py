"""Candidates and samples for the curation's tests, and its tasks run in place."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder.curation import tables
from wit_builder.engine.task import Task
from wit_builder.records import (
    CANDIDATE_SCHEMA,
    SAMPLE_SCHEMA,
    Candidate,
    Sample,
    candidate_id,
    losses,
    to_table,
)

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TEXT = "a red boat on a calm sea at dawn"


def candidate(url="http://a.test/1.jpg", caption=TEXT, source="alt", page="http://a.test/", texts=()):
    return Candidate(
        candidate_id(url, caption), url, caption, source, tuple(texts), page, "", "en", "", "crawl", NOW
    )


def sample(n=1, caption=TEXT, sha=None, phash=None, side=100, source="alt", quality=100, queries=()):
    url = f"http://a.test/{n}.jpg"
    return Sample(
        *(candidate_id(url, caption), url, caption, source, (), "http://a.test/", "", "en", "", "crawl", NOW),
        *("en", 0.9, "", queries, (), url, 200, "image/jpeg", NOW, 9_000, side, side, side, side),
        *(sha or f"{n:064x}", phash or f"{n * 0x9E3779B97F4A7C15 % 2**61:064x}", quality, "", "jpg"),
        *("fetch/0.tar", 0, 1),
    )


def written(path: Path, rows) -> str:
    schema = CANDIDATE_SCHEMA if rows and isinstance(rows[0], Candidate) else SAMPLE_SCHEMA
    tables.write_parquet(path, to_table(rows, schema))
    return str(path)


def ran(function, folder: Path, arg, **params) -> Task:
    """The task after the function ran in it."""
    task = Task(folder, function.__name__, "00000", arg, params)
    task.folder.mkdir(parents=True, exist_ok=True)
    (folder / "session.json").write_text('{"blocklist": ""}')
    function(task)
    return task


def out(task: Task, kind: str) -> list[Path]:
    return [task.folder / name for name in task.files.get(kind, ())]


def lost(*tasks: Task) -> list[tuple[str, str]]:
    """(reason, url) of everything the tasks dropped, sorted."""
    rows = [loss for task in tasks for path in out(task, "losses") for loss in losses(pq.read_table(path))]
    return sorted((row.reason, row.url) for row in rows)


def table(paths: list[Path]) -> pa.Table:
    return pa.concat_tables([pq.read_table(path) for path in paths])
