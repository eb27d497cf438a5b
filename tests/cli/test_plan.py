"""`wit plan` on a web of ten pictures."""

import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.planning.measured import RATES
from tests.site.told import Say, picture, told

REACH = [
    "--delay",
    "0.02",
    "--allow-network",
    "127.0.0.0/8",
    "--connect-to",
    "*=",
    "--contact",
    "me@example.org",
]


@pytest.fixture
def web():
    with told() as told_web:
        told_web.answers = {f"http://h{n % 2}.test/{n}.png": Say(picture(n)) for n in range(10)}
        yield told_web


@pytest.fixture
def pairs(tmp_path, web):
    """A list of ten pictures and two dead links."""
    urls = [*web.answers, "http://h0.test/gone", "http://h1.test/gone"]
    pq.write_table(pa.table({"url": urls, "caption": ["what is seen"] * 12}), tmp_path / "pairs.parquet")
    return ["plan", "--input", "pairs.parquet", "--connect-to", f"*.test=127.0.0.1:{web.port}", *REACH]


@pytest.fixture
def planned(wit, pairs, tmp_path):
    """A plan, in a file."""
    said = wit(*pairs, "--json", "--quiet")
    assert (said.code, said.err) == (0, "")
    (tmp_path / "plan.json").write_text(said.out)
    return json.loads(said.out)


@pytest.fixture
def rates_file(tmp_path):
    """Rates that somebody measured, alone in a file."""
    (tmp_path / "rates.json").write_text(json.dumps(RATES.as_json()))
    return "rates.json"


def test_a_plan_is_one_object_of_json(planned):
    assert (planned["rates"]["rows"], planned["rates"]["lost"]) == (12, {"http_404": 2})
    assert planned["list"]["heaviest"] == {"h0.test": 6.0, "h1.test": 6.0}
    estimate = planned["estimate"]
    assert (estimate["pairs"]["value"], estimate["storing"]) == (10.0, None)
    assert [fleet["machines"]["count"] for fleet in estimate["fleets"]] == [1, 10, 100, 1_000]
    assert planned["diagnosis"]["kinds"] == {"http_404": 2}


def test_the_rates_of_a_plan_do_without_a_trial(wit, planned, web):
    asked = len(web.asked)
    said = wit("plan", "--input", "pairs.parquet", "--rates", "plan.json", "--json")
    again = json.loads(said.out)
    assert (again["rates"], again["estimate"]["pairs"]) == (planned["rates"], planned["estimate"]["pairs"])
    assert len(web.asked) == asked


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("--size 64", "--size"),
        ("--mode no --format png", "--mode and --format"),
        ("--deadline 30 --connect-to *=", "--deadline and --connect-to"),
        (
            "--sample 5 --contact me@example.org --allow-network 10.0.0.0/8",
            "--sample and --contact and --allow",
        ),
    ],
)
def test_what_only_a_trial_obeys_is_refused_beside_rates(wit, pairs, rates_file, typed, named):
    said = wit("plan", "--input", "pairs.parquet", "--rates", rates_file, *typed.split())
    assert (said.code, f"so that {named}" in said.error) == (2, True)
    kept = ("--delay", "2", "--domain-delay", "1", "--list-rows", "12", "--cores", "2")
    assert wit("plan", "--input", "pairs.parquet", "--rates", rates_file, *kept).code == 0


def test_a_list_is_no_part_of_a_shorter_one(wit, pairs, rates_file):
    said = wit("plan", "--input", "pairs.parquet", "--rates", rates_file, "--list-rows", "11")
    assert (said.code, said.error) == (2, "--list-rows is 11, but the files alone have 12 rows")


def test_a_plan_of_a_long_list_fits_a_terminal(wit, pairs, rates_file):
    typed = [
        "--list-rows",
        "5B",
        "--pairs",
        "2B",
        "--core-hour-price",
        "0.5",
        "--cores",
        "4",
        "--for",
        "build",
    ]
    said = wit("plan", "--input", "pairs.parquet", "--rates", rates_file, *typed)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("2 B pairs from pairs.parquet\n")
    assert re.search(r"^  rows asked for +3\.33 B   3.17 to 3.52 B$", said.out, re.MULTILINE)
    assert re.search(r"^bound[^:]*: politeness of h[01]\.test", said.out, re.MULTILINE)
    assert re.search(r"^  pack( +\S+ \S+){4}$", said.out, re.MULTILINE)
    assert re.search(r"^through a store: \S+ PB read in \S+ B reads, \S+ TB written$", said.out, re.MULTILINE)
    assert re.search(r"^memory: a task of \S+ holds something of each pair, \S+ GB$", said.out, re.MULTILINE)
    assert re.search(r"^  at most 1,000 rows of a host +\S+ \S+ +-99\.9 %$", said.out, re.MULTILINE)
    assert [line for line in said.out.splitlines() if len(line) > 80] == []


