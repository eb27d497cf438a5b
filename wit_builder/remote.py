"""Files wherever they lie: local paths and fsspec URLs (s3://, gs://, https://, hf://).

Whoever reads an input asks `expand` which files a user's words mean, and `opened` for their bytes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO

import fsspec

from wit_builder.errors import ConfigError

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "hf": "hf"}


@dataclass(frozen=True, slots=True)
class Source:
    """A file that is to be read."""

    url: str  # a local path, or a URL with its protocol
    bytes: int | None  # None where the store does not say
    version: str  # differs when the content does: an etag, or the time of the last change; "" where unknown


def expand(words: Sequence[str], suffixes: Sequence[str]) -> list[Source]:
    """The files that these paths, URLs, globs and folders mean, each once, a word's own in the order of names.

    suffixes: of a folder only files with one of these endings count. Raises ConfigError for a word that
    means no file.
    """
    found: dict[str, Source] = {}
    for word in words:
        for source in _meant(word, tuple(suffixes)):
            found.setdefault(source.url, source)
    return list(found.values())


@contextmanager
def opened(url: str) -> Iterator[BinaryIO]:
    """The file's bytes as they lie, not decompressed. Raises ConfigError when it is not there."""
    store, path = _store(url)
    try:
        file = store.open(path, "rb")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{url} cannot be opened: {error}") from error
    with file:
        yield file


def _store(url: str) -> tuple[Any, str]:
    try:
        store, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        protocol = url.partition("://")[0]
        extra = _EXTRAS.get(protocol)
        raise ConfigError(
            f"{url}: {error}", f"pip install 'wit-builder[{extra}]'" if extra else None
        ) from error
    except ValueError as error:
        raise ConfigError(f"{url} is no path or URL that can be read: {error}") from error
    return store, str(path)


def _meant(word: str, suffixes: tuple[str, ...]) -> list[Source]:
    store, path = _store(word)
    try:
        if any(sign in path for sign in "*?["):
            details = store.glob(path, detail=True).values()
        elif store.isdir(path):
            details = [
                info for info in store.find(path, detail=True).values() if info["name"].endswith(suffixes)
            ]
        else:
            details = [store.info(path)]
    except (OSError, ValueError) as error:
        raise ConfigError(f"{word} cannot be read: {error}") from error
    files = [_source(store, info) for info in details if info["type"] == "file" and not _hidden(info["name"])]
    if not files:
        raise ConfigError(f"{word!r} means no file", f"a file, a glob, or a folder of {', '.join(suffixes)}")
    return sorted(files, key=lambda source: source.url)


def _source(store: Any, info: dict[str, Any]) -> Source:
    local = "file" in (store.protocol if isinstance(store.protocol, tuple) else (store.protocol,))
    url = info["name"] if local else store.unstrip_protocol(info["name"])
    version = next((str(info[key]) for key in ("ETag", "etag", "mtime", "LastModified") if key in info), "")
    return Source(url, info.get("size"), version)


def _hidden(name: str) -> bool:
    return PurePosixPath(name).name.startswith((".", "_"))
