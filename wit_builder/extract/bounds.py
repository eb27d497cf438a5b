"""HTML into a tree, in time and memory that a page cannot blow up.

The tree builder of the HTML standard is no linear machine. 31 KB of `<font a=1><p><font a=2><p>...` become 2
million elements and 730 MB, as every paragraph opens all fonts again; 20,000 nested lists take 3 s, 20,000
attributes of one tag 0.8 s, and four times that for twice as many. `parse` looks for such pages first, with
counts that err on the safe side only, and hands lexbor a thinned page instead: the tags that extraction
reads, each written anew, and nothing else. On real pages both give the same images and links, and the same texts but
for those that only ids (aria-labelledby) or WordPress's classes lead to; long pages (`_MANY_TAGS`) are thinned too.
"""

import re
from itertools import islice

from selectolax.lexbor import LexborHTMLParser

MAX_BYTES = 10 << 20  # of a page, what a crawl asks for at most; the rest is not read
MAX_TAGS = 1_000_000  # of a thinned page; it takes 1 µs a tag
MAX_KEPT = 100_000  # of them that extraction reads
MAX_ATTRIBUTES = 64  # of one tag of a thinned page
MAX_DEPTH = 200  # of tags that extraction reads, in one another

_MANY_TAGS = 10_000  # options of one list: 0.2 s
_SOME_TAGS = 1_500  # fonts and paragraphs: 0.1 s and 100 MB
_MAX_REOPENED = 2_000_000  # formatting tags times tags; the elements made are a quarter of it at most
_LONG_PAGE = 100_000  # bytes; 25,000 attributes of one tag: 0.5 s. 43 of 47 real pages are shorter
_MAX_ROOTS = 20  # html and body tags, each of which merges its attributes into the first


def parse(html: bytes) -> tuple[LexborHTMLParser, bool]:
    """The tree of a page in UTF-8, and whether all of the page is in it (a thinned page counts as all)."""
    whole = len(html) <= MAX_BYTES
    html = html[:MAX_BYTES]
    if not explosive(html):
        return LexborHTMLParser(html), whole
    text, thinned_whole = thinned(html.decode("utf-8", "replace"))
    return LexborHTMLParser(text), whole and thinned_whole


def explosive(html: bytes) -> bool:
    """Whether building the tree of this page, in UTF-8, may take more than half a second or 100 MB."""
    tags = html.count(b"<")
    if tags > _MANY_TAGS:
        return True
    if tags > _SOME_TAGS and len(_FORMATTING.findall(html)) * tags > _MAX_REOPENED:
        return True
    if len(html) <= _LONG_PAGE:
        return False
    modest = _MODEST.match(html)
    return modest is None or modest.end() < len(html) or len(_ROOTS.findall(html)) > _MAX_ROOTS


def thinned(html: str) -> tuple[str, bool]:
    """The page with only the tags that extraction reads, written anew; and whether it was read to its end.

    A tokenizer of our own decides what a tag is, so whatever it misreads, lexbor never sees: at most
    `MAX_KEPT` tags, `MAX_DEPTH` deep, with `MAX_ATTRIBUTES` attributes, no formatting, no tables, no foreign
    content.
    """
    page = _Thinned()
    position = tags = 0
    while (start := _START.search(html, position)) is not None:
        page.text(html[position : start.start()])
        token = _TOKEN.match(html, start.start())
        if token is None:
            return page.written(), True  # a tag or comment that never ends takes all that follows
        position = token.end()
        if token["name"]:
            tags += 1
            if tags > MAX_TAGS or page.kept >= MAX_KEPT:
                return page.written(), False
            position = page.tag(html, token, position)
    page.text(html[position:])
    return page.written(), True