def test_a_plan_is_for_the_numbers_of_machines_that_were_asked_for(wit, pairs, rates_file):
    said = wit("plan", "--input", "pairs.parquet", "--rates", rates_file, "--workers", "40,3", "--json")
    assert [fleet["machines"]["count"] for fleet in json.loads(said.out)["estimate"]["fleets"]] == [3, 40]


@pytest.mark.parametrize("typed", ["", "0", "1,1", "1,x", "1,2,3,4,5,6", "1000000000"])
def test_what_is_no_list_of_numbers_of_machines_is_refused(wit, typed):
    said = wit("plan", "--input", "x", "--workers", typed)
    assert (said.code, "--workers" in said.error, "such as 1,10,100" in said.error) == (2, True, True)


def test_a_plan_says_what_it_rests_on(wit, pairs):
    said = wit(*pairs, "--sample", "12")
    assert said.code == 0
    assert "trial: 12 rows, 10 pairs, 83.3 % (51.6 to 97.9 %), " in said.out
    assert "100 % of failed downloads are HTTP 404 or 410 at h0.test and h1.test" in said.out
    assert "price" not in said.out
    assert "fetch: " in said.err


@pytest.mark.parametrize("pairs_", ["400X", "0", "1.5", "1.2345K", "-5", "nan", "1e30", "", "4BB"])
def test_what_is_no_amount_is_refused(wit, pairs_):
    said = wit("plan", "--input", "x", "--pairs", pairs_)
    assert (said.code, "--pairs" in said.error, "no amount, such as 400M" in said.error) == (2, True, True)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("400M", 4e8), ("5b", 5e9), ("1,000", 1e3), ("2.5e3", 2.5e3), ("1.5 K", 1.5e3), ("1.1M", 1.1e6)],
)
def test_amounts_are_typed_as_people_do(typed, meant):
    from wit_builder.cli.plan import _Amount

    assert _Amount().convert(typed, None, None) == meant


def test_more_pairs_than_the_list_has_are_refused(wit, pairs, rates_file):
    said = wit("plan", "--input", "pairs.parquet", "--rates", rates_file, "--pairs", "400M")
    assert (said.code, said.error[:35]) == (2, "the list has 12 rows, asked for wer")
    assert said.hint.startswith("--pairs 12 at most, or --list-rows")
    said = wit("plan", "--input", "pairs.parquet", "--rates", rates_file, "--pairs", "12")
    assert (said.code, said.error[:35]) == (2, "the list has at most 12 rows, of wh")
    assert said.hint.startswith("--pairs 7, or --list-rows")


def test_a_trial_without_a_pair_says_what_failed(wit, pairs, web):
    web.answers = {}
    said = wit(*pairs, "--quiet")
    assert (said.code, said.error) == (1, "not one of 12 rows became a pair")
    assert said.hint.startswith("100 % of failed downloads are HTTP 404 or 410 at h0.test and h1.test: ")


def test_other_peoples_hosts_are_not_asked_by_nobody_knows_whom(wit, pairs, web):
    said = wit("plan", "--input", "pairs.parquet")
    assert (said.code, web.asked) == (2, [])
    assert "where its owner can reach you" in said.error


@pytest.mark.parametrize("content", ["", "[1]", '{"rates": {}}', '{"rates": null}', "\xff", "[" * 200_000])
def test_a_file_that_holds_no_rates_is_refused(wit, tmp_path, content):
    (tmp_path / "bad.json").write_text(content, "latin-1")
    said = wit("plan", "--input", "pairs.parquet", "--rates", "bad.json")
    assert (said.code, "rates" in said.hint) == (2, True)


def test_a_list_that_is_not_there_is_refused(wit):
    said = wit("plan", "--input", "nothing.parquet", "--contact", "me@example.org")
    assert (said.code, "nothing.parquet" in said.error) == (2, True)


def test_what_is_not_all_of_it_is_not_said_to_be():
    from wit_builder.planning.plan import percent

    shares = [1.0, 0.99999, 0.9995, 0.75, 0.0994, 0.00012]
    assert [percent(share) for share in shares] == [
        "100.0 %",
        "99.9 %",
        "99.9 %",
        "75.0 %",
        "9.9 %",
        "0.012 %",
    ]


