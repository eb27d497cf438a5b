"""`wit forget` of a folder that `wit fetch` wrote, in each of its layouts."""

import json
import shutil
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.builds import Killed
from tests.download.lists import asked, fetched, listed, members, names, rows, stats, tell, url
from tests.forget.test_killed import mortal
from tests.site.told import told
from wit_builder import place, report
from wit_builder.blocklist import tombstones
from wit_builder.blocklist.settings import Blocklist
from wit_builder.download import state
from wit_builder.download.settings import OURS
from wit_builder.errors import ConfigError, ShardError
from wit_builder.forget import fetched as forget_
from wit_builder.forget import request
from wit_builder.shards.layout import Layout

GOOD = [0, 1, 2, 4, 5, 6, 7, 8, 9]  # of ten; 3 is missing


@pytest.fixture(scope="module")
def web():
    with told() as one:
        tell(one, GOOD)
        yield one


@pytest.fixture(scope="module")
def made(web, tmp_path_factory):
    """A finished fetch of each layout, made once."""
    folder, done = tmp_path_factory.mktemp("fetched"), {}

    def of(output):
        if output not in done:
            what = asked(listed(folder / f"{output}.parquet", range(10)), output=output)
            fetched(folder / output, web, what)
            done[output] = folder / output, what
        return done[output]

    return of


@pytest.fixture(params=["webdataset", "files", "parquet"])
def layout(request):
    return request.param


@pytest.fixture
def out(made, layout, tmp_path):
    return shutil.copytree(made(layout)[0], tmp_path / "out")


def forget(out, dry_run=False, radius=31, **words):
    said = {kind: word if isinstance(word, list) else [word] for kind, word in words.items()}
    return forget_.forget(out, request.asked(said, None, radius, "", datetime.now(UTC)), dry_run)


def content(out):
    """What readers see of it, without times."""
    kept = [{k: v for k, v in row.items() if not k.endswith("_at")} for row in rows(out)]
    files = {n: (out / n).read_bytes() for n in names(out) if not n.endswith((".json", ".parquet"))}
    return files, kept, [one["status_dict"] for one in stats(out)]


def test_a_pair_and_its_row_go_and_all_else_stays(out, layout):
    before, row = rows(out), rows(out)[5]
    result = forget(out, url=url(5))
    assert (result.pairs, result.losses, result.shards) == ({"url": 1}, 0, ("00001",))
    assert rows(out) == [other for other in before if other != row]
    assert not any(row["key"] in name for name in names(out))
    assert [one["successes"] for one in stats(out)] == [3, 3, 2]
    if layout == "webdataset":
        assert [name for name in members(out / "00001.tar") if row["key"] in name] == []
        assert (out / "__len__").read_text() == "8"


def test_a_failure_is_forgotten_too(out):
    assert (forget(out, url=url(3)).losses, [row["url"] for row in rows(out)].count(url(3))) == (1, 0)
    assert stats(out)[0]["status_dict"] == {"success": 3}


def test_a_picture_is_known_by_bytes_and_look(out):
    five, six = rows(out)[5], rows(out)[6]
    assert forget(out, sha256=five["sha256"], pdq=six["phash"]).pairs == {"sha256": 1, "pdq": 1}
    assert {row["url"] for row in rows(out)} == {url(n) for n in (0, 1, 2, 3, 4, 7, 8, 9)}


def test_it_can_be_shown_afterwards(out):
    forget(out, url=url(5))
    assert report.fetched(place.at(out)).pairs == 8


def test_the_same_fetch_again_does_not_take_it_again(web, made, layout, out):
    """Neither when a whole shard is missing, nor when failures are tried again."""
    forget(out, url=[url(3), url(5)])
    (out / "00001_stats.json").unlink()
    web.asked.clear()
    fetched(out, web, made(layout)[1])
    assert set(web.asked) == {url(n) for n in (4, 6, 7)}
    assert [row["reason"] for row in rows(out) if row["url"] == url(5)] == ["blocked"]


