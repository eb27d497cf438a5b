import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.report import builds
from wit_builder.curation import histogram, tables
from wit_builder.report import as_json, render_text, summary, write_report
from wit_builder.report.folder import Folder
from wit_builder.report.queries import Heavy, _ranked, queries

COUNTS = {"the": (900, 120), "boat": (101, 101), "sea": (100, 100), "evil \x1b[31m": (3, 3), "zebra": (0, 0)}


def build(out: Path, rule: str = "cap", per_query: int | None = 100) -> Path:
    """A build whose queries have these counts, before and after."""
    builds.write_build(out)
    rows = [
        {"entry": entry, "source": "words", "matched": a, "kept": b}
        for entry, (a, b) in sorted(COUNTS.items())
    ]
    table = histogram.SCHEMA.empty_table().from_pylist(rows, schema=histogram.SCHEMA)
    tables.write_parquet(out / "queries.parquet", histogram.balanced(table, rule, per_query))
    return out


def test_a_build_without_queries_says_nothing_of_them(tmp_path: Path) -> None:
    assert summary(builds.write_build(tmp_path)).queries is None
    assert (
        "queries" not in write_report(tmp_path).read_text().partition("Recipe</h2>")[0].partition("<body>")[2]
    )


def test_full_are_those_with_more_pairs_than_a_query_may_bring_in(tmp_path: Path) -> None:
    shown = summary(build(tmp_path)).queries
    assert shown is not None
    assert (shown.entries, shown.never, shown.full, shown.rule, shown.per_query) == (5, 1, 2, "cap", 100)


def test_nothing_is_full_where_nothing_was_balanced(tmp_path: Path) -> None:
    shown = summary(build(tmp_path, "", None)).queries
    assert shown is not None
    assert (shown.full, shown.rule, shown.per_query) == (0, "", None)


def test_the_heaviest_come_first_and_are_safe_to_show(tmp_path: Path) -> None:
    shown = summary(build(tmp_path)).queries
    assert shown is not None
    assert shown.heaviest == (
        Heavy("the", 900, 120),
        Heavy("boat", 101, 101),
        Heavy("sea", 100, 100),
        Heavy("evil  [31m", 3, 3),
    )


def test_the_terminal_json_and_the_page_say_the_same(tmp_path: Path) -> None:
    from rich.console import Console

    file = io.StringIO()
    Console(file=file, width=120).print(render_text(summary(build(tmp_path))))
    said = "5 queries, 1 of them in no caption, 2 with more than 100 pairs"
    assert said in file.getvalue()
    assert said in write_report(tmp_path).read_text()
    assert as_json(summary(tmp_path))["queries"]["heaviest"][0] == {
        "entry": "the",
        "matched": 900,
        "kept": 120,
    }


def test_the_page_has_a_plot_of_the_same_bytes_each_time(tmp_path: Path) -> None:
    out = build(tmp_path)
    first, second = (queries(Folder(out), curve=True) for _ in range(2))
    assert first is not None
    assert first == second
    image = Image.open(io.BytesIO(base64.b64decode(first.curve.partition(",")[2])))
    assert (image.format, image.size[0] > 600) == ("PNG", True)
    assert first.curve in write_report(out).read_text()


@pytest.mark.parametrize("content", [b"", b"no parquet at all"])
def test_a_damaged_file_is_noted(tmp_path: Path, content: bytes) -> None:
    out = build(tmp_path)
    (out / "queries.parquet").write_bytes(content)
    shown = summary(out)
    assert shown.queries is not None
    assert shown.queries.entries == 0
    assert any("queries.parquet cannot be read" in note for note in shown.notes)


def test_ranks_begin_at_one_and_leave_out_what_no_pair_has() -> None:
    ranks, pairs = _ranked(np.array([0, 5, 100, 7, 0]))
    assert (ranks.tolist(), pairs.tolist()) == ([1, 2, 3], [100, 7, 5])
    assert [values.tolist() for values in _ranked(np.zeros(3, np.int64))] == [[], []]


def test_a_long_list_is_drawn_by_few_points_from_the_first_rank_to_the_last() -> None:
    ranks, _ = _ranked(np.arange(1, 100_001))
    assert (ranks[0], ranks[-1], len(ranks) <= 2_000) == (1, 100_000, True)
