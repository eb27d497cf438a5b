"""One spelling per address, against the URL standard's own test data and our rules on top of it."""

import json
from typing import Any

import pytest
from ada_url import URL
from hypothesis import given
from hypothesis import strategies as st

from tests.shared_data import shared_data
from wit_builder.web.url import MAX_INPUT, MAX_URL, host_of, normalise, origin_of, registrable_domain

PAGE = "http://www.a.test/blog/page.html?p=1#top"


def cases(name: str) -> list[dict[str, Any]]:
    """The facts of a web-platform-tests file, without its comments."""
    return [c for c in json.loads(shared_data(f"conformance/url/{name}").read_text()) if isinstance(c, dict)]


def ours(href: str) -> str:
    """What the standard's `href` becomes by our rules, by the parser's setters, not by slicing."""
    url = URL(href)
    url.username = ""
    url.password = ""
    if url.hostname.endswith(".") and not url.hostname.endswith("..") and url.hostname != ".":
        url.hostname = url.hostname[:-1]
    return url.href.partition("#")[0]


def test_every_http_case_of_the_url_standard_has_its_href() -> None:
    met = [c for c in cases("urltestdata.json") if c.get("protocol") in ("http:", "https:")]
    wrong = [c for c in met if normalise(c["input"], c["base"]) != ours(c["href"])]
    assert len(met) > 240
    assert wrong == []  # no exceptions to list


def test_every_failure_and_foreign_scheme_of_the_url_standard_is_a_value_error() -> None:
    met = [c for c in cases("urltestdata.json") if c.get("protocol") not in ("http:", "https:")]
    assert len(met) > 600
    for case in met:
        with pytest.raises(ValueError, match=r"address|http"):
            normalise(case["input"], case.get("base"))


def test_every_domain_to_ascii_case_of_the_url_standard_has_its_host() -> None:
    met = cases("toascii.json")
    assert len(met) > 80
    for case in met:
        if case["output"] is None:
            with pytest.raises(ValueError, match="address"):
                normalise(f"https://{case['input']}/x")
        else:
            host = host_of(normalise(f"https://{case['input']}/x"))
            assert host == case["output"].removesuffix(".")  # no exceptions to list


@pytest.mark.parametrize(
    ("link", "meant"),
    [
        ("photo.jpg", "http://www.a.test/blog/photo.jpg"),
        ("/photo.jpg", "http://www.a.test/photo.jpg"),
        ("../../photo.jpg", "http://www.a.test/photo.jpg"),
        ("//cdn.test/photo.jpg", "http://cdn.test/photo.jpg"),
        ("?p=2", "http://www.a.test/blog/page.html?p=2"),
        ("#bottom", "http://www.a.test/blog/page.html?p=1"),
        ("", "http://www.a.test/blog/page.html?p=1"),
        ("HTTPS://B.test:443/x", "https://b.test/x"),
        (" \t/a b.jpg\n", "http://www.a.test/a%20b.jpg"),
        ("\\\\b.test\\x", "http://b.test/x"),
        ("http://b\u00fccher.test/stra\u00dfe", "http://xn--bcher-kva.test/stra%C3%9Fe"),
    ],
)
def test_a_link_is_read_as_a_browser_reads_it(link: str, meant: str) -> None:
    assert normalise(link, PAGE) == meant


@pytest.mark.parametrize(
    "link",
    [
        "mailto:a@b.test",
        "javascript:void(0)",
        "data:image/png;base64,AAAA",
        "tel:+1",
        "ftp://a.test/",
        "file:///etc/passwd",
        "DATA:text/html,x",
        "http://",
        "http://a b/",
        "http://a.test:99999/",
        "https://[::1",
    ],
)
def test_what_is_no_web_address_is_refused(link: str) -> None:
    with pytest.raises(ValueError, match=r"address|http"):
        normalise(link, PAGE)


