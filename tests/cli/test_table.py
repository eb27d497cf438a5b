"""The live table, on a console made up for it."""

import io
import json

import pytest
from rich.console import Console

from tests.cli.test_progress import CRAWLED, FETCHED, Clock, funnel
from wit_builder.build import STAGES
from wit_builder.cli.table import Table


@pytest.fixture
def screen():
    return io.StringIO()


@pytest.fixture
def time():
    return Clock()


@pytest.fixture
def table(screen, time, tmp_path):
    console = Console(file=screen, width=80, force_terminal=True, color_system=None)
    return Table(STAGES, tmp_path, time, console=console)


def rows(table):
    """The lines of the table, spaces folded."""
    console = Console(file=io.StringIO(), width=80)
    with console.capture() as shown:
        console.print(table.render())
    lines = [
        " ".join(line.replace("━", "").replace("╸", "").replace("╺", "").split())
        for line in shown.get().splitlines()
    ]
    return [line for line in lines if line]


def test_all_stages_are_there_from_the_beginning(table):
    assert rows(table) == [
        "stage kept lost per s time",
        "collect find images and texts",
        "select filter, deduplicate",
        "fetch download images",
        "clean filter, deduplicate",
        "pack write shards",
    ]


def test_the_present_stage_shows_counts_rate_time_and_reasons(table, time):
    tell = table.stage("fetch", 1)
    tell(FETCHED, 0)
    time.now += 2
    tell(FETCHED | {"done": 40}, 0)
    shown = rows(table)
    assert shown[3] == "fetch download images 20 pairs 10 5 0:02"
    assert shown[-2:] == ["40 of 100, 20 kept, 5 a second, about 0:12 left", "10 lost: timeout 6, dns 4"]


def test_a_stage_that_has_ended_shows_what_the_funnel_has(table, tmp_path):
    table.stage("collect", 1)(CRAWLED, 0)
    (tmp_path / "funnel.json").write_text(json.dumps(funnel().as_json()))
    table.stage("select-judge", 1)
    assert rows(table)[1:3] == [
        "collect find images and texts 40 pages 10 0:00",
        "select filter, deduplicate 0:00",
    ]


def test_shards_are_counted(table):
    tell = table.stage("pack-write", 7)
    tell({}, 3)
    before = rows(table)[5]
    table.now.end(None)
    assert (before, rows(table)[5]) == ("pack write shards 3 shards 0:00", "pack write shards 7 shards 0:00")


@pytest.mark.parametrize("width", [80, 60, 40])
def test_no_line_is_wider_than_the_terminal(table, width):
    table._console.width = width
    reasons = {f"lost a_very_long_reason_{n:03d}": 10**9 + n for n in range(40)}
    table.stage("fetch", 1)({"done": 10**12, "total": 10**13, "kept": 10**12} | reasons, 0)
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as shown:
        console.print(table.render())
    lines = shown.get().splitlines()
    assert (max(map(len, lines)) <= width, len(lines)) == (True, 9)


def test_a_narrow_terminal_is_not_told_what_a_stage_does(table):
    table._console.width = 75
    assert rows(table)[:2] == ["stage kept lost per s time", "collect"]
    table._console.width = 76
    assert rows(table)[1] == "collect find images and texts"


def test_it_goes_when_all_went_well_and_stays_when_not(table, screen):
    with table:
        table.stage("collect", 1)
    assert (table._live.transient, table.now.state) == (True, "ended")
    with pytest.raises(ValueError), table:
        raise ValueError
    assert not table._live.transient


def test_what_is_said_stays_one_line_that_can_be_copied(table, screen):
    command = "go on with: wit build crawl " + "--seeds https://example.org/ " * 9
    with table:
        table.say(command)
    assert command in screen.getvalue()


def test_brackets_in_what_is_said_are_no_markup(table, screen):
    table.say("wit show '[red]out[/red]'")
    assert "wit show '[red]out[/red]'" in screen.getvalue()
