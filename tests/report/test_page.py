import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.report import builds
from wit_builder.errors import ConfigError
from wit_builder.report import write_report
from wit_builder.report.page import Segment, _segments
from wit_builder.report.tally import Count
from wit_builder.report.totals import StageRow

VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """The page's tags with their attributes, and those left open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def page_of(out: Path) -> Page:
    return Page(write_report(out).read_text())


def test_the_report_stands_in_the_build_and_closes_its_tags(tmp_path: Path) -> None:
    out = builds.write_build(tmp_path)
    assert write_report(out) == out / "report.html"
    page = page_of(out)
    assert page.open == []
    assert "boats" in page.text


def test_the_report_fetches_nothing_and_runs_nothing(tmp_path: Path) -> None:
    page = page_of(builds.write_build(tmp_path))
    assert page.all("script") == page.all("link") == page.all("iframe") == []
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in page.all("img"))
    assert "url(" not in page.text
    assert page.all("meta")[2]["content"].startswith("default-src 'none'; img-src data:;")


def test_every_pair_of_a_small_build_is_on_the_contact_sheet(tmp_path: Path) -> None:
    page = page_of(builds.write_build(tmp_path))
    assert [image["alt"] for image in page.all("img")] == ["A boat on a lake"] * 6


def test_links_leave_no_trace_and_give_no_weight(tmp_path: Path) -> None:
    links = page_of(builds.write_build(tmp_path)).all("a")
    out = [link for link in links if not link["href"].startswith("#")]
    assert len(out) == 12
    assert {link["rel"] for link in out} == {"noopener nofollow noreferrer"}


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><b>"


def test_hostile_texts_are_shown_and_never_run(tmp_path: Path) -> None:
    lost = [builds.loss(0, reason=HOSTILE, url=HOSTILE, caption=HOSTILE, evidence=HOSTILE)]
    out = builds.write_build(tmp_path, losses=lost)
    builds.write_state(out, state=HOSTILE, name=HOSTILE)
    rows = [builds.sample(0, HOSTILE, lang=HOSTILE, text_source=HOSTILE, licence=HOSTILE, page_url=HOSTILE)]
    builds.add_shard(out, 0, rows)
    page = page_of(out)
    assert [
        tag for tag, attrs in page.tags if tag == "script" or any(n.startswith("on") for n in attrs)
    ] == []
    assert page.text.count("<script>alert(1)</script>") >= 8


def test_no_address_but_http_is_linked(tmp_path: Path) -> None:
    builds.add_shard(tmp_path, 0, [builds.sample(0, url="javascript:alert(1)", page_url="data:text/html,x")])
    assert [link["href"] for link in page_of(tmp_path).all("a") if link["href"][0] != "#"] == []


def test_the_funnel_is_drawn_to_scale(tmp_path: Path) -> None:
    builds.write_funnel(tmp_path, [builds.loss(n) for n in range(2)], kept=6)
    kept = [bar for bar in page_of(tmp_path).all("rect") if bar["class"] == "kept"]
    assert [float(bar["width"]) for bar in kept] == [75, 75, 75]  # fetch 6 of 8 twice, clean 6 of the 8 seen


def test_the_parts_of_a_bar_fill_it_and_share_the_last_colour() -> None:
    row = StageRow("fetch", 10, 2, tuple(Count(f"r{n}", 1) for n in range(8)))
    parts = _segments(row, [f"r{n}" if n < 6 else "rest" for n in range(8)], 10)
    assert sum(part.width for part in parts) == pytest.approx(100)
    assert parts[-1] == Segment(80, 20, "rest", "all other reasons: 2")


def test_what_does_not_occur_has_no_part_in_a_bar() -> None:
    row = StageRow("fetch", 3, 0, (Count("dns", 3), Count("tls", 0)))
    assert _segments(row, ["r0", "r1"], 3) == (Segment(0, 100, "r0", "dns: 3"),)
    assert _segments(StageRow("fetch", 0, 0, ()), [], 0) == ()


def test_more_reasons_than_a_table_holds_are_counted(tmp_path: Path) -> None:
    builds.write_funnel(tmp_path, [builds.loss(n, reason=f"http_{500 + n}") for n in range(27)], kept=1)
    assert "and 2 more reasons" in page_of(tmp_path).text


def test_dropped_items_are_shown_as_examples_of_their_reason(tmp_path: Path) -> None:
    lost = [builds.loss(0, reason="dns", caption="A ferry", evidence="no such host")]
    text = page_of(builds.write_build(tmp_path, losses=lost)).text
    assert re.search(r"dns\s+A ferryhttp://gone0.test/0.jpgseen: no such host", text)


def test_a_build_that_has_only_begun_has_a_report_too(tmp_path: Path) -> None:
    builds.write_state(tmp_path, "started")
    page = page_of(tmp_path)
    assert "there is no funnel.json (yet)" in page.text
    assert page.all("figure") == []


def test_damaged_pieces_are_notes_on_the_page(tmp_path: Path) -> None:
    out = builds.write_build(tmp_path)
    (out / "shards" / "00000.tar").write_bytes(b"x" * 600)
    (out / "shards" / "00001.parquet").write_bytes(b"x")
    page = page_of(out)
    assert "shards/00001.parquet cannot be read" in page.text
    assert "shard shards/00000.tar: no tar header" in page.text
    assert len(page.all("figure")) == 3


def test_a_folder_without_a_build_gets_no_report(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        write_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_recipe_stands_on_the_page_and_is_cut_where_it_is_endless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wit_builder.report.page.MAX_RECIPE_CHARS", 30)
    builds.write_state(tmp_path, name="x" * 500)
    assert page_of(tmp_path).text.rstrip().endswith('{\n  "type": "wit_builder.recip')


def test_the_same_build_gives_the_same_page(tmp_path: Path) -> None:
    out = builds.write_build(tmp_path)
    assert write_report(out).read_bytes() == write_report(out).read_bytes()
