"""Files wherever they lie: local paths, and URLs of stores (s3://, gs://, https://, hf://).

Whoever reads an input asks `expand` which files a user's words mean, and `opened` for their bytes.
"""

import io
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from wit_builder import store
from wit_builder.errors import BuildError, ConfigError

BLOCK = 8 << 20  # bytes asked for at once; a reader holds two of them
_BUFFER = 1 << 20

_VERSIONS = ("ETag", "etag", "generation", "md5Hash", "blob_id", "Last-Modified", "LastModified", "mtime")


@dataclass(frozen=True, slots=True)
class Source:
    """A file that is to be read."""

    url: str  # a local path, absolute, or a URL with its protocol
    bytes: int | None  # None where the store does not say
    version: str  # differs when the content does: an etag, or the time of the last change; "" where unknown


def expand(words: Sequence[str], suffixes: Sequence[str]) -> list[Source]:
    """The files that these paths, URLs, globs and folders mean, each once, a word's own in the order of names.

    A name that exists is taken as it is, whatever signs it holds, and an http(s) address always is: there
    is nothing to list. Globs and folders pass over what begins with a dot or an underscore.
    suffixes: of a folder only files with one of these endings count, in any case. Raises ConfigError for a
    word that means no file, or that cannot be looked up.
    """
    found: dict[str, Source] = {}
    for word in words:
        meant = _in_store if store.protocol(word) else _local
        for source in meant(word, tuple(suffix.lower() for suffix in suffixes)):
            found.setdefault(source.url, source)
    return list(found.values())


def told_apart(urls: Sequence[str]) -> dict[str, str]:
    """A name for each file: its own, behind as many of its folders as it takes to tell it from the others."""
    names, open_, depth = dict[str, str](), list(dict.fromkeys(urls)), 1
    while open_:
        tails = {url: _tail(url, depth) for url in open_}
        often = Counter(tails.values())
        names.update({url: tail for url, tail in tails.items() if often[tail] == 1 or tail == url})
        open_ = [url for url in open_ if url not in names]
        depth += 1
    return names


def _tail(url: str, depth: int) -> str:
    """So many of the last parts of a path; all of the URL where it has no more."""
    path = urlsplit(url).path if "://" in url else url
    parts = path.strip("/").split("/")
    return url if depth > len(parts) else "/".join(parts[-depth:])


@contextmanager
def opened(url: str) -> Iterator[BinaryIO]:
    """The file's bytes as they lie, not decompressed. It can seek, unless its server does not tell its size.

    Raises ConfigError when it cannot be opened, and BuildError when it cannot be read to its end: it
    vanished, it changed, or its store answered no more.
    """
    if store.protocol(url):
        with _Blocks(url) as raw, io.BufferedReader(raw, _BUFFER) as file:
            yield file
    else:
        with _local_file(url) as local:
            yield local


def _local_file(url: str) -> BinaryIO:
    try:
        return Path(store.local_path(url)).open("rb")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{url} cannot be opened: {_why(error)}") from error


def _local(word: str, suffixes: tuple[str, ...]) -> list[Source]:
    path = Path(store.local_path(word)).expanduser().absolute()
    try:
        if path.is_dir():
            found = [file for file in _below(path) if file.name.lower().endswith(suffixes)]
        elif path.exists() or not _is_glob(str(path)):
            return [_local_source(path)]
        else:
            own = _own(str(path))
            matching = (file for file in Path("/").glob(str(path)[1:]) if file.is_file())
            found = [file for file in matching if _all_count(str(file)[own:])]
        return _some(word, [_local_source(file) for file in found], suffixes)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{word!r} cannot be read: {_why(error)}") from error


def _below(folder: Path) -> Iterator[Path]:
    for path, folders, files in os.walk(folder, onerror=_raise):
        folders[:] = filter(_counts, folders)
        yield from (Path(path, name) for name in files if _counts(name))


def _raise(error: OSError) -> None:
    raise error


def _local_source(path: Path) -> Source:
    known = path.stat()
    if not stat.S_ISREG(known.st_mode):
        raise ConfigError(
            f"{str(path)!r} is a pipe or a device, expected a file", "write what it gives into a file"
        )
    str(path).encode()  # a name that is not UTF-8 could not be written down
    return Source(str(path), known.st_size, f"{known.st_mtime_ns}-{known.st_size}")


def _in_store(word: str, suffixes: tuple[str, ...]) -> list[Source]:
    fs, path = store.of(word)

    def look_up() -> list[Source]:
        if store.protocol(word) in ("http", "https"):
            return [_source(word, fs.info(path))]
        info = _info(fs, path)
        if info["type"] == "file":
            return [_source(fs.unstrip_protocol(path), info)]
        if info["type"] == "directory":
            found = _listed(fs.find(path, detail=True), len(path) + 1)
            return [_source(fs.unstrip_protocol(n), f) for n, f in found if n.lower().endswith(suffixes)]
        found = _listed(fs.glob(path, detail=True), _own(path))
        return [_source(fs.unstrip_protocol(n), f) for n, f in found]

    return _some(word, store.asked(word, "read", ConfigError, store.AT_ONCE_S, look_up), suffixes)


def _info(fs: Any, path: str) -> dict[str, Any]:
    """What the store says of that name; of type glob where it is none and may be a glob."""
    try:
        info: dict[str, Any] = fs.info(path)
    except Exception as error:
        if not (_is_glob(path) and store.is_absent(error)):
            raise
        return {"type": "glob"}
    return info


