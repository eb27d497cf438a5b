"""A record of Common Crawl's metadata (WAT) becomes a page: what somebody else has found on it, as JSON.

WAT has each img with src, alt and title, the meta tags, the links and the HTTP headers of a page; of srcset, lazy
loading, figcaption and JSON-LD it knows nothing. What it has is read by the rules of `extract.html`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastwarc.warc import WarcRecord, WarcRecordType

from wit_builder.archive import dates, lean
from wit_builder.archive.images import Images
from wit_builder.archive.rows import NoPage, Page
from wit_builder.archive.warc import check_status, check_url, target
from wit_builder.errors import Dropped, Gone
from wit_builder.extract import links
from wit_builder.extract.html import MAX_LANG, MAX_TITLE
from wit_builder.extract.meta import shared_images, wishes
from wit_builder.extract.settings import Extraction
from wit_builder.text.normalize import fold
from wit_builder.web.optout import robots_directives

Json = Mapping[str, Any]

_METADATA = int(WarcRecordType.metadata)
_ITEMS = frozenset(("response", "resource", "revisit"))
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class WatReader:
    """Reads records of metadata."""

    name: str  # of the file, as sources have it
    extraction: Extraction
    max_bytes: int  # of a record

    def read(self, record: WarcRecord) -> Page | NoPage | None:
        """What the record becomes; None where it speaks of no response."""
        if int(record.record_type) != _METADATA:
            return None
        source = f"{self.name}@{record.stream_pos}"
        if record.content_length > self.max_bytes:
            url = target(record.headers.get("WARC-Target-URI", ""))
            return NoPage("page_too_big", url, f"more than {self.max_bytes} bytes of JSON", source)
        raw = record.reader.read(self.max_bytes)
        if not lean.is_item(raw):
            return None
        if lean.names_no_image(raw):
            return Page("", "", "", source, _NEVER, (), ())
        return self.page(raw, source)

    def page(self, raw: bytes, source: str) -> Page | NoPage | None:
        """What the JSON of a record becomes."""
        url, at = "", None
        try:
            envelope = lean.parsed(raw)["Envelope"]
            header = envelope["WARC-Header-Metadata"]
            if header["WARC-Type"] not in _ITEMS:
                return None
            url, date = target(header.get("WARC-Target-URI", "")), header.get("WARC-Date", "")
            at = dates.read(date)
            if at is None:
                raise Gone("bad_record", f"WARC-Date: {date[:80]}")
            return self._page(envelope, url, source, at, licensed=lean.may_name_a_licence(raw))
        except Dropped as error:
            return NoPage(error.reason, url, error.evidence, source, at)
        except (ValueError, LookupError, TypeError, AttributeError) as error:  # no JSON, or of another shape
            return NoPage("bad_record", url, f"{type(error).__name__}: {error}", source, at)

    def _page(self, envelope: Json, url: str, source: str, at: datetime, *, licensed: bool) -> Page:
        response, html = _html(envelope)
        check_url(url)
        head = html.get("Head", {})
        metas = _telling(head.get("Metas", ()), self.extraction.agent)
        directives, tdm_header = self._wishes_in_headers(response.get("Headers", {}))
        owner = wishes(metas, directives, tdm_header, self.extraction.optout, self.extraction.agent)
        resolve = links.Resolver(url, head.get("Base"))
        licence = _licence(head, html, resolve) if licensed else ""
        images = Images(self.extraction, resolve, licence, (owner.reason, owner.evidence))
        images.read(html.get("Links", ()), shared_images(list(enumerate(metas))))
        title, lang = fold(head.get("Title", ""))[:MAX_TITLE].rstrip(), fold(_lang(metas))[:MAX_LANG]
        return Page(url, title, lang, source, at, images.found, images.lost)

    def _wishes_in_headers(self, headers: Mapping[str, Any]) -> tuple[frozenset[str], str | None]:
        """X-Robots-Tag's directives for us, and tdm-reservation; of a header that was repeated all values."""
        tags: list[str] = []
        reserved: list[str] = []
        for name, value in headers.items():
            if len(name) in _LENGTHS and (wish := name.lower()) in ("x-robots-tag", "tdm-reservation"):
                values = value if isinstance(value, list) else [value]
                (tags if wish == "x-robots-tag" else reserved).extend(map(str, values))
        directives = robots_directives(tags, self.extraction.agent) if tags else frozenset()
        return directives, ", ".join(reserved) or None


_LENGTHS = (len("x-robots-tag"), len("tdm-reservation"))


def _html(envelope: Json) -> tuple[Json, Json]:
    """The response and the HTML-Metadata of a page that was had. Raises Gone for all else."""
    header, payload = envelope["WARC-Header-Metadata"], envelope.get("Payload-Metadata", {})
    if header["WARC-Type"] == "revisit":
        raise Gone("revisit", str(header.get("WARC-Refers-To-Date", "")))
    if why := header.get("WARC-Truncated"):
        raise Gone("truncated", f"WARC-Truncated: {why}")
    response = payload.get("HTTP-Response-Metadata")
    if response is None:
        raise Gone("not_html", str(payload.get("Actual-Content-Type", ""))[:100])
    status = str(response.get("Response-Message", {}).get("Status", ""))
    check_status(int(status) if status.isascii() and status.isdigit() else None)
    html = response.get("HTML-Metadata")
    if html is None:
        raise Gone("not_html", "no HTML-Metadata")
    return response, html


def _licence(head: Json, html: Json, resolve: links.Resolver) -> str:
    """As `links.read` finds it, among the link elements and what `lean` has left of the links."""
    named = [(link, "link") for link in head.get("Link", ())]
    named += [(link, "a") for link in html.get("Links", ()) if link["path"] in ("A@/href", "AREA@/href")]
    anchors = ((tag, {"href": link.get("url"), "rel": link.get("rel")}) for link, tag in named)
    return links.read(anchors, resolve, 1, follow=False).licence


def _telling(metas: Sequence[Mapping[str, str]], agent: str) -> list[Mapping[str, str]]:
    """The meta tags that are read, and some more: by how their names begin, which is quick to see."""
    begins = {"ro", "td", "og", "tw", "ht", agent[:2].lower()}
    return [
        meta
        for meta in metas
        if ((name := meta.get("property")) and name.lstrip()[:2].lower() in begins)
        or ((name := meta.get("name")) and name.lstrip()[:2].lower() in begins)
    ]


def _lang(metas: Sequence[Mapping[str, str]]) -> str:
    """Of the html element, which ia-web-commons writes as a meta tag."""
    named = {name: meta.get("content") or "" for meta in metas if (name := meta.get("name")) in _LANGS}
    return next((named[name] for name in _LANGS if named.get(name)), "")


_LANGS = ("HTML@/lang", "HTML@/xml:lang")
