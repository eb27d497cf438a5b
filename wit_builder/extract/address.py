"""Which address an image element stands for: srcset, lazy loading and full-size links before src.

The names of attributes are those of lazy-loading scripts and galleries: lazysizes, lozad, jQuery Lazy Load,
WordPress (Jetpack, WP Rocket, a3), WooCommerce, Cloudflare Mirage, PageSpeed, Flickity, Zhihu; and those that
OBELICS looks for (Laurençon et al. 2023).
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from wit_builder.extract.srcset import Offer, best, parse

Attributes = Mapping[str, str | None]

LAZY_SRCSET = (
    "data-srcset",
    "data-lazy-srcset",
    "data-original-set",
    "data-ll-srcset",
    "data-gt-lazy-srcset",
    "data-pagespeed-lazy-srcset",
    "data-flickity-lazyload-srcset",
)
LAZY_SRC = (  # the sharper ones first
    "data-src-retina",
    "data-retina",
    "data-at2x",
    "data-hi-res-src",
    "data-hires",
    "data-src",
    "data-lazy-src",
    "data-original",
    "data-original-src",
    "data-lazy-original",
    "data-lazy",
    "data-lazyload",
    "data-ll-src",
    "data-img-src",
    "data-image-src",
    "data-image",
    "data-delayed-url",
    "data-actualsrc",
    "data-echo",
    "data-cfsrc",
    "data-pagespeed-lazy-src",
    "data-gt-lazy-src",
    "data-flickity-lazyload",
    "data-lateloadsrc",
    "data-scroll-image",
    "data-src-fg",
    "src2",
)
FULL_SIZE = (
    "data-orig-file",
    "data-large_image",
    "data-full-url",
    "data-full-src",
    "data-fullsize",
    "data-zoom-image",
    "data-highres",
    "data-large-file",
)


def addresses(
    image: Attributes, sources: Sequence[Attributes], full_size: str | None, want_px: int
) -> Iterator[str]:
    """The addresses of an image element as written, the one to download first.

    image: attributes of the img, amp-img or input. sources: those of the source elements of its picture.
    full_size: href of the link around it, where that leads to an image (`leads_to_image`). The later ones serve
    where the first is no http(s) address. The order:

    1. what a srcset offers in at least `want_px` pixels, the smallest such;
    2. the full size: an attribute that names it, or the link;
    3. what lazy loading puts in place: the best of its srcset, then its src;
    4. the best of srcset and of the picture's sources where they say widths, src counting as 1x;
    5. where src is a placeholder (a data: URI, blank.gif): the picture's sources without widths, then what lazy
       loading puts in place of it under a name that placeholders have too (white.jpg, x.png);
    6. src.
    """
    src = image.get("src") or ""
    special = _SPECIAL.intersection(image)
    if special or sources:
        yield from _beyond_src(image, sources, full_size, want_px, src, special)
    elif full_size:
        yield full_size
    if src:
        yield src


def leads_to_image(href: str) -> bool:
    """Whether a link's path ends in the extension of an image we can read, and is not known to be a page.

    Pages with such names: MediaWiki's ("/wiki/File:Cat.jpg"), GitHub's ("/blob/main/cat.png"), Blogger's
    ("/s1600-h/cat.jpg").
    """
    path = _IMAGE_PATH.match(href) if len(href) <= _MAX_HREF else None
    if path is None:
        return False
    folder, _, name = path[0].rpartition("/")
    return ":" not in name and not folder.endswith("-h") and not _OF_PAGES.search(path[0])


def is_placeholder(src: str) -> bool:
    """Whether a src only holds the image's place: empty, no http(s) address, or blank.gif and its kind."""
    if not src or _NO_ADDRESS.match(src) is not None:
        return True
    name = _path(src).rpartition("/")[2]
    return not name or (len(name) <= _MAX_NAME and _PLACEHOLDER.fullmatch(name) is not None)


