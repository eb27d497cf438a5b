"""A list is fetched: names, keys, fields and counts are img2dataset's; run again, only what is missing is."""

import hashlib
import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.download.lists import asked, fetched, listed, members, names, rows, stats, tars, tell, url
from tests.site.told import Say, picture, told
from wit_builder.download import settings, windows
from wit_builder.download.settings import OURS
from wit_builder.engine.local import LocalExecutor
from wit_builder.images.picture import ImageSpec, RowRules
from wit_builder.lists.settings import UrlList
from wit_builder.shards.layout import Layout

THEIRS = ["sim", "caption", "url", "key", "status", "error_message", "width", "height"]
THEIRS += ["original_width", "original_height", "exif", "sha256"]


@pytest.fixture
def web():
    with told() as one:
        tell(one, [0, 1, 2, 4, 5, 6, 7, 9])
        yield one


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Two lists of 6 and 4 rows, fetched; rows 3 and 8 are missing, the sixth is no address."""
    folder = tmp_path_factory.mktemp("done")
    with told() as one:
        tell(one, [0, 1, 2, 4, 6, 7, 9])
        first = listed(
            folder / "a.parquet", [0, 1, 2, 3, 4, "no address"], sim=pa.array([0.5] * 6, pa.float32())
        )
        second = listed(folder / "b.parquet", [6, 7, 8, 9], sim=pa.array([0.25] * 4, pa.float32()))
        what = asked(first, second, columns=["sim"])
        return folder / "out", fetched(folder / "out", one, what)


def test_every_row_has_its_key_and_each_file_begins_a_shard(done):
    out, _ = done
    assert [(row["key"], row["caption"]) for row in rows(out)] == [
        *(("000000", "picture 0"), ("000001", "picture 1"), ("000002", "picture 2"), ("000003", "picture 3")),
        *(("000010", "picture 4"), ("000011", "picture no address")),
        *(("000020", "picture 6"), ("000021", "picture 7"), ("000022", "picture 8"), ("000023", "picture 9")),
    ]


def test_a_failure_stands_with_its_key_and_its_reason_in_the_sidecar_and_not_in_the_tar(done):
    out, _ = done
    failed = {row["key"]: row for row in rows(out) if row["status"] != "success"}
    assert {key: (row["error_message"], row["reason"]) for key, row in failed.items()} == {
        "000003": ("HTTP Error 404: Not Found", "http_404"),
        "000011": (failed["000011"]["error_message"], "bad_url"),
        "000022": ("HTTP Error 404: Not Found", "http_404"),
    }
    assert failed["000003"]["status"] == "failed_to_download"
    assert [name for name in members(out / "00000.tar") if name.endswith(".jpg")] == [
        "000000.jpg",
        "000001.jpg",
        "000002.jpg",
    ]


def test_members_and_fields_are_img2dataset_s_in_its_order_then_ours(done):
    out, _ = done
    found = members(out / "00000.tar")
    assert list(found)[:3] == ["000000.jpg", "000000.json", "000000.txt"]
    assert list(json.loads(found["000000.json"])) == [*THEIRS, *OURS]
    assert found["000000.txt"] == b"picture 0"


def test_the_sidecar_keeps_the_list_s_types_and_has_img2dataset_s(done):
    schema = pq.read_schema(done[0] / "00000.parquet")
    assert schema.names[: len(THEIRS)] == THEIRS
    assert [schema.field(name).type for name in THEIRS] == [
        pa.float32(),
        *([pa.string()] * 5),
        *([pa.int32()] * 4),
        *([pa.string()] * 2),
    ]


def test_stats_and_totals_count_every_row(done):
    out, totals = done
    assert (totals.count, totals.successes, totals.failed_to_download) == (10, 7, 3)
    assert totals.status_dict == {"success": 7, "HTTP Error 404: Not Found": 2, "bad_url": 1}
    assert [(one["count"], one["successes"]) for one in stats(out)] == [(4, 3), (2, 1), (4, 3)]


def test_img2dataset_s_resume_and_open_clip_find_what_they_look_for(done):
    out, _ = done
    assert {int(path.name.split("_")[0]) for path in out.glob("*.json")} == {0, 1, 2}
    assert (out / "__len__").read_text() == "7"
    assert not (out / "sizes.json").exists()


def test_nothing_but_the_state_is_left_behind(done):
    out, _ = done
    assert sorted(path.name for path in (out / "_wit").iterdir()) == [".lock", "fetch.json"]


def test_files_lie_in_a_folder_a_shard(web, tmp_path):
    fetched(tmp_path / "out", web, asked(listed(tmp_path / "a.parquet", range(3)), output="files"))
    stem = {f"00000/00000{n}.{end}" for n in range(3) for end in ("jpg", "json", "txt")}
    assert names(tmp_path / "out") == stem | {"00000.parquet", "00000_stats.json"}


def test_parquet_holds_the_images_in_its_last_column(web, tmp_path):
    fetched(tmp_path / "out", web, asked(listed(tmp_path / "a.parquet", [0, 3]), output="parquet"))
    assert names(tmp_path / "out") == {"00000.parquet", "00000_stats.json"}
    table = pq.read_table(tmp_path / "out" / "00000.parquet")
    assert (table.schema.names[-1], table.schema.field("jpg").type) == ("jpg", pa.binary())
    had, lost = table.column("jpg").to_pylist()
    assert (had[:3], lost) == (b"\xff\xd8\xff", None)


def test_dummy_leaves_counts_alone(web, tmp_path):
    fetched(tmp_path / "out", web, asked(listed(tmp_path / "a.parquet", [0, 3]), output="dummy"))
    assert names(tmp_path / "out") == {"00000_stats.json"}


def test_without_captions_exif_and_hash_there_are_no_such_fields(web, tmp_path):
    bare = Layout(caption=False, exif=False, hash=None, ours=OURS)
    fetched(tmp_path / "out", web, asked(listed(tmp_path / "a.parquet", [0]), layout=bare))
    found = members(tmp_path / "out" / "00000.tar")
    assert list(found) == ["000000.jpg", "000000.json"]
    assert not {"caption", "exif", "sha256"} & json.loads(found["000000.json"]).keys()


@pytest.mark.parametrize("kind", ["md5", "sha512"])
def test_another_hash_stands_where_sha256_would(web, tmp_path, kind):
    what = asked(
        listed(tmp_path / "a.parquet", [0]),
        layout=Layout(hash=kind, ours=OURS),
        image=ImageSpec(row=RowRules(hash=kind)),
    )
    fetched(tmp_path / "out", web, what)
    (row,) = rows(tmp_path / "out")
    assert row[kind] == hashlib.new(kind, picture(0)).hexdigest()
    assert list(row)[list(row).index("exif") + 1] == kind


def test_columns_of_the_list_verify_and_blur_its_pictures(web, tmp_path):
    sums = [hashlib.sha256(picture(n)).hexdigest() for n in (0, 2, 2, 4)]
    boxes = [[], [[0.0, 0.0, 0.5, 0.5]], [], None]
    path = listed(tmp_path / "a.parquet", [0, 2, 1, 4], sha=sums, faces=boxes)
    what = asked(
        path,
        columns=["faces"],
        image=ImageSpec(row=RowRules(hash_column="sha", boxes_column="faces")),
        layout=Layout(ours=(*OURS, "hash_check")),
    )
    urls = UrlList(files=(str(path),), url_col="URL", caption_col="TEXT", columns=("faces", "sha"))
    fetched(tmp_path / "out", web, replace(what, urls=urls))
    found = rows(tmp_path / "out")
    assert [row["error_message"] for row in found][:3] == [None, None, "hash mismatch"]
    assert found[3]["error_message"].startswith("bad_boxes: None")
    assert [row["status"] for row in found] == [
        "success",
        "success",
        "failed_to_download",
        "failed_to_resize",
    ]
    assert (found[0]["hash_check"], found[1]["faces"], "sha" in found[0]) == (
        "sha256",
        [[0.0, 0.0, 0.5, 0.5]],
        False,
    )


def test_a_column_that_a_build_would_fill_holds_what_the_list_says(web, tmp_path):
    path = listed(tmp_path / "a.parquet", [0], scores=[[0.5]], lang=["nl"])
    fetched(tmp_path / "out", web, asked(path, columns=("scores", "lang")))
    (row,) = rows(tmp_path / "out")
    assert (row["status"], row["scores"], row["lang"]) == ("success", [0.5], "nl")
    assert json.loads(members(tmp_path / "out" / "00000.tar")["000000.json"])["scores"] == [0.5]


def test_run_again_it_asks_for_nothing(web, tmp_path):
    what = asked(listed(tmp_path / "a.parquet", range(10)))
    once = fetched(tmp_path / "out", web, what)
    web.asked.clear()
    assert fetched(tmp_path / "out", web, what) == once
    assert web.asked == []


def test_a_shard_that_was_removed_is_fetched_again_and_no_other(web, tmp_path):
    what = asked(listed(tmp_path / "a.parquet", range(10)))
    once = fetched(tmp_path / "out", web, what)
    before = tars(tmp_path / "out")
    for name in ("00001.tar", "00001.parquet", "00001_stats.json"):
        (tmp_path / "out" / name).unlink()
    web.asked.clear()
    assert (fetched(tmp_path / "out", web, what), tars(tmp_path / "out")) == (once, before)
    assert sorted(web.asked) == sorted(url(n) for n in (4, 5, 6, 7))


@pytest.mark.parametrize("window", [1, 4, 8])
def test_the_same_tars_come_out_of_windows_of_any_size(web, tmp_path, monkeypatch, window):
    lists = [listed(tmp_path / f"{n}.parquet", range(n, 10, n)) for n in (1, 2)]
    fetched(tmp_path / "one", web, asked(*lists))
    for module in (settings, windows):
        monkeypatch.setattr(module, "WINDOW_ROWS", window)
    fetched(tmp_path / "many", web, asked(*lists))
    assert tars(tmp_path / "many") == tars(tmp_path / "one")


def test_a_window_waits_for_what_hosts_asked_the_one_before_for(web, tmp_path, monkeypatch):
    for module in (settings, windows):
        monkeypatch.setattr(module, "WINDOW_ROWS", 4)
    web.answers[url(3)] = Say(status=503, headers=(("Retry-After", "1"),))
    fetched(tmp_path / "out", web, asked(listed(tmp_path / "a.parquet", range(8))))
    [said] = [when for when, _, what in web.log if what == url(3)]
    later = [(when, what) for when, host, what in web.log if host == "h0.test" and when > said]
    assert url(6) in [what for _, what in later]
    assert min(when for when, _ in later) >= said + 1.0


def test_the_same_tars_come_out_of_any_number_of_processes(web, tmp_path):
    what = asked(listed(tmp_path / "a.parquet", range(10)))
    fetched(tmp_path / "one", web, what)
    executor = LocalExecutor(2)
    fetched(tmp_path / "two", web, what, executor=executor, bins=3)
    executor.close()
    assert tars(tmp_path / "two") == tars(tmp_path / "one")


def test_a_list_of_bad_addresses_is_shards_of_failures(web, tmp_path):
    totals = fetched(tmp_path / "out", web, asked(listed(tmp_path / "a.parquet", ["", "x", "ftp://a/"])))
    assert (totals.count, totals.successes, totals.failed_to_download) == (3, 0, 3)


def test_every_row_is_fetched_also_where_its_address_comes_twice(web, tmp_path):
    fetched(tmp_path / "out", web, asked(listed(tmp_path / "a.parquet", [0, 0, 1])))
    assert sorted(web.asked) == [url(0), url(0), url(1)]
    assert [row["key"] for row in rows(tmp_path / "out")] == ["000000", "000001", "000002"]


def test_a_host_that_opts_out_is_left_alone(web, tmp_path):
    web.answers["http://h0.test/robots.txt"] = Say(b"User-agent: *\nDisallow: /", type="text/plain")
    fetched(tmp_path / "out", web, asked(listed(tmp_path / "a.parquet", [0, 1])))
    assert [row["reason"] for row in rows(tmp_path / "out")] == ["robots", None]
    assert web.asked == [url(1)]


def test_the_address_is_written_as_the_list_has_it_and_asked_for_in_its_one_form(web, tmp_path):
    listed_as = "HTTP://H0.test:80/0.png?utm_source=x#top"
    fetched(tmp_path / "out", web, asked(listed(tmp_path / "a.parquet", [listed_as, url(1)])))
    assert [row["url"] for row in rows(tmp_path / "out")] == [listed_as, url(1)]
    assert json.loads(members(tmp_path / "out" / "00000.tar")["000000.json"])["url"] == listed_as
    assert sorted(web.asked) == [url(0), url(1)]