def _listed(details: dict[str, Any], own: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The files that count by what stands behind the user's own words, which are so long."""
    for name, info in details.items():
        if info["type"] == "file" and not name.endswith("/") and _all_count(name[own:]):
            yield name, info


def _source(url: str, info: dict[str, Any]) -> Source:
    version = next((str(info[key]) for key in _VERSIONS if info.get(key)), "")
    return Source(url, info.get("size"), version)


def _some(word: str, files: list[Source], suffixes: tuple[str, ...]) -> list[Source]:
    if not files:
        raise ConfigError(f"{word!r} means no file", f"a file, a glob, or a folder of {', '.join(suffixes)}")
    return sorted(files, key=lambda source: source.url)


def _is_glob(path: str) -> bool:
    return any(sign in path for sign in "*?[")


def _own(pattern: str) -> int:
    """How much of a glob is the user's own words: all up to the part with the first sign."""
    first = min(at for sign in "*?[" if (at := pattern.find(sign)) >= 0)
    return pattern.rfind("/", 0, first) + 1


def _counts(name: str) -> bool:
    """Whether a file or folder that the user did not name himself counts: not `_SUCCESS`, not `.tmp`."""
    return not name.startswith((".", "_"))


def _all_count(path: str) -> bool:
    return all(map(_counts, path.split("/")))


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


class _Blocks(io.RawIOBase):
    """A store's file in blocks of BLOCK bytes, read one ahead as soon as two were wanted in a row."""

    def __init__(self, url: str) -> None:
        self._url, self._fs_path = url, store.of(url)
        self._file = store.asked(url, "opened", ConfigError, store.AT_ONCE_S, self._open)
        self._size = self._file.size
        self._at = 0
        self._block = (-1, b"")  # number and bytes of the one at hand
        self._ahead: tuple[int, Future[bytes]] | None = None
        self._thread = ThreadPoolExecutor(1)

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """Whether its size is known."""
        return self._size is not None

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go there; nothing is asked for until bytes are read."""
        if self._size is None:
            raise io.UnsupportedOperation(f"the server of {store.shown(self._url)} gives no parts of it")
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence])
        return self._at

    def tell(self) -> int:
        """Where the next byte is."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """At most up to the end of a block."""
        number, within = divmod(self._at, BLOCK)
        with memoryview(buffer).cast("B") as view:
            part = self._numbered(number)[within : within + len(view)]
            view[: len(part)] = part
        self._at += len(part)
        return len(part)

    def close(self) -> None:
        """Ask for nothing more."""
        if not self.closed:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._file.close()
        super().close()

    def _numbered(self, number: int) -> bytes:
        before, block = self._block
        if number == before:
            return block
        ahead, self._ahead = self._ahead, None
        read = ahead[1].result() if ahead else b""  # waited for anyway: the file is one thread's at a time
        block = read if ahead and ahead[0] == number else self._read(number)
        self._block = number, block
        if number == before + 1 and len(block) == BLOCK:
            self._ahead = number + 1, self._thread.submit(self._read, number + 1)
        return block

    def _read(self, number: int) -> bytes:
        def ask() -> bytes:
            try:
                return self._file.block(number * BLOCK)
            except ValueError:  # how fsspec says that a server ignores ranges
                self._file.close()
                self._file = _Stream(*self._fs_path)
                raise ConnectionError("the server ignores ranges") from None

        return store.asked(self._url, "read to its end", BuildError, store.PATIENCE_S, ask)

    def _open(self) -> "_Ranges | _Stream":
        fs, path = self._fs_path
        file = fs.open(path, "rb", block_size=BLOCK, cache_type="none")
        if file.size is not None:
            return _Ranges(file)
        file.close()
        return _Stream(fs, path)


class _Ranges:
    """A file whose server gives parts of it."""

    def __init__(self, file: Any) -> None:
        self.size: int | None = file.size
        self._file = file

    def block(self, start: int) -> bytes:
        """The bytes from there, BLOCK of them or up to the end."""
        assert self.size is not None
        due = max(0, min(BLOCK, self.size - start))
        self._file.seek(start)
        block: bytes = self._file.read(due) if due else b""
        if len(block) < due:
            raise ConnectionError(f"{len(block)} of {due} bytes came")
        return block

    def close(self) -> None:
        """Let go of it."""
        self._file.close()


class _Stream:
    """A file whose server sends all of it or nothing: read on, and after a fault from its beginning again."""

    def __init__(self, fs: Any, path: str) -> None:
        self.size: int | None = None
        self._fs, self._path = fs, path
        self._file: Any = None
        self._at = 0

    def block(self, start: int) -> bytes:
        """The bytes from there, BLOCK of them or up to the end."""
        if self._file is None or self._at > start:
            self._file, self._at = self._fs.open(self._path, "rb", block_size=0), 0
        try:
            while self._at < start and self._some(start - self._at):
                pass
            parts = []
            while (left := start + BLOCK - self._at) and (some := self._some(left)):
                parts.append(some)
            return b"".join(parts)
        except BaseException:
            self.close()
            raise

    def _some(self, most: int) -> bytes:
        some: bytes = self._file.read(min(most, _BUFFER))
        self._at += len(some)
        return some

    def close(self) -> None:
        """Let go of it."""
        if self._file is not None:
            self._file.close()
        self._file = None
