"""What a WAT record says of a page, with as little of its JSON parsed as will do.

Nine tenths of a record are links that nobody asks for here. Common Crawl's writer (ia-web-commons) puts
things in one order now, and what is wanted lies in few pieces: status, meta tags, the img among the links, the
headers of the record it speaks of. `quick` cuts these out of the bytes and parses them alone; whatever is unusual,
another order too, is left to `whole`. A cut at a wrong place is seen, as it gives no JSON. (In a string a quote has
a backslash before it, so a sign with a bare quote in it is where it seems to be.)
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

Json = Mapping[str, Any]
_Image = tuple[
    bytes, bytes, bytes, bytes
]  # url, alt, title and nothing; or thrice nothing and a piece of JSON
SEPARATOR = b"\xff"  # is no UTF-8


class Images(NamedTuple):
    """Links of the path IMG@/src."""

    fields: (
        bytes  # url, alt, title and nothing of each, as written, with separators between; UTF-8 may be broken
    )
    number: int


class Told(NamedTuple):
    """What a record says of a response."""

    header: Json  # of the record in the WARC file
    status: str | None  # None where there is no response, "" where it has no status
    headers: Json  # of the response; in what `quick` tells, none of them says a wish
    head: Json | None  # of the HTML; None where it is none
    images: Images
    commons: Sequence[Json]  # links to Creative Commons


def is_item(raw: bytes) -> bool:
    """Whether the record may speak of a response, and not of a request or of the crawl."""
    kind = raw.rfind(_KIND)
    return kind < 0 or raw[kind + len(_KIND) : kind + len(_KIND) + 3] in (b"res", b"rev")


def read(raw: bytes) -> Told:
    """What the record says. Raises ValueError for what is no JSON, LookupError and the like for another shape."""
    return quick(raw) or whole(raw)


def quick(raw: bytes) -> Told | None:
    """What the record says of a page that was had, at the price of a few pieces; None where it is unusual."""
    response = raw.find(_RESPONSE)
    head = raw.find(_HEAD, response)
    links = raw.find(_LINKS, head)
    header = raw.rfind(_HEADER)
    if not 0 <= response < head < links < header or _HAD.match(raw, response) is None:
        return None
    if raw.find(_HEADERS, response, head) < 0 or raw.find(_LATE_PATH, links, header) >= 0:
        return None  # another order: other writers, and some of Common Crawl's records of 2016
    headers = raw[response:head].lower()
    if b"x-robots-tag" in headers or b"tdm-reservation" in headers:
        return None
    found = _IMAGES.findall(raw, links, header)
    shown = found or raw.find(b":image", head, links) > 0  # else nothing that the head says is of use
    try:
        return Told(
            orjson.loads(raw[header + len(_HEADER) - 1 : raw.find(b'"}', header) + 2]),
            "200",
            {},
            orjson.loads(raw[head + len(_HEAD) - 1 : links + 1]) if shown else {},
            _images(found),
            list(filter(_is_commons, _naming_commons(raw, links, header))),
        )
    except ValueError:
        return None


def whole(raw: bytes) -> Told:
    """What the record says. Broken UTF-8 and half surrogate pairs become U+FFFD."""
    try:
        record = orjson.loads(raw)
    except ValueError:
        record = orjson.loads(_SURROGATES.sub(_repaired, raw.decode("utf-8", "replace")))
    envelope = record["Envelope"]
    response = envelope.get("Payload-Metadata", {}).get("HTTP-Response-Metadata")
    if response is None:
        return Told(envelope["WARC-Header-Metadata"], None, {}, None, _images([]), ())
    html = response.get("HTML-Metadata")
    links = [] if html is None else [link for link in html.get("Links", ()) if isinstance(link, dict)]
    return Told(
        envelope["WARC-Header-Metadata"],
        str(response.get("Response-Message", {}).get("Status", "")),
        response.get("Headers", {}),
        None if html is None else html.get("Head", {}),
        _images([image for link in links if link.get("path") == "IMG@/src" and (image := _image(link))]),
        list(filter(_is_commons, links)),
    )


_KIND = b'"WARC-Type":"'
_RESPONSE = b'"HTTP-Response-Metadata":{'
_HAD = re.compile(rb'"HTTP-Response-Metadata":\{"Response-Message":\{"Version":"[^"\\]*","Status":"200"')
_HEADERS = b'"Headers":{'
_HEAD = b'"HTML-Metadata":{"Head":{'
_LINKS = b'},"Links":['
_IMAGE = b'{"path":"IMG@/src"'
_LATE_PATH = b',"path":"IMG@/src"'
_STRING = rb'"([^"\\\x00-\x1f\xff]*+)"'
_IMAGES = re.compile(  # as they nearly always are; of the others what may be all of them
    rb'%b(?:,"url":%b(?:,"alt":%b)?+(?:,"title":%b)?+\}|(,[^}]*+\}?))' % (_IMAGE, _STRING, _STRING, _STRING)
)
_PIECE = itemgetter(3)
_HEADER = b'"WARC-Header-Metadata":{'
_COMMONS = b"creativecommons.org"
_LINK = b'{"path":"'
_SURROGATES = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


def _images(found: list[_Image]) -> Images:
    """A cut at a wrong place, as at a brace in a text, gives no JSON."""
    if any(map(_PIECE, found)):
        read = (_image(orjson.loads(_IMAGE + image[3])) if image[3] else image for image in found)
        found = [image for image in read if image is not None]
    return Images(SEPARATOR.join(chain.from_iterable(found)), len(found))


def _image(link: Json) -> _Image | None:
    """None of a link that has no address, or texts that are none: it alone is passed over."""
    try:
        return link["url"].encode(), (link.get("alt") or "").encode(), (link.get("title") or "").encode(), b""
    except (KeyError, AttributeError):
        return None


def _is_commons(link: Json) -> bool:
    url = link.get("url")
    return isinstance(url, str) and "creativecommons.org" in url


def _naming_commons(raw: bytes, at: int, end: int) -> Iterator[Json]:
    """The links that hold the name of Creative Commons, in their address or elsewhere."""
    while (at := raw.find(_COMMONS, at, end)) >= 0:
        begin, at = raw.rfind(_LINK, 0, at), raw.find(b'"}', at) + 2
        yield orjson.loads(raw[begin:at])


def _repaired(found: re.Match[str]) -> str:
    return found[0] if len(found[0]) in (2, 12) else "\\ufffd"
