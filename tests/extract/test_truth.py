"""Extraction against real pages, and against two other parsers: html5lib (truth.jsonl.gz) and Python's own."""

import gzip
import json
import re
from collections import defaultdict
from functools import cache
from html.parser import HTMLParser
from typing import Any

from tests.extract.pages import read as read_page
from tests.shared_data import shared_data
from wit_builder.extract.address import is_placeholder
from wit_builder.extract.bounds import thinned
from wit_builder.extract.html import Extraction, Page
from wit_builder.text.normalize import fold
from wit_builder.web.charset import decode_html
from wit_builder.web.settings import OptOut
from wit_builder.web.url import normalise

EVERYTHING = Extraction(optout=OptOut(directives=(), tdmrep=False))


def read(html: str, page_url: str) -> Page:
    return read_page(html, EVERYTHING, page_url=page_url)


def test_every_described_image_of_885_real_pages_is_found_with_its_text() -> None:
    assert _against_truth()["missing"] == []
    assert {kind: len(found) for kind, found in _against_truth().items()} == {
        "same": 2408,
        "other": 109,
        "missing": 0,
    }


def test_where_its_address_is_another_one_the_page_offers_that_for_the_image() -> None:
    unexplained = [found for found in _against_truth()["other"] if not found["offered"]]
    assert unexplained == []


def test_every_described_image_of_47_messy_pages_is_a_candidate_or_a_loss() -> None:
    missing = []
    for html, page_url in _messy_pages():
        known = _texts(read(html, page_url))
        missing += [alt for alt, _ in _images(html) if alt and alt not in known]
    assert missing == [
        "Do Rzecz",
        ":(",
    ]  # one in a template; one where the title is the better caption of a loss


def test_nearly_every_described_image_behind_a_placeholder_is_found_on_messy_pages() -> None:
    found = []
    for html, page_url in _messy_pages():
        captions = {candidate.caption for candidate in read(html, page_url).candidates}
        found += [alt in captions for alt, src in _images(html) if alt and is_placeholder(src or "")]
    assert (sum(found), len(found)) == (184, 199)  # the others are smileys, icons and one in a template


def test_a_thinned_page_gives_what_the_whole_page_gives() -> None:
    different = [
        page_url
        for html, page_url in _messy_pages()
        if read(thinned(html)[0], page_url) != read(html, page_url)
    ]
    assert different == []


@cache
def _against_truth() -> dict[str, list[dict[str, Any]]]:
    """The images of truth.jsonl.gz with an alt: "same" address found with that text, an "other" one, "missing"."""
    headers = json.loads(shared_data("sites/headers.json").read_text())
    found: dict[str, list[dict[str, Any]]] = {"same": [], "other": [], "missing": []}
    for line in gzip.decompress(shared_data("sites/truth.jsonl.gz").read_bytes()).splitlines():
        row = json.loads(line)
        kind = headers.get(row["file"].removeprefix("sites/"), {}).get("content-type")
        html, _ = decode_html(shared_data(row["file"]).read_bytes(), kind)
        texts, offers = _texts(read(html, row["page"])), _offers(html, row["page"])
        for src, alt, address, _ in row["images"]:
            if alt and (text := fold(alt)):
                urls = texts.get(text, set())
                answer = "same" if normalise(address) in urls else "other" if urls else "missing"
                offered = bool(urls & offers[text])
                found[answer].append({"page": row["page"], "src": src, "offered": offered})
    return found


@cache
def _messy_pages() -> list[tuple[str, str]]:
    folder = shared_data("pages/trafilatura")
    rows = json.loads((folder / "index.json").read_text())
    files = [(decode_html((folder / row["file"]).read_bytes(), None)[0], row["url"]) for row in rows]
    return [(html, url or "http://a.test/dir/page.html") for html, url in files]


def _texts(page: Page) -> dict[str, set[str]]:
    """The URLs that each text was found with; losses with their caption only."""
    found = defaultdict(set)
    for candidate in page.candidates:
        for text in (candidate.caption, *(other.text for other in candidate.alt_texts)):
            found[text].add(candidate.url)
    for loss in page.losses:
        found[loss.caption].add(loss.url)
    return found


def _images(html: str) -> list[tuple[str, str | None]]:
    """(alt, src) of each img."""
    reader = _Reader()
    reader.feed(html)
    return [(fold(image.get("alt") or ""), image.get("src")) for image, _ in reader.images]


def _offers(html: str, page_url: str) -> dict[str, set[str]]:
    """For each alt the URLs that stand in attributes of its images, their sources and the links around them."""
    reader = _Reader()
    reader.feed(html)
    found = defaultdict(set)
    for image, around in reader.images:
        for word in re.split(r",?\s+", " ".join([*filter(None, image.values()), *around])):
            try:
                found[fold(image.get("alt") or "")].add(normalise(word, page_url))
            except ValueError:
                continue
    return found


class _Reader(HTMLParser):
    """Collects img tags with the values that stand around them, without building a tree."""

    def __init__(self) -> None:
        super().__init__()
        self.images: list[tuple[dict[str, str | None], list[str]]] = []
        self._link, self._sources = "", [""]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.images.append((dict(reversed(attrs)), [self._link, *self._sources]))
        elif tag == "a":
            self._link = dict(attrs).get("href") or ""
        elif tag == "source":
            self._sources += filter(None, dict(attrs).values())

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._link = ""
        elif tag == "picture":
            self._sources = [""]
