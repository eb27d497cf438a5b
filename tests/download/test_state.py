"""A second run of OUT: it goes on, is added, begins anew, or is refused with what has changed."""

import os
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.download.lists import asked, fetched, listed, names, rows, tars, tell
from tests.fetch.pairs import InPlace
from tests.site.told import told
from wit_builder.download.state import State
from wit_builder.errors import ConfigError
from wit_builder.fetch import fetch
from wit_builder.images.picture import ImageSpec
from wit_builder.shards.writer import ShardSpec


@pytest.fixture(autouse=True)
def in_place(monkeypatch):
    """No processes: every body is a picture."""
    monkeypatch.setattr(fetch, "Pixels", InPlace)


@pytest.fixture(scope="module")
def web():
    with told() as one:
        tell(one, range(12))
        yield one


@pytest.fixture
def out(web, tmp_path):
    """Six pictures in two shards."""
    fetched(tmp_path / "out", web, asked(listed(tmp_path / "a.parquet", range(6))))
    return tmp_path / "out"


def refused(out, web, what, mode="incremental"):
    """What is said; nothing may have changed."""
    before = {name: (out / name).read_bytes() for name in names(out)}
    with pytest.raises(ConfigError) as caught:
        fetched(out, web, what, mode)
    assert {name: (out / name).read_bytes() for name in names(out)} == before
    return str(caught.value)


def again(tmp_path, **changes):
    return asked(tmp_path / "a.parquet", **changes)


def test_a_list_that_has_grown_is_refused_and_named(out, web, tmp_path):
    listed(tmp_path / "a.parquet", range(7))
    assert "was begun with other input: a.parquet.bytes: " in refused(out, web, again(tmp_path))


def test_a_list_of_the_same_size_that_was_written_anew_is_refused(out, web, tmp_path):
    later = (tmp_path / "a.parquet").stat().st_mtime + 5
    os.utime(tmp_path / "a.parquet", (later, later))
    assert "a.parquet.version: " in refused(out, web, again(tmp_path))


def test_a_list_that_was_moved_is_the_same_list(out, web, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    moved = (tmp_path / "a.parquet").rename(tmp_path / "elsewhere" / "a.parquet")
    assert fetched(out, web, asked(moved)).count == 6


def test_another_list_is_refused(out, web, tmp_path):
    said = refused(out, web, asked(listed(tmp_path / "b.parquet", range(2))))
    assert said.endswith("other input: a.parquet is gone; b.parquet is new")


def test_a_list_more_is_refused(out, web, tmp_path):
    more = listed(tmp_path / "b.parquet", range(2))
    assert refused(out, web, asked(tmp_path / "a.parquet", more)).endswith("b.parquet is new")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"shards": ShardSpec(samples_per_shard=5)}, "shards.samples_per_shard: 4, now 5"),
        (
            {"image": ImageSpec(size=64, mode="border", only_shrink=False, keep_original=False)},
            "image.size: 32, now 64",
        ),
        ({"output": "files"}, "output_format: 'webdataset', now 'files'"),
    ],
)
@pytest.mark.parametrize("mode", ["incremental", "extend"])
def test_other_options_are_refused_and_named(out, web, tmp_path, changes, named, mode):
    assert named in refused(out, web, again(tmp_path, **changes), mode)
    with pytest.raises(ConfigError) as caught:
        fetched(out, web, again(tmp_path, **changes), mode)
    assert caught.value.hint == "`--incremental_mode overwrite` begins anew; or name another --out"


def test_other_columns_are_refused(out, web, tmp_path):
    urls = replace(again(tmp_path).urls, caption_col="URL")
    assert "caption_col: 'TEXT', now 'URL'" in refused(out, web, replace(again(tmp_path), urls=urls))


def test_extend_adds_new_shards_behind_the_others(out, web, tmp_path):
    before = tars(out)
    totals = fetched(out, web, asked(listed(tmp_path / "b.parquet", range(6, 9))), "extend")
    assert totals.count == 3
    assert [row["key"] for row in rows(out, "00002")] == ["000020", "000021", "000022"]
    assert {name: tars(out)[name] for name in before} == before
    assert (out / "__len__").read_text() == "9"


def test_after_an_extend_each_list_is_still_known(out, web, tmp_path):
    more = listed(tmp_path / "b.parquet", range(6, 9))
    fetched(out, web, asked(more), "extend")
    assert [fetched(out, web, asked(path)).count for path in (tmp_path / "a.parquet", more)] == [6, 3]


