"""Who has opted out: robots directives in headers and meta tags, and TDM reservations."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from tests.shared_data import shared_data
from wit_builder.web.optout import (
    MAX_TDMREP,
    meta_directives,
    refused,
    robots_directives,
    tdm_match,
    tdm_reserved,
    tdm_rules,
)
from wit_builder.web.settings import OptOut

RESERVED = b'[{"location": "/a/", "tdm-reservation": 1}]'


def facts(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shared_data(f"conformance/optout/{name}").read_text())
    return found


def test_every_x_robots_tag_fact_holds() -> None:
    met = facts("x-robots-tag.json")
    assert len(met) == 17
    for fact in met:
        said = refused(
            robots_directives([fact["x_robots_tag"]], fact["agent"]), OptOut(tuple(fact["directives"]))
        )
        assert (said is not None) is fact["opted_out"], fact  # no exceptions to list


def reservation(fact: dict[str, Any]) -> tuple[int | None, str | None]:
    """(reservation, policy) as the fact's kind gives them."""
    told = fact["input"]
    if fact["kind"] == "tdmrep.json":
        rule = tdm_match(tdm_rules(told.encode()), "/" + fact["url"].split("/", 3)[3])
        return (int(rule.reserved), rule.policy or None) if rule else (None, None)
    if fact["kind"] == "html-meta":
        metas = LexborHTMLParser(told).css("meta[name]")
        told = {m.attributes["name"]: m.attributes["content"] for m in metas}
    # Policies in headers and meta tags are not read: we take no licence, so they change nothing.
    value = told.get("tdm-reservation")  # it is known when it outranks a file, whatever the file says
    known = value is not None and tdm_reserved(None, "/", value) is tdm_reserved(RESERVED, "/a/", value)
    return (int(tdm_reserved(None, "/", value)) if known else None), fact["policy"]


def test_every_tdmrep_fact_holds() -> None:
    met = facts("tdmrep.json")
    assert len(met) == 18
    for fact in met:
        assert reservation(fact) == (fact["reservation"], fact["policy"]), fact  # no exceptions to list


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        (["noai"], {"noai"}),
        ([" NoAI ,, noimageai "], {"noai", "noimageai"}),
        (["noindex", "googlebot: noai", "NOIMAGEAI"], {"noindex", "noimageai"}),
        (["noai, googlebot: nofollow"], {"noai"}),
        (["googlebot: nofollow, noai"], set()),
        (["googlebot: nofollow, wit-builder: noai, nofollow, other: noindex"], {"noai", "nofollow"}),
        (["WIT-Builder/1.0: noai"], {"noai"}),
        (["wit: noai", "wit-builder2: noai"], set()),
        (["*: noai"], {"noai"}),
        (["max-snippet:-1, noindex"], {"max-snippet:-1", "noindex"}),
        (["max-image-preview: large noai"], {"max-image-preview:large", "noai"}),
        (["wit-builder: max-snippet:-1, noai"], {"max-snippet:-1", "noai"}),
        (["max-snippet:, noai"], {"max-snippet:", "noai"}),
        (
            ["unavailable_after: 25 Jun 2010 15:00:00 PST, noai"],
            {"unavailable_after:25 jun 2010 15:00:00 pst", "noai"},
        ),
        (["unavailable_after: Fri, 25 Jun 2010 15:00:00 GMT, noai"], {"unavailable_after:fri", "noai"}),
        (["unavailable_after: Friday, 25-Jun-10 15:00:00 UTC, noai"], {"unavailable_after:friday", "noai"}),
        (["googlebot: unavailable_after: 25 Jun 2010 15:00:00 PST, noai"], set()),
        (["noindex nofollow; noai"], {"noindex", "nofollow", "noai"}),
        (["noai: yes", "noml:1"], {"noai", "yes", "noml"}),
        (["", ":", ",", "25:00"], set()),
        ([], set()),
    ],
)
def test_an_x_robots_tag_is_read_for_us_and_for_everyone(headers: list[str], said: set[str]) -> None:
    assert robots_directives(headers, "wit-builder") == said


@given(st.lists(st.text(alphabet="noai, :;*-wit\t1", max_size=30), max_size=3))
def test_no_header_makes_reading_fail_and_all_words_are_lower_case(headers: list[str]) -> None:
    assert all(word == word.lower() and word for word in robots_directives(headers, "wit"))


@given(
    st.sampled_from(["noai", "NoAI ", " noai"]), st.sampled_from(["max-snippet:-1", "nofollow", "all", "x"])
)
def test_an_opt_out_is_found_wherever_it_stands_in_a_header(opt_out: str, other: str) -> None:
    assert "noai" in robots_directives([f"{opt_out},{other}"], "wit-builder")
    assert "noai" in robots_directives([f"{other},{opt_out}"], "wit-builder")


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([("robots", "noai, noimageai")], {"noai", "noimageai"}),
        ([("ROBOTS ", "NOINDEX"), ("wit-builder", "noai")], {"noindex", "noai"}),
        ([("googlebot", "noai"), ("wit", "noai"), ("", "noai")], set()),
        ([("robots", "googlebot: noai")], {"googlebot", "noai"}),
        (
            [("robots", "max-image-preview:large, index, follow")],
            {"max-image-preview:large", "index", "follow"},
        ),
    ],
)
def test_meta_tags_are_read_when_they_are_named_robots_or_like_us(
    pairs: list[tuple[str, str]], said: set[str]
) -> None:
    assert meta_directives(pairs, "Wit-Builder") == said


