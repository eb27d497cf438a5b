from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wit_builder.errors import ConfigError
from wit_builder.lists import plan as plan_
from wit_builder.lists.settings import UrlList
from wit_builder.planning import draw as draw_
from wit_builder.planning.draw import draw


def listed(path: Path, urls: list[str | None], name: str = "url", **writing: int) -> UrlList:
    table = pa.table({name: pa.array(urls, pa.string()), "caption": [f"row {n}" for n in range(len(urls))]})
    pq.write_table(table, path / "list.parquet", **writing)
    return UrlList(files=(str(path / "list.parquet"),))


def test_rows_are_counted_by_host_and_drawn_with_their_captions(tmp_path: Path) -> None:
    urls = [f"HTTP://H{n % 3}.test/{n}.jpg" for n in range(10)]
    found = draw(listed(tmp_path, urls), 4)
    assert (found.hosts.names, found.hosts.counts.tolist()) == (("h0.test", "h1.test", "h2.test"), [4, 3, 3])
    assert len({row.id for row in found.rows}) == 4
    assert all(row.url.endswith(f"/{row.caption[4:]}.jpg") for row in found.rows)
    assert (found.without, found.bad, found.whole, found.parts) == (0.0, 0, True, 0)


def test_a_sample_of_more_rows_than_there_are_is_all_of_them(tmp_path: Path) -> None:
    found = draw(listed(tmp_path, ["http://a.test/"] * 3), 1_000)
    assert [row.url for row in found.rows] == ["http://a.test/"] * 3


def test_every_row_is_drawn_as_often_as_any_other(tmp_path: Path) -> None:
    urls = listed(tmp_path, [f"http://a.test/{n}" for n in range(100)], row_group_size=7)
    firsts = [int(row.url[14:]) for seed in range(60) for row in draw(urls, 10, seed=seed).rows]
    assert len(firsts) == 600
    assert 240 < sum(n < 50 for n in firsts) < 360
    assert len(set(firsts)) > 90


def test_rows_without_an_address_are_counted_and_never_drawn(tmp_path: Path) -> None:
    found = draw(listed(tmp_path, ["http://a.test/", None, "", "ftp://b.test/"]), 10)
    assert (found.hosts.rows, found.without, found.whole, len(found.rows)) == (1.0, 0.75, True, 1)


def test_of_a_long_list_stretches_all_over_it_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draw_, "BUDGET", 1_000)
    monkeypatch.setattr(plan_, "ROWS_PER_TASK", 500)
    urls = [f"http://h{n % 2}.test/{n}" for n in range(10_000)]
    found = draw(listed(tmp_path, urls, row_group_size=500), 100)
    assert (found.hosts.counted, found.hosts.rows, found.parts) == (1_000, 10_000.0, 20)
    assert found.hosts.counts.tolist() == [5_000.0, 5_000.0]
    assert len({int(row.url[15:]) // 500 for row in found.rows}) > 15


@pytest.mark.parametrize("name", ["list.txt", "list.csv", "list.jsonl"])
def test_lists_of_any_format_are_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(draw_, "BUDGET", 10)
    rows = {"list.txt": "http://a.test/{}\n", "list.csv": "http://a.test/{},row {}\n"}
    row = rows.get(name, '{{"url": "http://a.test/{}", "caption": "\\ud800"}}\n')
    (tmp_path / name).write_text("".join(row.format(n, n) for n in range(100)))
    found = draw(UrlList(files=(str(tmp_path / name),)), 50)
    assert (found.hosts.counts.tolist(), len(found.rows), found.parts) == ([100.0], 50, 0)


def test_files_that_are_a_part_of_a_list_speak_for_the_whole(tmp_path: Path) -> None:
    urls = listed(tmp_path, [f"http://h{n % 2}.test/{n}" for n in range(100)])
    assert draw(urls, 10, list_rows=5e9).hosts.counts.tolist() == [2.5e9, 2.5e9]
    assert [draw(urls, 10, list_rows=rows).whole for rows in (100, 101)] == [True, False]


def test_what_is_drawn_and_no_address_after_all_is_told_by_its_number(tmp_path: Path) -> None:
    fine, bad, none = (
        [url.format(n) for n in range(50)]
        for url in ("http://a{}.test/", "http://a.test:99999/{}", "http://a b{}.test/")
    )
    found = draw(listed(tmp_path, fine + bad + none), 1_000)
    assert (len(found.rows), found.bad, found.without, found.hosts.rows) == (50, 50, 1 / 3, 100)
    few = draw(listed(tmp_path, fine + bad + none), 60)
    assert len(few.rows) + few.bad == 60
    assert 15 < few.bad < 45


def test_where_captions_are_needed_rows_without_one_are_no_rows(tmp_path: Path) -> None:
    captions = ["a cat", "", None, " \u00a0", "\u4e00"]
    table = pa.table({"url": [f"http://a.test/{n}" for n in range(5)], "caption": captions})
    pq.write_table(table, tmp_path / "list.parquet")
    urls = UrlList(files=(str(tmp_path / "list.parquet"),))
    build, fetch = draw(urls, 10, captions=True), draw(urls, 10)
    assert ({row.caption for row in build.rows}, build.hosts.rows, build.without) == (
        {"a cat", "\u4e00"},
        2,
        0.6,
    )
    assert (len(fetch.rows), fetch.without) == (5, 0.0)
    pq.write_table(table.drop(["caption"]), tmp_path / "list.parquet")
    with pytest.raises(ConfigError, match="none of the columns is known to hold captions"):
        draw(urls, 10, captions=True)


def test_what_cannot_be_read_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has a name that says URL; it has address, caption"):
        draw(listed(tmp_path, ["http://a.test/"], "address"), 1)
    with pytest.raises(ConfigError, match=r"no row of .* has an http\(s\) address"):
        draw(listed(tmp_path, ["a cat", None]), 1)
    (tmp_path / "list.parquet").write_bytes(b"PAR1 and nothing")
    with pytest.raises(ConfigError, match="is no readable parquet file"):
        draw(UrlList(files=(str(tmp_path / "list.parquet"),)), 1)
