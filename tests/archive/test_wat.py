"""Metadata records become pages, by the rules of `extract.html`."""

import gzip
import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.archive.archives import (
    EVERYTHING,
    URL,
    alike,
    dumped,
    image,
    metadata,
    page,
    told,
    wat,
    wat_record,
)
from wit_builder.archive import lean
from wit_builder.archive.rows import NoPage, Page
from wit_builder.archive.wat import WatReader
from wit_builder.extract.captions import TEXT_SOURCES
from wit_builder.extract.settings import Extraction


def read(settings: Extraction = EVERYTHING, **parts) -> Page:
    """What a record of these parts becomes."""
    [outcome] = wat(wat_record(metadata(**parts)), settings)
    assert isinstance(outcome, Page)
    return outcome


def found(**parts) -> list[tuple[str, str, str]]:
    """(url, caption, source) of what is found, URLs without the folder of the page."""
    return [(row[1].removeprefix("http://a.test/dir/"), row[2], row[3]) for row in read(**parts).found]


def lost(**parts) -> list[tuple[str, str]]:
    return [(row[1], row[2].removeprefix("http://a.test/dir/")) for row in read(**parts).lost]


def no_page(value: dict | bytes, **how) -> tuple[str, str]:
    [outcome] = wat(wat_record(value), **how)
    assert isinstance(outcome, NoPage)
    return outcome.reason, outcome.evidence


def meta(name: str, content: str, key: str = "property") -> dict[str, str]:
    return {"content": content, key: name}


HEAD = {
    "Metas": [{"name": "HTML@/lang", "content": "en"}, meta("viewport", "width=1000", "name")],
    "Title": " Cats  and\ndogs ",
    "Link": [{"path": "LINK@/href", "url": "/style.css", "rel": "stylesheet"}],
}


def test_a_page_has_its_images_and_where_it_lay():
    page = read(head=HEAD)
    assert (page.url, page.title, page.lang, page.source) == (URL, "Cats and dogs", "en", "a.wat@0")
    assert page.found_at == datetime(2024, 5, 17, 23, 31, 22, tzinfo=UTC)
    assert [row[1:] for row in page.found] == [
        ("http://a.test/dir/cat.jpg", "A cat on a wall", "alt", (), "")
    ]


def test_alt_leads_and_title_travels_along():
    [row] = read(links=[image(alt="A cat", title="Sleeping")]).found
    assert (row[2], row[3], [(text.text, text.source) for text in row[4]]) == (
        "A cat",
        "alt",
        [("Sleeping", "title")],
    )


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({"alt": None, "title": "Sleeping"}, ("Sleeping", "title")),
        ({"alt": " ", "title": "Sleeping"}, ("Sleeping", "title")),
        ({"alt": "DSC_0042.JPG", "title": "Sleeping"}, ("Sleeping", "title")),
        ({"alt": "Sleeping", "title": "Sleeping"}, ("Sleeping", "alt")),
        ({"alt": "A\u00adcat \n ", "title": ""}, ("Acat", "alt")),
    ],
)
def test_the_better_text_is_the_caption(texts, expected):
    assert found(links=[image(**texts)]) == [("cat.jpg", *expected)]


def test_an_image_without_text_is_lost():
    links = [image("1.jpg", ""), image("2.jpg", None), image("3.jpg", " \n", "")]
    assert lost(links=links) == [("no_text", "1.jpg"), ("no_text", "2.jpg"), ("no_text", "3.jpg")]


@pytest.mark.parametrize(
    ("written", "base", "url"),
    [
        ("cat.jpg", None, "http://a.test/dir/cat.jpg"),
        ("../cat.jpg?w=3&utm_source=x", None, "http://a.test/cat.jpg?w=3"),
        ("//img.test/cat.jpg", None, "http://img.test/cat.jpg"),
        ("cat.jpg", "/pictures/", "http://a.test/pictures/cat.jpg"),
        ("cat.jpg", "https://b.test/x/y", "https://b.test/x/cat.jpg"),
        ("/\u00fc.jpg", None, "http://a.test/%C3%BC.jpg"),
    ],
)
def test_addresses_are_those_of_the_page_or_its_base(written, base, url):
    head = {"Base": base} if base else {}
    assert [row[1] for row in read(links=[image(written)], head=head).found] == [url]


