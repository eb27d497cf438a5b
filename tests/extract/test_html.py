from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.extract.pages import NOW, PAGE_URL, read, reasons, texts, urls
from wit_builder.errors import ConfigError
from wit_builder.extract.html import TEXT_SOURCES, Extraction
from wit_builder.records import CANDIDATE_SCHEMA, LOSS_SCHEMA, Candidate, candidate_id, to_table

DATA = "data:image/gif;base64,R0lGODlhAQABAAAAACw="


def test_a_candidate_carries_what_the_page_says_of_it() -> None:
    page = read("<html lang=en-GB><title>A page\n of cats</title><img src=a.jpg alt='A cat'>")
    url = "http://a.test/dir/a.jpg"
    said = ("A cat", "alt", (), PAGE_URL, "A page of cats", "en-GB", "", "crawl", NOW)
    assert page.candidates == [Candidate(candidate_id(url, "A cat"), url, *said)]


@pytest.mark.parametrize(
    ("html", "reason", "url"),
    [
        ('<img src="a.jpg">', "no_text", "http://a.test/dir/a.jpg"),
        ('<img src="a.jpg" alt=" \u200b ">', "no_text", "http://a.test/dir/a.jpg"),
        (f'<img src="{DATA}" alt="A cat">', "data_uri", DATA),
        (f'<img src=" {DATA}">', "data_uri", f" {DATA}"),
        ('<img src="http://[bad" alt="A cat">', "bad_url", "http://[bad"),
        ('<img src="blob:x" alt="A cat">', "bad_url", "blob:x"),
        ('<img src="" alt="A cat">', "bad_url", ""),
        ("<img alt>", "bad_url", ""),
    ],
)
def test_an_image_that_makes_no_candidate_is_a_loss_that_says_why(html: str, reason: str, url: str) -> None:
    [loss] = read(html).losses
    assert (loss.stage, loss.reason, loss.url, loss.at) == ("extract", reason, url, NOW)
    assert read(html).candidates == []


def test_a_loss_keeps_the_caption_and_is_named_by_the_whole_address() -> None:
    address = "data:image/png;base64," + "A" * 10_000
    [loss] = read(f'<img src="{address}" alt="A cat">').losses
    assert (loss.id, loss.url, loss.caption) == (candidate_id(address, "A cat"), address[:500], "A cat")
    assert len(loss.evidence) < 100


def test_candidates_and_losses_go_into_their_tables() -> None:
    page = read(f'<img src=a.jpg alt="A \ud800 cat"><img src="{DATA}" alt=é><img>')
    assert to_table(page.candidates, CANDIDATE_SCHEMA).num_rows == 1
    assert to_table(page.losses, LOSS_SCHEMA).num_rows == 2


@pytest.mark.parametrize("tag", ["img", "amp-img", "input type=image", "INPUT TYPE=IMAGE", "image"])
def test_every_element_that_shows_an_image_is_a_reference(tag: str) -> None:
    assert urls(f'<{tag} src="a.jpg" alt="A cat">') == ["a.jpg"]


@pytest.mark.parametrize(
    "html",
    [
        '<input type="text" src="a.jpg" alt="A cat">',
        '<svg><image href="a.jpg" alt="A cat"/></svg>',
        '<video poster="a.jpg" aria-label="A cat"></video>',
        '<template><img src="a.jpg" alt="A cat"></template>',
        '<!-- <img src="a.jpg" alt="A cat"> -->',
        '<script>"<img src=a.jpg alt=cat>"</script>',
        '<textarea><img src="a.jpg" alt="A cat"></textarea>',
    ],
)
def test_what_shows_no_image_is_no_reference(html: str) -> None:
    page = read(html)
    assert (page.candidates, page.losses) == ([], [])


def test_an_image_shown_twice_is_two_references() -> None:
    assert urls('<img src="a.jpg" alt="A cat"><img src="a.jpg" alt="A cat">') == ["a.jpg", "a.jpg"]


LAZY = f'<img src="{DATA}" data-src="a.jpg" alt="A cat">'


@pytest.mark.parametrize(
    "inside",
    ['<img src="a.jpg" alt="A cat">', '<img src="/dir/a.jpg">', "&lt;img src='a.jpg' alt='A cat'&gt;"],
)
def test_an_image_in_noscript_that_doubles_a_lazy_one_counts_once(inside: str) -> None:
    html = f"<body>{LAZY}<noscript><p>{inside}</p></noscript>".replace("<p>&", "&")
    assert texts(html) == [("alt", "A cat")]
    assert reasons(html) == []


def test_an_image_in_noscript_before_the_lazy_one_counts_once_too() -> None:
    assert urls(f'<body><noscript><img src="a.jpg" alt="A cat"></noscript>{LAZY}') == ["a.jpg"]


@pytest.mark.parametrize("inside", ['<img src="b.jpg" alt="A dog">', "&lt;img src='b.jpg' alt='A dog'&gt;"])
def test_an_image_that_stands_in_noscript_alone_is_found(inside: str) -> None:
    assert urls(f"<body>{LAZY}<noscript>{inside}</noscript>") == ["a.jpg", "b.jpg"]


def test_another_text_in_noscript_joins_those_of_the_image() -> None:
    html = f'<body>{LAZY}<noscript><img src="a.jpg" title="Tom"></noscript>'
    assert texts(html) == [("alt", "A cat"), ("title", "Tom")]


