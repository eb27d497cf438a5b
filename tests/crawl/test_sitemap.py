import gzip
import random
import zlib

import pytest

from wit_builder.crawl import sitemap
from wit_builder.crawl.sitemap import parse
from wit_builder.errors import Gone

HERE = "http://a.test/sitemap.xml"
NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def urlset(*urls: str, more: str = "") -> bytes:
    entries = "".join(f"<url><loc> {url}\n</loc>{more}</url>" for url in urls)
    return f'<?xml version="1.0" encoding="UTF-8"?><urlset {NAMESPACE}>{entries}</urlset>'.encode()


def index(*urls: str) -> bytes:
    entries = "".join(f"<sitemap><loc>{url}</loc></sitemap>" for url in urls)
    return f"<sitemapindex {NAMESPACE}>{entries}</sitemapindex>".encode()


def test_the_pages_of_a_sitemap_are_normalised_and_different():
    found = parse(
        urlset("http://A.test/b?x=1&amp;utm_source=s", "http://a.test/b?x=1", "/c", "ftp://a.test/d"), HERE
    )
    assert found.pages == ["http://a.test/b?x=1", "http://a.test/c"]


def test_an_index_names_sitemaps_and_no_pages():
    found = parse(index("http://a.test/1.xml", "http://a.test/2.xml.gz"), HERE)
    assert (found.pages, found.sitemaps) == ([], ["http://a.test/1.xml", "http://a.test/2.xml.gz"])


def test_an_images_own_address_is_no_page():
    image = '<i:image xmlns:i="http://www.google.com/schemas/sitemap-image/1.1"><i:loc>http://a.test/i.jpg</i:loc></i:image>'
    assert parse(urlset("http://a.test/b", more=image), HERE).pages == ["http://a.test/b"]


@pytest.mark.parametrize(
    "pack",
    [
        gzip.compress,
        lambda body: gzip.compress(body[:40]) + gzip.compress(b"") + gzip.compress(body[40:]) + b"\0" * 512,
        lambda body: b"".join(gzip.compress(body[at : at + 1]) for at in range(len(body))),
        lambda body: b"\xef\xbb\xbf\n" + body,
        lambda body: body.decode().replace("UTF-8", "UTF-16").encode("utf-16"),
    ],
)
def test_gzip_a_mark_and_utf_16_are_understood(pack):
    found = parse(pack(urlset("http://a.test/b")), HERE)
    assert (found.pages, found.cut) == (["http://a.test/b"], "")


def test_a_text_sitemap_has_an_address_a_line():
    found = parse(b"\xef\xbb\xbfhttp://a.test/b\r\nnot an address\n\nhttp://a.test/c", HERE)
    assert found.pages == ["http://a.test/b", "http://a.test/c"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_what_stands_before_a_break_counts(pack):
    whole = urlset("http://a.test/b", "http://a.test/c")
    found = parse(pack(whole[: whole.rindex(b"<url>") + 9]), HERE)
    assert found.pages == ["http://a.test/b"]
    assert "unclosed token" in found.cut


@pytest.mark.parametrize(
    ("broken", "why"),
    [(lambda whole: whole[:-8], "ends early"), (lambda whole: whole[:-8] + bytes(8), "incorrect data check")],
)
def test_a_gzip_that_breaks_off_says_so(broken, why):
    rng = random.Random(0)
    body = gzip.compress(urlset(*(f"http://a.test/{rng.randbytes(40).hex()}" for _ in range(3000))))
    found = parse(broken(body), HERE)
    assert 1000 < len(found.pages) <= 3000
    assert why in found.cut


def test_so_many_gzip_members_are_read_and_no_more():
    body = gzip.compress(urlset("http://a.test/b")) + gzip.compress(b"") * (sitemap.MAX_MEMBERS - 1)
    assert parse(body, HERE).pages == ["http://a.test/b"]
    with pytest.raises(Gone, match="more than 1000 gzip members"):
        parse(body + gzip.compress(b""), HERE)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html><p>no", b"just words", b"\x1f\x8b broken", b"<urlset>\xff</urlset>", b"<html></html>"],
)
def test_what_is_no_sitemap_is_gone(body):
    with pytest.raises(Gone, match="bad_sitemap"):
        parse(body, HERE)


@pytest.mark.parametrize(
    "declaration",
    [
        '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">',
        '<!ENTITY b SYSTEM "file:///etc/passwd">',
        '<!ENTITY % b SYSTEM "http://127.0.0.1/"> %b;',
    ],
)
def test_an_entity_is_refused_before_it_is_expanded(declaration):
    body = f"<!DOCTYPE urlset [{declaration}]>{urlset('http://a.test/&b;').decode().partition('?>')[2]}"
    with pytest.raises(Gone, match="declares the entity"):
        parse(body.encode(), HERE)


@pytest.mark.parametrize(("count", "cut"), [(2, ""), (3, "more than 50,000 addresses")])
@pytest.mark.parametrize(
    "write", [urlset, lambda *urls: "\n".join(urls).encode(), lambda *urls: "\r\n".join([*urls, ""]).encode()]
)
def test_addresses_beyond_the_limit_are_left_out_and_told(monkeypatch, write, count, cut):
    monkeypatch.setattr(sitemap, "MAX_URLS", 2)
    urls = [f"http://a.test/{n}" for n in range(count)]
    found = parse(write(*urls), HERE)
    assert (found.pages, found.cut) == (urls[:2], cut)


def test_a_gzip_bomb_inflates_to_the_limit_and_no_further(monkeypatch):
    monkeypatch.setattr(sitemap, "MAX_BYTES", 1000)
    bomb = zlib.compressobj(wbits=31)
    body = bomb.compress(urlset("http://a.test/b")[:-9] + b" " * 10_000_000) + bomb.flush()
    assert len(sitemap._inflated(body)[0]) == 1000
    found = parse(body, HERE)
    assert (found.pages, found.cut) == (["http://a.test/b"], "more than 1,000 bytes")


def test_a_tower_of_elements_is_left_alone():
    found = parse(urlset("http://a.test/b", more="<x>" * 100_000), HERE)
    assert (found.pages, found.cut) == (["http://a.test/b"], "more than 32 elements one within the other")


def test_an_endless_address_is_none():
    assert parse(urlset("http://a.test/" + "x" * 100_000, "http://a.test/b"), HERE).pages == [
        "http://a.test/b"
    ]
