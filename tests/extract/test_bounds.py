import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from tests.extract.pages import read
from tests.extract.test_html import _TAGS
from wit_builder.extract import bounds
from wit_builder.extract.bounds import MAX_ATTRIBUTES, MAX_DEPTH, explosive, parse, thinned

CAT = "<img src=a.jpg alt='A cat'>"
NAMES = " ".join(f"a{n}" for n in range(40_000))


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 100_000 + CAT,
        "<ul><li>" * 50_000 + CAT,
        "".join(f"<font a={n}><p>" for n in range(5_000)) + CAT,
        "".join(f"<body a{n}=1>" for n in range(20_000)) + CAT,
        f"<img {NAMES}>{CAT}",
        f"<script>x<b y='</script>{CAT}<img z='' {NAMES} q=''>",
        f"<!--<b y='-->{CAT}<img z='' {NAMES} q=''>",
        "<figure><figcaption>x" * 20_000 + CAT,
        "<img src=b.jpg alt='A dog'>" * 9_998 + "<p>" + CAT,
        "<" * 1_000_000 + CAT,
        "<title>x</title>" * 20_000 + CAT,
    ],
    ids=[
        "div",
        "li",
        "font",
        "body",
        "attributes",
        "in-script",
        "in-comment",
        "figure",
        "img",
        "lt",
        "title",
    ],
)
def test_a_page_made_to_explode_is_read_in_no_time_and_its_image_found(html: str) -> None:
    started = time.process_time()
    page = read(html)
    assert time.process_time() - started < 2
    assert {candidate.url for candidate in page.candidates} >= {"http://a.test/dir/a.jpg"} or page.cut


_MILLION_IMAGES = pytest.param(CAT * 1_000_000, marks=pytest.mark.slow)
_MILLION_LINKS = pytest.param("<a href=x>" * 1_000_000, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "html", ["x" * 50_000_000, _MILLION_IMAGES, _MILLION_LINKS], ids=["text", "img", "a"]
)
def test_a_page_of_tens_of_megabytes_is_read_up_to_a_limit(html: str) -> None:
    started = time.process_time()
    page = read(html)
    assert time.process_time() - started < 3
    assert page.cut
    assert len(page.candidates) <= 10_000
    assert page.losses[-1].reason == "page_cut" or "<a" in html


