"""Real archives, that nobody here wrote, against other people's readers and against each other."""

import json
from collections import Counter
from collections.abc import Iterable
from functools import cache

import pytest

from tests.archive import slow
from tests.archive.archives import alike
from tests.shared_data import shared_data
from wit_builder.archive.collect import outcomes
from wit_builder.archive.rows import NoPage, Page
from wit_builder.archive.warc import WarcReader
from wit_builder.archive.wat import WatReader
from wit_builder.extract.settings import Extraction
from wit_builder.web.settings import OptOut

ALL = Extraction(
    optout=OptOut(directives=(), tdmrep=False)
)  # whatever its owner wishes: here only to compare
MAX_BYTES = 10 << 20


@cache
def read(file: str, settings: Extraction = ALL) -> list[Page | NoPage]:
    kind = WatReader if ".wat" in file else WarcReader
    with shared_data(f"warc/{file}").open("rb") as stream:
        reader = kind(file.rpartition("/")[2], settings, MAX_BYTES)
        return alike(reader, list(outcomes(stream, reader)))


def index() -> list[dict]:
    rows: list[dict] = json.loads(shared_data("warc/index.json").read_text())
    return [row | {"file": row["file"].removeprefix("warc/")} for row in rows]


def counts(outcomes: Iterable[Page | NoPage]) -> Counter[str]:
    return Counter(outcome.reason if isinstance(outcome, NoPage) else "page" for outcome in outcomes)


NO_ITEMS = ("request", "warcinfo", "metadata", "conversion")
DIFFERENT = {  # what warcio, which made the index, reads otherwise
    "pywb/example.warc": {"bad_record": 1},  # a request record whose length lies by two bytes
    "warcio/example-trunc.warc": {"bad_record": 1},  # its response is shorter than it says
    "pywb/example-bad.warc.gz.bad": {
        "page": 1,
        "http_302": 1,
        "revisit": 1,
    },  # warcio stops at members that join
    "warcio/example-bad.warc.gz.bad": {"page": 1, "http_302": 1, "revisit": 1},
    "warcio/example-bad-non-chunked.warc.gz": {"page": 1, "revisit": 1},
    "resiliparse/warcfile.warc.lz4": {"page": 16},  # warcio reads no lz4
}


@pytest.mark.parametrize("row", index(), ids=lambda row: row["file"])
def test_every_archive_is_read_whole(row):
    file, found = row["file"], counts(read(row["file"]))
    if file.endswith((".arc", ".arc.gz")):
        assert found == {"not_warc": 1}
    elif ".wat" in file or ".wet" in file:
        assert found["bad_record"] == 0
    else:
        items = sum(n for kind, n in row["records"].items() if kind not in NO_ITEMS and kind != "unknown")
        more = DIFFERENT.get(file, {})
        assert found.total() == (
            sum(more.values()) if row["warcio_error"] and more else items + (file == "pywb/example.warc") or 1
        )
        assert found >= Counter(more)
        assert found["no_response"] == (items == 0 and not more)


def test_damage_is_found_in_four_of_them_and_nowhere_else():
    damaged = {row["file"] for row in index() if counts(read(row["file"]))["bad_record"]}
    assert damaged == {
        "pywb/example.warc",
        "pywb/example-extra.warc",  # one block is no HTTP response
        "pywb/missing-status-text.warc",  # shorter than it says
        "resiliparse/clipped.warc.gz",  # cut on purpose
        "warcio/example-trunc.warc",
    }


WARCS = [
    "commoncrawl-whirlwind/whirlwind.warc.gz",
    "ia-web-commons/IAH-urls-wget.warc.gz",
    "ia-web-commons/link-extraction-test.warc",
    "jwarc/cc.warc.gz",
    "resiliparse/warcfile.warc.gz",
    "ukwa/wikipedia-mona-lisa.warc.gz",
    "wget/wget-charsets.warc.gz",
    "wget/wget-gzip.warc.gz",
    "wget/wget-messy.warc.gz",
    "wget/wget-photos.warc.gz",
    "wget/wget-plain.warc",
    "wget/wget-shiftjis.warc.gz",
]


def texts(pages: Iterable[Page | NoPage]) -> dict[tuple[str, str], set[str]]:
    """The URLs that each text of each page was found with, losses with their caption only."""
    found: dict[tuple[str, str], set[str]] = {}
    for page in pages:
        if isinstance(page, Page):
            for _, url, caption, _, others, _ in page.found:
                for text in (caption, *(other.text for other in others)):
                    found.setdefault((page.url, text), set()).add(url)
            for _, _, url, caption, _ in page.lost:
                found.setdefault((page.url, caption), set()).add(url)
    return found


def test_every_described_image_of_the_warcs_is_found():
    """Each text at the same address, at another one that the page offers for it, or as a loss without address."""
    answers: Counter[str] = Counter()
    missing = []
    for file in WARCS:
        found = texts(read(file))
        for image in slow.images_of_warc(shared_data(f"warc/{file}")):
            urls = found.get((image.page, image.alt), set())
            if image.url in urls:
                answers["same"] += 1
            elif urls & image.offered or (urls and image.url is None):
                answers["offered"] += 1
            else:
                missing.append(image.alt)
    assert missing == [":("]  # its title is the better caption of a loss
    assert answers == {"same": 856, "offered": 264}


WATS = [row["file"] for row in index() if ".wat" in row["file"]]


@pytest.mark.parametrize("file", WATS)
def test_every_described_image_of_the_wats_is_found_with_its_address(file):
    found = texts(read(file))
    images = slow.images_of_wat(shared_data(f"warc/{file}"))
    assert [
        image for image in images if image.url and image.url not in found.get((image.page, image.alt), ())
    ] == []


BOTH = [
    "ukwa/wikipedia-mona-lisa.warc",
    "wget/wget-charsets.warc",
    "wget/wget-messy.warc",
    "wget/wget-photos.warc",
    "wget/wget-shiftjis.warc",
]


@pytest.mark.parametrize("name", BOTH)
def test_both_forms_of_an_archive_have_the_same_pages(name):
    assert counts(read(f"{name}.gz")) == counts(read(f"{name}.wat.gz"))


def test_what_metadata_does_not_know_is_what_the_docs_say():
    """docs/conformance.md has the reasons."""
    whole, links = _pairs("gz"), _pairs("wat.gz")
    assert (len(whole & links), len(whole - links), len(links - whole)) == (521, 264, 111)
    texts_of_whole = {(page, caption) for page, _, caption in whole}
    assert len({pair for pair in links - whole if (pair[0], pair[2]) not in texts_of_whole}) == 3


def _pairs(form: str) -> set[tuple[str, str, str]]:
    """(page, URL, caption) of what is found in the archives that are there in both forms."""
    pages = [page for name in BOTH for page in read(f"{name}.{form}") if isinstance(page, Page)]
    return {(page.url, url, caption) for page in pages for _, url, caption, *_ in page.found}
