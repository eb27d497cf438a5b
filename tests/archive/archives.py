"""Archives for tests, made byte by byte, and what is read of them."""

import gzip
import io
import json
import re
from collections.abc import Callable, Sequence
from typing import BinaryIO

import pyarrow as pa

from wit_builder.archive.collect import Outcome, outcomes
from wit_builder.archive.images import LinkedPage
from wit_builder.archive.rows import FOUND, LOST, NoPage, Page
from wit_builder.archive.warc import WarcReader
from wit_builder.archive.wat import WatReader
from wit_builder.extract.html import Found, Lost
from wit_builder.extract.settings import Extraction
from wit_builder.records import Text

URL = "http://a.test/dir/page.html"
DATE = "2024-05-17T23:31:22Z"
HTML = b'<html lang=en><title>Cats</title><img src="cat.jpg" alt="A cat on a wall">'
MAX_BYTES = 100_000
EVERYTHING = Extraction()
_CAPTION = "Picture number "


def record(
    block: bytes, kind: str = "response", version: str = "1.0", length: int | None = None, **headers
) -> bytes:
    """A WARC record. length: what it says its block has; headers: more of them, or others, `_` for `-`."""
    named = {
        "WARC-Type": kind,
        "WARC-Target-URI": URL,
        "WARC-Date": DATE,
        "WARC-Record-ID": "<urn:uuid:00000000-0000-0000-0000-000000000000>",
        "Content-Type": f"application/http; msgtype={kind}",
        "Content-Length": str(len(block) if length is None else length),
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items() if value is not None)
    return f"WARC/{version}\r\n{head}\r\n".encode() + block + b"\r\n\r\n"


def http(body: bytes = HTML, *headers: str, status: str = "200 OK", kind: str = "text/html") -> bytes:
    """An HTTP response."""
    lines = [f"HTTP/1.1 {status}", *([f"Content-Type: {kind}"] if kind else []), *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def page(n: int = 0, **headers) -> bytes:
    """A response with a page that has one image; n tells it from others."""
    html = f'<img src="{n}.jpg" alt="{_CAPTION}{n}">'.encode()
    return record(http(html), WARC_Target_URI=f"http://a.test/{n}", **headers)


def zstd(data: bytes) -> bytes:
    """One frame."""
    compressed: bytes = pa.compress(data, codec="zstd", asbytes=True)
    return compressed


PACKED: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd, "plain": bytes}


def warc(data: bytes | BinaryIO, settings: Extraction = EVERYTHING) -> list[Page | NoPage]:
    """What the records of these bytes, or of that file, become."""
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    return list(outcomes(file, WarcReader("a.warc", settings, MAX_BYTES)))


def wat(data: bytes, settings: Extraction = EVERYTHING, max_bytes: int = MAX_BYTES) -> list[Page | NoPage]:
    """The same for metadata."""
    reader = WatReader("a.wat", settings, max_bytes)
    return alike(reader, list(outcomes(io.BytesIO(data), reader)))


def alike(reader: WatReader | WarcReader, outcomes: Sequence[Outcome]) -> list[Page | NoPage]:
    """The same with the rows of each page, as the reader finds them when it reads the images of all pages at once."""
    linked = [outcome for outcome in outcomes if isinstance(outcome, LinkedPage)]
    rows = iter(rows_of(reader, linked))
    return [Page(*o[:5], *next(rows)) if isinstance(o, LinkedPage) else o for o in outcomes]


def rows_of(reader: WatReader, pages: list[LinkedPage]) -> list[tuple[list[Found], list[Lost]]]:
    """What the images of each page become."""
    rows: list[tuple[list[Found], list[Lost]]] = [([], []) for _ in pages]
    for n, (table, names) in enumerate(zip(reader.images(pages), (FOUND, LOST), strict=True)):
        for row in table.to_pylist():
            if "alt_texts" in row:
                row["alt_texts"] = tuple(Text(**text) for text in row["alt_texts"])
            rows[row["page"]][n].append(tuple(row[name] for name in names))
    return rows


def told(outcomes: list[Page | NoPage]) -> list[str]:
    """Reasons of what is no page, captions of what is found on pages."""
    return [
        text
        for outcome in outcomes
        for text in ([outcome.reason] if isinstance(outcome, NoPage) else [row[2] for row in outcome.found])
    ]


def numbers(data: bytes | BinaryIO) -> list[int | str]:
    """The `n` of the pages that are kept, and reasons of what is lost."""
    texts = told(warc(data))
    return [int(text[len(_CAPTION) :]) if re.fullmatch(_CAPTION + "[0-9]+", text) else text for text in texts]


def metadata(
    links: list[dict[str, str]] | None = None,
    head: dict | None = None,
    headers: dict | None = None,
    status: str = "200",
    kind: str = "response",
    html: bool = True,
    **warc_headers: str,
) -> dict:
    """The JSON of a WAT record, its parts in Common Crawl's order."""
    response = {
        "Response-Message": {"Version": "HTTP/1.1", "Status": status, "Reason": "OK"},
        "Headers-Length": "100",
        "Headers": headers or {"Content-Type": "text/html"},
    }
    if html:
        response["HTML-Metadata"] = {"Head": head or {}, "Links": links if links is not None else [image()]}
    response["Entity-Length"] = "100"
    header = {"WARC-Type": kind, "WARC-Date": DATE, "WARC-Target-URI": URL, "Content-Length": "100"}
    return {
        "Container": {"Filename": "a.warc.gz", "Compressed": True, "Offset": "100"},
        "Envelope": {
            "Payload-Metadata": {"HTTP-Response-Metadata": response},
            "Format": "WARC/1.0",
            "WARC-Header-Metadata": header | {name.replace("_", "-"): v for name, v in warc_headers.items()},
        },
    }


def image(
    url: str = "cat.jpg", alt: str | None = "A cat on a wall", title: str | None = None
) -> dict[str, str]:
    """An img, as it stands among the links."""
    link = {"path": "IMG@/src", "url": url, "alt": alt, "title": title}
    return {name: value for name, value in link.items() if value is not None}


def dumped(value: dict) -> bytes:
    """As Common Crawl writes it: no spaces, no escapes that are not needed."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def wat_record(value: dict | bytes) -> bytes:
    """The WAT record of that JSON, compressed."""
    line = value if isinstance(value, bytes) else dumped(value)
    return gzip.compress(record(line, kind="metadata", Content_Type="application/json"))
