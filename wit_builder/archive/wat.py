"""A record of Common Crawl's metadata (WAT) becomes a page: what somebody else has found on it, as JSON.

WAT has each img with src, alt and title, the meta tags, the links and the HTTP headers of a page; of srcset, lazy
loading, figcaption and JSON-LD it knows nothing. What it has is read by the rules of `extract.html`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from fastwarc.warc import WarcRecord, WarcRecordType

from wit_builder.archive import dates, lean
from wit_builder.archive.framing import header
from wit_builder.archive.images import ImageRules, LinkedPage
from wit_builder.archive.lean import Json
from wit_builder.archive.rows import Images, NoPage
from wit_builder.archive.warc import check_status, check_url, target
from wit_builder.errors import Dropped, Gone
from wit_builder.extract import links
from wit_builder.extract.html import MAX_LANG, MAX_TITLE
from wit_builder.extract.meta import NO_WISHES, SHARED_NAMES, PageWishes, shared_images, wishes
from wit_builder.extract.settings import Extraction
from wit_builder.text.normalize import fold
from wit_builder.web.optout import robots_directives

_METADATA = int(WarcRecordType.metadata)
_ITEMS = frozenset(("response", "resource", "revisit"))


class WatReader:
    """Reads records of metadata."""

    def __init__(self, name: str, extraction: Extraction, max_bytes: int) -> None:
        """name: of the file, as sources have it. max_bytes: of a record."""
        self.name = name
        self._extraction, self._max_bytes = extraction, max_bytes
        self._rules = ImageRules(extraction)
        self._telling = _Telling({*_TELLING, extraction.agent.lower()})

    def images(self, pages: Sequence[LinkedPage]) -> Images:
        """What becomes of the images of pages that were read."""
        return self._rules.read(pages)

    def read(self, record: WarcRecord) -> LinkedPage | NoPage | None:
        """What the record becomes; None where it speaks of no response."""
        if int(record.record_type) != _METADATA:
            return None
        if record.content_length > self._max_bytes:
            url = target(header(record.headers, "WARC-Target-URI"))
            evidence = f"more than {self._max_bytes} bytes of JSON"
            return NoPage("page_too_big", url, evidence, f"{self.name}@{record.stream_pos}")
        raw = record.reader.read(self._max_bytes)
        page = self.page(raw, f"{self.name}@{record.stream_pos}") if lean.is_item(raw) else None
        if isinstance(page, NoPage) and not page.url:  # the record's own headers may say it
            return replace(page, url=target(header(record.headers, "WARC-Target-URI")))
        return page

    def page(self, raw: bytes, source: str) -> LinkedPage | NoPage | None:
        """What the JSON of a record becomes."""
        url, at = "", None
        try:
            told = lean.read(raw)
            if told.header["WARC-Type"] not in _ITEMS:
                return None
            url, date = target(told.header.get("WARC-Target-URI", "")), told.header.get("WARC-Date", "")
            at = dates.read(date)
            if at is None:
                raise Gone("bad_record", f"WARC-Date: {date[:80]}")
            return self._page(told, url, source, at, len(raw))
        except Dropped as error:
            return NoPage(error.reason, url, error.evidence, source, at)
        except (ValueError, LookupError, TypeError, AttributeError) as error:  # no JSON, or of another shape
            return NoPage("bad_record", url, f"{type(error).__name__}: {error}", source, at)

    def _page(self, told: lean.Told, url: str, source: str, at: datetime, weight: int) -> LinkedPage:
        head = _had(told)
        check_url(url)
        metas = self._told_by(head.get("Metas", ()))
        resolve = links.Resolver(url, head.get("Base"))
        return LinkedPage(
            url,
            self._extraction.fold(head.get("Title", ""))[:MAX_TITLE].rstrip(),
            fold(_lang(metas))[:MAX_LANG],
            source,
            at,
            told.images,
            shared_images(list(enumerate(metas))) if metas else (),
            resolve,
            _licence(head, told.commons, resolve),
            self._wishes(metas, told.headers),
            weight,
        )

    def _told_by(self, metas: Sequence[Json]) -> list[Json]:
        """The meta tags that are read, and those of their other name."""
        telling = self._telling
        return [meta for meta in metas if telling[meta.get("property")] or telling[meta.get("name")]]

    def _wishes(self, metas: Sequence[Json], headers: Mapping[str, Any]) -> PageWishes:
        """What meta tags and headers ask; of a header that was repeated all values count."""
        if not metas and not headers:
            return NO_WISHES
        said: dict[str, list[str]] = {"x-robots-tag": [], "tdm-reservation": []}
        for name, value in headers.items():
            if (values := said.get(name.lower())) is not None:
                values += map(str, value if isinstance(value, list) else [value])
        tags, reserved = said.values()
        extraction = self._extraction
        directives = robots_directives(tags, extraction.agent) if tags else frozenset()
        return wishes(metas, directives, ", ".join(reserved) or None, extraction.optout, extraction.agent)


class _Telling(dict[str | None, bool]):
    """Whether meta tags of that name are read; the same few thousand names are on nearly all pages."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def __missing__(self, written: str | None) -> bool:
        told = written is not None and written.strip().lower() in self._names
        if len(self) < _MAX_NAMES and len(written or "") <= _MAX_NAME:
            self[written] = told
        return told


def _had(told: lean.Told) -> Json:
    """The head of a page that was had. Raises Gone for all else."""
    if told.header["WARC-Type"] == "revisit":
        raise Gone("revisit", str(told.header.get("WARC-Refers-To-Date", "")))
    if why := told.header.get("WARC-Truncated"):
        raise Gone("truncated", f"WARC-Truncated: {why}")
    if told.status is None:
        raise Gone("not_html", str(told.header.get("Content-Type", ""))[:100])
    if told.status != "200":
        check_status(int(told.status) if told.status.isascii() and told.status.isdigit() else None)
    if told.head is None:
        raise Gone("not_html", "no HTML-Metadata")
    return told.head


def _licence(head: Json, commons: Sequence[Json], resolve: links.Resolver) -> str:
    """As `links.read` finds it among the link elements and the links to Creative Commons."""
    named = [("link", link) for link in head.get("Link", ()) if "icense" in link.get("rel", "")]
    named += [("a", link) for link in commons]
    if not named:
        return ""
    anchors = ((tag, {"href": link.get("url"), "rel": link.get("rel")}) for tag, link in named)
    return links.read(anchors, resolve, 1, follow=False).licence


def _lang(metas: Sequence[Json]) -> str:
    """Of the html element, which ia-web-commons writes as a meta tag, the first ones."""
    for meta in metas:
        if meta.get("name") in _LANGS and (lang := meta.get("content")):
            return str(lang)
    return ""


_MAX_NAMES, _MAX_NAME = 4_096, 100  # that are remembered, and characters of one
_LANGS = ("HTML@/lang", "HTML@/xml:lang")
_TELLING = {"robots", "tdm-reservation", *SHARED_NAMES, *map(str.lower, _LANGS)}
