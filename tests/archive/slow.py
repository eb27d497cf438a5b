"""Other people's readers, slow and plain, to compare with: warcio and html5lib for WARC, json and urllib for WAT."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin

import html5lib
from warcio.archiveiterator import ArchiveIterator

from wit_builder.text.normalize import fold
from wit_builder.web.url import normalise

MAX_HTML = 1_000_000  # bytes of a page that html5lib is given: it takes 10 ms a KB


class Image(NamedTuple):
    """An img with an alt, as it stands on a page."""

    page: str  # its address, normalised
    alt: str  # folded
    url: str | None  # of its src, normalised; None where that is no address
    offered: frozenset[str]  # every address that it, its picture and the link around it offer


def pages(path: Path) -> Iterator[tuple[str, bytes, str | None]]:
    """(address, body, character set of the header) of each HTML page in a WARC file, by warcio."""
    with path.open("rb") as file:
        for record in ArchiveIterator(file):
            if record.rec_type != "response" or record.http_headers is None:
                continue
            kind = record.http_headers.get_header("Content-Type") or ""
            if record.http_headers.get_statuscode() == "200" and "html" in kind.partition(";")[0].lower():
                address = record.rec_headers.get_header("WARC-Target-URI").strip("<>")
                charset = re.search(r"charset=[\"']?([\w-]+)", kind)
                body = record.content_stream().read()
                yield normalise(address), body, charset[1] if charset else _declared(body)


def images_of_warc(path: Path) -> list[Image]:
    """The img elements with an alt on pages of at most MAX_HTML bytes, outside noscript and template."""
    return [
        image
        for address, body, charset in pages(path)
        if len(body) <= MAX_HTML
        for image in _images(address, body, charset)
    ]


def images_of_wat(path: Path) -> list[Image]:
    """The links IMG@/src with an alt, of pages that were had."""
    data = path.read_bytes()
    lines = (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).split(b"\r\n")
    found = []
    for line in lines:
        envelope = json.loads(line)["Envelope"] if line.startswith(b"{") else {}
        response = envelope.get("Payload-Metadata", {}).get("HTTP-Response-Metadata", {})
        html = response.get("HTML-Metadata", {})
        if response.get("Response-Message", {}).get("Status") != "200":
            continue
        page = envelope["WARC-Header-Metadata"]["WARC-Target-URI"].strip("<>")
        base = urljoin(page, html.get("Head", {}).get("Base", ""))
        for link in html.get("Links", []):
            if link["path"] == "IMG@/src" and fold(link.get("alt", "")):
                url = _normalised(link["url"], base)
                found.append(Image(normalise(page), fold(link["alt"]), url, frozenset()))
    return found


def _images(address: str, body: bytes, charset: str | None) -> Iterator[Image]:
    document = html5lib.parse(body, transport_encoding=charset, namespaceHTMLElements=False)
    base = document.find(".//base[@href]")
    base_url = address if base is None else _normalised(base.get("href"), address) or address
    around = {child: parent for parent in document.iter() for child in parent}
    for image in document.iter("img"):
        parents = list(_above(image, around))
        alt = fold(image.get("alt") or "")
        if alt and not {"noscript", "template"} & {parent.tag for parent in parents}:
            written = [*image.attrib.values(), *(p.get("href") or "" for p in parents if p.tag == "a")]
            written += [
                v for p in parents if p.tag == "picture" for s in p.iter("source") for v in s.attrib.values()
            ]
            words = (word for value in written for word in re.split(r",?\s+", value))
            offered = frozenset(url for word in words if (url := _normalised(word, base_url)))
            yield Image(address, alt, _normalised(image.get("src") or "", base_url), offered)


def _declared(body: bytes) -> str | None:
    """html5lib, where nothing is declared, takes windows-1252; what is UTF-8 is UTF-8."""
    try:
        return None if b"charset" in body[:1024].lower() or body.isascii() or not body.decode() else "utf-8"
    except UnicodeDecodeError:
        return None


def _above(element, around):
    while (element := around.get(element)) is not None:
        yield element


def _normalised(written: str, base: str) -> str | None:
    try:
        return normalise(written, base) if written else None
    except ValueError:
        return None