def test_what_is_no_address_is_lost():
    links = [image("data:image/gif;base64,R0lGOD"), image("DATA:x"), image("javascript:void(0)"), image("")]
    assert [reason for reason, _ in lost(links=links)] == ["data_uri", "data_uri", "bad_url", "bad_url"]


def test_links_that_are_no_images_are_left_alone():
    links = [
        {"path": "A@/href", "url": "/x", "text": "A cat", "title": "cat"},
        {"path": "IMG@/longdesc", "url": "d"},
    ]
    links += [image(), {"path": "STYLE/#text", "href": "bg.jpg"}, {"path": "INPUT@/src", "url": "go.gif"}]
    assert (found(links=links), lost(links=links)) == ([("cat.jpg", "A cat on a wall", "alt")], [])


def test_shared_images_are_references_of_their_own_unless_shown():
    head = {
        "Metas": [
            meta("og:image", "/dog.jpg"),
            meta("og:image:alt", "A dog"),
            meta("twitter:image", "http://a.test/dir/cat.jpg", "name"),
            meta("twitter:image:alt", "Tom", "name"),
            meta("og:image", "data:,"),
            meta("og:image", "/bird.jpg"),
        ]
    }
    page = read(head=head)
    assert [(row[1][13:], row[2], row[3]) for row in page.found] == [
        ("/dir/cat.jpg", "A cat on a wall", "alt"),
        ("/dog.jpg", "A dog", "og:image:alt"),
    ]
    assert [text.text for text in page.found[0][4]] == ["Tom"]
    assert [(row[1], row[4]) for row in page.lost] == [
        ("no_text", "og:image"),
        ("data_uri", "og:image: data:,"),
    ]


CC = "https://creativecommons.org/licenses/by/4.0/"


@pytest.mark.parametrize(
    ("head", "links", "licence"),
    [
        ([{"path": "LINK@/href", "url": "/terms", "rel": "license"}], [], "http://a.test/terms"),
        ([], [{"path": "A@/href", "url": CC, "text": "CC"}], CC),
        ([], [{"path": "A@/href", "url": "https://creativecommons.org/about/"}], ""),
        (
            [],
            [{"path": "A@/href", "url": "https://creativecommons.org/publicdomain/zero/1.0/"}],
            "https://creativecommons.org/publicdomain/zero/1.0/",
        ),
        (
            [{"path": "LINK@/href", "url": "/terms", "rel": "License"}],
            [{"path": "A@/href", "url": CC}],
            "http://a.test/terms",
        ),
        ([{"path": "LINK@/href", "url": CC, "rel": "stylesheet"}], [], ""),
        ([], [{"path": "A@/href", "url": "/us", "text": "not creativecommons.org", "rel": "license"}], ""),
        ([], [{"path": "IMG@/src", "url": True, "title": "creativecommons.org"}], ""),
    ],
)
def test_the_licence_is_the_one_the_page_links_to(head, links, licence):
    assert [row[5] for row in read(head={"Link": head}, links=[*links, image()]).found] == [licence]


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"headers": {"X-Robots-Tag": "noai"}}, "opt_out_x_robots_tag"),
        ({"headers": {"x-ROBOTS-tag": ["all", "noimageai"]}}, "opt_out_x_robots_tag"),
        ({"headers": {"TDM-Reservation": "1"}}, "opt_out_tdmrep"),
        ({"headers": {"tdm-reservation": ["0", "1"]}}, "opt_out_tdmrep"),
        ({"head": {"Metas": [meta("robots", "noindex", "name")]}}, "opt_out_meta_robots"),
        ({"head": {"Metas": [meta(" ROBOTS", "noai", "name")]}}, "opt_out_meta_robots"),
        ({"head": {"Metas": [meta("Wit-Builder", "noai", "name")]}}, "opt_out_meta_robots"),
        ({"head": {"Metas": [meta("TDM-Reservation", "1", "name")]}}, "opt_out_tdmrep"),
    ],
)
def test_the_owner_s_wishes_of_then_are_obeyed(parts, reason):
    assert (lost(**parts), found(**parts)) == ([(reason, "cat.jpg")], [])


