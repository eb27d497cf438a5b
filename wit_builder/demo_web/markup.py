"""Pages as HTML: the frame that all of them share, and the content and index pages."""

from collections.abc import Iterable
from html import escape

from wit_builder.demo_web.captions import TONGUES
from wit_builder.demo_web.content import BLOCK, Content, Figure

DATA_PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

_STYLE = (
    "body{max-width:44em;margin:2em auto;font:1em/1.5 Georgia,serif;color:#222}"
    "img{max-width:100%;border-radius:4px}figure{margin:1em 0}figcaption{font-style:italic}"
    "nav a{margin-right:.6em}"
)
_NEIGHBOURS = 8  # linked on either side


def frame(title: str, body: str, lang: str = "en", head: str = "") -> str:
    """A whole page."""
    return (
        f'<!DOCTYPE html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n{head}</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def index_page(title: str, links: Iterable[str]) -> str:
    """A page that links to others and says nothing else."""
    rows = "\n".join(f'<li><a href="{escape(link)}">{escape(link)}</a></li>' for link in links)
    return frame(title, f"<h1>{escape(title)}</h1>\n<ul>\n{rows}\n</ul>")


def content_page(content: Content, i: int, up: str) -> str:
    """Page i of the content; `up` is the address of its index page."""
    lang = content.lang(i)
    sentences = TONGUES[lang].furniture
    figures = content.figures(i)
    title = figures[0].pair.caption
    parts = [f"<h1>{escape(title)}</h1>"]
    for number, figure in enumerate(figures):
        parts.append(
            f"<p>{sentences[(i + number) % len(sentences)]} {sentences[(i + number + 1) % len(sentences)]}</p>"
        )
        parts.append(figure_html(figure))
    parts.append(_navigation(content, i, up))
    return frame(title, "\n".join(parts), lang)


def figure_html(figure: Figure) -> str:
    """One image reference."""
    source, text = escape(figure.pair.url), escape(figure.pair.caption)
    size = ' width="{}" height="{}"'.format(*figure.picture.size) if figure.picture else ""
    if figure.pair.source == "figcaption":
        return f'<figure><img src="{source}"{size}><figcaption>{text}</figcaption></figure>'
    if figure.lazy:
        return f'<p><img class="lazy" src="{DATA_PIXEL}" data-src="{source}" alt="{text}"></p>'
    return f'<p><img src="{source}" alt="{text}"{size}></p>'


def _navigation(content: Content, i: int, up: str) -> str:
    """Neighbours in the block, the index page and the start page."""
    block = content.in_block(i // BLOCK)
    near = range(max(block.start, i - _NEIGHBOURS), min(block.stop, i + _NEIGHBOURS + 1))
    links = "".join(
        f'<a href="/{content.lang(other)}/{other}.html">{other}</a>' for other in near if other != i
    )
    return f'<nav><a href="http://start.demo.test/">Start</a><a href="{escape(up)}">Up</a>{links}</nav>'