@pytest.mark.parametrize("directive", ["noai", "noimageai", "noindex", "noimageindex", "none", "noml"])
def test_the_policy_opts_out_by_default_for_each_of_six_directives(directive: str) -> None:
    assert refused(frozenset({directive, "all"}), OptOut()) == directive


def test_the_policy_says_which_directives_opt_out() -> None:
    said = frozenset({"noindex", "noai", "nofollow"})
    assert refused(said, OptOut(("nofollow", "noai"))) == "nofollow"
    assert refused(said, OptOut(())) is None
    assert refused(frozenset({"nofollow", "noarchive", "max-snippet:0"}), OptOut()) is None


@pytest.mark.parametrize(
    ("header", "meta", "reserved"),
    [
        (None, None, True),
        ("0", None, False),
        ("1", "0", False),
        ("0", "1", True),
        (None, "0", False),
        ("2", "", True),
        ("0, 1", None, True),
        (" 0 ", None, False),
    ],
)
def test_the_meta_tag_outranks_the_header_and_the_header_the_file(
    header: str | None, meta: str | None, reserved: bool
) -> None:
    assert tdm_reserved(RESERVED, "/a/x.jpg", header, meta) is reserved
    assert tdm_reserved(None, "/a/x.jpg", header, meta) is (reserved and "1" in f"{header}{meta}")


@pytest.mark.parametrize(
    ("location", "path", "matches"),
    [
        ("/a", "/abc", True),
        ("/a", "/A", False),
        ("a/", "/a/b", True),
        ("", "/b", True),
        ("https://a.test/a", "/a", True),
        ("https://a.test", "/", True),
        ("*.jpg", "/b/x.jpg?w=1", True),
        ("/*.jpg$", "/x.jpg", True),
        ("/*.jpg$", "/x.jpg?w=1", False),
        ("/a*b*c$", "/a-b-c", True),
        ("/a*b*c$", "/a-c-b", False),
        ("/a*b*c$", "/a-bc-cc", True),
        ("/ab*b$", "/ab", False),
        ("/a**$", "/a", True),
        ("/a*", "/b", False),
        ("/a$", "/a", True),
        ("/a$", "/a/", False),
        ("/caf\u00e9", "/caf%C3%A9", True),
        ("/caf%c3%a9", "/caf%C3%A9", True),
        ("/a%2A", "/abc", False),
        ("/?q=*x", "/?q=abx", True),
    ],
)
def test_a_location_is_matched_as_a_robots_rule_is(location: str, path: str, matches: bool) -> None:
    rules = tdm_rules(json.dumps([{"location": location, "tdm-reservation": 1}]).encode())
    assert (tdm_match(rules, path) is not None) is matches


@pytest.mark.parametrize("value", ["1", '"1"', "true", "1.0", "1e0"])
def test_a_reservation_may_be_spelled_otherwise(value: str) -> None:
    assert tdm_reserved(b'[{"location": "/", "tdm-reservation": %s}]' % value.encode(), "/x")


@pytest.mark.parametrize("value", ["0", "0.0", "2", "11", "-1", "null", "[]", '"yes"', "1.5"])
def test_any_other_value_reserves_nothing(value: str) -> None:
    assert not tdm_reserved(b'[{"location": "/", "tdm-reservation": %s}]' % value.encode(), "/x")


def test_broken_entries_are_passed_over_and_a_lone_object_is_an_entry() -> None:
    whole = {"location": "/b", "tdm-reservation": 1, "tdm-policy": 1}
    entries = [1, None, {}, {"location": 1, "tdm-reservation": 1}, {"location": "/c"}, whole]
    assert [(rule.location, rule.policy) for rule in tdm_rules(json.dumps(entries).encode())] == [("/b", "")]
    marked = b'\xef\xbb\xbf{"location": "/b", "tdm-reservation": 1}'
    assert (tdm_reserved(marked, "/b"), tdm_reserved(marked, "/x")) == (True, False)


@pytest.mark.parametrize(
    ("body", "reserved"),
    [
        (b'[{"location": "/", "tdm-reservation": 1},]', True),
        (b'\xff[{"location": "/a", "tdm-reservation": 0}]', True),
        (b'["' + b"[" * 5000 + b"tdm-reservation", True),
        (RESERVED.decode().encode("utf-16"), True),
        (b'[{"tdm-reservation": 1}]', True),
        (b'{"a": [{"location": "/a", "tdm-reservation": 1}]}', True),
        (b'[[{"location": "/a", "tdm-reservation": 1}]]', True),
        (b'[{"location": ["/a"], "tdm-reservation": 1}]', True),
        (b'[{"location": "/a", "tdm-reservation": 2}]', False),
        (b"<!DOCTYPE html><title>Not found</title>", False),
        (b"[" * 5000, False),
        (b"null", False),
        (b"", False),
    ],
)
def test_a_file_not_understood_reserves_everything_if_it_speaks_of_it(body: bytes, reserved: bool) -> None:
    assert tdm_reserved(body, "/x") is reserved


@pytest.mark.parametrize(("size", "reserved"), [(MAX_TDMREP, False), (MAX_TDMREP + 1, True)])
def test_a_file_over_a_mebibyte_is_unreadable(size: int, reserved: bool) -> None:
    assert tdm_reserved(RESERVED.ljust(size), "/x") is reserved


@given(st.binary(max_size=60), st.text(max_size=20))
def test_no_bytes_make_reading_a_reservation_fail(body: bytes, path: str) -> None:
    inside = json.dumps(body.decode("latin-1")).encode()
    assert tdm_reserved(body, path) in (True, False)
    assert tdm_reserved(b'[{"location": %s, "tdm-reservation": 1}]' % inside, path) in (True, False)
