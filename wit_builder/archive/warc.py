"""An archived response becomes a page, by the rules of the crawl: what it may be, its opt-outs, its extractor."""

from collections.abc import Sequence
from datetime import datetime

from fastwarc.warc import HeaderMap, WarcRecord, WarcRecordType

from wit_builder.archive import dates
from wit_builder.archive.framing import header
from wit_builder.archive.payload import begins_like_html, decoded
from wit_builder.archive.rows import Images, NoPage, Page, gathered
from wit_builder.errors import Dropped, Gone
from wit_builder.extract.html import extract
from wit_builder.extract.links import is_plain
from wit_builder.extract.settings import Extraction
from wit_builder.web.charset import utf8_html
from wit_builder.web.optout import robots_directives
from wit_builder.web.url import normalise

MAX_HEADERS = 64 * 1024  # bytes, of a response's
MAX_INTERIM = 4  # responses before a final one: RFC 9110 section 15.2

_ITEMS = int(WarcRecordType.response | WarcRecordType.resource | WarcRecordType.revisit)
_INTERIM = frozenset((100, 102, 103))
_PAGE_TYPES = frozenset(("text/html", "application/xhtml+xml"))


class WarcReader:
    """Reads records of whole responses."""

    def __init__(self, name: str, extraction: Extraction, max_bytes: int) -> None:
        """name: of the file, as sources have it. max_bytes: of a page, as archived and without its codings."""
        self.name = name
        self._extraction, self._max_bytes = extraction, max_bytes

    def images(self, pages: Sequence[Page]) -> Images:
        """What has become of the images of pages that were read."""
        return gathered(pages)

    def read(self, record: WarcRecord) -> Page | NoPage | None:
        """What the record becomes; None for a request, a warcinfo and their like."""
        if not int(record.record_type) & _ITEMS:
            return None
        source = f"{self.name}@{record.stream_pos}"
        url = target(header(record.headers, "WARC-Target-URI"))
        date = header(record.headers, "WARC-Date")
        at = dates.read(date)
        try:
            if at is None:
                raise Gone("bad_record", f"WARC-Date: {date[:80]}")
            return self._page(record, url, source, at)
        except Dropped as error:
            return NoPage(error.reason, url, error.evidence, source, at)
        except OSError as error:  # fastwarc, on the headers of this response
            return NoPage("bad_record", url, str(error)[:200], source, at)

    def _page(self, record: WarcRecord, url: str, source: str, at: datetime) -> Page:
        _check_record(record)
        _parse(record)
        record = self._final(record)
        headers = record.http_headers if record.is_http else record.headers
        if record.is_http:
            check_status(headers.status_code)
        kind = header(headers, "Content-Type")
        body = self._body(record, headers, kind)
        check_url(url)
        tags = headers.get_multiple("X-Robots-Tag")
        page = extract(
            utf8_html(body, kind),
            url,
            settings=self._extraction,
            directives=robots_directives(tags, self._extraction.agent) if tags else frozenset(),
            tdm_header=", ".join(headers.get_multiple("tdm-reservation")) or None,
            source=source,
            found_at=at,
            follow=False,
        )
        return Page(url, page.title, page.lang, source, at, page.found, page.lost)

    def _final(self, record: WarcRecord) -> WarcRecord:
        """The record itself, or one of the final response where interim ones are stored before it."""
        for _ in range(MAX_INTERIM):
            if not record.is_http or record.http_headers.status_code not in _INTERIM:
                break
            block = record.reader.read(MAX_HEADERS + self._max_bytes + 1)
            if not block.startswith(b"HTTP/"):
                break
            record = WarcRecord()
            record.set_bytes_content(block)
            record.is_http = True
            _parse(record)
        return record

    def _body(self, record: WarcRecord, headers: HeaderMap, kind: str) -> bytes:
        type_ = kind.partition(";")[0].strip().lower()
        if type_ and type_ not in _PAGE_TYPES:
            raise Gone("not_html", type_[:100])
        body = record.reader.read(self._max_bytes + 1)
        if len(body) > self._max_bytes:
            raise Gone("page_too_big", f"more than {self._max_bytes} bytes")
        if record.is_http:
            transfer, content = (", ".join(headers.get_multiple(name)) for name in _CODINGS)
            body = decoded(body, transfer, content, self._max_bytes)
        if not type_ and not begins_like_html(body):
            raise Gone("not_html", "no Content-Type, and it does not begin like HTML")
        return body


_CODINGS = ("Transfer-Encoding", "Content-Encoding")


def _parse(record: WarcRecord) -> None:
    """Raises OSError for headers that are none."""
    record.parse_http(quirks_mode=True, max_header_len=MAX_HEADERS)


def target(written: str) -> str:
    """The address of a record, normalised where it is one; Wget writes it in angle brackets."""
    written = written.strip().removeprefix("<").removesuffix(">")
    if is_plain(written):
        return written
    try:
        return normalise(written)
    except ValueError:
        return written


def check_url(url: str) -> None:
    """Raises Gone(bad_url) for what `target` could not normalise."""
    if not url.startswith(("http://", "https://")):
        raise Gone("bad_url", url[:200])


def check_status(status: int | None) -> None:
    """Raises Gone: http_404 and so on for all but 200, bad_record where there is none."""
    if status is None or not 100 <= status <= 999:
        raise Gone("bad_record", "no status line")
    if status != 200:
        raise Gone(f"http_{status}")


def _check_record(record: WarcRecord) -> None:
    """Raises Gone(revisit) and Gone(truncated) for records that hold no page, or not all of it."""
    if int(record.record_type) & int(WarcRecordType.revisit):
        raise Gone("revisit", header(record.headers, "WARC-Refers-To-Date"))
    if why := header(record.headers, "WARC-Truncated"):
        raise Gone("truncated", f"WARC-Truncated: {why[:80]}")
