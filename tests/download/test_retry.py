"""Failures of a finished fetch are tried again; their shards are written anew, and all other rows stay."""

import pytest

from tests.download.lists import asked, fetched, listed, members, names, rows, stats, tars, tell, url
from tests.fetch.pairs import InPlace
from tests.site.told import Say, told
from wit_builder.download import folder
from wit_builder.errors import ConfigError
from wit_builder.fetch import fetch
from wit_builder.shards.tar import TarWriter

GOOD = [0, 2, 4, 6, 7, 8, 9]  # of ten; 1 answers 503, 3 and 5 are missing


@pytest.fixture(autouse=True)
def in_place(monkeypatch):
    """No processes: every body is a picture."""
    monkeypatch.setattr(fetch, "Pixels", InPlace)


@pytest.fixture
def web():
    with told() as one:
        tell(one, GOOD)
        one.answers[url(1)] = Say(status=503)
        yield one


@pytest.fixture(params=["webdataset", "files", "parquet"])
def what(request, tmp_path):
    return asked(
        listed(tmp_path / "a.parquet", range(10), sim=[n / 4 for n in range(10)]),
        columns=["sim"],
        output=request.param,
    )


def content(out):
    """All files but the stats, whose times differ, and rows without theirs."""
    files = {
        name: (out / name).read_bytes() for name in names(out) if not name.endswith((".json", ".parquet"))
    }
    return files, [{k: v for k, v in row.items() if not k.endswith("_at")} for row in rows(out)]


def test_what_succeeds_now_stands_where_it_would_have_stood(web, what, tmp_path):
    fetched(tmp_path / "out", web, what)
    tell(web, [1, 3])
    web.asked.clear()
    totals = fetched(tmp_path / "out", web, what, retry=["5xx", "http_404"])
    assert sorted(web.asked) == sorted(url(n) for n in (1, 3, 5))
    assert (totals.successes, totals.status_dict) == (9, {"success": 9, "HTTP Error 404: Not Found": 1})
    fetched(tmp_path / "fresh", web, what)
    assert content(tmp_path / "out") == content(tmp_path / "fresh")


def test_only_the_reasons_asked_for_are_tried(web, what, tmp_path):
    fetched(tmp_path / "out", web, what)
    tell(web, [1, 3])
    web.asked.clear()
    fetched(tmp_path / "out", web, what, retry=["http_404"])
    assert sorted(web.asked) == sorted([url(3), url(5)])


def test_a_retry_of_a_list_that_extended_a_folder_does_not_add_it_again(web, tmp_path):
    out, more = tmp_path / "out", asked(listed(tmp_path / "more.parquet", range(4)))
    fetched(out, web, asked(listed(tmp_path / "a.parquet", range(10))))
    fetched(out, web, more, "extend")
    before = names(out)
    tell(web, [1, 3])
    assert fetched(out, web, more, "extend", retry=["5xx", "http_404"]).successes == 4
    assert names(out) == before


@pytest.fixture
def out(web, tmp_path):
    fetched(tmp_path / "out", web, one(tmp_path))
    return tmp_path / "out"


def one(tmp_path):
    path = tmp_path / "a.parquet"
    return asked(path if path.exists() else listed(path, range(10)))


def test_shards_without_such_failures_are_not_touched(web, out, tmp_path):
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("0000[12]*")}
    tell(web, [1])
    fetched(out, web, one(tmp_path), retry=["http_503"])
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("0000[12]*")} == before
    assert "000001.jpg" in members(out / "00000.tar")
    assert (out / "__len__").read_text() == "8"


def test_what_fails_again_keeps_its_newest_reason(web, out, tmp_path):
    web.answers[url(1)] = Say(status=410)
    fetched(out, web, one(tmp_path), retry=["5xx"])
    assert rows(out)[1]["reason"] == "http_410"
    assert stats(out)[0]["status_dict"] == {
        "success": 2,
        "HTTP Error 404: Not Found": 1,
        "HTTP Error 410: Gone": 1,
    }


def test_reasons_that_nothing_failed_for_change_nothing_and_leave_nothing(web, out, tmp_path):
    before = {name: (out / name).read_bytes() for name in names(out)}
    web.asked.clear()
    assert fetched(out, web, one(tmp_path), retry=["dns", "http_410"]).successes == 7
    assert ({name: (out / name).read_bytes() for name in names(out)}, web.asked) == (before, [])
    assert [path.name for path in (out / "_wit").iterdir() if path.name.startswith("run-")] == []


def test_that_dummy_shards_have_no_failures_to_try_is_said_before_anything_is_fetched(web, tmp_path):
    what = asked(listed(tmp_path / "a.parquet", [1]), output="dummy")
    with pytest.raises(ConfigError, match="writes down no failures"):
        fetched(tmp_path / "out", web, what, retry=["5xx"])
    assert not (tmp_path / "out").exists()


def test_a_retry_that_was_cut_short_is_finished_before_anything_else(web, out, tmp_path, monkeypatch):
    tell(web, [1, 3, 5])
    before = tars(out)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(folder, "show", interrupted(folder.show))
        fetched(out, web, one(tmp_path), retry=["4xx", "5xx"])
    assert tars(out) != before  # the first shard's tar is new, its sidecar not
    with pytest.raises(ConfigError, match="has an unfinished retry of 4xx,5xx"):
        fetched(out, web, one(tmp_path))
    web.asked.clear()
    assert fetched(out, web, one(tmp_path), retry=["4xx", "5xx"]).successes == 10
    assert web.asked == []
    assert fetched(out, web, one(tmp_path)).successes == 10


def interrupted(show):
    """Shows the tar, and is cut short."""

    def call(out, files):
        show(out, files[:1])
        raise KeyboardInterrupt

    return call


def test_a_shard_that_is_damaged_is_named_and_stays(web, out, tmp_path):
    with TarWriter(out / "00000.tar"):
        pass
    with pytest.raises(Exception, match=r"00000.tar has no 000000 where its sidecar has one"):
        fetched(out, web, one(tmp_path), retry=["5xx"])
