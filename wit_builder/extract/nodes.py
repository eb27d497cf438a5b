"""The nodes of a page that speak of images or links, selected once, and what stands around an image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from wit_builder.extract.address import Attributes
from wit_builder.text.normalize import fold

MAX_ANCESTORS = 12  # of an image that are asked for a link, a figure, a noscript
MAX_SOURCES = 32  # of one picture
MAX_NODES = 1_000  # of a caption that has scripts or styles in it
MAX_TEXT = 2_000_000  # characters of figcaptions and labels of one page, as they may stand in one another


@dataclass(slots=True)
class Nodes:
    """What `select` found, each list in document order; positions count all selected nodes."""

    lang: str = ""
    title: LexborNode | None = None
    base: str | None = None
    metas: list[tuple[int, Attributes]] = field(default_factory=list)
    anchors: list[tuple[str, Attributes]] = field(default_factory=list)  # (tag, attributes) of a, area, link
    images: list[tuple[int, str, LexborNode]] = field(default_factory=list)  # img, amp-img, input
    noscripts: list[tuple[int, LexborNode]] = field(default_factory=list)
    scripts: list[tuple[int, LexborNode]] = field(default_factory=list)  # JSON-LD
    captions: dict[int, LexborNode] = field(default_factory=dict)  # of the element with that mem_id


def select(tree: LexborHTMLParser, html: bytes, *, follow: bool = True) -> Nodes:
    """All the nodes of a page that are read. html: its source, as a quick look at what it can hold.

    follow: False where of the links only those count that may name a licence.
    """
    nodes = Nodes()
    for position, node in enumerate(tree.css(_WITH_LINKS if follow else _WITH_LICENCES)):
        tag = node.tag or ""
        if tag in _ANCHORS:
            nodes.anchors.append((tag, node.attributes))
        elif tag in _IMAGES:
            nodes.images.append((position, tag, node))
        elif tag == "meta":
            nodes.metas.append((position, node.attributes))
        elif tag == "noscript":
            nodes.noscripts.append((position, node))
        elif tag == "script":
            nodes.scripts.append((position, node))
        elif tag == "figcaption":
            _caption_of(nodes, _figure(node), node)
        else:
            _root(nodes, tag, node)
    if b"wp-caption-text" in html:  # WordPress before HTML5: the caption's parent is the figure
        for node in tree.css(".wp-caption-text"):
            _caption_of(nodes, node.parent, node)
    return nodes


class Place(NamedTuple):
    """What stands around an image."""

    link: Attributes | None  # of the nearest link around it
    caption: LexborNode | None  # of the nearest figure around it that has one
    noscript: bool
    sources: Sequence[Attributes]  # of its picture


def place(image: LexborNode, captions: Mapping[int, LexborNode]) -> Place:
    """What stands around an image, up to `MAX_ANCESTORS` elements."""
    link: Attributes | None = None
    caption: LexborNode | None = None
    noscript = False
    sources: Sequence[Attributes] = ()
    node = image.parent
    for _ in range(MAX_ANCESTORS):
        tag = node.tag if node is not None else "body"
        if node is None or tag == "body":
            break
        if tag == "a":
            link = link or node.attributes
        elif tag == "noscript":
            noscript = True
        elif tag == "picture" and not sources:
            sources = _sources(node)
        if captions and caption is None:
            caption = captions.get(node.mem_id)
        node = node.parent
    return Place(link, caption, noscript, sources)


class Texts:
    """The texts of elements, `MAX_TEXT` characters of them in all; an element is read once."""

    def __init__(self, tree: LexborHTMLParser) -> None:
        self._tree = tree
        self._left = MAX_TEXT
        self._read: dict[int, str] = {}
        self._by_id: dict[str, LexborNode] | None = None

    def of(self, node: LexborNode) -> str:
        """The text of an element, folded; between blocks and at line breaks a space stands."""
        known = self._read.get(node.mem_id)
        if known is None:
            text = "" if self._left <= 0 else _text(node)
            self._left -= len(text)
            known = self._read[node.mem_id] = fold(text)
        return known

    def of_ids(self, ids: str) -> str:
        """The texts of the elements with these ids, as aria-labelledby lists them; at most 8."""
        if self._by_id is None:
            self._by_id = {}
            for node in self._tree.css("[id]"):
                if (name := node.id) is not None:
                    self._by_id.setdefault(name, node)
        found = (self._by_id.get(name) for name in ids.split()[:8])
        return " ".join(self.of(node) for node in found if node is not None)


_NODES = (
    "html,base,title,meta,img,amp-img,figcaption,noscript,input[type=image i],"
    'script[type="application/ld+json" i],'
)
_WITH_LINKS = f"{_NODES}link,a,area"
_WITH_LICENCES = (
    f'{_NODES}[rel~="license" i],a[href*="creativecommons.org/"],area[href*="creativecommons.org/"]'
)
_ANCHORS = frozenset(("a", "area", "link"))
_IMAGES = frozenset(("img", "amp-img", "input"))
_BLOCK_TAGS = """
    address article blockquote br dd div dl dt figure footer h1 h2 h3 h4 h5 h6 header hr li ol p pre section
    table tbody td th tr ul
"""
_BLOCKS = frozenset(_BLOCK_TAGS.split())


def _root(nodes: Nodes, tag: str, node: LexborNode) -> None:
    if tag == "html":
        nodes.lang = node.attributes.get("lang") or node.attributes.get("xml:lang") or ""
    elif tag == "base" and nodes.base is None:
        nodes.base = node.attributes.get("href")
    elif tag == "title" and nodes.title is None and _tag(node.parent) not in ("svg", "g", "symbol", "defs"):
        nodes.title = node


def _figure(caption: LexborNode) -> LexborNode | None:
    """The figure a figcaption stands in; where there is none, whatever it stands in."""
    node = caption.parent
    for _ in range(MAX_ANCESTORS):
        if node is None or node.tag == "figure":
            break
        node = node.parent
    return node if _tag(node) == "figure" else caption.parent


def _caption_of(nodes: Nodes, figure: LexborNode | None, caption: LexborNode) -> None:
    if figure is not None:
        nodes.captions.setdefault(figure.mem_id, caption)


def _sources(picture: LexborNode) -> Sequence[Attributes]:
    children = islice(picture.iter(), MAX_SOURCES)
    return [child.attributes for child in children if child.tag == "source"]


def _text(node: LexborNode) -> str:
    first = node.first_child
    if first is None or (first.next is None and first.tag == "-text"):
        return node.text()
    blocks = any(child.tag in _BLOCKS for child in islice(node.iter(), 1_000))
    separator = " " if blocks else ""
    if node.css_first("style,script") is None:
        return node.text(separator=separator)
    inside = islice(node.traverse(include_text=True), MAX_NODES)
    shown = (
        child for child in inside if child.tag == "-text" and _tag(child.parent) not in ("style", "script")
    )
    return separator.join(child.text() for child in shown)


def _tag(node: LexborNode | None) -> str | None:
    return None if node is None else node.tag
