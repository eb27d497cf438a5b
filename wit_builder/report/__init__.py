"""What one sees of a build: a summary, its text for the terminal, and OUT/report.html.

Reads the published files of OUT only, finished or not. What is missing or damaged becomes a note beside the
rest, never a traceback.
"""

from pathlib import Path

from wit_builder.place import Place
from wit_builder.report.fetched import Fetched, fetched, is_fetched
from wit_builder.report.folder import REPORT
from wit_builder.report.terminal import render_fetched, render_text
from wit_builder.report.totals import Summary, as_json, diagnosed, summary

__all__ = [
    "REPORT",
    "Fetched",
    "Summary",
    "as_json",
    "diagnosed",
    "fetched",
    "is_fetched",
    "render_fetched",
    "render_text",
    "summary",
    "write_report",
]


def write_report(out: Path | Place) -> Path:
    """See page.py, which brings template engine and image decoders: only who draws it need wait for them."""
    from wit_builder.report import page

    return page.write_report(out)