def test_a_list_that_is_a_part_is_not_said_to_be_read_whole(wit, tmp_path, rates_file):
    urls = [None] * 600 + [f"http://h{n % 7}.test/{n}.jpg" for n in range(400)]
    pq.write_table(pa.table({"url": urls}), tmp_path / "nulls.parquet")
    plan = ["plan", "--input", "nulls.parquet", "--rates", rates_file]
    said = wit(*plan, "--list-rows", "1.5k")
    assert "list: 600 rows with an address, 1,000 read; 60.0 % without\n  heaviest host ±" in said.out
    assert "list: 400 rows with an address, all read; 60.0 % without\ntrial: " in wit(*plan).out


def test_rates_of_a_former_trial_say_what_failed_and_not_why(wit, pairs, rates_file, tmp_path):
    said = wit("plan", "--input", "pairs.parquet", "--rates", rates_file)
    assert "\n  lost: http_404 300, decode 100\n" in said.out
    assert "of failed downloads" not in said.out


def test_nothing_in_a_file_of_rates_reaches_the_terminal_as_it_is(wit, pairs, tmp_path):
    at = "\x1b[31mred\x07"
    rates = RATES.as_json() | {"at": at, "lost": {at: 1, "http_404": 399}}
    (tmp_path / "rates.json").write_text(json.dumps(rates))
    said = wit("plan", "--input", "pairs.parquet", "--rates", "rates.json")
    assert (said.code, "\x07" in said.out, "red" in said.out) == (0, False, True)


def test_a_trial_asks_as_the_planned_command_does(wit, pairs, web, rates_file):
    web.answers["http://h0.test/gone"] = Say(status=503)
    fetch, again = (
        json.loads(wit(*pairs, "--json", "--quiet", *typed).out) for typed in ([], ["--retries", "1"])
    )
    assert [plan["politeness"]["retries"] for plan in (fetch, again)] == [0, 1]
    asked = [plan["rates"]["picture_requests"] for plan in (fetch, again)]
    assert asked == [1.0, pytest.approx(13 / 12)]
    build = wit("plan", "--input", "pairs.parquet", "--for", "build", "--rates", rates_file, "--json")
    assert json.loads(build.out)["politeness"]["retries"] == 3


def test_a_trial_stores_pictures_as_the_planned_command_does(wit, pairs, web):
    web.answers = {url: Say(picture(n)) for n, url in enumerate(web.answers)}
    staged = [
        json.loads(wit(*pairs, "--json", "--quiet", *typed).out)["rates"]["staged"]["mean"]
        for typed in (
            [],
            ["--mode", "border"],
            ["--for", "build"],
            ["--for", "build", "--mode", "keep_ratio"],
        )
    ]
    assert staged[0] == staged[1] > staged[2] == staged[3]


def test_a_build_is_not_planned_of_a_list_without_captions(wit, tmp_path, rates_file):
    (tmp_path / "list.txt").write_text("http://a.test/\n")
    said = wit("plan", "--input", "list.txt", "--for", "build", "--rates", rates_file)
    assert (said.code, said.error[:40]) == (2, "none of the columns is known to hold cap")
    assert wit("plan", "--input", "list.txt", "--rates", rates_file).code == 0


def test_addresses_that_cannot_be_used_are_no_pairs(wit, pairs, web, tmp_path):
    urls = [*web.answers, *(f"http://h0.test:99999/{n}" for n in range(10))]
    pq.write_table(pa.table({"url": urls, "caption": ["what is seen"] * 20}), tmp_path / "pairs.parquet")
    found = json.loads(wit(*pairs, "--json", "--quiet").out)
    assert (found["estimate"]["pairs"]["value"], found["rates"]["lost"]) == (10.0, {"bad_url": 10})
    pq.write_table(pa.table({"url": urls[10:], "caption": ["what is seen"] * 10}), tmp_path / "pairs.parquet")
    said = wit(*pairs, "--quiet")
    assert (said.code, said.error) == (1, "not one of 10 rows became a pair")


def test_without_a_delay_it_is_the_answers_that_one_waits_for(wit, pairs, rates_file):
    said = wit("plan", "--input", "pairs.parquet", "--rates", rates_file, "--delay", "0")
    assert re.search(r"^bound: one request at a time to h[01]\.test \(", said.out, re.MULTILINE)
