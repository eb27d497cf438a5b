"""A WAT record's JSON without the links nobody asks for.

Nine tenths of a record are links. They are cut out of the bytes before the rest is parsed, and what names no image
is not parsed at all. Both rest on one property of JSON: a quote inside a string has a backslash before it, so a
sign that ends in an unescaped quote is where it seems to be.
"""

import re
from typing import Any

import orjson

_OBJECT = b'{"path":"'  # begins each link as ia-web-commons writes it
_ITEM = re.compile(rb'"WARC-Type"\s*:\s*"(?:response|resource|revisit)"')
_SURROGATE = re.compile(r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


def is_item(raw: bytes) -> bool:
    """Whether the record may speak of a response, and not of a request or of the crawl."""
    return b'"HTTP-Response-Metadata"' in raw or _ITEM.search(raw) is not None


def names_no_image(raw: bytes) -> bool:
    """Whether the record is that of a page that was had, and names no image. False where one look cannot tell."""
    return (
        b"IMG@" not in raw
        and b":image" not in raw
        and b'"HTML-Metadata":{' in raw
        and b'"Status":"200"' in raw
        and b'"WARC-Type":"response"' in raw
        and b'"WARC-Truncated"' not in raw
    )


def parsed(raw: bytes) -> Any:
    """The record's JSON without links of a, area and applet, but for those that may name a licence.

    Broken UTF-8 and half surrogate pairs become U+FFFD. Raises ValueError for what is no JSON.
    """
    for text in (_without_links(raw), raw):
        try:
            return orjson.loads(text)
        except ValueError:
            continue
    return orjson.loads(_SURROGATE.sub(_repaired, raw.decode("utf-8", "replace")))


def may_name_a_licence(raw: bytes) -> bool:
    """Whether one of its links may."""
    return b"icense" in raw or b"creativecommons.org" in raw


def _without_links(raw: bytes) -> bytes:
    """A link that another one follows ends in a comma; the last of a list is left, as its end is not known."""
    pieces = raw.split(_OBJECT)
    if may_name_a_licence(raw):
        kept = [piece for piece in pieces if piece[:1] != b"A" or piece[-1:] != b"," or may_name_a_licence(piece)]
    else:
        kept = [piece for piece in pieces if piece[:1] != b"A" or piece[-1:] != b","]
    return _OBJECT.join(kept)


def _repaired(found: re.Match[str]) -> str:
    return found[0] if len(found[0]) in (2, 12) else "\\ufffd"