@pytest.mark.parametrize(
    "parts",
    [
        {"headers": {"X-Robots-Tag": "otherbot: noai"}},
        {"headers": {"tdm-reservation": "0"}},
        {"head": {"Metas": [meta("robots", "index, follow", "name"), meta("otherbot", "noai", "name")]}},
    ],
)
def test_what_is_no_wish_to_us_costs_nothing(parts):
    assert len(found(**parts)) == 1


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"kind": "revisit"}, ("revisit", "")),
        ({"WARC_Truncated": "length"}, ("truncated", "WARC-Truncated: length")),
        ({"status": "404"}, ("http_404", "")),
        ({"status": "404", "headers": {"Status": "200"}}, ("http_404", "")),
        ({"status": ""}, ("bad_record", "no status line")),
        ({"html": False}, ("not_html", "no HTML-Metadata")),
        ({"WARC_Target_URI": "dns:a.test"}, ("bad_url", "dns:a.test")),
        ({"WARC_Date": "yesterday"}, ("bad_record", "WARC-Date: yesterday")),
    ],
)
def test_what_is_no_page_says_why(parts, reason):
    assert no_page(metadata(**parts)) == reason


@pytest.mark.parametrize("kind", ["request", "warcinfo", "metadata"])
def test_records_of_requests_and_of_the_crawl_are_no_items(kind):
    bare = wat_record({"Envelope": {"WARC-Header-Metadata": {"WARC-Type": kind}}})
    spaced = wat_record(json.dumps(metadata(kind=kind), indent=1).encode())
    assert told(wat(bare + spaced + wat_record(metadata()))) == ["A cat on a wall"]


def test_a_page_without_images_is_a_page():
    page = read(links=[{"path": "A@/href", "url": "/x"}], head=HEAD)
    assert (page.found, page.lost) == ([], [])


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"not JSON",
        b"[]",
        b"{}",
        b'"text"',
        b'{"Envelope":{}}',
        b'{"Envelope":[{"WARC-Type":"response"}]}',
    ],
)
def test_what_is_no_metadata_is_a_bad_record(value):
    assert no_page(value)[0] == "bad_record"


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("part", [{"links": 3}, {"head": [1]}])
def test_json_of_another_shape_is_a_bad_record_of_its_page(part, indent):
    [outcome] = wat(
        wat_record(json.dumps(metadata(**part), indent=1).encode() if indent else metadata(**part))
    )
    assert isinstance(outcome, NoPage)
    assert (outcome.reason, outcome.url) == ("bad_record", URL)


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("wrong", [{"alt": 3}, {"title": ["a"]}, {"url": [3]}, {"url": None}, {"url": ...}])
def test_an_image_without_an_address_or_of_another_shape_is_passed_over_alone(wrong, indent):
    link = {name: value for name, value in (image() | wrong).items() if value is not ...}
    value = metadata(links=[image("1.jpg"), link, 3, {"path": "A@/href", "url": 3}, image("2.jpg")])
    raw = json.dumps(value, indent=1).encode() if indent else dumped(value)
    assert told(wat(wat_record(raw))) == ["A cat on a wall"] * 2


def test_an_error_in_one_record_loses_that_record_only():
    good = wat_record(metadata())
    assert told(wat(good + wat_record(b'{"Envelope":') + good)) == [
        "A cat on a wall",
        "bad_record",
        "A cat on a wall",
    ]


