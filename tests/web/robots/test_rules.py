"""What a robots.txt permits: RFC 9309's facts, real files in bulk, hostile ones."""

import gzip
import json
import time
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protego import Protego

from tests.shared_data import shared_data
from tests.web.robots.gates import ADDRESS, rules, verdict
from wit_builder.web.robots import (
    MAX_PARSED,
    RobotsAnswer,
)
from wit_builder.web.url import normalise

# (test, agent, url) of facts that we do not share, and why.
NOT_SHARED = {
    # Google's function is handed escaped URLs only and compares octets. RFC 9309 2.2.2 escapes and unescapes
    # both sides first; its own table has these three as matches.
    ("ID_Encoding", "FooBot", "http://foo.bar/foo/bar/\u30c4"): 2,
    ("ID_Encoding", "FooBot", "http://foo.bar/foo/bar/baz"): 1,
    # Google lets no agent with a space match. Ours is a product token; of any other text the token counts.
    ("GoogleOnly_AcceptUserAgentUpToFirstSpace", "Foo Bar", "http://foo.bar/x/y"): 1,
    # protego matches "hedwig" to any agent that begins so. RFC 9309 2.2.1 wants the whole product token.
    ("test_user_agent_precedence", "hedwig-news2", "/group1"): 1,
    ("test_user_agent_precedence", "hedwig-new", "/group2"): 1,
    ("test_user_agent_precedence", "hedwig-new", "/group3"): 1,
    ("test_user_agent_precedence", "hedwig-images", "/group2"): 1,
    ("test_user_agent_precedence", "hedwig-images", "/group3"): 1,
}

# They begin with a byte order mark, which the libraries that gave the verdicts took for a letter, and so lost
# the first group. We read it, and are never laxer there.
MARKED_HOSTS = {"www.gallup.com", "www.mathway.com", "www.sdu.dk"}


def test_every_rfc_9309_fact_holds_but_the_listed_ones() -> None:
    facts = json.loads(shared_data("conformance/robots/facts.json").read_text())
    wrong: dict[tuple[str, str, str], int] = {}
    for f in facts:
        if rules(f["robots"], f["agent"]).allow(f["url"]) != f["allowed"]:
            key = f["test"], f["agent"], f["url"]
            wrong[key] = wrong.get(key, 0) + 1
    assert len(facts) > 300
    assert wrong == NOT_SHARED


def real_files() -> dict[str, bytes]:
    with zipfile.ZipFile(shared_data("conformance/robots/real-robots.zip")) as files:
        return {name.removesuffix(".txt"): files.read(name) for name in files.namelist()}


def test_real_files_get_the_verdicts_that_two_libraries_agree_on() -> None:
    files, read = real_files(), {}
    wrong = []
    with gzip.open(shared_data("conformance/robots/real-robots-verdicts.jsonl.gz"), "rt") as lines:
        for v in map(json.loads, lines):
            key = v["host"], v["agent"]
            if key not in read:
                read[key] = rules(files[v["host"]], v["agent"])
            if read[key].allow(v["url"]) != v["allowed"]:
                wrong.append(v)
    assert {v["host"] for v in wrong} == MARKED_HOSTS
    assert all(v["allowed"] for v in wrong)


def test_real_files_keep_their_crawl_delay_as_protego_reads_it() -> None:
    files = {host: body for host, body in real_files().items() if b"\xef\xbb\xbf" not in body}
    ours = {host: rules(body).crawl_delay for host, body in files.items()}
    protego = {h: Protego.parse(b.decode("utf-8", "replace")) for h, b in files.items()}
    asked = {
        h: p.crawl_delay("wit-builder") for h, p in protego.items() if p.request_rate("wit-builder") is None
    }
    assert {h: ours[h] for h in asked} == asked
    assert sum(delay is not None for delay in asked.values()) > 20


GROUPS = """
User-agent: *
Disallow: /

User-agent: wit
User-agent: wit-builder-images
Disallow: /a

User-agent: WIT-Builder/2.0
# a comment
Sitemap: http://a.test/s.xml
Content-Signal: ai-train=no
User-agent: other # as well
Disallow: /b

User-agent: wit-builder
Disallow: /c
"""


@pytest.mark.parametrize(("path", "allowed"), [("/a", True), ("/b", False), ("/c", False), ("/", True)])
def test_all_groups_of_our_whole_product_token_count_and_no_others(path: str, allowed: bool) -> None:
    assert rules(GROUPS).allow(f"http://a.test{path}") is allowed


@pytest.mark.parametrize(("agent", "allowed"), [("wit", True), ("other", True), ("nobody", False)])
def test_the_star_group_speaks_to_those_that_no_group_names(agent: str, allowed: bool) -> None:
    assert rules(GROUPS, agent).allow("http://a.test/d") is allowed