def test_items_stand_in_document_order_wherever_they_come_from() -> None:
    html = """<meta property=og:image content=1.jpg><meta property=og:image:alt content=One><body>
      <noscript><img src=2.jpg alt=Two></noscript><img src=3.jpg alt=Three><input type=image src=4.jpg alt=Four>
      <script type=application/ld+json>{"@type": "ImageObject", "url": "5.jpg", "name": "Five"}</script>
      <amp-img src=6.jpg alt=Six></amp-img>"""
    assert urls(html) == [f"{n}.jpg" for n in range(1, 7)]


@pytest.mark.parametrize(
    ("html", "evidence"),
    [
        ("<script type=application/ld+json>{}</script>" * 101, "JSON-LD beyond the first 100 scripts"),
        (
            f"<script type=application/ld+json>{' ' * 524_289}</script>",
            "JSON-LD of more than 524,288 characters or 1,000 images",
        ),
        (
            f"<p><noscript>&lt;img src=a.jpg alt=x&gt;{' ' * 20_000}</noscript>",
            "a noscript of more than 20,000 characters",
        ),
    ],
)
def test_what_else_lies_beyond_a_limit_is_a_loss_of_the_page(html: str, evidence: str) -> None:
    page = read(html)
    assert page.cut
    assert [(loss.reason, loss.url, loss.evidence) for loss in page.losses] == [
        ("page_cut", PAGE_URL, evidence)
    ]


def test_no_more_than_the_limit_of_images_is_looked_at() -> None:
    html = "<meta property=og:image content=m.jpg>" + "<img src=a.jpg alt=x>" * 2
    whole, cut = read(html, Extraction(max_images=3)), read(html, Extraction(max_images=2))
    assert (len(whole.candidates) + len(whole.losses), whole.cut) == (3, False)
    assert (len(cut.candidates), cut.cut) == (2, True)
    assert [(loss.reason, loss.url, loss.evidence) for loss in cut.losses] == [
        ("page_cut", PAGE_URL, "all images beyond the first 2")
    ]


@pytest.mark.parametrize("name", ["want_px", "max_images", "max_links"])
def test_a_limit_of_nothing_is_refused(name: str) -> None:
    assert replace(Extraction(), **{name: 1})
    with pytest.raises(ConfigError, match=name):
        replace(Extraction(), **{name: 0})


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<title>One</title><title>Two</title>", "One"),
        ("<body><svg><title>Icon</title></svg><title>Page</title>", "Page"),
        ("<title></title>", ""),
        ("<p>none</p>", ""),
        (f"<title>{'x' * 501}</title>", "x" * 500),
    ],
)
def test_the_title_is_that_of_the_page(html: str, title: str) -> None:
    assert read(html).title == title


@pytest.mark.parametrize(
    ("html", "lang"),
    [
        ("<html lang=' de '>", "de"),
        ("<html xml:lang=fr>", "fr"),
        ("<html>", ""),
        ("<html lang=" + "x" * 99 + ">", "x" * 35),
    ],
)
def test_the_language_is_that_of_the_html_element(html: str, lang: str) -> None:
    assert read(html).lang == lang


def test_the_width_wanted_is_the_recipes() -> None:
    html = '<img srcset="s.jpg 300w, m.jpg 600w, l.jpg 1200w" alt="A cat">'
    found = [read(html, Extraction(want_px=px)).candidates[0].url[-5:] for px in (300, 301, 601)]
    assert found == ["s.jpg", "m.jpg", "l.jpg"]


def test_labels_are_found_by_their_ids_the_first_of_equal_ones() -> None:
    html = "<img src=a.jpg aria-labelledby='x y'><p id=y>sleeps</p><p id=x>A cat</p><p id=x>A dog</p>"
    assert texts(html) == [("aria-labelledby", "A cat sleeps")]


_TAGS = [
    *(
        "<img src=a.jpg alt=x>",
        "<img srcset='a 1w' data-src=b>",
        "<input type=image>",
        "<source srcset=c>",
        "<title>",
    ),
    *("<a href=b.jpg>", "</a>", "<picture>", "</picture>", "<figure>", "</figure>", "<figcaption>", "text"),
    *("<html lang=x>", "&#xD800;"),
    *("<noscript>", "</noscript>", "<base href=/b/>", "<meta name=robots content=noai>"),
    *("<script type=application/ld+json>", "</script>", '{"image": "e"}', "<!--", "-->", "<table>", "<svg>"),
    *("<meta property=og:image content=d>", "<td>", "</p>"),
    *(
        "<template>",
        "<p class=wp-caption-text>",
        "<i id=l aria-labelledby=l>",
        "<b a=1>",
        "<",
        '"',
        "\x00",
        "\ud800",
    ),
]


@given(
    st.text() | st.lists(st.sampled_from(_TAGS) | st.text(max_size=3), max_size=25).map("".join),
    st.text(max_size=20),
)
def test_no_page_is_too_strange(html: str, page_url: str) -> None:
    for page in (read(html), read(html, page_url=page_url)):
        assert {loss.reason for loss in page.losses} <= _REASONS
        assert all(one.caption and one.text_source in TEXT_SOURCES for one in page.candidates)


_REASONS = {"no_text", "data_uri", "bad_url", "opt_out_meta_robots"}


@given(st.lists(st.sampled_from(_TAGS), max_size=25).map("".join))
def test_the_same_page_gives_the_same_items(html: str) -> None:
    assert read(html) == read(html)
