"""Archives for the benchmarks, the same bytes each time: real pages, in Common Crawl's formats.

    python benchmarks/archive/make.py FOLDER [--files 8] [--pages 3000]

The pages are those of the shared data (885 of 13 sites, 47 whole ones from the web), each copy under host names of
its own, so that most pairs differ. `pages-N.warc.wat.gz` has what ia-web-commons writes for Common Crawl: a metadata
record for each request, response and metadata record, with keys in its order, links in document order, anchor texts
cut at 128 characters. `pages.warc.gz` has the 47 whole pages as responses.
"""

import gzip
import json
import re
import uuid
from collections.abc import Iterator
from functools import cache
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import click
import orjson
from selectolax.lexbor import LexborHTMLParser, LexborNode

from wit_builder.web.charset import decode_html

SHARED = Path(__file__).parents[3] / "shared" / "data"
WHOLE = 3  # of four copies are whole pages of the web, which makes about 21 KB of JSON a page
DATE = "2026-05-18T01:58:10Z"


class Page(NamedTuple):
    """A real page."""

    url: str
    html: str


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--files", default=8)
@click.option("--pages", default=3000)
def main(folder: Path, files: int, pages: int) -> None:
    """Write them."""
    for path in (*wats(folder, files, pages), warc(folder)):
        print(path)


def wats(folder: Path, files: int, pages: int) -> list[Path]:
    """The WAT files, made where they are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"pages-{n}.warc.wat.gz" for n in range(files)]
    for n, path in enumerate(paths):
        if not path.exists():
            path.write_bytes(b"".join(_wat_records(path.name, islice(copies(n), pages))))
    return paths


def warc(folder: Path, rounds: int = 10) -> Path:
    """The WARC file, made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pages.warc.gz"
    if not path.exists():
        path.write_bytes(b"".join(_response(page) for n in range(rounds) for page in whole_pages()))
    return path


def copies(first: int) -> Iterator[Page]:
    """Pages without end, no two files' alike."""
    whole, of_sites = cycle(whole_pages()), cycle(site_pages())
    for n in count():
        page = next(whole if n % (WHOLE + 1) else of_sites)
        yield _under(page, f"c{first}-{n // 100}")


@cache
def whole_pages() -> list[Page]:
    """The 47 whole pages as found on the web."""
    folder = SHARED / "pages" / "trafilatura"
    rows = json.loads((folder / "index.json").read_bytes())
    return [_page(row["url"] or "http://a.test/page.html", folder / row["file"]) for row in rows]


@cache
def site_pages() -> list[Page]:
    """The pages of the 13 sites."""
    lines = gzip.decompress((SHARED / "sites" / "truth.jsonl.gz").read_bytes()).splitlines()
    return [_page(row["page"], SHARED / row["file"]) for row in map(orjson.loads, lines)]


def metadata(page: Page) -> dict[str, Any]:
    """HTML-Metadata, as ia-web-commons has it."""
    head: dict[str, Any] = {}
    links: list[dict[str, str]] = []
    for node in LexborHTMLParser(page.html).css(_READ):
        tag, given = node.tag or "", {k: v or "" for k, v in node.attributes.items()}
        if tag == "base" and "href" in given:
            head["Base"] = given["href"]
        elif tag == "title":
            head.setdefault("Title", node.text().strip())
        elif tag == "html":
            for name in ("lang", "xml:lang"):
                if name in given:
                    head.setdefault("Metas", []).append({"name": f"HTML@/{name}", "content": given[name]})
        elif tag == "meta":
            kept = {k: given[k] for k in ("name", "rel", "content", "http-equiv", "property") if k in given}
            head.setdefault("Metas", []).append(kept)
        elif tag in ("link", "script"):
            if link := _link(tag, given):
                head.setdefault("Link" if tag == "link" else "Scripts", []).append(link)
        elif link := _link(tag, given):
            links.append(link | _anchor_text(node) if tag == "a" else link)
    return ({"Head": head} if head else {}) | ({"Links": links} if links else {})


_READ = (
    "html,base,title,meta,link,script[src],a[href],area[href],img[src],form[action],iframe[src],input[src]"
)
_LINKS = {  # tag: attribute of the address, attributes beside it
    "a": ("href", "target", "alt", "title", "rel", "hreflang", "type"),
    "area": ("href", "rel"),
    "form": ("action", "target", "method"),
    "iframe": ("src",),
    "img": ("src", "alt", "title"),
    "input": ("src",),
    "link": ("href", "rel", "type"),
    "script": ("src", "type"),
}
_HEADERS = {
    "Date": "Mon, 18 May 2026 01:58:10 GMT",
    "Content-Type": "text/html; charset=UTF-8",
    "X-Crawler-Transfer-Encoding": "chunked",
    "Connection": "keep-alive",
    "Server": "cloudflare",
    "Vary": "Accept-Encoding",
    "Cache-Control": "max-age=600, must-revalidate",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Report-To": '{"endpoints":[{"url":"https:\\/\\/a.example\\/report"}],"group":"cf-nel","max_age":604800}',
    "X-Crawler-Content-Encoding": "br",
}