def test_a_group_without_rules_allows_everything_to_those_it_names() -> None:
    found = rules("User-agent: wit-builder\nDisallow:\n\nUser-agent: *\nDisallow: /")
    assert (found.allow("http://a.test/x"), found.matcher) == (True, None)


@pytest.mark.parametrize("wish", ["Crawl-delay: 5", "Request-rate: 1/5"])
def test_only_a_rule_ends_the_naming_of_agents(wish: str) -> None:
    text = f"User-agent: *\n{wish}\n\nUser-agent: bad\nDisallow: /x\n"
    assert not rules(text).allow("http://a.test/x")
    assert rules(text).allow("http://a.test/y")
    assert rules(f"{text}\nUser-agent: worse\nDisallow: /y").allow("http://a.test/y")


def test_a_crawl_delay_is_for_those_named_right_before_it() -> None:
    text = "User-agent: *\nCrawl-delay: 5\n\nUser-agent: bad\nCrawl-delay: 9\nDisallow: /"
    assert rules(text).crawl_delay == 5.0
    assert rules("User-agent: *\nUser-agent: bad\nDisallow: /x\nCrawl-delay: 7").crawl_delay == 7.0


@pytest.mark.parametrize(
    "line",
    [
        "Disallow: /x",
        "disallow:/x",
        "DISALLOW /x",
        "Dissalow : /x # no",
        "\ufeff\t Disallow:\t/x\t",
        "Disallow: /x$",
    ],
)
def test_a_rule_is_read_in_the_spellings_owners_use(line: str) -> None:
    assert not rules(f"useragent *\r{line}\r").allow("http://a.test/x")
    assert rules(f"useragent *\r{line}\r").allow("http://a.test/y")


@pytest.mark.parametrize(
    "line", ["Disallowed: /x", "Disallow", "Noindex: /x", "# Disallow: /x", "allowance /x"]
)
def test_what_is_no_rule_is_passed_over(line: str) -> None:
    assert rules(f"User-agent: *\n{line}\n").allow("http://a.test/x")


@pytest.mark.parametrize(
    ("agent", "ours"),
    [
        ("*", True),
        ("* all", True),
        ("wit-builder", True),
        ("Wit-Builder/1.0 (x)", True),
        ("*wit-builder*", True),
        ("wit", False),
        ("wit-builder-x", False),
        ("", False),
        ("\u4e2d", False),
    ],
)
def test_an_agent_line_speaks_to_us_by_product_token(agent: str, ours: bool) -> None:
    assert rules(f"User-agent: {agent}\nDisallow: /").allow("http://a.test/x") is not ours


@pytest.mark.parametrize(
    ("pattern", "path", "allowed"),
    [
        ("/caf\u00e9", "/caf%C3%A9", False),
        ("/caf%c3%a9", "/caf%C3%A9", False),
        ("/a%2Fb", "/a/b", True),
        ("/*.jpg$", "/x.jpg", False),
        ("/*.jpg$", "/x.jpg?w=1", True),
        ("/x?id=", "/x?id=1", False),
        ("/x", "/X", True),
        ("/a\u2028allow: /", "/a%E2%80%A8allow:%20/b", False),
        ("/a\u2028allow: /", "/a", True),
    ],
)
def test_a_pattern_is_compared_octet_by_octet(pattern: str, path: str, allowed: bool) -> None:
    assert rules(f"User-agent: *\nDisallow: {pattern}\n").allow(f"http://a.test{path}") is allowed


def test_the_longest_rule_decides_and_allow_wins_a_tie() -> None:
    found = rules("User-agent: *\nDisallow: /a\nAllow: /a/b\nDisallow: /a/b/c\nAllow: /d\nDisallow: /d")
    paths = ("/a", "/a/b", "/a/b/c", "/d")
    assert [found.allow(f"http://a.test{path}") for path in paths] == [False, True, False, True]


def test_who_allows_an_index_page_allows_its_folder_which_the_rfc_does_not_say() -> None:
    found = rules("User-agent: *\nDisallow: /a\nAllow: /a/index.html")
    assert [found.allow(f"http://a.test{path}") for path in ("/a/", "/a/x", "/a")] == [True, False, False]


def test_robots_txt_itself_is_always_allowed() -> None:
    assert rules("User-agent: *\nDisallow: /").allow(ADDRESS)


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "latin-1", "cp1251"])
def test_a_robots_txt_in_another_charset_is_obeyed(codec: str) -> None:
    found = rules("User-agent: *\nDisallow: /x\n# \u00ab\u00bb\n".encode(codec))
    assert (found.allow("http://a.test/x"), found.allow("http://a.test/y")) == (False, True)


