import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tests.report import builds
from wit_builder.report import render_text, summary
from wit_builder.report.terminal import bytes_text, percent


def printed(out: Path) -> str:
    console = Console(file=io.StringIO(), width=100, highlight=False)
    console.print(render_text(summary(out)))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_terminal_shows_funnel_hosts_and_failures(tmp_path: Path) -> None:
    text = printed(builds.write_build(tmp_path))
    assert [
        word for word in ("boats", "6 samples", "http_404 5", "host0.test", "gone0.test") if word not in text
    ] == []


def test_a_folder_with_nothing_in_it_yet_prints_its_notes(tmp_path: Path) -> None:
    builds.write_state(tmp_path, "started")
    text = printed(tmp_path)
    assert "0 samples in 0 shards" in text
    assert "note: there is no funnel.json (yet)" in text


def test_foreign_text_is_never_read_as_markup(tmp_path: Path) -> None:
    lost = [builds.loss(0, reason="[bold]shout[/bold]", url="http://[link=x]/")]
    text = printed(builds.write_build(tmp_path, losses=lost))
    assert "[bold]shout[/bold] 1" in text


def test_reasons_beyond_the_first_are_added_up(tmp_path: Path) -> None:
    lost = [builds.loss(n, reason=f"http_{400 + n}") for n in range(14)]
    builds.write_funnel(tmp_path, lost, kept=1)
    assert "2 more 2" in printed(tmp_path)


def test_rich_is_not_imported_before_something_is_rendered() -> None:
    code = "import sys, wit_builder.report; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


@pytest.mark.parametrize(
    ("n", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (2_560_000, "2.6 MB"), (4 * 10**15, "4000.0 TB")],
)
def test_sizes_are_told_in_the_unit_that_fits(n: int, text: str) -> None:
    assert bytes_text(n) == text


@pytest.mark.parametrize(
    ("n", "of", "text"),
    [
        (0, 10, "0.0 %"),
        (1, 3, "33.3 %"),
        (3, 3, "100.0 %"),
        (1, 10**6, "<0.1 %"),
        (10**6 - 1, 10**6, ">99.9 %"),
        (0, 0, ""),
    ],
)
def test_a_share_is_never_rounded_to_none_or_all(n: int, of: int, text: str) -> None:
    assert percent(n, of) == text
