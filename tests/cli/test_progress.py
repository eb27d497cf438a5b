"""What the displays make of what a build tells them."""

import json

import pytest

from wit_builder.build import STAGES
from wit_builder.cli import progress
from wit_builder.cli.progress import (
    STEPS,
    Follower,
    JsonLines,
    Lines,
    Stage,
    clock,
    how_far,
    lost,
    many,
    shortened,
)
from wit_builder.ledger import STAGES as FUNNEL
from wit_builder.ledger import Funnel


class Clock:
    """Time that goes on when told to."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Clock()


FETCHED = {"done": 30, "total": 100, "kept": 20, "lost dns": 4, "lost timeout": 6, "lost tls": 0}
CRAWLED = {"depth": 2, "pages": 40, "dropped": 10, "candidates": 90, "waiting": 7}


def stage(time, name="fetch", counts=FETCHED, tasks=1, step=None):
    made = Stage(name, time)
    made.begin(step or name, tasks)
    made.tell(counts, 0)
    return made


def test_a_stage_waits_runs_and_ends(time):
    made = Stage("fetch", time)
    states = [made.state]
    made.begin("fetch", 1)
    states.append(made.state)
    made.end(None)
    assert [*states, made.state] == ["waiting", "running", "ended"]


def test_a_stage_takes_from_its_first_step_to_its_end(time):
    made = Stage("select", time)
    taken = [made.seconds]
    for step in ("select-judge", "select-unique"):
        made.begin(step, 1)
        time.now += 3
    taken.append(made.seconds)
    made.end(None)
    time.now += 99
    assert [*taken, made.seconds] == [0, 6, 6]


def test_counts_of_downloads_are_understood(time):
    made = stage(time)
    assert (made.done, made.kept, made.lost, made.share) == (30, 20, 10, 0.3)
    assert made.reasons == [("timeout", 6), ("dns", 4)]


def test_counts_of_a_crawl_are_understood(time):
    made = stage(time, "collect", CRAWLED)
    assert (made.done, made.kept, made.lost, made.share) == (50, 40, 10, None)


def test_steps_without_counts_are_measured_by_tasks(time):
    made = stage(time, "clean", {}, tasks=4, step="clean-exact")
    made.tell({}, 2)
    assert (made.kept, made.lost, made.share) == (None, None, (2 + 2 / 4) / len(STEPS["clean"]))


def test_of_many_tasks_those_that_have_not_begun_count_too(time):
    made = stage(time, counts={"done": 50, "total": 100}, tasks=10)
    assert made.share == 1 / 10
    made.tell({"done": 95, "total": 100}, 9)
    assert made.share == 0.95


def test_the_rate_is_of_the_last_seconds_and_not_of_an_earlier_run(time):
    made = stage(time, counts={"done": 1000, "total": 3000})
    assert (made.rate, made.eta_s) == (0.0, None)
    time.now += 2
    made.tell({"done": 1100, "total": 3000}, 0)
    assert made.rate == 50.0
    assert made.eta_s == pytest.approx(1900 / 50)


def test_an_old_rate_is_forgotten(time):
    made = stage(time, counts={"done": 0, "total": 3000})
    for second in range(1, 31):
        time.now += 1
        made.tell({"done": 100 if second < 10 else 100 + second, "total": 3000}, 0)
    assert made.rate == 1.0


def test_nothing_is_left_of_what_is_through(time):
    made = stage(time, counts={"done": 1, "total": 100})
    time.now += 5
    made.tell({"done": 100, "total": 100}, 1)
    made.end(None)
    assert (made.eta_s, made.rate, made.share) == (None, 0.0, 1.0)


def test_a_task_that_is_stopped_takes_nothing_back_from_what_is_shown(time):
    made = stage(time)
    made.tell(dict.fromkeys(FETCHED, 0), 0)
    assert made.counts["done"] == 30


def funnel():
    found = Funnel()
    found["pages"].kept, found["extract"].kept, found["select"].kept = 40, 88, 60
    found["pages"].drop("robots", 9)
    found["pages"].drop("dns", 1)
    found["extract"].drop("no_text", 2)
    found["select"].drop("url_icon", 28)
    return found


def test_what_has_ended_shows_the_funnel(time):
    made = stage(time, "collect", CRAWLED | {"pages": 39})
    made.end(funnel())
    assert (made.kept, made.lost) == (40, 10)
    assert made.reasons == [("robots", 9), ("no_text", 2), ("dns", 1)]


@pytest.mark.parametrize("name", STAGES[:-1])
def test_every_stage_but_the_last_has_its_part_of_the_funnel(time, name):
    whole = Funnel()
    for part in FUNNEL:
        whole[part].kept = 1
    made = stage(time, name, {})
    made.end(whole)
    assert made.kept == 1


@pytest.mark.parametrize(
    ("name", "counts", "words"),
    [
        ("collect", CRAWLED, "40 pages, 90 pairs found, 7 pages waiting, depth 2"),
        ("fetch", FETCHED, "30 of 100, 20 kept"),
        ("pack", {}, "0 of 1 task"),
    ],
)
def test_how_far_a_stage_is_in_words(time, name, counts, words):
    assert how_far(stage(time, name, counts)) == words


def test_rate_and_time_left_in_words(time):
    made = stage(time)
    time.now += 2
    made.tell(FETCHED | {"done": 40}, 0)
    assert how_far(made) == "40 of 100, 20 kept, 5 a second, about 0:12 left"


def test_what_was_lost_in_words(time):
    assert lost(stage(time), 60) == "10 lost: timeout 6, dns 4"
    assert lost(stage(time, counts={"done": 1}), 60) == ""


REASONS = [("duplicate_pair", 1200), ("robots", 30), ("dns", 1)]


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (38, "duplicate_pair 1,200, robots 30, dns 1"),
        (37, "duplicate_pair 1,200, 2 more reasons"),
        (0, "duplicate_pair 1,200, 2 more reasons"),
    ],
)
def test_reasons_are_cut_to_the_width(width, text):
    assert shortened(REASONS, width) == text


def test_one_more_reason_is_no_reasons():
    assert shortened(REASONS[1:], 10) == "robots 30, 1 more reason"
    assert shortened([], 10) == ""


@pytest.mark.parametrize(
    ("n", "text"), [(0, "0 pages"), (1, "1 page"), (2, "2 pages"), (2000, "2,000 pages")]
)
def test_one_is_not_many(n, text):
    assert many(n, "page") == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.9, "0:59"), (60, "1:00"), (3599, "59:59"), (3600, "1:00:00")]
)
def test_seconds_as_a_clock(seconds, text):
    assert clock(seconds) == text


def build(follower, time, out=None):
    """What a build tells whoever follows it: two stages."""
    with follower:
        tell = follower.stage("collect", 1)
        time.now += follower.every_s - 0.1
        tell(CRAWLED, 0)
        time.now += 0.2
        tell(CRAWLED | {"pages": 60}, 0)
        if out:
            (out / "funnel.json").write_text(json.dumps(funnel().as_json()))
        follower.stage("select-judge", 1)({}, 1)
        follower.stage("select-unique", 1)({}, 1)


def test_plain_lines_say_each_stage_and_what_it_lost(time, tmp_path, capsys):
    build(Lines(STAGES, tmp_path, time), time, tmp_path)
    assert capsys.readouterr().err.splitlines() == [
        "collect: find images and texts",
        "collect: 60 pages, 90 pairs found, 7 pages waiting, depth 2",
        "  pages: 50 seen, 40 kept, 10 lost (robots 9, dns 1)",
        "  extract: 90 seen, 88 kept, 2 lost (no_text 2)",
        "select: filter, deduplicate",
        "  select: 88 seen, 60 kept, 28 lost (url_icon 28)",
    ]


def test_json_lines_are_json(time, tmp_path, capsys):
    follower = JsonLines(STAGES, tmp_path, time)
    build(follower, time, tmp_path)
    follower.say("next: this")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line.get("stage") for line in lines] == [
        "collect",
        "collect",
        "collect",
        "select",
        "select",
        None,
    ]
    assert lines[1]["counts"]["pages"] == 60
    assert lines[2]["funnel"]["pages"] == {"seen": 50, "kept": 40, "dropped": {"robots": 9, "dns": 1}}
    assert lines[-1] == {"note": "next: this"}


def test_quiet_says_nothing(time, tmp_path, capsys):
    follower = Follower(STAGES, tmp_path, time)
    build(follower, time, tmp_path)
    follower.say("next: this")
    assert capsys.readouterr() == ("", "")


def test_a_retry_does_not_show_the_funnel_of_the_build_before(time, capsys):
    build(Lines(STAGES, None, time), time)
    assert "seen" not in capsys.readouterr().err


def test_a_stage_that_fails_has_not_ended(time, tmp_path, capsys):
    with pytest.raises(ValueError), Lines(STAGES, tmp_path, time) as follower:
        follower.stage("pack-write", 1)
        (tmp_path / "funnel.json").write_text(json.dumps(funnel().as_json()))
        raise ValueError
    assert capsys.readouterr().err == "pack: write shards\n"


def test_an_unknown_stage_is_followed_too(time, capsys):
    with Lines(("collect",), None, time) as follower:
        follower.stage("train", 2)({}, 1)
    assert follower.stages["train"].state == "ended"


@pytest.mark.parametrize(
    ("how", "kind"),
    [({"quiet": True, "json": True}, "Follower"), ({"quiet": False, "json": True}, "JsonLines")],
)
def test_quiet_wins_over_json(how, kind):
    assert type(progress.watcher(stages=STAGES, **how)).__name__ == kind


@pytest.mark.parametrize(
    ("terminal", "term", "kind"),
    [(True, "xterm", "Table"), (True, "dumb", "Lines"), (False, "xterm", "Lines")],
)
def test_a_table_needs_a_terminal(monkeypatch, terminal, term, kind):
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert type(progress.watcher(quiet=False, json=False, stages=STAGES)).__name__ == kind