_FULL, _SRCSETS, _LAZY = frozenset(FULL_SIZE), frozenset(LAZY_SRCSET), frozenset(LAZY_SRC)
_ORDER = {name: place for place, name in enumerate((*FULL_SIZE, *LAZY_SRCSET, *LAZY_SRC, "srcset"))}
_SPECIAL = frozenset(_ORDER)
_BEGINS = re.compile(r"(?:https?:)?//|\.{0,2}/", re.IGNORECASE)
_IMAGE_PATH = re.compile(r"[^?#]*\.(?:jpe?g|png|webp|gif|avif|bmp)(?:[?#]|\s*\Z)", re.IGNORECASE)
_OF_PAGES = re.compile("/blob/|/wiki/")
_MAX_HREF = 4096  # characters, the longest address we keep
_NO_ADDRESS = re.compile(r"\s*(?:data|about|javascript|blob):", re.IGNORECASE)
_MAX_NAME = 100  # characters; bounds the look at a name
_HOLDS_PLACE = (
    "transparent|transp|trans|placeholder|lazyload|lazy|loading|loader|spinner|spacer|blank|pixel|clear|empty|"
    "gr[ea]y|white|dummy|ajax"
)
_FILLS = "default|image|img|big|small|bg|[0-9]++(?:x[0-9]++)?+"
_PLACEHOLDER = re.compile(
    rf"(?:(?=.*?(?:{_HOLDS_PLACE}|1x1))(?:[-_.]?(?:{_HOLDS_PLACE}|{_FILLS}))++|[sxt]|px|dot)"
    r"\.(?:gif|png|svg|jpe?g|webp)",
    re.IGNORECASE,
)
_READABLE = re.compile(r"\s*image/(?:jpe?g|pjpeg|png|webp|avif|gif|bmp)\b", re.IGNORECASE)


def _beyond_src(
    image: Attributes,
    sources: Sequence[Attributes],
    full_size: str | None,
    want_px: int,
    src: str,
    special: frozenset[str],
) -> Iterator[str]:
    """Steps 1 to 5 of `addresses`. special: names of the attributes that make this an image with a choice."""
    names = sorted(special, key=_ORDER.__getitem__) if len(special) > 1 else tuple(special)
    lazy = [offer for name in names if name in _SRCSETS for offer in _offers(image[name])]
    eager = _offers(image["srcset"]) if "srcset" in special else []
    picture = [offer for source in sources if _readable(source) for offer in _of_source(source)]
    chosen = best(lazy + eager + picture, want_px)
    if chosen is not None and (chosen.width or 0) >= want_px:
        yield chosen.url
    yield from (value for name in names if name in _FULL and (value := _address(image[name])))
    if full_size:
        yield full_size
    if lazy:
        yield from _url(best(lazy, want_px))
    yield from (value for name in names if name in _LAZY and (value := _address(image[name])))
    yield from _url(_eager(eager, picture, src, want_px))
    if is_placeholder(src):
        yield from _url(best(picture, want_px) if picture else None)
        yield from (value for name in names if name in _LAZY and _is_address(value := image[name] or ""))


def _of_source(source: Attributes) -> list[Offer]:
    names = sorted(_SRCSETS.intersection(source), key=_ORDER.__getitem__)
    return [offer for name in (*names, "srcset") for offer in _offers(source.get(name))]


def _offers(srcset: str | None) -> list[Offer]:
    """What a srcset offers but for drawings: a src beside them is the picture for those who read no SVG."""
    offers = parse(srcset) if srcset else []
    if srcset and ".svg" in srcset:
        return [offer for offer in offers if not _path(offer.url).endswith(".svg")]
    return offers


def _readable(source: Attributes) -> bool:
    """Whether a source's type is one we decode; image/jxl and image/svg+xml are not."""
    kind = source.get("type")
    return not kind or _READABLE.match(kind) is not None


def _eager(eager: list[Offer], picture: list[Offer], src: str, want_px: int) -> Offer | None:
    offers = eager + [offer for offer in picture if offer.width is not None]
    if offers and not is_placeholder(src):
        offers.append(Offer(src))
    return best(offers, want_px) if offers else None


def _address(value: str | None) -> str:
    """The value of a lazy attribute, "" where it is no address or a placeholder of its own."""
    return value if value and _is_address(value) and not is_placeholder(value) else ""


def _is_address(value: str) -> bool:
    """Whether it may be one, and is no flag, template, number or words: it begins like one, ends like an image's, or
    has folders and no blank."""
    bare = value.strip()
    if len(bare) > _MAX_HREF or "{" in bare or "}" in bare or bare[:1] == "[" or _NO_ADDRESS.match(bare):
        return False
    if _BEGINS.match(bare) or _IMAGE_PATH.match(bare):
        return True
    return "/" in bare and ("." in bare or "?" in bare) and len(bare.split(None, 1)) == 1


def _url(offer: Offer | None) -> tuple[str, ...]:
    return () if offer is None else (offer.url,)


def _path(url: str) -> str:
    return url.partition("#")[0].partition("?")[0]
