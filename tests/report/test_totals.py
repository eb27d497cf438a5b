import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.report import builds
from wit_builder import storage
from wit_builder.engine.tries import Tries
from wit_builder.errors import ConfigError
from wit_builder.report import as_json, summary
from wit_builder.report import folder as folder_
from wit_builder.report.tally import Count
from wit_builder.report.totals import SIZE_EDGES


def test_a_complete_build_is_summed_up_without_a_note(tmp_path: Path) -> None:
    shown = summary(builds.write_build(tmp_path / "out"))
    assert (shown.name, shown.state, shown.samples, shown.shards) == ("boats", "complete", 6, 2)
    assert shown.notes == ()


def test_the_funnel_is_that_of_the_file_with_reasons_by_falling_count(tmp_path: Path) -> None:
    lost = [builds.loss(0, reason="dns"), builds.loss(1), builds.loss(2)]
    fetch, clean = summary(builds.write_build(tmp_path, losses=lost)).funnel
    assert (fetch.stage, fetch.seen, fetch.kept) == ("fetch", 9, 6)
    assert fetch.dropped == (Count("http_404", 2), Count("dns", 1))
    assert (clean.stage, clean.dropped) == ("clean", ())


def test_hosts_languages_and_sources_of_the_kept_pairs_are_counted(tmp_path: Path) -> None:
    shown = summary(builds.write_build(tmp_path))
    assert shown.hosts == (Count("host0.test", 2), Count("host1.test", 2), Count("host2.test", 2))
    assert shown.languages == (Count("en", 6),)
    assert shown.text_sources == (Count("alt", 6),)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("HTTP://User:pass@Example.ORG:8080/a.jpg", "example.org"),
        ("https://[2001:db8::1]:443/a.jpg", "[2001:db8::1]"),
        ("http://example.org", "example.org"),
        ("http://example.org?q=http://other.test/", "example.org"),
        ("ftp://example.org/a.jpg", ""),
        ("", ""),
    ],
)
def test_a_host_is_read_out_of_any_address(tmp_path: Path, url: str, host: str) -> None:
    builds.add_shard(tmp_path, 0, [replace(builds.sample(1), url=url)])
    assert summary(tmp_path).hosts == (Count(host, 1),)


@pytest.mark.parametrize(("side", "bin_"), [(99, 0), (100, 1), (599, 4), (1999, 7), (2000, 8), (90_000, 8)])
def test_a_size_is_counted_by_its_shorter_side(tmp_path: Path, side: int, bin_: int) -> None:
    rows = [builds.sample(0, original_width=side, original_height=90_000)]
    builds.add_shard(tmp_path, 0, rows)
    counts = [count.n for count in summary(tmp_path).sizes]
    assert counts == [int(i == bin_) for i in range(len(SIZE_EDGES))]


def test_failures_are_gathered_by_host_with_their_reasons(tmp_path: Path) -> None:
    lost = [builds.loss(n) for n in (0, 2, 4, 1)] + [builds.loss(6, reason="dns"), builds.loss(1, "clean")]
    builds.write_ledger(tmp_path, lost)
    first, second = summary(tmp_path).failing_hosts
    assert (first.host, first.n) == ("gone0.test", 4)
    assert first.reasons == (Count("http_404", 3), Count("dns", 1))
    assert (second.host, second.n) == ("gone1.test", 1)


def test_rows_that_forget_has_emptied_are_no_failures_of_a_host(tmp_path: Path) -> None:
    lost = [builds.loss(n, reason="http_503", url="", caption="", evidence="") for n in range(20)]
    out = builds.write_build(tmp_path, losses=[*lost, builds.loss(0)])
    shown = summary(out)
    assert [(host.host, host.n) for host in shown.failing_hosts] == [("gone0.test", 1)]
    assert shown.diagnosis.kinds == (Count("http_404", 1),)


def test_each_reason_shows_three_examples_at_most(tmp_path: Path) -> None:
    lost = [builds.loss(n) for n in range(4)] + [builds.loss(9, "clean", "image_blank")]
    builds.write_ledger(tmp_path, lost)
    examples = summary(tmp_path).examples
    assert [(e.stage, e.reason) for e in examples] == [("fetch", "http_404")] * 3 + [("clean", "image_blank")]


