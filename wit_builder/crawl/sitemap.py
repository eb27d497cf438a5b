"""What a sitemap names: pages and further sitemaps. XML, gzip of it, or text, as sitemaps.org defines them.

Hostile until proven otherwise: bytes and addresses are bounded, a document type with entities is refused
before any of them could be expanded, nothing outside the document is ever read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from wit_builder.errors import Gone, Transient
from wit_builder.web.inflate import Inflater
from wit_builder.web.url import MAX_INPUT, normalise

MAX_BYTES = 50 * 1024 * 1024  # inflated; the protocol's own limit, as is the next one
MAX_URLS = 50_000
MAX_NESTING = 3  # an index of indexes of sitemaps; the protocol knows one level
MAX_ELEMENTS = 32  # one within the other; the protocol needs 3, extensions a few more
MAX_MEMBERS = 1000  # of a gzip; bgzip makes one of 64 KiB

_GZIP = b"\x1f\x8b"
_CHUNK = 65_536
_TOO_MANY = f"more than {MAX_URLS:,} addresses"


@dataclass(slots=True)
class Sitemap:
    """The addresses a sitemap names, normalised, in its order, each once."""

    pages: list[str] = field(default_factory=list)
    sitemaps: list[str] = field(default_factory=list)
    cut: str = ""  # why there may be more that was not read, "" where all was


def parse(body: bytes, url: str) -> Sitemap:
    """Read a sitemap found at that URL; addresses that are none are left out.

    A document that breaks off, or goes on beyond the limits, gives what stood before, and says so.
    Raises Gone("bad_sitemap") where that is nothing, and for a document with entities of its own.
    """
    body, cut = _inflated(body)
    if b"\0" not in body[:4]:  # else UTF-16
        body = body.lstrip(b"\xef\xbb\xbf \t\r\n")  # before "<?xml" nothing may stand, and often does
    if body.startswith(b"<") or b"\0" in body[:4]:
        reader = _Reader()
        reader.read(body)
        pages, sitemaps = _addresses(reader.pages, url), _addresses(reader.sitemaps, url)
        return Sitemap(pages, sitemaps, cut or reader.cut)
    *lines, rest = (body.decode("utf-8-sig", "replace") + "\n").split("\n", MAX_URLS)
    found = Sitemap(
        _addresses([line.strip() for line in lines], None), cut=cut or _TOO_MANY * bool(rest.strip())
    )
    if not found.pages:
        raise Gone("bad_sitemap", "neither XML nor lines of addresses")
    return found


class _Reader:
    """Collects `loc` below `url` and `sitemap`; an image's own `loc` has another parent."""

    def __init__(self) -> None:
        self.pages: list[str] = []
        self.sitemaps: list[str] = []
        self.cut = ""
        self._path: list[str] = []
        self._text: list[str] | None = None
        self._length = 0

    def read(self, body: bytes) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.EntityDeclHandler = _refuse_entity
        parser.buffer_text = True
        try:
            for chunk in _chunks(body):
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
        except _EnoughError as error:
            self.cut = str(error)
        except (expat.ExpatError, ValueError, LookupError) as error:
            if not self.pages and not self.sitemaps:
                raise Gone("bad_sitemap", str(error)) from None
            self.cut = str(error)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._path) >= MAX_ELEMENTS:
            raise _EnoughError(f"more than {MAX_ELEMENTS} elements one within the other")
        self._path.append(name.rpartition(" ")[2])
        if len(self._path) == 1 and self._path[0] not in ("urlset", "sitemapindex"):
            raise Gone("bad_sitemap", f"its root is {name[:80]!r}")
        if self._path[-1] == "loc" and self._parent() in ("url", "sitemap"):
            self._text, self._length = [], 0

    def _characters(self, data: str) -> None:
        if self._text is not None and self._length <= MAX_INPUT:
            self._text.append(data)
            self._length += len(data)

    def _end(self, name: str) -> None:
        if self._text is not None and self._path[-1] == "loc":
            if len(self.pages) + len(self.sitemaps) >= MAX_URLS:
                raise _EnoughError(_TOO_MANY)
            found = self.pages if self._parent() == "url" else self.sitemaps
            found.append("".join(self._text).strip())
            self._text = None
        self._path.pop()

    def _parent(self) -> str:
        return self._path[-2] if len(self._path) > 1 else ""


class _EnoughError(Exception):
    """A limit is reached; what was read stands."""


def _refuse_entity(name: str, *_: object) -> None:
    raise Gone("bad_sitemap", f"declares the entity {name[:50]!r}")


def _chunks(body: bytes) -> Iterator[bytes]:
    return (body[start : start + _CHUNK] for start in range(0, len(body), _CHUNK))


def _inflated(body: bytes) -> tuple[bytes, str]:
    """The document, and why it is not whole."""
    if not body.startswith(_GZIP):
        return body[:MAX_BYTES], ""
    inflater, found = Inflater(deflate=False, max_members=MAX_MEMBERS), bytearray()
    try:
        for chunk in _chunks(body):
            found += inflater.feed(chunk, MAX_BYTES - len(found))
            if len(found) > MAX_BYTES:
                return bytes(found[:MAX_BYTES]), f"more than {MAX_BYTES:,} bytes"
        inflater.finish()
    except (Gone, Transient) as error:
        if not found:
            raise Gone("bad_sitemap", f"gzip: {error.evidence}") from None
        return bytes(found), f"gzip: {error.evidence}"
    return bytes(found), ""


def _addresses(found: list[str], base: str | None) -> list[str]:
    urls: dict[str, None] = {}
    for text in found:
        try:
            urls[normalise(text, base)] = None
        except ValueError:
            continue
    return list(urls)
