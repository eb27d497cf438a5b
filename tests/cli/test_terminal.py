"""A build on a real terminal (a pseudo one)."""

import re

import pytest

from tests.cli.processes import on_terminal

REFUSED = ["build", "crawl", "--seeds", "http://localhost/", "--until", "collect"]  # loopback is not allowed
COLOUR = re.compile(r"\x1b\[(?:[\d;]*;)?(?:3[0-8]|9[0-7])(?:;[\d;]*)?m")


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What a crawl of a host that must not be asked writes to a terminal."""
    folder = tmp_path_factory.mktemp("terminal")
    return on_terminal(*REFUSED, cwd=folder)


def test_the_table_shows_the_stages_until_the_last_one_wanted(shown):
    text, code = shown
    assert code == 1
    assert "find images and texts" in text
    assert "download images" not in text


def test_the_cursor_is_there_again(shown):
    assert shown[0].rfind("\x1b[?25h") > shown[0].rfind("\x1b[?25l") > -1


def test_the_error_stands_below_the_table_in_red(shown):
    last = shown[0].rpartition("\x1b[?25h")[2]
    assert "no page could be read from the seeds http://localhost/" in last
    assert COLOUR.search(last)


@pytest.mark.parametrize("typed", [REFUSED, ["shwo"]])
def test_no_color_is_honoured_on_a_terminal(tmp_path, typed):
    text, _ = on_terminal(*typed, cwd=tmp_path, NO_COLOR="1")
    assert "error: " in text
    assert not COLOUR.search(text)


def test_a_dumb_terminal_gets_plain_lines(tmp_path):
    text, _ = on_terminal(*REFUSED, cwd=tmp_path, TERM="dumb")
    assert text.startswith("collect: find images and texts\r\n")