def test_examples_are_filled_up_over_several_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_, "ROWS_PER_BATCH", 2)
    builds.write_ledger(tmp_path, [builds.loss(n) for n in range(5)])
    shown = summary(tmp_path)
    assert [example.url[-5:] for example in shown.examples] == ["0.jpg", "1.jpg", "2.jpg"]
    assert sum(host.n for host in shown.failing_hosts) == 5


def test_the_summary_is_json_with_the_funnel_as_in_its_file(tmp_path: Path) -> None:
    out = builds.write_build(tmp_path)
    value = json.loads(json.dumps(as_json(summary(out))))
    assert value["funnel"] == json.loads((out / "funnel.json").read_text())
    assert value["hosts"]["host0.test"] == 2
    assert value["failing_hosts"]["gone0.test"] == {"http_404": 3}


def test_a_build_that_has_only_begun_is_shown_as_far_as_it_is(tmp_path: Path) -> None:
    builds.write_state(tmp_path, "started")
    shown = summary(tmp_path)
    assert (shown.state, shown.samples, shown.funnel) == ("started", 0, ())
    assert shown.notes == ("there is no funnel.json (yet)",)


def test_what_stopped_an_unfinished_build_is_said_until_it_is_done(tmp_path: Path) -> None:
    builds.write_state(tmp_path, "started")
    storage.write_json(tmp_path / "funnel.json", {})
    storage.write_json(tmp_path / "work" / "clean-judge" / "plan.json", {})
    tries = Tries(tmp_path / "work" / "clean-judge", retries=0)
    tries.failed("00003", "out of memory")
    tries.failed("00004", "out of memory")
    storage.write_json(tmp_path / "work" / "clean-judge" / "done" / "00003.json", {})
    assert summary(tmp_path).notes == ("stage clean-judge: task 00004 was given up: out of memory",)


def test_an_unfinished_build_is_not_told_that_its_ledger_is_missing(tmp_path: Path) -> None:
    builds.write_state(tmp_path, "started")
    builds.write_funnel(tmp_path, [builds.loss(1)], kept=3)
    assert summary(tmp_path).notes == ()


@pytest.mark.parametrize("make", [Path.exists, Path.mkdir, Path.touch])
def test_a_folder_that_holds_no_build_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "out")
    with pytest.raises(ConfigError) as refused:
        summary(tmp_path / "out")
    assert refused.value.hint


@pytest.mark.parametrize(
    ("name", "content", "note"),
    [
        ("funnel.json", b"{", "funnel.json cannot be read: "),
        (
            "funnel.json",
            b"[1]",
            "funnel.json is not what a build writes there: 3 bytes, expected a JSON object",
        ),
        ("funnel.json", b'{"fetch": 3}', "funnel.json says nothing that can be read of the stage fetch"),
        (
            "funnel.json",
            b'{"fetch": {"seen": 1, "kept": "1", "dropped": {}}}',
            "funnel.json says nothing that can be read of the stage fetch",
        ),
        (
            "funnel.json",
            b'{"fetch": {"seen": 9, "kept": 1, "dropped": {"dns": 1}}}',
            "funnel.json does not add up at the stage fetch: seen is not kept plus dropped",
        ),
        ("build.json", b"\xff", "build.json cannot be read: "),
        ("shards/00000.parquet", b"PAR1 and nothing", "shards/00000.parquet cannot be read: "),
        (
            "ledger/stage=fetch/part-00000.parquet",
            b"",
            "ledger/stage=fetch/part-00000.parquet cannot be read: ",
        ),
        ("shards/00000.tar", b"short", "shards/00000.tar has 5 bytes, its manifest says 20480 bytes"),
        ("manifest/shards.parquet", b"x", "manifest/shards.parquet is no readable manifest: "),
    ],
)
def test_a_damaged_piece_is_noted_in_one_sentence(
    tmp_path: Path, name: str, content: bytes, note: str
) -> None:
    out = builds.write_build(tmp_path)
    (out / name).write_bytes(content)
    assert [found for found in summary(out).notes if found.startswith(note) and "\n" not in found]