def test_an_extend_that_was_cut_short_goes_on_with_its_shards(out, web, tmp_path):
    more = asked(listed(tmp_path / "b.parquet", range(6, 9)))
    fetched(out, web, more, "extend")
    (out / "00002_stats.json").unlink()
    fetched(out, web, more, "extend")
    assert {path.name for path in out.glob("*.tar")} == {"00000.tar", "00001.tar", "00002.tar"}


@pytest.mark.parametrize("mode", ["incremental", "extend"])
@pytest.mark.parametrize("step", ["folder.write_length", "publish.clear"])
def test_what_was_cut_short_behind_the_last_shard_is_ended_by_the_same_command(
    web, tmp_path, monkeypatch, mode, step
):
    out, what = tmp_path / "cut", asked(listed(tmp_path / "a.parquet", range(6)))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(f"wit_builder.download.road.{step}", _killed)
        fetched(out, web, what, mode)
    web.asked.clear()
    assert (fetched(out, web, what, mode).count, web.asked) == (6, [])
    assert ((out / "__len__").read_text(), len(tars(out))) == ("6", 2)
    assert sorted(path.name for path in (out / "_wit").iterdir()) == [".lock", "fetch.json"]


def _killed(*_):
    raise KeyboardInterrupt


def test_an_extend_waits_for_the_list_before_it(out, web, tmp_path):
    (out / "00001_stats.json").unlink()
    said = refused(out, web, asked(listed(tmp_path / "b.parquet", range(6, 9))), "extend")
    assert "other input, which is not finished yet: a.parquet is gone" in said


def test_overwrite_begins_anew_and_leaves_other_files_alone(out, web, tmp_path):
    (out / "notes.txt").write_text("mine")
    (out / "00009.tar.gz").write_text("mine too")
    fetched(out, web, asked(listed(tmp_path / "b.parquet", [0])), "overwrite")
    assert names(out) == {
        *("00000.tar", "00000.parquet", "00000_stats.json", "__len__"),
        *("notes.txt", "00009.tar.gz"),
    }


def test_overwrite_of_files_removes_those_of_its_keys_and_no_other(web, tmp_path):
    what = asked(listed(tmp_path / "a.parquet", range(6)), output="files")
    fetched(tmp_path / "out", web, what)
    (tmp_path / "out" / "00000" / "mine.txt").write_text("mine")
    before = sorted((tmp_path / "out").rglob("*"))
    with pytest.raises(ConfigError, match=r"holds what `wit fetch` did not write: mine.txt"):
        fetched(tmp_path / "out", web, what, "overwrite")
    assert sorted((tmp_path / "out").rglob("*")) == before


def test_overwrite_with_other_options_is_what_it_is_for(out, web, tmp_path):
    fetched(out, web, again(tmp_path, output="parquet"), "overwrite")
    assert names(out) == {"00000.parquet", "00000_stats.json", "00001.parquet", "00001_stats.json"}


def test_an_unfinished_overwrite_leaves_no_plan_of_before(out, web, tmp_path):
    (out / "_wit" / "run-00000" / "read").mkdir(parents=True)
    (out / "_wit" / "run-00000" / "read" / "plan.json").write_text("of another list")
    assert fetched(out, web, again(tmp_path), "overwrite").count == 6


@pytest.fixture
def theirs(tmp_path):
    """A folder as img2dataset leaves it: three shards, keys of nine digits."""
    out = tmp_path / "theirs"
    out.mkdir()
    for n in (0, 1, 2):
        (out / f"{n:05d}.tar").write_bytes(b"theirs")
        pq.write_table(pa.table({"key": [f"{n:05d}0000"]}), out / f"{n:05d}.parquet")
        counts = (
            '"count": 1, "successes": 1, "failed_to_download": 0, "failed_to_resize": 0, "status_dict": {}'
        )
        (out / f"{n:05d}_stats.json").write_text(f"{{{counts}}}")
    return out


NINE = ShardSpec()


def test_a_folder_of_img2dataset_s_can_be_extended(theirs, web, tmp_path):
    what = asked(listed(tmp_path / "a.parquet", [0]), shards=NINE)
    assert fetched(theirs, web, what, "extend").count == 1
    assert rows(theirs, "00003")[0]["key"] == "000030000"
    assert (theirs / "00002.tar").read_bytes() == b"theirs"
    assert (theirs / "__len__").read_text() == "4"


