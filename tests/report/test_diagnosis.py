import ast
import io
import json
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

import wit_builder
from tests.report import builds
from wit_builder import report
from wit_builder.report import diagnosis as diagnosis_
from wit_builder.report.diagnosis import KINDS, MANY_HOSTS, by_host, diagnose, kind_of
from wit_builder.report.tally import Count

ERRORS = {"Dropped", "FetchError", "Forbidden", "Transient", "Gone", "ImageError", "refuse"}
AGAIN = "wit retry OUT --only"


def raised(rooms) -> set[str]:
    """Every reason that stands in these rooms as an error's first argument; HTTP's are made from the code."""
    found = set()
    for room in rooms:
        for path in Path(wit_builder.__file__).parent.joinpath(room).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call) or not node.args:
                    continue
                if getattr(node.func, "id", getattr(node.func, "attr", "")) in ERRORS:
                    reason = node.args[0]
                    found |= {reason.value} if isinstance(reason, ast.Constant) else set()
    return found


def told(failures: dict[tuple[str, str], int], kept: int = 0) -> tuple[str, ...]:
    """The sentences about so many failures at (host, reason)."""
    hosts = by_host(pair for pair, n in failures.items() for _ in range(n))
    return diagnose(sum(hosts.values(), Counter()), hosts, kept, AGAIN).sentences


def spread(reason: str, hosts: int, each: int = 1) -> dict[tuple[str, str], int]:
    return {(f"{reason}{n}.test", reason): each for n in range(hosts)}


def test_every_reason_a_download_can_fail_for_has_a_kind() -> None:
    reasons = raised(["web", "fetch", "images"])
    assert {"dns", "image_crash", "opt_out_tdmrep", "tdmrep_unreachable"} <= reasons
    assert reasons - set(KINDS) == set()


def test_every_kind_has_its_sentence() -> None:
    causes = {diagnosis_._cause(kind_of(reason)) for reason in [*KINDS, "http_404", "image_too_small"]}
    http = {diagnosis_._cause(f"http_{code}") for code in range(300, 600)}
    assert causes | http == set(diagnosis_._CAUSES)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("http_404", "http_404"),
        ("http_40", "filter"),
        ("decode_error", "decode"),
        ("image_too_small", "filter"),
    ],
)
def test_http_answers_are_told_apart_by_code_and_what_nobody_knows_is_a_filters(reason, kind) -> None:
    assert kind_of(reason) == kind


def test_nothing_is_said_where_nothing_failed() -> None:
    assert diagnose({}, {}, 5) == diagnosis_.Diagnosis((), ())


def test_names_of_many_hosts_that_do_not_resolve_are_a_broken_resolver() -> None:
    (sentence,) = told(spread("dns", 92) | spread("http_404", 4) | {("a.test", "timeout"): 4}, kept=300)[:1]
    assert sentence.startswith("92 % of failed downloads are DNS at 92 hosts: more than dead domains explain")
    assert f"`{AGAIN} dns`" in sentence


@pytest.mark.parametrize(
    ("hosts", "kept", "broken"),
    [(MANY_HOSTS, 80, True), (MANY_HOSTS, 81, False), (MANY_HOSTS - 1, 0, False)],
)
def test_few_hosts_or_a_usual_share_are_dead_domains(hosts: int, kept: int, broken: bool) -> None:
    (sentence,) = told(spread("dns", hosts) | ({} if broken else {("x.test", "tls"): 1}), kept)[:1]
    assert ("resolver" in sentence) == broken
    assert ("these domains are gone" in sentence) != broken


def test_where_no_name_at_all_resolves_it_is_the_network() -> None:
    assert "no name resolves; check this machine's network" in told(spread("dns", 2))[0]


def test_a_single_name_that_does_not_resolve_says_nothing_of_the_network() -> None:
    assert told(spread("dns", 1, 3)) == (
        "100 % of failed downloads are DNS at dns0.test: these domains are gone, as some of every list are; "
        "nothing can be done",
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("timeout", "this machine's line is slow or full"),
        ("connect", "something on the way cuts connections"),
        ("tls", "this machine's clock and its CA certificates"),
    ],
)
def test_what_fails_everywhere_is_this_machines_and_what_fails_at_few_is_theirs(reason, words) -> None:
    assert words in told(spread(reason, MANY_HOSTS))[0]
    assert words not in told(spread(reason, MANY_HOSTS - 1))[0]
    assert words not in told(spread(reason, MANY_HOSTS), kept=1000)[0]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("http_410", "HTTP 404 or 410 at a.test: the pictures are gone"),
        ("http_403", "HTTP 401, 403 or 451 at a.test: these hosts refuse us"),
        ("http_429", f"with a longer delay `{AGAIN} http_429`"),
        ("http_502", f"some other day `{AGAIN} http_502`"),
        ("robots_unreachable", "not knowing is not permission"),
        ("robots", "do not want them fetched"),
        ("opt_out_tdmrep", "their owners reserve these pictures"),
        ("image_too_small", "the filters you chose refuse them"),
        ("network_refused", "allow_network"),
        ("hash_mismatch", "have changed since the list was made"),
        ("no_url", "the list is at fault"),
    ],
)
def test_each_cause_says_what_it_means(reason: str, words: str) -> None:
    assert words in told({("a.test", reason): 3})[0]


