"""What a sitemap names: pages and further sitemaps. XML, gzip of it, or text, as sitemaps.org defines them.

Hostile until proven otherwise: bytes and addresses are bounded, a document type with entities is refused
before any of them could be expanded, nothing outside the document is ever read.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from wit_builder.errors import Gone
from wit_builder.web.url import MAX_INPUT, normalise

MAX_BYTES = 50 * 1024 * 1024  # inflated; the protocol's own limit, as is the next one
MAX_URLS = 50_000
MAX_NESTING = 3  # an index of indexes of sitemaps; the protocol knows one level
MAX_ELEMENTS = 32  # one within the other; the protocol needs 3, extensions a few more

_GZIP = b"\x1f\x8b"
_CHUNK = 65_536


@dataclass(slots=True)
class Sitemap:
    """The addresses a sitemap names, normalised, in its order, each once."""

    pages: list[str] = field(default_factory=list)
    sitemaps: list[str] = field(default_factory=list)


def parse(body: bytes, url: str) -> Sitemap:
    """Read a sitemap found at that URL; addresses that are none are left out.

    A document that breaks off, or goes on beyond the limits, gives what stood before.
    Raises Gone("bad_sitemap") where that is nothing, and for a document with entities of its own.
    """
    body = _inflated(body)
    if b"\0" not in body[:4]:  # else UTF-16
        body = body.lstrip(b"\xef\xbb\xbf \t\r\n")  # before "<?xml" nothing may stand, and often does
    if body.startswith(b"<") or b"\0" in body[:4]:
        reader = _Reader()
        reader.read(body)
        return Sitemap(_addresses(reader.pages, url), _addresses(reader.sitemaps, url))
    lines = body.decode("utf-8-sig", "replace").split("\n", MAX_URLS)[:MAX_URLS]
    found = Sitemap(_addresses([line.strip() for line in lines], None))
    if not found.pages:
        raise Gone("bad_sitemap", "neither XML nor lines of addresses")
    return found


class _Reader:
    """Collects `loc` below `url` and `sitemap`; an image's own `loc` has another parent."""

    def __init__(self) -> None:
        self.pages: list[str] = []
        self.sitemaps: list[str] = []
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
        except _EnoughError:
            pass
        except (expat.ExpatError, ValueError, LookupError) as error:
            if not self.pages and not self.sitemaps:
                raise Gone("bad_sitemap", str(error)) from None

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._path) >= MAX_ELEMENTS:
            raise _EnoughError
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
            found = self.pages if self._parent() == "url" else self.sitemaps
            found.append("".join(self._text).strip())
            self._text = None
            if len(self.pages) + len(self.sitemaps) >= MAX_URLS:
                raise _EnoughError
        self._path.pop()

    def _parent(self) -> str:
        return self._path[-2] if len(self._path) > 1 else ""


class _EnoughError(Exception):
    """A limit is reached; what was read stands."""


def _refuse_entity(name: str, *_: object) -> None:
    raise Gone("bad_sitemap", f"declares the entity {name[:50]!r}")


def _chunks(body: bytes) -> Iterator[bytes]:
    return (body[start : start + _CHUNK] for start in range(0, len(body), _CHUNK))


def _inflated(body: bytes) -> bytes:
    if not body.startswith(_GZIP):
        return body[:MAX_BYTES]
    try:
        return zlib.decompressobj(wbits=31).decompress(body, MAX_BYTES)
    except zlib.error as error:
        raise Gone("bad_sitemap", f"gzip: {error}") from None


def _addresses(found: list[str], base: str | None) -> list[str]:
    urls: dict[str, None] = {}
    for text in found:
        try:
            urls[normalise(text, base)] = None
        except ValueError:
            continue
    return list(urls)
