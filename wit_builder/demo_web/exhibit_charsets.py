"""Pages in other character sets, as XHTML, broken, and deep."""

from html import escape

from wit_builder.demo_web.answers import HTML
from wit_builder.demo_web.expected import Pair
from wit_builder.demo_web.markup import frame
from wit_builder.demo_web.museum import Hall, Museum, gallery

_DEPTH = 2000  # elements within one another


def build(museum: Museum) -> None:
    """Put up the hall."""
    hall = museum.hall("charsets")
    _charsets(hall)
    _xhtml(hall)
    _broken(hall)
    _deep(hall)


def _charsets(hall: Hall) -> None:
    """Named by meta, header or byte order mark; each text holds letters that a wrong guess would garble."""
    pages = (  # path, language, encoding, mark, content type, charset the meta element names
        ("shift-jis-by-meta", "ja", "shift_jis", b"", "text/html", "Shift_JIS"),
        ("windows-1252-by-header", "fr", "cp1252", b"", "text/html; charset=windows-1252", ""),
        ("latin-2-by-header", "pl", "iso8859-2", b"", "text/html; charset=ISO-8859-2", ""),
        ("header-before-meta", "de", "cp1252", b"", "text/html; charset=iso-8859-1", "utf-8"),
        ("utf-16-by-mark", "es", "utf-16-le", b"\xff\xfe", "text/html", ""),
        ("utf-8-by-mark", "pl", "utf-8", b"\xef\xbb\xbf", "text/html; charset=iso-8859-1", ""),
        ("euc-jp-by-meta", "ja", "euc_jp", b"", "text/html", "EUC-JP"),
    )
    for name, lang, encoding, mark, content_type, meta in pages:
        pairs = [hall.photo(f"pictures/{name}-{n}.jpg", lang) for n in (1, 2)]
        named = f'<meta charset="{meta}">' if meta else ""
        page = frame(name, gallery(pairs), lang).replace('<meta charset="utf-8">', named)
        hall.page(f"{name}.html", "", pairs, raw=mark + page.encode(encoding), content_type=content_type)


def _xhtml(hall: Hall) -> None:
    pair = hall.photo("pictures/xhtml.jpg", "de")
    page = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">\n'
        '<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="de">\n<head><title>XHTML</title></head>\n'
        f'<body><p>Text &amp; Bild<br />\n<img src="{pair.url}" alt="{escape(pair.caption)}" /></p></body>\n</html>\n'
    )
    content_type = "application/xhtml+xml; charset=utf-8"
    hall.page("page.xhtml", "", [pair], raw=page.encode(), content_type=content_type)


def _broken(hall: Hall) -> None:
    pairs = [hall.photo(f"pictures/broken-{n}.jpg") for n in range(1, 6)]
    upper, unquoted, twice, astray, last = pairs
    page = (
        "<html><body><div><p>A <b>bold <i>beginning</b> & no end</p></span>\n"
        f"<IMG SRC='{upper.url}' ALT='{upper.caption}'>\n"
        f'<img src={unquoted.url} alt="{unquoted.caption}"width=5>\n'
        f'<img src="{twice.url}" src="/second.jpg" alt="{twice.caption}" alt="second">\n'
        f'<table><tr><img src="{astray.url}" alt="{astray.caption}"></table></table>\n'
        f'<ul><li><image src="{last.url}" alt="{last.caption}"><li></ol>\n'
        "<!-- never closed <p>\n"
    )
    hall.page("broken.html", "", pairs, raw=page.encode())


def _deep(hall: Hall) -> None:
    pair: Pair = hall.photo("pictures/deep.jpg")
    hall.page("deep.html", "<div>" * _DEPTH + gallery([pair]) + "</div>" * _DEPTH, [pair], content_type=HTML)
