"""Archives as a stage: files, counts, memory, and what is no lost run."""

import gzip
import http.server
import threading
from collections import Counter
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from tests import builds
from tests.archive.archives import HTML, metadata, page, record, wat_record
from tests.archive.archives import http as response
from wit_builder.archive import collect as stage
from wit_builder.archive.collect import collect
from wit_builder.archive.settings import Archives
from wit_builder.engine.task import Stopped, Task
from wit_builder.errors import BuildError
from wit_builder.extract.settings import Extraction
from wit_builder.records import CANDIDATE_SCHEMA, LOSS_SCHEMA
from wit_builder.web.settings import OptOut, WebSettings

PARAMS = {"web": WebSettings(), "extraction": Extraction()}


@pytest.fixture
def run(tmp_path):
    """Runs the stage's task on an archive of these bytes (or that URL); the task."""

    def run(data: bytes | str, kind: str = "warc", **params) -> Task:
        file = data if isinstance(data, str) else str(tmp_path / f"a.{kind}.gz")
        if isinstance(data, bytes):
            (tmp_path / f"a.{kind}.gz").write_bytes(data)
        (tmp_path / "collect").mkdir(exist_ok=True)
        task = Task(
            tmp_path,
            "collect",
            "00000",
            {"kind": kind, "file": file, "name": file.rpartition("/")[2]},
            PARAMS | params,
        )
        collect(task)
        return task

    return run


def table(task: Task, kind: str):
    return [row for name in task.files.get(kind, []) for row in pq.read_table(task.folder / name).to_pylist()]


ARCHIVE = (
    page(1)
    + page(2)
    + record(response(status="404 Not Found"))
    + record(response(b"<img src=x>"))
    + page(3)[:-40]
)


def test_the_stage_hands_on_files_and_counts(run):
    task = run(ARCHIVE)
    assert [row["caption"] for row in table(task, "candidates")] == ["Picture number 1", "Picture number 2"]
    assert pq.read_schema(task.folder / task.files["candidates"][0]) == CANDIDATE_SCHEMA
    assert pq.read_schema(task.folder / task.files["losses"][0]) == LOSS_SCHEMA
    assert task.funnel.as_json() == {
        "pages": {"seen": 5, "kept": 3, "dropped": {"bad_record": 1, "http_404": 1}},
        "extract": {"seen": 3, "kept": 2, "dropped": {"no_text": 1}},
    }


def test_every_loss_counted_is_a_row_of_the_ledger(run):
    task = run(ARCHIVE)
    counted = {
        (stage, reason): n for stage in task.funnel for reason, n in task.funnel[stage].dropped.items()
    }
    assert Counter((row["stage"], row["reason"]) for row in table(task, "losses")) == counted


def test_a_cut_file_says_where(run):
    [lost] = [row for row in table(run(ARCHIVE), "losses") if row["reason"] == "bad_record"]
    assert (lost["url"], lost["evidence"]) == (
        "http://a.test/3",
        f"a.warc.gz@{len(ARCHIVE) - len(page(3)) + 40}: it ends early",
    )


def test_metadata_is_read_by_the_same_stage(run):
    [row] = table(run(wat_record(metadata()), kind="wat"), "candidates")
    assert (row["url"], row["source"]) == ("http://a.test/dir/cat.jpg", "a.wat.gz@0")


@pytest.mark.parametrize("kind", ["warc", "wat"])
@pytest.mark.parametrize(
    "data", [b"", b"junk" * 50, gzip.compress(b"junk" * 50)[:-3]], ids=["", "junk", "cut"]
)
def test_a_file_of_nothing_is_one_loss_and_no_lost_run(run, kind, data):
    [lost] = table(run(data, kind=kind), "losses")
    assert (lost["stage"], lost["reason"]) == ("pages", "not_warc")


REQUEST = record(b"GET / HTTP/1.1", kind="request")


