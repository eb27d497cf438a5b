"""Archived responses become pages, by the rules of the crawl."""

from datetime import UTC, datetime

import pytest

from tests.archive.archives import DATE, EVERYTHING, HTML, MAX_BYTES, URL, http, record, told, warc
from wit_builder.archive.rows import NoPage, Page
from wit_builder.archive.warc import MAX_INTERIM
from wit_builder.extract.settings import Extraction
from wit_builder.web.settings import OptOut


def one(data: bytes, settings: Extraction = EVERYTHING) -> Page | NoPage:
    """What the one record that is an item becomes."""
    [outcome] = warc(data, settings)
    return outcome


def lost(data: bytes) -> tuple[str, str]:
    outcome = one(data)
    assert isinstance(outcome, NoPage)
    return outcome.reason, outcome.evidence


def test_a_page_has_its_images_and_where_it_lay():
    page = one(record(http()))
    assert isinstance(page, Page)
    assert (page.url, page.title, page.lang, page.source) == (URL, "Cats", "en", "a.warc@0")
    assert page.found_at == datetime(2024, 5, 17, 23, 31, 22, tzinfo=UTC)
    [(_, url, caption, source, others, licence)] = page.found
    assert (url, caption, source, others, licence) == (
        "http://a.test/dir/cat.jpg",
        "A cat on a wall",
        "alt",
        (),
        "",
    )


@pytest.mark.parametrize(
    "kind", ["warcinfo", "request", "metadata", "conversion", "continuation", "whatever"]
)
def test_other_records_are_no_items(kind):
    assert told(warc(record(b"", kind=kind) + record(http()))) == ["A cat on a wall"]


@pytest.mark.parametrize("interim", ["100 Continue", "102 Processing", "103 Early Hints"])
def test_interim_responses_before_the_page_are_passed_over(interim):
    once, last = http(b"", "Link: <a.css>", status=interim), http(status="404 Not Found")
    assert told(warc(record(once + http()) + record(once * MAX_INTERIM + http()))) == ["A cat on a wall"] * 2
    assert told(warc(record(once + last) + record(once * (MAX_INTERIM + 1) + http()))) == [
        "http_404",
        f"http_{interim[:3]}",
    ]
    assert told(warc(record(once))) == [f"http_{interim[:3]}"]


def test_a_page_behind_an_interim_response_is_held_to_the_same_bounds():
    once = http(b"", status="100 Continue")
    pages = [record(once + http(HTML.ljust(MAX_BYTES + more))) for more in (0, 1)]
    assert told(warc(b"".join(pages))) == ["A cat on a wall", "page_too_big"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (record(http(), kind="revisit"), ("revisit", "")),
        (record(http(), WARC_Truncated="length"), ("truncated", "WARC-Truncated: length")),
        (record(http(kind="image/png")), ("not_html", "image/png")),
        (record(http(status="404 Not Found")), ("http_404", "")),
        (record(http(status="206 Partial Content")), ("http_206", "")),
        (record(http(status="301 Moved")), ("http_301", "")),
        (record(http(status="99 Nonsense")), ("bad_record", "no status line")),
        (record(b"hello"), ("bad_record", "no status line")),
        (record(b""), ("bad_record", "no status line")),
        (record(http(), WARC_Target_URI="dns:a.test"), ("bad_url", "dns:a.test")),
        (record(http(), WARC_Target_URI=None), ("bad_url", "")),
        (record(http(), WARC_Date="yesterday"), ("bad_record", "WARC-Date: yesterday")),
        (record(http(), WARC_Date=None), ("bad_record", "WARC-Date: ")),
        (record(b"a.test. 300 IN A 1.2.3.4", Content_Type="text/dns"), ("not_html", "text/dns")),
        (record(http(b"BM\0\0", kind="")), ("not_html", "no Content-Type, and it does not begin like HTML")),
        (record(http(HTML, "X: " + "x" * 70_000)), ("bad_record", "Maximum header length exceeded.")),
        (record(http(b"uryyb", "Content-Encoding: rot13")), ("bad_record", "Content-Encoding: rot13")),
    ],
)
def test_what_is_no_page_says_why(data, reason):
    assert lost(data) == reason