def _link(tag: str, given: dict[str, str]) -> dict[str, str]:
    address, *others = _LINKS[tag]
    if address not in given:
        return {}
    path = {"path": f"{tag.upper()}@/{address}", "url": given[address]}
    return path | {name: given[name] for name in others if name in given}


def _anchor_text(node: LexborNode) -> dict[str, str]:
    text = " ".join(node.text().split())[:128].strip()
    return {"text": text} if text else {}


def _page(url: str, path: Path) -> Page:
    return Page(url, decode_html(path.read_bytes(), None)[0])


def _under(page: Page, name: str) -> Page:
    """The page with that name before the hosts of its own and its images' absolute addresses."""
    scheme, _, rest = page.url.partition("://")
    html = re.sub(r'(src=["\']?(?:https?:)?//)(?=[a-z0-9])', rf"\g<1>{name}.", page.html)
    return Page(f"{scheme}://{name}.{rest}", html)


def _wat_records(name: str, pages: Iterator[Page]) -> Iterator[bytes]:
    fields = b"Software-Info: benchmark\r\nformat: WARC File Format 1.0\r\n\r\n"
    yield _record("warcinfo", name, "application/warc-fields", fields)
    for number, page in enumerate(pages):
        for kind, payload in _payloads(page):
            envelope = {
                "Payload-Metadata": payload,
                "Format": "WARC/1.0",
                "WARC-Header-Length": "589",
                "WARC-Header-Metadata": {
                    "WARC-Type": kind,
                    "WARC-Date": DATE,
                    "WARC-Record-ID": _urn(page.url + kind),
                    "Content-Length": str(len(page.html)),
                    "Content-Type": f"application/http; msgtype={kind}",
                    "WARC-IP-Address": "192.0.2.1",
                    "WARC-Target-URI": page.url,
                },
            }
            container = {"Filename": name.replace(".wat", ""), "Compressed": True, "Offset": str(number)}
            line = orjson.dumps({"Container": container, "Envelope": envelope})
            yield _record("metadata", page.url, "application/json", line)


def _payloads(page: Page) -> Iterator[tuple[str, dict[str, Any]]]:
    address = urlsplit(page.url)
    request = {
        "Request-Message": {"Method": "GET", "Path": address.path, "Version": "HTTP/1.1"},
        "Headers-Length": "263",
        "Headers": {
            "User-Agent": "CCBot/2.0 (https://commoncrawl.org/faq/)",
            "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "Accept-Language": "en-US,en;q=0.5",
            "Accept-Encoding": "br,gzip",
            "Host": address.netloc,
            "Connection": "Keep-Alive",
        },
    }
    yield (
        "request",
        {"Actual-Content-Type": "application/http; msgtype=request", "HTTP-Request-Metadata": request},
    )
    response = {
        "Response-Message": {"Version": "HTTP/1.1", "Status": "200", "Reason": "OK"},
        "Headers-Length": "733",
        "Headers": _HEADERS,
        "HTML-Metadata": metadata(page),
        "Entity-Length": str(len(page.html)),
        "Entity-Digest": "sha1:RY7PLBUFQNI2FFV5FTUQK72W6SNPXLQU",
        "Entity-Trailing-Slop-Length": "0",
    }
    yield (
        "response",
        {"Actual-Content-Type": "application/http; msgtype=response", "HTTP-Response-Metadata": response},
    )
    yield (
        "metadata",
        {
            "Actual-Content-Type": "application/metadata-fields",
            "WARC-Metadata-Metadata": {
                "Metadata-Records": [
                    {"Name": "fetchTimeMs", "Value": "227"},
                    {"Name": "charset-detected", "Value": "utf-8"},
                    {"Name": "languages-cld2", "Value": '{"reliable":true,"text-bytes":5120,"languages":[]}'},
                ]
            },
        },
    )


def _response(page: Page) -> bytes:
    html = page.html.encode("utf-8", "replace")
    head = "HTTP/1.1 200 OK\r\n" + "".join(f"{k}: {v}\r\n" for k, v in _HEADERS.items())
    block = f"{head}Content-Length: {len(html)}\r\n\r\n".encode() + html
    return _record("response", page.url, "application/http; msgtype=response", block)


def _record(kind: str, uri: str, content_type: str, block: bytes) -> bytes:
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {uri}\r\nWARC-Date: {DATE}\r\n"
        f"WARC-Record-ID: {_urn(kind + uri)}\r\nContent-Type: {content_type}\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + block + b"\r\n\r\n", 6, mtime=0)


def _urn(name: str) -> str:
    return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}>"


if __name__ == "__main__":
    main()