class _Thinned:
    """What a thinned page is written to."""

    def __init__(self) -> None:
        self.kept = 0
        self._out: list[str] = []
        self._open: list[str] = []  # tags of _NESTING that are not closed
        self._root = False

    def written(self) -> str:
        return "".join(self._out)

    def text(self, text: str) -> None:
        if text:
            self._out.append(text.replace("<", "&lt;"))

    def tag(self, html: str, token: re.Match[str], end: int) -> int:
        """Writes the tag if it is one to keep. Returns where reading goes on, after the text of a raw one."""
        name = token["name"].lower()
        if token["slash"]:
            if name in _NESTING:
                self._close(name)
            return end
        if name in _RAW:
            return self._raw(name, html, token, end)
        if name == "a" and name in self._open:
            self._open.remove(name)  # one link ends where the next begins; lexbor sees to it
        if name in _VOID or (name in _NESTING and len(self._open) < MAX_DEPTH):
            self._write(name, token)
            if name in _NESTING:
                self._open.append(name)
        elif name == "html" and not self._root:
            self._root = True
            self._write(name, token)
        elif name in _BREAKS:
            self.text(" ")
        return end

    def _write(self, name: str, token: re.Match[str]) -> None:
        # a name that begins with "=" would be a value where another name stands before it
        attributes = (found[0] for found in _ATTRIBUTES.finditer(token["rest"] + ">") if found[0][0] != "=")
        self._out.append(f"<{' '.join((name, *islice(attributes, MAX_ATTRIBUTES)))}>")
        self.kept += 1

    def _close(self, name: str) -> None:
        if name in self._open:
            while self._open:
                last = self._open.pop()
                self._out.append(f"</{last}>")
                if last == name:
                    break

    def _raw(self, name: str, html: str, token: re.Match[str], end: int) -> int:
        close = _RAW[name].search(html, end)
        stop = close.start() if close else len(html)
        if name == "title":
            self._out.append(f"<title>{html[end:stop].replace('<', '&lt;')}</title>")
            self.kept += 1
        elif name == "script" and "ld+json" in token["rest"].lower():
            # in JSON a "<" can only stand in a string; written so, nothing in it can be taken for a tag
            json = html[end:stop].replace("<", "\\u003c")
            self._out.append(f'<script type="application/ld+json">{json}</script>')
            self.kept += 1
        return stop


_VOID = frozenset(("img", "source", "meta", "link", "base", "area", "input"))
_NESTING = frozenset(("a", "amp-img", "figcaption", "figure", "noscript", "picture"))
_BREAKS = frozenset(
    ("br", "dd", "div", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "li", "p", "td", "th", "tr")
)
# A tag as the standard's tokenizer reads it (13.2.5.6 to 13.2.5.40): after a name and "=" there is a value, and a
# quote that never closes takes all that follows. Values hold no "<" in _MODEST: so the page is read in step with
# the standard's tokenizer even where that one is in a script or a comment, as it leaves those at a ">".
_S = "\t\n\f\r "  # what the standard calls whitespace; U+000B and U+00A0 are parts of names and values
_RAW = {
    name: re.compile(rf"</{name}(?=[{_S}/>])", re.IGNORECASE | re.ASCII)
    for name in ("script", "style", "title", "textarea", "template", "iframe", "noembed", "noframes", "xmp")
}
_START = re.compile(r"<[a-zA-Z!?/]")
_NAME = f"[^{_S}/>][^{_S}/>=]*+"
_EQUALS = f"[{_S}]*+="
_ATTRIBUTE = (
    rf"""{_NAME}(?:{_EQUALS}[{_S}]*+(?:"[^"]*+"|'[^']*+'|[^{_S}>"'][^{_S}>]*+|(?=>))|(?!{_EQUALS}))"""
)
_MODEST_ATTRIBUTE = (
    rf"""{_NAME}(?:{_EQUALS}[{_S}]*+(?:"[^"<]*+"|'[^'<]*+'|[^{_S}>"'<][^{_S}><]*+|(?=>))|(?!{_EQUALS}))"""
)
_ATTRIBUTES = re.compile(_ATTRIBUTE)
_TOKEN = re.compile(
    rf"<(?:!--(?:-?>|.*?--!?>)|(?P<slash>/?)(?P<name>[a-zA-Z][^{_S}/>]*+)"
    rf"(?P<rest>(?:[{_S}/]++|{_ATTRIBUTE})*+)>|(?:!(?!--)|[?/])[^>]*+>)",
    re.DOTALL,
)
_MODEST = re.compile(
    rf"(?:[^<]++|<(?![a-zA-Z])|<[a-zA-Z][^{_S}/>]*+(?:[{_S}/]*+{_MODEST_ATTRIBUTE}){{0,256}}+[{_S}/]*+>)*+".encode()
)
_FORMATTING = re.compile(  # the look at one letter halves the time
    f"<(?=[bcefinstu])(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)[{_S}/]".encode(), re.IGNORECASE
)
_ROOTS = re.compile(f"<(?:html|body)[{_S}/]".encode(), re.IGNORECASE)