@pytest.mark.parametrize(
    "unit",
    ["<!", "</", "<a ", "<a b='", '<a b="', "<!--", "<!---->", "<script>", "<a/b=c ", "<a href=x>", "<p\n"],
)
def test_many_broken_tags_are_thinned_in_no_time(unit: str) -> None:
    started = time.process_time()
    thinned(unit * (300_000 // len(unit)))
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    ("page", "bomb"),
    [
        ("<p>" * 9_999, "<p>" * 10_002),
        ("<b a=1>" * 1_000 + "<p>" * 990, "<b a=1>" * 1_100 + "<p>" * 990),
        (
            f"<img {' '.join(f'a{n}' for n in range(256))}>" + " " * 100_000,
            f"<img {' '.join(f'a{n}' for n in range(257))}>" + " " * 100_000,
        ),
        ("<body x>" * 20 + "x" * 100_000, "<body x>" * 21 + "x" * 100_000),
        ("<a title='x'>" + "x" * 100_000, "<a title='<x'>" + "x" * 100_000),
    ],
    ids=["tags", "formatting", "attributes", "roots", "values"],
)
def test_a_page_is_thinned_only_beyond_the_limits(page: str, bomb: str) -> None:
    assert (explosive(page.encode()), explosive(bomb.encode())) == (False, True)


def test_small_pages_are_never_thinned() -> None:
    assert not explosive(b"<b a=1><p>" * 700)
    assert not explosive(f"<img {' '.join(f'a{n}' for n in range(9_000))}>".encode())


def test_what_extraction_reads_is_written_anew_and_the_rest_is_gone() -> None:
    html = """<!doctype html><html lang=en><body class=x><style>a<b</style><p>1 < 2<a href="/b" class='c d'>B</a>
      <b>bold</b><table><td><IMG SRC=a.jpg alt="<x>"/><script>if(a<b)"<img>"</script><title>T<i></title>"""
    text, whole = thinned(html)
    assert whole
    assert " ".join(text.split()) == (
        """<html lang=en> 1 &lt; 2<a href="/b" class='c d'>B</a> bold """
        """<img SRC=a.jpg alt="<x>"><title>T&lt;i></title>"""
    )


@pytest.mark.parametrize("html", ["x<img a b", "x<!-- never <img>", "x<!never", "x<script><img>", "x</a"])
def test_what_never_ends_takes_all_that_follows(html: str) -> None:
    assert thinned(html) == ("x", True)


def test_a_stray_bracket_makes_no_tag_of_what_follows_a_tag_that_is_gone() -> None:
    text, _ = thinned("<<x>img src=a.jpg alt=cat>")
    assert LexborHTMLParser(text).css("img") == []


def test_json_ld_survives_and_cannot_end_early() -> None:
    text, _ = thinned(
        '<script type="application/ld+json">{"image": "b.jpg", "name": "<!--<script>"}</script>' + CAT
    )
    assert [candidate.caption for candidate in read(text).candidates] == ["<!--<script>", "A cat"]


def test_attributes_and_depth_are_limited() -> None:
    text, _ = thinned(f"<img {NAMES}>" + "<figure>" * (MAX_DEPTH + 1) + "</figure>" * (MAX_DEPTH + 1))
    assert text.count(" ") == MAX_ATTRIBUTES
    assert (text.count("<figure>"), text.count("</figure>")) == (MAX_DEPTH, MAX_DEPTH)


@pytest.mark.parametrize("name", ["MAX_TAGS", "MAX_KEPT"])
def test_a_page_of_too_many_tags_is_cut(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, name, 3)
    assert thinned("<img>" * 3) == ("<img>" * 3, True)
    assert thinned("<img>" * 4) == ("<img>" * 3, False)


def test_a_page_is_cut_at_the_limit_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_BYTES", len(CAT))
    assert (parse(CAT.encode())[1], parse(CAT.encode() + b" ")[1]) == (True, False)
    assert len(parse((CAT + CAT).encode())[0].css("img")) == 1


def test_an_attribute_that_begins_with_an_equals_sign_opens_no_quote() -> None:
    text, _ = thinned(f'<img x/="a b>{CAT}"')
    assert len(LexborHTMLParser(text).css("img")) == 2


def test_unclosed_links_do_not_use_up_the_depth() -> None:
    text, _ = thinned("".join(f"<a href={n}>x" for n in range(500)))
    assert len(read(text).links) == 500


@pytest.mark.parametrize("space", ["\u00a0", "\u000b", "\u2028", "\x1c", "\x85"])
def test_what_only_python_calls_a_space_cannot_hide_attributes(space: str) -> None:
    tag = f'<img a={space}"{NAMES}">' + " " * 100_000
    assert explosive(tag.encode())
    assert all(
        len(node.attributes) <= MAX_ATTRIBUTES for node in LexborHTMLParser(thinned(tag)[0]).css("img")
    )


_BRACKETS = st.text("<>/='\" a!-", max_size=9).map("<img ".__add__) | st.text("<>/='\" ab!-\n", max_size=12)


@given(st.lists(st.sampled_from(_TAGS) | _BRACKETS, max_size=30).map("".join))
def test_a_thinned_page_holds_nothing_that_could_explode(html: str) -> None:
    nodes = LexborHTMLParser(thinned(html)[0]).css("*")
    assert {node.tag for node in nodes} <= _KEPT


_KEPT = {
    *("html", "head", "body", "img", "source", "meta", "link", "base", "area", "input", "title", "script"),
    *("a", "amp-img", "figcaption", "figure", "noscript", "picture"),
}