def test_kinds_are_counted_the_most_frequent_first() -> None:
    found = diagnose({"robots": 1, "dns": 9, "connect": 1, "truncated": 1}, {}, 900, AGAIN)
    assert found.kinds == (Count("dns", 9), Count("connect", 2), Count("robots", 1))


def test_a_retry_names_the_reasons_of_its_cause() -> None:
    failures = {("a.test", "http_503"): 10, ("a.test", "http_429"): 89}
    assert f"`{AGAIN} http_429,http_503`" in told(failures)[0]


def test_what_wants_another_delay_or_deadline_is_asked_with_it_where_the_command_has_such() -> None:
    for reason, more in (("http_429", "--delay 10"), ("timeout", "--deadline 120"), ("http_502", "")):
        (said,) = diagnose({reason: 1}, {}, 0, AGAIN, once=True).sentences
        assert said.endswith(f"`{AGAIN} {reason} {more}`".replace(" `", "`"))


def test_without_a_command_the_words_say_it() -> None:
    assert diagnose({"timeout": 1}, {}, 0).sentences[0].endswith("with a longer deadline, fetch them again")


def test_one_host_with_most_of_the_failures_is_named() -> None:
    failures = {("big.test", "http_403"): 50} | spread("http_404", 50)
    assert told(failures)[-1].startswith(
        "big.test alone has 50 % of the failed downloads, most often http_403"
    )
    assert "alone" not in "".join(told(failures | {("c.test", "dns"): 1}))


@pytest.mark.parametrize("failures", [{("a.test", "dns"): 99}, {("a.test", "dns"): 9, ("b.test", "dns"): 1}])
def test_one_host_is_not_named_where_it_is_the_only_one_or_has_few(failures) -> None:
    assert "alone" not in "".join(told(failures))


def test_what_is_rare_is_left_to_the_tables() -> None:
    assert len(told(spread("http_404", 96) | spread("dns", 4))) == 1
    many = {(f"{reason}.test", reason): 10 for reason in KINDS}
    assert len(told(many)) == diagnosis_.SENTENCES


def test_foreign_host_names_are_safe_to_print() -> None:
    assert "\x1b" not in told({("\x1b[31m.test", "dns"): 20, ("b.test", "dns"): 1})[0]


def test_the_hosts_that_are_told_apart_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis_, "MOST_HOSTS", 10)
    pairs = [("often.test", "dns")] * 5 + [(f"{n}.test", "dns") for n in range(100)]
    hosts = by_host(pairs)
    assert len(hosts) <= 10
    assert hosts["often.test"] == {"dns": 5}


def test_a_build_shows_its_diagnosis_on_the_terminal_in_json_and_in_the_report(tmp_path: Path) -> None:
    out = builds.write_build(tmp_path / "a build")
    console = Console(file=io.StringIO(), width=300)
    shown = report.summary(out)
    console.print(report.render_text(shown))
    (sentence,) = report.diagnosed(out).sentences
    assert sentence.startswith("100 % of failed downloads are HTTP 404 or 410 at gone0.test and gone1.test: ")
    assert sentence in console.file.getvalue()  # type: ignore[attr-defined]
    assert json.loads(json.dumps(report.as_json(shown)))["diagnosis"] == {
        "kinds": {"http_404": 5},
        "sentences": [sentence],
    }
    assert "the pictures are gone" in report.write_report(out).read_text()


def test_the_command_in_a_diagnosis_can_be_typed(tmp_path: Path) -> None:
    lost = [builds.loss(n, reason="timeout") for n in range(5)]
    (sentence,) = report.diagnosed(builds.write_build(tmp_path / "a build", losses=lost)).sentences
    assert sentence.endswith(f"`wit retry '{tmp_path}/a build' --only timeout --deadline 120`")


def test_only_failed_downloads_are_diagnosed(tmp_path: Path) -> None:
    lost = [builds.loss(1, stage) for stage in ("pages", "clean")]
    assert report.diagnosed(builds.write_build(tmp_path, losses=lost)).sentences == ()
