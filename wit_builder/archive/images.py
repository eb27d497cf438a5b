"""The images of pages in WAT records: each becomes a candidate or a loss, by the rules of `extract.html`.

Nine of ten have one text or none and an address that a look tells; these are read in columns, those of many pages at
once. What takes several texts to weigh, or is no address, is read one by one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from wit_builder.archive import lean
from wit_builder.archive.rows import Images, found_table, lists_of_texts, lost_table
from wit_builder.extract.captions import ranked
from wit_builder.extract.columns import resolved
from wit_builder.extract.html import Found, Lost, beyond, page_cut, why_lost
from wit_builder.extract.links import Resolver
from wit_builder.extract.meta import PageWishes, SharedImage
from wit_builder.extract.settings import Extraction
from wit_builder.records import candidate_id, candidate_ids
from wit_builder.text.columns import folded
from wit_builder.text.mask import Personal

_FIELDS = 4  # of each image in lean.Images
_BYTES_A_ROW = 2048  # of JSON: what weighs as much as a row
_Texts = Sequence[tuple[str, str]]  # (source, text)


class LinkedPage(NamedTuple):
    """A page that was read, with its images as they stand on it."""

    url: str
    title: str
    lang: str
    source: str  # file and offset
    found_at: datetime
    images: lean.Images
    shared: Sequence[SharedImage]  # those that its meta tags name
    resolve: Resolver
    licence: str
    owner: PageWishes
    weight: int  # bytes of its record

    @property
    def size(self) -> int:
        """How many rows it gives at most, or weighs."""
        return max(self.images.number + len(self.shared), self.weight // _BYTES_A_ROW)


class _Linked(NamedTuple):
    """The images that stand on some pages, in columns."""

    page: npt.NDArray[np.int64]  # place of the page among them
    written: pa.Array
    url: pa.Array  # null where it is no address
    alt: pa.Array  # as written
    title: pa.Array  # as written

    def at(self, places: npt.NDArray[np.intp]) -> "_Linked":
        """Those at these places."""
        return _Linked(self.page[places], *(column.take(pa.array(places)) for column in self[1:]))


class _Other(NamedTuple):
    """An image that is read by itself."""

    page: int
    kind: str  # img, og:image, twitter:image
    url: str | None
    written: str
    texts: _Texts


class _Shared:
    """The images that meta tags of one page name, each URL once with all its texts."""

    def __init__(self, images: Iterable[SharedImage], resolve: Resolver) -> None:
        self.by_url: dict[str, SharedImage] = {}
        self.nowhere: list[SharedImage] = []  # their address is none
        for image in images:
            url = resolve(image.url)
            if url is None:
                self.nowhere.append(image)
            elif url in self.by_url:
                self.by_url[url].texts.extend(image.texts)
            else:
                self.by_url[url] = image


class ImageRules:
    """What becomes of an image, for all pages alike."""

    def __init__(self, settings: Extraction) -> None:
        self._max, self._mask, self._fold = settings.max_images, settings.mask, settings.fold
        self._rank = {source: place for place, source in enumerate(settings.sources)}

    def read(self, pages: Sequence[LinkedPage]) -> Images:
        """What becomes of the images that stand on pages, and of those that their meta tags name.

        One of these whose URL an image on the page has is none of its own, and its texts join that image's.
        """
        linked = self._linked(pages)
        shared = {n: _Shared(page.shared, page.resolve) for n, page in enumerate(pages) if page.shared}
        joined = _joined(linked, shared)
        plain = self._is_plain(linked)
        plain[list(joined)] = False
        others = chain(_others(linked, np.flatnonzero(~plain), joined), self._not_shown(linked, shared))
        one_by_one = self._one_by_one(others, pages)
        together = _together(linked.at(np.flatnonzero(plain)), pages, self._mask)
        parts = together, one_by_one, self._cut(pages, shared)
        return Images(*(pa.concat_tables(tables) for tables in zip(*parts, strict=True)))

    def _linked(self, pages: Sequence[LinkedPage]) -> _Linked:
        images = [_first(page.images, self._max) for page in pages]
        written, alt, title = _columns([some for some in images if some.number])
        on = np.repeat(np.arange(len(pages)), [some.number for some in images])
        return _Linked(on, written, resolved(written, on, [page.resolve for page in pages]), alt, title)

    def _is_plain(self, linked: _Linked) -> npt.NDArray[np.bool_]:
        """Whether nothing but alt is there to be a caption, and the address is one, or a data: URI."""
        if self._rank.get("alt") != 0:
            return np.zeros(len(linked.page), bool)
        one = pc.or_(pc.equal(linked.title, ""), pc.equal(linked.title, linked.alt))
        known = pc.or_(pc.is_valid(linked.url), pc.starts_with(linked.written, "data:"))
        return np.array(pc.and_(one, known))

    def _not_shown(self, linked: _Linked, shared: Mapping[int, _Shared]) -> Iterator[_Other]:
        """The images shared that stand on no page, as many as are looked at."""
        counts = np.bincount(linked.page, minlength=max(shared, default=0) + 1)
        for page, of_page in shared.items():
            images = [*of_page.by_url.items(), *((None, image) for image in of_page.nowhere)]
            for url, image in images[: self._max - int(counts[page])]:
                yield _Other(page, image.kind, url, image.url, image.texts)

    def _cut(self, pages: Sequence[LinkedPage], shared: Mapping[int, _Shared]) -> Images:
        """The pages that have more than is looked at."""
        over = [n for n, page in enumerate(pages) if _number(page, shared.get(n)) > self._max]
        lost = [page_cut(pages[n].url, beyond(self._max)) for n in over]
        return Images(found_table([], []), lost_table(lost, over))

    def _one_by_one(self, others: Iterable[_Other], pages: Sequence[LinkedPage]) -> Images:
        found: list[Found] = []
        lost: list[Lost] = []
        found_on, lost_on = [], []
        for image in others:
            page = pages[image.page]
            told = ranked(image.texts, self._rank, self._fold) if image.texts else ()
            caption = told[0].text if told else ""
            shown = image.written if image.url is None else image.url
            id_ = candidate_id(shown, caption)
            if why := why_lost(image.kind, image.url, image.written, caption, page.owner):
                lost.append((id_, why[0], shown, caption, why[1]))
                lost_on.append(image.page)
            else:
                found.append((id_, shown, caption, told[0].source, told[1:], page.licence))
                found_on.append(image.page)
        return Images(found_table(found, found_on), lost_table(lost, lost_on))


def _joined(linked: _Linked, shared: Mapping[int, _Shared]) -> dict[int, _Texts]:
    """The texts that images shared give to the first of their URL on the page, by its place; they leave `shared`."""
    urls = pa.array({url for of_page in shared.values() for url in of_page.by_url}, pa.string())
    places = np.flatnonzero(pc.is_in(linked.url, urls))
    at = linked.at(places)
    joined: dict[int, _Texts] = {}
    for place, page, url in zip(places.tolist(), at.page.tolist(), at.url.to_pylist(), strict=True):
        image = shared[page].by_url.pop(url, None) if page in shared else None
        if image is not None and image.texts:
            joined[place] = image.texts
    return joined


def _others(linked: _Linked, places: npt.NDArray[np.intp], joined: Mapping[int, _Texts]) -> Iterator[_Other]:
    """Those on the pages that are not plain."""
    page, *columns = linked.at(places)
    texts = (column.to_pylist() for column in columns)
    for place, on, written, url, alt, title in zip(places.tolist(), page.tolist(), *texts, strict=True):
        yield _Other(on, "img", url, written, [("alt", alt), ("title", title), *joined.get(place, ())])


def _together(linked: _Linked, pages: Sequence[LinkedPage], mask: tuple[Personal, ...]) -> Images:
    """What the plain ones become."""
    caption = folded(linked.alt, mask)
    wished = np.array([page.owner.reason != "" for page in pages], bool)[linked.page]
    found = ~wished & np.array(pc.and_(pc.is_valid(linked.url), pc.not_equal(caption, "")))
    return Images(
        _found(linked.at(np.flatnonzero(found)), caption.filter(pa.array(found)), pages),
        _lost(linked.at(np.flatnonzero(~found)), caption.filter(pa.array(~found)), pages),
    )


def _found(linked: _Linked, caption: pa.Array, pages: Sequence[LinkedPage]) -> pa.Table:
    columns = {
        "id": candidate_ids(linked.url, caption),
        "url": linked.url,
        "caption": caption,
        "text_source": pa.repeat("alt", len(caption)),
        "alt_texts": lists_of_texts([()] * len(caption)),
        "licence": pa.array([page.licence for page in pages], pa.string()).take(pa.array(linked.page)),
        "page": linked.page,
    }
    return pa.table(columns)


def _lost(linked: _Linked, caption: pa.Array, pages: Sequence[LinkedPage]) -> pa.Table:
    wish, evidence = (
        pa.array([getattr(page.owner, name) for page in pages], pa.string()).take(pa.array(linked.page))
        for name in ("reason", "evidence")
    )
    shown, begin = pc.coalesce(linked.url, linked.written), pc.utf8_slice_codeunits(linked.written, 0, 80)

    def why(wish: pa.Array, data_uri: Any, no_text: str) -> pa.Array:
        return pc.if_else(pc.not_equal(wish, ""), wish, pc.if_else(pc.is_null(linked.url), data_uri, no_text))

    columns = {
        "id": candidate_ids(shown, caption),
        "reason": why(wish, "data_uri", "no_text"),
        "url": shown,
        "caption": caption,
        "evidence": why(evidence, pc.binary_join_element_wise("img: ", begin, ""), "img"),
        "page": linked.page,
    }
    return pa.table(columns)


def _number(page: LinkedPage, shared: _Shared | None) -> int:
    return page.images.number + (0 if shared is None else len(shared.by_url) + len(shared.nowhere))


def _first(images: lean.Images, most: int) -> lean.Images:
    if images.number <= most:
        return images
    fields = images.fields.split(lean.SEPARATOR)[: _FIELDS * most]
    return lean.Images(lean.SEPARATOR.join(fields), most)


def _columns(images: Sequence[lean.Images]) -> Iterator[pa.Array]:
    """url, alt and title, cut out of the bytes as they lie: every second piece is a separator."""
    data = lean.SEPARATOR.join(some.fields for some in images)
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord(lean.SEPARATOR))
    offsets = np.zeros(2 * len(ends) + 2, np.int32)
    offsets[1:-1:2], offsets[2::2], offsets[-1] = ends, ends + 1, len(data)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    pieces = pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)
    each = 2 * _FIELDS * np.arange(sum(some.number for some in images))
    return (_strings(pieces.take(pa.array(each + 2 * n))) for n in range(3))


def _strings(values: pa.Array) -> pa.Array:
    """Broken UTF-8 becomes U+FFFD."""
    try:
        return values.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([value.decode("utf-8", "replace") for value in values.to_pylist()], pa.string())