def test_a_parquet_of_other_columns_is_noted_and_left_out(tmp_path: Path) -> None:
    out = builds.write_build(tmp_path)
    pq.write_table(pa.table({"url": ["http://a.test/"]}), out / "shards" / "00000.parquet")
    shown = summary(out)
    assert shown.notes[0].startswith("shards/00000.parquet is no file of ours: it has no column status, lang")
    assert shown.samples == 3


def test_a_parquet_of_other_types_is_noted_and_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "ledger" / "stage=fetch"
    folder.mkdir(parents=True)
    table = pa.table({name: pa.array([[1]]) for name in ("reason", "url", "caption", "evidence")})
    pq.write_table(table, folder / "part-00000.parquet")
    assert any(
        note.startswith("ledger/stage=fetch/part-00000.parquet cannot") for note in summary(tmp_path).notes
    )


def test_nulls_in_a_sidecar_count_as_nothing_known(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    columns = {
        name: pa.array([None, "success"], pa.string()) for name in ("url", "status", "lang", "text_source")
    }
    sides = {name: pa.array([None, None], pa.int32()) for name in ("original_width", "original_height")}
    table = pa.table(columns | {"licence": pa.array([None, None], pa.string())} | sides)
    pq.write_table(table, tmp_path / "shards" / "00000.parquet")
    shown = summary(tmp_path)
    assert (shown.samples, shown.licences) == (1, (Count("", 1),))
    assert sum(count.n for count in shown.sizes) == 0


@pytest.mark.parametrize(
    ("break_it", "note"),
    [
        (
            lambda out: builds.write_funnel(out, [builds.loss(n) for n in range(4)], 6),
            "funnel.json counts 4 items dropped at fetch, the ledger holds 5",
        ),
        (
            lambda out: builds.write_funnel(out, [builds.loss(n) for n in range(5)], 7),
            "funnel.json counts 7 pairs kept, the shards' parquet files hold 6",
        ),
        (
            lambda out: (out / "shards" / "00001.tar").unlink(),
            "shards/00001.tar is missing, its manifest says 20480 bytes",
        ),
    ],
)
def test_pieces_that_contradict_each_other_are_noted(
    tmp_path: Path, break_it: Callable[[Path], None], note: str
) -> None:
    out = builds.write_build(tmp_path)
    break_it(out)
    assert note in summary(out).notes


def test_notes_are_few_however_much_is_broken(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    for n in range(40):
        (tmp_path / "shards" / f"{n:05d}.parquet").write_bytes(b"")
    notes = summary(tmp_path).notes
    assert len(notes) == folder_.MAX_NOTES + 1
    assert notes[-1] == "and 12 more of this kind"


def test_a_json_file_beyond_all_measure_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_, "MAX_JSON_BYTES", 10)
    builds.write_state(tmp_path)
    assert summary(tmp_path).name == ""


def test_hidden_files_and_folders_are_no_shards(tmp_path: Path) -> None:
    out = builds.write_build(tmp_path)
    (out / "shards" / "._00000.tar").touch()
    (out / "shards" / "00003.tar").mkdir()
    assert summary(out).shards == 2


def test_foreign_texts_are_safe_to_print(tmp_path: Path) -> None:
    hostile = "\x1b]0;owned\x07 \u202eevil\ud800"
    builds.write_ledger(tmp_path, [builds.loss(1, caption=hostile, reason="r\x1b[31m")])
    (example,) = summary(tmp_path).examples
    assert (example.caption, example.reason) == (" ]0;owned   evil?", "r [31m")


def test_counts_of_very_many_hosts_are_told_to_be_lower_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wit_builder.report.totals.MOST_HOSTS", 2)
    builds.add_shard(tmp_path, 0, [builds.sample(n) for n in range(4)])
    builds.write_ledger(tmp_path, [builds.loss(n, reason=f"http_{500 + n}") for n in range(3)])
    notes = summary(tmp_path).notes
    assert "so many hosts failed that their counts are lower bounds" in notes
    assert "so many hosts are in the data set that their counts are lower bounds" in notes