@pytest.mark.parametrize(
    ("data", "kind", "what"),
    [
        (page(1) * 3 + REQUEST, "wat", "response (3), request (1)"),
        (wat_record(metadata()), "warc", "metadata (1)"),
        (REQUEST, "warc", "request (1)"),
        (wat_record(metadata(kind="request")), "wat", "metadata (1)"),
        (record(b"All about cats", kind="conversion"), "wat", "conversion (1)"),
    ],
)
def test_a_file_without_a_response_is_one_loss_that_says_what_it_holds(run, data, kind, what):
    task = run(data, kind=kind)
    assert task.funnel.as_json() == {
        "pages": {"seen": 1, "kept": 0, "dropped": {"no_response": 1}},
        "extract": {"seen": 0, "kept": 0, "dropped": {}},
    }
    [lost] = table(task, "losses")
    assert (lost["reason"], lost["evidence"]) == ("no_response", f"a.{kind}.gz@0: its records are {what}")


def test_other_records_beside_a_response_are_no_loss(run):
    others = REQUEST + record(b"software: x", kind="warcinfo")
    assert run(others + page(1) + others).funnel["pages"].dropped == {}
    assert run(others + record(response(status="404 Not Found"))).funnel["pages"].dropped == {"http_404": 1}
    wat = (
        wat_record(metadata(kind="request")) + wat_record(metadata()) + wat_record(metadata(kind="warcinfo"))
    )
    assert run(wat, kind="wat").funnel["pages"].dropped == {}


def test_the_web_s_opt_out_policy_and_size_limit_hold(run):
    data = record(response(HTML, "X-Robots-Tag: noai"))
    assert run(data).funnel["extract"].kept == 0
    web = replace(WebSettings(), optout=OptOut(directives=(), tdmrep=False))
    assert run(data, web=web).funnel["extract"].kept == 1
    assert run(data, web=replace(web, max_page_bytes=len(HTML) - 1)).funnel["pages"].dropped == {
        "page_too_big": 1
    }


def test_a_stopped_stage_stops(tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "REPORT_EVERY", 2)
    (tmp_path / "a.warc").write_bytes(page(1) * 3)
    task = Task(
        tmp_path, "collect", "0", {"kind": "warc", "file": str(tmp_path / "a.warc"), "name": "a.warc"}, PARAMS
    )
    task.stopping = lambda: True
    with pytest.raises(Stopped):
        collect(task)


def test_progress_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "REPORT_EVERY", 2)
    (tmp_path / "a.warc").write_bytes(page(1) * 2 + record(response(), kind="revisit") * 2)
    (tmp_path / "collect").mkdir()
    task = Task(
        tmp_path, "collect", "0", {"kind": "warc", "file": str(tmp_path / "a.warc"), "name": "a.warc"}, PARAMS
    )
    said = []
    task.report = lambda counts: said.append(dict(counts))
    collect(task)
    assert said == [
        {"pages": 2, "dropped": 0, "candidates": 2},
        {"pages": 2, "dropped": 2, "candidates": 2},
    ]


class OneWay(http.server.BaseHTTPRequestHandler):
    """A server that gives a file from beginning to end, and says neither its length nor ranges."""

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    def do_GET(self):
        self.do_HEAD()
        self.wfile.write(gzip.compress(page(1)) + gzip.compress(page(2)))

    def log_message(self, *_):
        pass


def test_a_server_without_ranges_is_read(run):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), OneWay) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        task = run(f"http://127.0.0.1:{server.server_port}/crawl/a.warc.gz")
        server.shutdown()
    assert [row["source"] for row in table(task, "candidates")] == [
        "a.warc.gz@0",
        f"a.warc.gz@{len(gzip.compress(page(1)))}",
    ]


def test_a_build_from_archives_without_a_page_ends_with_a_sentence(tmp_path):
    (tmp_path / "a.warc.gz").write_bytes(b"<html>not found")
    source = Archives(warc=(str(tmp_path),))
    with pytest.raises(
        BuildError, match=r"no page could be read from the archives, .*a.warc.gz.*: not_warc \(1\)"
    ):
        builds.run(tmp_path / "out", made=builds.recipe(source=source))
    (tmp_path / "a.warc.gz").write_bytes(wat_record(metadata()))
    with pytest.raises(BuildError, match=r"no page .*a.warc.gz.*: no_response \(1\)"):
        builds.run(tmp_path / "out", made=builds.recipe(source=source))
    (tmp_path / "a.warc.gz").write_bytes(gzip.compress(page(1)))
    funnel = builds.run(tmp_path / "out", made=builds.recipe(source=source), until="select")
    assert (funnel["pages"].kept, funnel["select"].kept) == (1, 1)
