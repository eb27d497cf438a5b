"""Which archives do a user's words mean? Files, folders, globs, URLs, and Common Crawl's lists of them."""

import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from wit_builder import remote
from wit_builder.errors import ConfigError

Kind = Literal["warc", "wat"]

COMMON_CRAWL = "https://data.commoncrawl.org/"
MAX_LIST = 64 << 20  # bytes of a list; that of a crawl's 90,000 files has 13 MB

_LISTS = (".paths", ".paths.gz")
_SUFFIXES: dict[Kind, tuple[str, ...]] = {
    "warc": (".warc", ".warc.gz", ".warc.zst"),
    "wat": (".wat", ".wat.gz", ".wat.zst"),
}


def files(words: Sequence[str], kind: Kind) -> list[str]:
    """Paths and URLs of the archives, each once, in the order of the words.

    A list (.paths, .paths.gz) has one a line: a path below its own folder where a file is there, else one of
    Common Crawl's, or a URL. Raises ConfigError for a word that means no file and a list that is none.
    """
    found: dict[str, None] = {}
    for source in remote.expand(words, _SUFFIXES[kind]) if words else ():
        listed = _listed(source.url) if source.url.endswith(_LISTS) else (source.url,)
        found.update(dict.fromkeys(listed))
    return list(found)


def _listed(url: str) -> Iterator[str]:
    folder = None if "://" in url else Path(url).parent
    for line in _lines(url):
        if "://" in line:
            yield line
        elif folder is not None and (folder / line).is_file():
            yield str(folder / line)
        else:
            yield COMMON_CRAWL + line.lstrip("/")


def _lines(url: str) -> list[str]:
    with remote.opened(url) as file:
        data = file.read(MAX_LIST + 1)
    try:
        if data.startswith(b"\x1f\x8b"):
            data = gzip.GzipFile(fileobj=io.BytesIO(data)).read(MAX_LIST + 1)
        lines = [line for line in map(str.strip, data.decode().splitlines()) if line]
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise ConfigError(
            f"{url} is no list of paths: {error}", "one path or URL a line, plain or gzip"
        ) from None
    if len(data) > MAX_LIST or any(not line.isprintable() for line in lines):
        raise ConfigError(f"{url} is no list of paths", "one path or URL a line, plain or gzip")
    if not lines:
        raise ConfigError(f"{url} lists no file", "one path or URL a line, plain or gzip")
    return lines