def test_a_half_written_shard_of_img2dataset_s_keeps_its_number(theirs, web, tmp_path):
    (theirs / "00007.tar").write_bytes(b"half")
    fetched(theirs, web, asked(listed(tmp_path / "a.parquet", [0]), shards=NINE), "extend")
    assert (theirs / "00008.tar").exists()


@pytest.mark.parametrize("mode", ["incremental", "overwrite"])
def test_a_folder_of_img2dataset_s_is_neither_gone_on_with_nor_removed(theirs, web, tmp_path, mode):
    said = refused(theirs, web, asked(listed(tmp_path / "a.parquet", [0]), shards=NINE), mode)
    assert "holds shards that `wit fetch` did not begin, and nothing says from which list" in said
    assert not (theirs / "_wit").exists()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (ShardSpec(index_digits=6), "have 5 digits, new ones 6"),
        (ShardSpec(1_000), "have 9 digits, new ones 8"),
    ],
)
def test_keys_of_other_lengths_do_not_come_into_one_folder(theirs, web, tmp_path, spec, words):
    assert words in refused(theirs, web, asked(listed(tmp_path / "a.parquet", [0]), shards=spec), "extend")


@pytest.mark.parametrize("mode", ["incremental", "extend", "overwrite"])
def test_a_folder_of_something_else_is_refused_and_left_alone(web, tmp_path, mode):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "2024.parquet").write_text("mine")
    said = refused(tmp_path / "photos", web, asked(listed(tmp_path / "a.parquet", [0])), mode)
    assert said.endswith("is not empty and holds no shards")
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["2024.parquet"]


def test_a_hidden_file_is_nothing(web, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".DS_Store").touch()
    assert fetched(tmp_path / "out", web, asked(listed(tmp_path / "a.parquet", [0]))).count == 1


def test_a_file_in_the_way_is_refused(web, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ConfigError, match="there is a file in the way"):
        fetched(tmp_path / "out", web, asked(listed(tmp_path / "a.parquet", [0])))


def test_a_state_that_is_damaged_is_named(out, web, tmp_path):
    (out / "_wit" / "fetch.json").write_text("{")
    assert "fetch.json is damaged" in refused(out, web, again(tmp_path))


SINGLY = ShardSpec(samples_per_shard=1, index_digits=1)  # ten shards at most


def test_more_shards_than_their_digits_can_number_are_refused_before_anything_is_written(web, tmp_path):
    what = asked(listed(tmp_path / "a.parquet", range(11)), shards=SINGLY)
    with pytest.raises(ConfigError, match="11 shards cannot be numbered with 1 digit") as caught:
        fetched(tmp_path / "out", web, what)
    assert caught.value.hint.startswith("--oom_shard_count 2")
    assert not (tmp_path / "out").exists()
    what = asked(listed(tmp_path / "a.parquet", range(10)), shards=SINGLY)
    assert fetched(tmp_path / "out", web, what).count == 10


def test_where_only_reading_tells_how_many_shards_there_are_what_is_hinted_at_works(web, tmp_path):
    (tmp_path / "a.csv").write_text("URL,TEXT\n" + "no address,x\n" * 11)
    with pytest.raises(ConfigError, match="11 shards cannot be numbered with 1 digit"):
        fetched(tmp_path / "out", web, asked(tmp_path / "a.csv", shards=SINGLY))
    assert names(tmp_path / "out") == set()
    assert [path.name for path in (tmp_path / "out" / "_wit").iterdir()] == [".lock"]
    two = replace(SINGLY, index_digits=2)
    assert fetched(tmp_path / "out", web, asked(tmp_path / "a.csv", shards=two)).count == 11


def test_an_extend_that_outgrows_its_digits_leaves_what_was_there(web, tmp_path):
    first = asked(listed(tmp_path / "a.parquet", range(6)), shards=SINGLY)
    fetched(tmp_path / "out", web, first)
    second = asked(listed(tmp_path / "b.parquet", range(5)), shards=SINGLY)
    assert "11 shards cannot" in refused(tmp_path / "out", web, second, "extend")
    assert len(State.read(tmp_path / "out").runs) == 1
    assert [path.name for path in (tmp_path / "out" / "_wit").glob("run-*")] == []


def test_the_state_says_what_was_fetched(out):
    (run,) = State.read(out).runs
    assert ([file["name"] for file in run.files], run.first, run.end) == (["a.parquet"], 0, 2)