@pytest.mark.parametrize(
    "block",
    [
        http(kind="application/xhtml+xml; charset=utf-8"),
        http(kind="TEXT/HTML"),
        http(b"\xef\xbb\xbf \n" + HTML, kind=""),
        http().replace(b"\r\n", b"\n"),
        http().replace(b"HTTP/1.1 200 OK", b"HTTP/2 200"),
    ],
)
def test_pages_come_in_many_forms(block):
    assert told(warc(record(block))) == ["A cat on a wall"]


def test_a_resource_is_a_page_by_the_record_s_own_type():
    assert told(warc(record(HTML, kind="resource", Content_Type="text/html"))) == ["A cat on a wall"]


def test_a_page_of_the_most_bytes_is_read_and_one_byte_more_is_too_big():
    least = HTML.ljust(MAX_BYTES)
    assert told(warc(record(http(least)) + record(http(least + b" ")))) == ["A cat on a wall", "page_too_big"]


@pytest.mark.parametrize("written", [f"<{URL}>", f" {URL}", "http://a.test:80/dir/./page.html#top"])
def test_addresses_are_read_however_they_are_written(written):
    assert one(record(http(), WARC_Target_URI=written)).url == URL


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (DATE, "2024-05-17T23:31:22+00:00"),
        ("2024-05-17T23:31:22.123456789Z", "2024-05-17T23:31:22.123456+00:00"),
        ("2024-05-17T23:31", "2024-05-17T23:31:00+00:00"),
        ("2024-05-17", "2024-05-17T00:00:00+00:00"),
        ("2024-05", "2024-05-01T00:00:00+00:00"),
        ("2024", "2024-01-01T00:00:00+00:00"),
        ("2024-05-17T23:31:22+02:00", "2024-05-17T21:31:22+00:00"),
    ],
)
def test_a_date_may_have_any_precision(written, read):
    assert one(record(http(), WARC_Date=written)).found_at.isoformat() == read


@pytest.mark.parametrize(
    "header", ["Content-Type: text/html; charset=shift_jis", "Content-Type: text/html;charset='Shift_JIS'"]
)
def test_the_character_set_is_the_header_s(header):
    html = '<img src="a.jpg" alt="猫">'.encode("shift_jis")
    assert told(warc(record(http(html, header, kind="")))) == ["猫"]


@pytest.mark.parametrize(
    ("headers", "html", "reason"),
    [
        (["X-Robots-Tag: noai"], b"", "opt_out_x_robots_tag"),
        (
            ["x-robots-tag: nofollow", "X-ROBOTS-TAG: otherbot: all, wit-builder: noimageai"],
            b"",
            "opt_out_x_robots_tag",
        ),
        (["tdm-reservation: 1"], b"", "opt_out_tdmrep"),
        (["TDM-Reservation: 0", "TDM-Reservation: 1"], b"", "opt_out_tdmrep"),
        ([], b"<meta name=robots content=noindex>", "opt_out_meta_robots"),
        ([], b"<meta name=tdm-reservation content=1>", "opt_out_tdmrep"),
    ],
)
def test_the_owner_s_wishes_of_then_are_obeyed(headers, html, reason):
    page = one(record(http(html + HTML, *headers)))
    assert isinstance(page, Page)
    assert ([row[1] for row in page.lost], page.found) == ([reason], [])


@pytest.mark.parametrize(
    "header", ["X-Robots-Tag: otherbot: noai", "X-Robots-Tag: all", "tdm-reservation: 0"]
)
def test_what_is_no_wish_to_us_costs_nothing(header):
    assert told(warc(record(http(HTML, header)))) == ["A cat on a wall"]


def test_the_policy_decides():
    settings = Extraction(optout=OptOut(directives=(), tdmrep=False))
    page = one(record(http(HTML, "X-Robots-Tag: noai", "tdm-reservation: 1")), settings)
    assert isinstance(page, Page)
    assert len(page.found) == 1
