import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.extract.pages import PAGE_URL, read
from wit_builder.extract.html import Extraction
from wit_builder.extract.links import Resolver
from wit_builder.web.url import normalise


def links(html: str) -> list[str]:
    return [link.removeprefix("http://a.test/") for link in read(html).links]


def test_links_are_normalised_and_different_and_in_their_order() -> None:
    html = '<a href="/b#x">b</a><a href="c?utm_source=x&amp;d=1">c</a><area href="http://A.test/b"><a href="../e">'
    assert links(html) == ["b", "dir/c?d=1", "e"]


@pytest.mark.parametrize(
    "anchor",
    [
        '<a href="#top">',
        '<a name="x">',
        '<a href="">',
        '<a href="mailto:a@b.test">',
        '<a href="javascript:void(0)">',
        '<a href="b.html" rel="external NoFollow">',
        '<link rel="stylesheet" href="b.css">',
        '<link rel="alternate" type="application/rss+xml" href="b.xml">',
        '<link rel="alternate stylesheet" href="b.css">',
        '<link rel="next nofollow" href="b.html">',
        '<link rel="canonical" href="b.html">',
        "<svg><a xlink:href=b.html></a></svg>",
    ],
)
def test_what_leads_to_no_page_or_is_not_to_be_followed_is_no_link(anchor: str) -> None:
    assert links(anchor) == []


@pytest.mark.parametrize(
    "link",
    [
        '<link rel="next" href="b.html">',
        '<link rel="alternate" hreflang="de" href="b.html">',
        '<link rel="ALTERNATE" type="Text/HTML" href="b.html">',
        '<link rel="next" type="text/html" href="b.html">',
    ],
)
def test_the_next_page_and_other_languages_are_links(link: str) -> None:
    assert links(link) == ["dir/b.html"]


@pytest.mark.parametrize(
    ("base", "found"),
    [
        ('<base href="http://b.test/x/">', "http://b.test/x/c.html"),
        ('<base href="sub/">', "http://a.test/dir/sub/c.html"),
        ('<base target=_blank><base href="/one/"><base href="/two/">', "http://a.test/one/c.html"),
        ('<base href="data:text/html,x">', "http://a.test/dir/c.html"),
        ('<base href="http://[">', "http://a.test/dir/c.html"),
        ("<base href>", "http://a.test/dir/c.html"),
    ],
)
def test_addresses_stand_on_the_base_of_the_page(base: str, found: str) -> None:
    page = read(f'{base}<a href="c.html">c</a><img src="c.html" alt="c">')
    assert page.links == [page.candidates[0].url] == [found]


def test_no_more_than_the_limit_of_links_is_looked_at() -> None:
    html = "".join(f'<a href="{n}">x</a><a href="{n}">y</a>' for n in range(3))
    assert (len(read(html, Extraction(max_links=3)).links), read(html, Extraction(max_links=3)).cut) == (
        3,
        False,
    )
    assert (len(read(html, Extraction(max_links=2)).links), read(html, Extraction(max_links=2)).cut) == (
        2,
        True,
    )


CC = "https://creativecommons.org/licenses/by/4.0/"


@pytest.mark.parametrize(
    ("html", "licence"),
    [
        ('<a rel="license" href="/terms">x</a>', "http://a.test/terms"),
        ('<link rel="LICENSE" href="/terms">', "http://a.test/terms"),
        (f'<a href="{CC}">x</a>', CC),
        (f'<a href="{CC}">x</a><a rel="nofollow license" href="/terms">x</a>', "http://a.test/terms"),
        (f'<a rel=nofollow href="{CC}">x</a>', CC),
        (
            '<a href="//creativecommons.org/publicdomain/zero/1.0/">x</a>',
            "http://creativecommons.org/publicdomain/zero/1.0/",
        ),
        ('<a href="https://creativecommons.org/about/">x</a>', ""),
        ('<a href="http://b.test/?to=creativecommons.org/licenses/by/4.0/">x</a>', ""),
        ('<script type="application/ld+json">{"license": "/terms"}</script>', "http://a.test/terms"),
        (f'<script type="application/ld+json">{{"license": "/terms"}}</script><a href="{CC}">x</a>', CC),
        ('<a rel="license" href="javascript:x">x</a>', ""),
        ("<p>no word of it</p>", ""),
    ],
)
def test_the_licence_a_page_names_travels_with_its_images(html: str, licence: str) -> None:
    page = read(html + '<img src="a.jpg" alt="A cat">')
    assert (page.licence, page.candidates[0].licence) == (licence, licence)


def test_the_licence_is_read_on_a_page_whose_links_are_left_alone() -> None:
    page = read(f'<meta name="robots" content="nofollow"><a href="{CC}">x</a>')
    assert (page.links, page.licence) == ([], CC)


def test_a_page_whose_own_address_is_none_still_has_absolute_links() -> None:
    page = read('<a href="b">b</a><a href="/b">b</a><a href="http://b.test/c d">c</a>', page_url="no address")
    assert page.links == ["http://b.test/c%20d"]


@pytest.mark.parametrize("written", ["http://1.2.3.04/", "http://a.test/.", "a/../b", "/x//y"])
def test_an_address_that_only_looks_plain_is_normalised(written: str) -> None:
    try:
        expected: str | None = normalise(written, PAGE_URL)
    except ValueError:
        expected = None
    assert Resolver(PAGE_URL, None)(written) == expected != written


def test_addresses_on_a_long_base_are_no_longer_than_others() -> None:
    base = f'<base href="/{"x" * 3_990}/">'
    assert [len(link) for link in read(f'{base}<a href="{"y" * 80}">').links] == [4085]
    assert read(f'{base}<a href="{"y" * 100}">').links == []


_PIECES = st.sampled_from(
    [
        "http://",
        "https://",
        "b.test",
        "/",
        "//",
        "..",
        ".",
        "a-b",
        "~x",
        "%41",
        "%2e",
        "!$(*)+,;=",
        "utm_source=1",
        "&",
        "?",
        "#",
        ":",
        "@",
        "xn--a",
        "1.2.3.4",
        "A",
        "é",
        " ",
        "_",
        "80",
    ]
)


@given(
    st.lists(_PIECES, max_size=8).map("".join),
    st.sampled_from([PAGE_URL, "http://a.test/", "https://a.test:8000/x/y?z=/1"]),
)
def test_an_address_read_at_one_look_is_the_one_normalise_gives(written: str, page_url: str) -> None:
    try:
        expected: str | None = normalise(written, page_url) if written else None
    except ValueError:
        expected = None
    assert Resolver(page_url, None)(written) == expected