def test_bombs_of_json_are_bad_records():
    deep = b'{"Envelope":' + b"[" * 40_000 + b"]" * 40_000 + b"}"
    assert no_page(deep)[0] == "bad_record"
    wide = dumped(metadata(links=[image(f"{n}.jpg") for n in range(3_000)]))
    assert no_page(wide, max_bytes=len(wide) - 1)[0] == "page_too_big"
    assert len(told(wat(wat_record(wide), max_bytes=len(wide)))) == 3_000


def test_images_beyond_the_limit_are_one_loss():
    head = {"Metas": [meta("og:image", "x")]}
    page = read(Extraction(max_images=2), links=[image(f"{n}.jpg") for n in range(5)], head=head)
    assert len(page.found) == 2
    assert [(reason, evidence) for _, reason, _, _, evidence in page.lost] == [
        ("page_cut", "all images beyond the first 2")
    ]
    whole = read(Extraction(max_images=3), links=[image(f"{n}.jpg") for n in range(2)], head=head)
    assert "page_cut" not in [row[1] for row in whole.lost]


def test_sources_that_are_left_out_are_not_read():
    settings = Extraction(sources=tuple(source for source in TEXT_SOURCES if source != "alt"))
    assert [row[2] for row in read(settings, links=[image(title="Tom"), image("x.jpg")]).found] == ["Tom"]


@pytest.mark.parametrize(
    ("raw", "caption"),
    [
        (b"caf\xe9 noir", "caf\ufffd noir"),
        (rb"half \ud83d of a pair", "half \ufffd of a pair"),
        (rb"whole \ud83d\ude00 pair", "whole \U0001f600 pair"),
        (rb"a backslash \\ud83d", r"a backslash \ud83d"),
        (
            rb"braces {\"a\"},{\"path\":\"IMG@/src\",\"url\":\"x\"}",
            'braces {"a"},{"path":"IMG@/src","url":"x"}',
        ),
    ],
)
def test_texts_are_read_whatever_they_hold(raw, caption):
    value = dumped(metadata(links=[image(alt="HERE"), image("2.jpg")])).replace(b"HERE", raw)
    assert told(wat(wat_record(value))) == [caption, "A cat on a wall"]


TEXT = st.text(st.sampled_from('ab"\\{}[],:/é\u2028😀 \n') | st.characters(codec="utf-8"), max_size=12)
LINK = st.builds(image, TEXT, TEXT | st.none(), TEXT | st.none()) | st.builds(
    lambda url, text, path: {"path": path, "url": url, "text": text},
    TEXT | st.just(CC),
    TEXT | st.just('{"path":"IMG@/src","url":"x"}'),
    st.sampled_from(["A@/href", "AREA@/href", "FORM@/action"]),
)
NAME = TEXT | st.sampled_from(["og:image", " OG:image ", "og:image:alt", "twitter:image", "robots"])
METAS = st.lists(st.builds(meta, NAME, TEXT, st.sampled_from(["name", "property"])), max_size=3)


@given(st.lists(LINK, max_size=4), METAS, TEXT, st.dictionaries(TEXT, TEXT, max_size=2))
def test_the_quick_look_tells_what_the_whole_record_tells(links, metas, title, headers):
    value = metadata(links=links, head={"Metas": metas, "Title": title}, headers={"A": "b"} | headers)
    compact, spaced = dumped(value), json.dumps(value, indent=1).encode()
    assert lean.quick(spaced) is None
    reader = WatReader("a.wat", Extraction(), 10**6)
    quick, whole = alike(reader, [reader.page(compact, ""), reader.page(spaced, "")])
    assert isinstance(quick, Page)
    assert isinstance(whole, Page)
    assert (quick.found, quick.lost) == (whole.found, whole.lost)
    assert (quick.title, quick.lang) == (whole.title, whole.lang) or not (whole.found or whole.lost)