def test_a_relative_link_without_a_page_is_refused() -> None:
    with pytest.raises(ValueError, match="no address"):
        normalise("photo.jpg")


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://a.test/?utm_source=x", "http://a.test/"),
        ("http://a.test/?utm_=x&UTM_Medium&b=1", "http://a.test/?b=1"),
        ("http://a.test/?b=1&gclid=abc&c=2&fbclid=", "http://a.test/?b=1&c=2"),
        ("http://a.test/?_ga=2.1&mc_eid=7#utm_source=x", "http://a.test/"),
        ("http://a.test/?b=1&&c=%7e&=&x&b=1", "http://a.test/?b=1&&c=%7e&=&x&b=1"),
        ("http://a.test/?", "http://a.test/?"),
        (
            "http://a.test/?my_utm_source=x&gclid2=y&q=utm_source",
            "http://a.test/?my_utm_source=x&gclid2=y&q=utm_source",
        ),
        ("http://a.test/utm_source=x?b=gclid=1", "http://a.test/utm_source=x?b=gclid=1"),
    ],
)
def test_tracking_parameters_go_and_every_other_byte_of_the_query_stays(url: str, kept: str) -> None:
    assert normalise(url) == kept


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://user:pass@a.test/", "http://a.test/"),
        ("http://user@a.test:8000/@x", "http://a.test:8000/@x"),
        ("http://a.test@b.test/", "http://b.test/"),
        ("http://u@p@b.test/", "http://b.test/"),
        ("http://a.test/@me?c=d@e", "http://a.test/@me?c=d@e"),
    ],
)
def test_credentials_are_removed_and_other_at_signs_stay(url: str, kept: str) -> None:
    assert normalise(url) == kept


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://cdn.test./x", "http://cdn.test/x"),
        ("https://CDN.test.:8443/x./y.:/", "https://cdn.test:8443/x./y.:/"),
        ("http://u:p@cdn.test.?a=./", "http://cdn.test/?a=./"),
        ("http://b\u00fccher\u3002test\u3002/", "http://xn--bcher-kva.test/"),
        ("http://cdn.test/x./http://b.test./y", "http://cdn.test/x./http://b.test./y"),
        ("http://cdn.test../x", "http://cdn.test../x"),
        ("http://./x", "http://./x"),
    ],
)
def test_one_dot_behind_the_host_goes(url: str, kept: str) -> None:
    assert normalise(url) == kept


def test_a_lone_surrogate_is_read_as_the_replacement_character() -> None:
    assert normalise("http://a.test/\ud800x") == "http://a.test/%EF%BF%BDx"
    assert normalise("\udfff", "http://a.test/\ud800/") == "http://a.test/%EF%BF%BD/%EF%BF%BD"


def test_a_result_has_at_most_4096_characters() -> None:
    longest = "http://a.test/".ljust(MAX_URL, "x")
    assert normalise(longest) == longest
    with pytest.raises(ValueError, match="4097 characters"):
        normalise(longest + "x")


def test_a_long_tracking_query_does_not_count_against_the_result() -> None:
    assert normalise("http://a.test/?utm_source=" + "x" * MAX_URL) == "http://a.test/"


def test_an_input_has_at_most_16_kib() -> None:
    longest = "http://a.test/#".ljust(MAX_INPUT, "x")
    assert normalise(longest) == "http://a.test/"
    with pytest.raises(ValueError, match="at most 16384"):
        normalise(longest + "x")


def test_a_base_has_at_most_16_kib() -> None:
    longest = "http://a.test/#".ljust(MAX_INPUT, "x")
    assert normalise("b", longest) == "http://a.test/b"
    with pytest.raises(ValueError, match="base over 16384"):
        normalise("b", longest + "x")


@given(st.text(max_size=60), st.sampled_from([None, PAGE, "https://u:p@[::1]:8/a?b#c"]))
def test_a_normalised_address_is_normal(link: str, base: str | None) -> None:
    try:
        once = normalise(link, base)
    except ValueError:
        return
    assert normalise(once) == once
    assert once.startswith(origin_of(once) + "/")


@given(st.text(alphabet="ab:/?#@&=._%\\[]u tm", max_size=40))
def test_slicing_the_address_agrees_with_the_parsers_setters(rest: str) -> None:
    try:
        found = normalise(f"http:{rest}", PAGE)
    except ValueError:
        return
    assert found == ours(URL(f"http:{rest}", PAGE).href)


@pytest.mark.parametrize(
    ("url", "host", "origin"),
    [
        ("http://a.test/x", "a.test", "http://a.test"),
        ("https://a.test:8443/", "a.test", "https://a.test:8443"),
        ("http://a.test:80/", "a.test", "http://a.test"),
        ("https://a.test:80/", "a.test", "https://a.test:80"),
        ("http://[2001:db8::1]:8000/", "[2001:db8::1]", "http://[2001:db8::1]:8000"),
        ("HTTP://u:p@A.test\\x", "a.test", "http://a.test"),
        ("http://b.test\\@a.test/", "b.test", "http://b.test"),
    ],
)
def test_an_address_has_a_host_and_an_origin(url: str, host: str, origin: str) -> None:
    assert (host_of(url), origin_of(url)) == (host, origin)


def test_what_has_no_host_is_refused() -> None:
    with pytest.raises(ValueError, match="neither http"):
        host_of("ftp://a.test/")


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("me.github.io", "me.github.io"),
        ("x.me.github.io", "me.github.io"),
        ("b.c.kawasaki.jp", "b.c.kawasaki.jp"),
        ("city.kawasaki.jp", "city.kawasaki.jp"),
        ("www.xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn"),
        ("x.demo.test", "demo.test"),
        ("WWW.Example.COM.", "example.com"),
        ("co.uk", "co.uk"),
        ("localhost", "localhost"),
        ("localhost.", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("[::1]", "[::1]"),
        ("", ""),
    ],
)
def test_a_host_belongs_to_the_domain_that_was_registered(host: str, domain: str) -> None:
    assert registrable_domain(host) == domain