def test_a_web_page_in_its_place_states_no_wish() -> None:
    page = (
        b"<!DOCTYPE html><html><head><title>Allow: all</title></head><body>User-agent: *<p>Disallow: /</html>"
    )
    assert verdict(RobotsAnswer(200, page)) == "allowed"


def test_500_kib_are_parsed_and_the_line_that_is_cut_is_not() -> None:
    head = b"User-agent: *\nAllow: /xy\nDisallow: /x"
    body = b"#" * (MAX_PARSED - len(head) - 1) + b"\n" + head
    assert not rules(body).allow("http://a.test/x")
    assert not rules(body + b"\n").allow("http://a.test/x")
    assert rules(body + b"yz\n").allow("http://a.test/x")


def test_many_agents_times_many_rules_take_neither_time_nor_memory() -> None:
    agents = "".join(f"User-agent: {n}\n" for n in range(16_000))
    started = time.perf_counter()
    found = rules(
        agents + "User-agent: *\n" + "".join(f"Allow: /{n}\n" for n in range(16_000)) + "Disallow: /"
    )
    assert time.perf_counter() - started < 10.0  # 0.1 s here; protego by itself needs minutes and 16 GB
    assert not found.allow("http://a.test/x")


def test_a_file_full_of_wildcards_is_matched_in_bounded_time() -> None:
    found = rules("User-agent: *\n" + "Disallow: /*a*b*a*b*c\n" * 20_000)
    started = time.perf_counter()
    assert found.allow("http://a.test/" + "ab" * 2000)
    assert time.perf_counter() - started < 0.5  # 13 ms here


@given(st.binary(max_size=300))
def test_no_bytes_make_reading_fail(body: bytes) -> None:
    assert isinstance(rules(b"User-agent: *\nDisallow: " + body).allow("http://a.test/x"), bool)


LINE = st.one_of(
    st.sampled_from(
        ["User-agent: *", "User-agent: wit-builder", "User-agent: bad", "Crawl-delay: 3", "Foo: 1", ""]
    ),
    st.builds("{}: /{}".format, st.sampled_from(["Allow", "Disallow"]), st.text(alphabet="ab*$", max_size=4)),
)


@given(st.lists(LINE, max_size=12), st.text(alphabet="ab", max_size=5))
def test_groups_are_read_as_protego_reads_them(lines: list[str], path: str) -> None:
    lines = [line for line in lines if line != "Foo: 1"]  # which ends a group there, against RFC 9309 2.2.4
    plain = "\n".join(line for line in lines if line != "Crawl-delay: 3")  # which does so too
    url = f"http://a.test/{path}"
    assert rules(plain).allow(url) == Protego.parse(plain).can_fetch(url, "wit-builder")
    text = "\n".join(lines)
    assert rules(text).crawl_delay == Protego.parse(text).crawl_delay("wit-builder")


@given(
    st.lists(
        st.tuples(st.sampled_from(["Allow", "Disallow"]), st.text(alphabet="aA/._-%6é;?*$ ", max_size=4)),
        max_size=4,
    ),
    st.text(alphabet="aA/._-%6é;?#", max_size=6),
)
def test_what_is_plain_is_as_protego_says(lines: list[tuple[str, str]], path: str) -> None:
    url = normalise(f"http://a.test/{path}")
    text = "\n".join(["User-agent: *", *(f"{field}: /{value}" for field, value in lines)])
    assert rules(text).allow(url) == Protego.parse(text).can_fetch(url, "wit-builder")


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("Crawl-delay: 2.5", 2.5),
        ("crawl delay: 0", 0.0),
        ("Crawl-delay: -1", None),
        ("Crawl-delay: 1e999", None),
        ("Crawl-delay: soon", None),
        ("Request-rate: 1/5", 5.0),
        ("Request-rate: 2/1m 0900-1700", 30.0),
        ("Request-rate: 1/2\nCrawl-delay: 7", 7.0),
        ("Disallow: /", None),
    ],
)
def test_a_crawl_delay_is_in_seconds_and_the_slower_wish_counts(line: str, seconds: float | None) -> None:
    assert rules(f"User-agent: *\n{line}").crawl_delay == seconds


@pytest.mark.parametrize(
    ("text", "least"),
    [
        (f"User-agent: *\nDisallow: /{'a' * 400_000}", 1_200_000),
        ("\n".join(f"Sitemap: http://a.test/{n:0480d}" for n in range(1_000)), 480_000),
        ("User-agent: *\n" + "Disallow: /a\n" * 1_000, 500_000),
    ],
)
def test_what_is_kept_is_weighed_by_its_texts_too(text: str, least: int) -> None:
    assert least <= rules(text).size <= 2 * least