@given(st.data(), st.lists(LINK, max_size=3), METAS, st.sampled_from(["noai", "all"]))
def test_in_any_order_of_keys_the_quick_look_tells_the_same_or_nothing(data, links, metas, wish):
    value = metadata(
        links=links, head={"Metas": metas, "Title": "Cats"}, headers={"X-Robots-Tag": wish, "A": "b"}
    )
    value["Envelope"]["Payload-Metadata"]["Actual-Content-Type"] = "application/http"
    raw = dumped(shuffled(value, data.draw(st.randoms(use_true_random=False))))
    reader = WatReader("a.wat", Extraction(), 10**6)
    spaced = json.dumps(json.loads(raw), indent=1).encode()
    quick, whole = alike(reader, [reader.page(raw, ""), reader.page(spaced, "")])
    assert isinstance(quick, Page)
    assert isinstance(whole, Page)
    assert (quick.found, quick.lost) == (whole.found, whole.lost)


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same JSON, the keys of half of its objects in another order."""
    if isinstance(value, list):
        return [shuffled(one, chance) for one in value]
    if not isinstance(value, dict):
        return value
    names = list(value)
    if chance.random() < 0.5:
        chance.shuffle(names)
    return {name: shuffled(value[name], chance) for name in names}


def test_an_image_whose_path_is_not_said_first_is_found():
    late = {"url": "late.jpg", "path": "IMG@/src", "alt": "A late cat"}
    assert [row[1] for row in found(links=[image(), late])] == ["A cat on a wall", "A late cat"]
    assert lean.quick(dumped(metadata(links=[image(), late]))) is None


def test_a_wish_in_headers_that_stand_behind_the_html_is_obeyed():
    value = metadata(headers={"X-Robots-Tag": "noai"})
    response = value["Envelope"]["Payload-Metadata"]["HTTP-Response-Metadata"]
    response["Headers"] = response.pop("Headers")
    [page] = wat(wat_record(value))
    assert isinstance(page, Page)
    assert [row[1] for row in page.lost] == ["opt_out_x_robots_tag"]


@given(st.lists(st.tuples(st.lists(LINK, max_size=3), METAS), max_size=4))
def test_many_pages_at_once_are_read_as_one_by_one(pages):
    reader = WatReader("a.wat", Extraction(), 10**6)
    records = [dumped(metadata(links=links, head={"Metas": metas})) for links, metas in pages]
    together = alike(reader, [reader.page(raw, "") for raw in records])
    assert together == [alike(reader, [reader.page(raw, "")])[0] for raw in records]


@pytest.mark.parametrize("alt", ["A cat", '"}', '\\"}', "{}", '{"path":"IMG@/src",'])
def test_the_order_of_common_crawl_is_read_at_a_quick_look(alt):
    links = [{"path": "A@/href", "url": CC, "text": "CC"}, image(alt=alt), image()]
    told = lean.quick(dumped(metadata(links=links, head=HEAD)))
    if '"}' not in alt:  # a cut that is wrong is seen, and then the whole record is parsed
        assert told == lean.whole(dumped(metadata(links=links, head=HEAD)))._replace(headers={})
    assert [row[2] for row in read(links=links, head=HEAD).found][-1] == "A cat on a wall"


@pytest.mark.parametrize("cut", [b",", b',"url":"cat.jpg"', b',"url":"cat.jpg","alt":3'])
def test_half_an_image_is_no_json(cut):
    whole = dumped(metadata())
    assert whole.count(_IMAGE) == 1
    assert no_page(whole.replace(_IMAGE, b'{"path":"IMG@/src"' + cut))[0] == "bad_record"


_IMAGE = dumped(image())


def test_a_record_that_is_no_metadata_is_no_item():
    assert told(wat(gzip.compress(page()) + wat_record(metadata()))) == ["A cat on a wall"]


def test_personal_data_of_a_record_is_in_no_text():
    settings = Extraction(mask=("email",))
    links = [image("1.jpg", alt="by me@example.org"), image("2.jpg", alt="a boat", title="you@example.org")]
    made = read(settings, links=links, head=HEAD | {"Title": "of me@example.org"})
    assert made.title == "of [email]"
    assert [row[2] for row in made.found] == ["by [email]", "a boat"]
    assert [text.text for text in made.found[1][4]] == ["[email]"]