def test_killed_anywhere_the_same_command_ends_the_same(out, monkeypatch, tmp_path):
    undisturbed = shutil.copytree(out, tmp_path / "undisturbed")
    forget(undisturbed, domain="h2.test")
    for steps in range(100):
        copy = shutil.copytree(out, tmp_path / "copy")
        with monkeypatch.context() as patch:
            mortal(patch, steps)
            try:
                forget(copy, domain="h2.test")
            except Killed:
                pass
            else:
                break
        forget(copy, domain="h2.test")
        assert content(copy) == content(undisturbed)
        shutil.rmtree(copy)
    assert steps > 6 and not (copy / state.FOLDER / "forget.json").exists()


def test_a_dry_run_changes_nothing(out):
    before = content(out)
    assert forget(out, True, url=url(5)).pairs == {"url": 1}
    assert content(out) == before and not (out / state.FOLDER / tombstones.NAME).exists()


def test_an_unfinished_fetch_comes_first(out):
    (out / state.FOLDER / "run-00000").mkdir()
    with pytest.raises(ConfigError, match="is not finished"):
        forget(out, url=url(5))


@pytest.mark.parametrize("layout", ["dummy"])
def test_what_keeps_no_rows_is_said(out):
    with pytest.raises(ConfigError, match="nothing is kept there"):
        forget(out, url=url(5))


def test_shards_of_others_are_said(tmp_path):
    (tmp_path / "00000_stats.json").write_text(json.dumps({}))
    with pytest.raises(ConfigError, match="did not write"):
        forget(tmp_path, url=url(5))


def test_shards_of_others_beside_ours_are_said_too(out):
    before = content(out)
    (out / "00007_stats.json").write_text(json.dumps({}))
    with pytest.raises(ConfigError, match="1 shard that `wit fetch` did not write, such as 00007"):
        forget(out, url=url(5))
    (out / "00007_stats.json").unlink()
    assert content(out) == before


def test_a_hash_that_was_not_kept_is_said(web, tmp_path):
    what = asked(listed(tmp_path / "a.parquet", [1]), layout=Layout(ours=OURS, hash="md5"))
    fetched(tmp_path / "out", web, what)
    with pytest.raises(ConfigError, match="keep no sha256"):
        forget(tmp_path / "out", sha256="a" * 64)
    assert forget(tmp_path / "out", url=url(1)).pairs == {"url": 1}


def test_a_fetch_obeys_its_lists_and_one_that_cannot_be_read_begins_nothing(web, tmp_path):
    (tmp_path / "bad.txt").write_text(f"{url(5)}\n")
    what = asked(
        listed(tmp_path / "a.parquet", range(10)), blocklist=Blocklist(urls=(str(tmp_path / "bad.txt"),))
    )
    web.asked.clear()
    fetched(tmp_path / "out", web, what)
    assert url(5) not in web.asked
    assert [row["url"] for row in rows(tmp_path / "out") if row["reason"] == "blocked"] == [url(5)]
    (tmp_path / "bad.txt").write_text("no address\n")
    with pytest.raises(ConfigError, match=r"bad\.txt, line 1"):
        fetched(tmp_path / "other", web, what)
    assert not (tmp_path / "other").exists()


def rekeyed(out, key):
    path = out / "00001.parquet"
    table = pq.read_table(path)
    at = table.schema.get_field_index("key")
    keys = [key, *table.column("key").to_pylist()[1:]]
    pq.write_table(table.set_column(at, table.schema.field(at), pa.array(keys, pa.string())), path)


def test_a_sidecar_that_names_no_samples_is_refused_with_nothing_written(out):
    (out.parent / "victim").mkdir()
    (out.parent / "victim" / "thesis.txt").write_text("x")
    for key in ("../../victim/thesis", "*"):
        rekeyed(out, key)
        before = names(out)
        with pytest.raises(ShardError, match="expected digits"):
            forget(out, domain="images.test")
        assert names(out) == before and (out.parent / "victim" / "thesis.txt").exists()
        assert not (out / state.FOLDER / tombstones.NAME).exists()


@pytest.mark.parametrize("left", [0, 300])
def test_a_damaged_sidecar_is_named_with_nothing_written(out, left):
    path = out / "00001.parquet"
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(ShardError, match=r"00001\.parquet cannot be read"):
        forget(out, url=url(5))
    pq.write_table(pa.table({"url": ["x"], "reason": ["y"]}), path)
    with pytest.raises(ShardError, match=r"00001\.parquet should have a column key"):
        forget(out, url=url(5))
    assert not (out / state.FOLDER / tombstones.NAME).exists()
