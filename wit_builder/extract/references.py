"""References to images: one for each element, meta tag and JSON-LD object that shows or names an image."""

from collections.abc import Iterable
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from wit_builder.extract import bounds, jsonld
from wit_builder.extract.address import Attributes, addresses, leads_to_image
from wit_builder.extract.links import Resolver
from wit_builder.extract.meta import shared_images
from wit_builder.extract.nodes import Nodes, Place, Texts, place

MAX_SCRIPTS = 100  # with JSON-LD, of one page
MAX_ESCAPED = 20_000  # characters of a noscript whose HTML is escaped


@dataclass(slots=True)
class Reference:
    """An image that a page shows or names."""

    position: int  # among the nodes of the page
    kind: str  # img, amp-img, input, og:image, twitter:image, json-ld
    url: str | None  # normalised; None where no address is one
    written: str  # the address as written, the last one tried
    texts: list[tuple[str, str]]  # (source, text), as they stood
    licence: str = ""  # as written


class References:
    """All references of a page, `max_images` at most."""

    def __init__(
        self, nodes: Nodes, tree: LexborHTMLParser, resolve: Resolver, want_px: int, max_images: int
    ) -> None:
        self.licence = ""  # that JSON-LD gives for the page, as written
        self.cut = False  # whether there were more than `max_images`
        self.unread = ""  # what else was not looked at, as it lies beyond a limit
        self._nodes = nodes
        self._texts = Texts(tree)
        self._resolve = resolve
        self._want_px = want_px
        self._max = max_images
        self._found: list[Reference] = []
        self._by_url: dict[str, Reference] = {}

    def read(self) -> list[Reference]:
        """The references in document order.

        First what the page shows, then what may only speak of that: noscript, meta tags, JSON-LD.
        """
        hidden = self._images()
        for position, kind, image, around in hidden:
            self._image(position, kind, image, around, joins=True)
        self._escaped()
        for shared in shared_images(self._nodes.metas):
            self._add(shared.position, shared.kind, [shared.url], shared.texts, joins=True)
        self._linked_data()
        return sorted(self._found, key=lambda reference: reference.position)

    def _images(self) -> list[tuple[int, str, LexborNode, Place]]:
        """Adds the images of the page but for those in noscript, which it returns."""
        hidden = []
        captions = self._nodes.captions
        for position, kind, node in self._nodes.images:
            if self.cut:
                break
            around = place(node, captions)
            if around.noscript:
                hidden.append((position, kind, node, around))
            else:
                self._image(position, kind, node, around)
        return hidden

    def _image(
        self, position: int, kind: str, node: LexborNode, around: Place, *, joins: bool = False
    ) -> None:
        attributes = node.attributes
        href = around.link.get("href") if around.link is not None else None
        full_size = href if href and leads_to_image(href) else None
        written = addresses(attributes, around.sources, full_size, self._want_px)
        texts = self._texts_of(attributes, around, full_size is not None)
        self._add(position, kind, written, texts, joins=joins)

    def _texts_of(self, image: Attributes, around: Place, light_box: bool) -> list[tuple[str, str]]:
        found = [(source, text) for name, source in _TEXT_ATTRIBUTES if (text := image.get(name))]
        if around.caption is not None:
            found.append(("figcaption", self._texts.of(around.caption)))
        if light_box and around.link is not None:
            found += [("link-title", text) for name in _LINK_TEXTS if (text := around.link.get(name))]
        if ids := image.get("aria-labelledby"):
            found.append(("aria-labelledby", self._texts.of_ids(ids)))
        return found

    def _escaped(self) -> None:
        """Images in a noscript whose content is text, as scripts write it: <noscript>&lt;img ..."""
        for position, noscript in self._nodes.noscripts:
            text = noscript.text(deep=False)
            if "<img" not in text:
                continue
            if len(text) > MAX_ESCAPED:
                self.unread = f"a noscript of more than {MAX_ESCAPED:,} characters"
            else:
                tree, _ = bounds.parse(text.encode())
                for image in tree.css("img"):
                    self._image(position, "img", image, place(image, {}), joins=True)

    def _linked_data(self) -> None:
        if len(self._nodes.scripts) > MAX_SCRIPTS:
            self.unread = f"JSON-LD beyond the first {MAX_SCRIPTS} scripts"
        for position, script in self._nodes.scripts[:MAX_SCRIPTS]:
            data = jsonld.read(script.text())
            if data.cut:
                self.unread = (
                    f"JSON-LD of more than {jsonld.MAX_TEXT:,} characters or {jsonld.MAX_IMAGES:,} images"
                )
            self.licence = self.licence or data.licence
            for image in data.images:
                self._add(position, "json-ld", [image.url], image.texts, licence=image.licence, joins=True)

    def _add(
        self,
        position: int,
        kind: str,
        written: Iterable[str],
        texts: Iterable[tuple[str, str]],
        *,
        licence: str = "",
        joins: bool = False,
    ) -> None:
        """joins: whether it is no reference of its own where another one has its URL."""
        url, last = None, ""
        for last in written:
            if (url := self._resolve(last)) is not None:
                break
        known = self._by_url.get(url) if joins and url is not None else None
        if known is not None:
            known.texts.extend(texts)
            known.licence = known.licence or licence
        elif len(self._found) >= self._max:
            self.cut = True
        else:
            reference = Reference(position, kind, url, last, list(texts), licence)
            self._found.append(reference)
            if url is not None:
                self._by_url.setdefault(url, reference)


_LINK_TEXTS = ("title", "data-title", "data-caption", "aria-label")
_TEXT_ATTRIBUTES = (
    ("alt", "alt"),
    ("aria-label", "aria-label"),
    ("title", "title"),
    ("data-caption", "data-caption"),
    ("data-image-title", "data-caption"),
)
