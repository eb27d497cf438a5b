"""A list's file as bytes: which format its name says, unpacked as a stream, and the same file to the end."""

import glob
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import BinaryIO
from urllib.parse import urlsplit

import pyarrow as pa

from wit_builder import remote
from wit_builder.errors import BuildError, ConfigError, Dropped
from wit_builder.remote import Source

CHUNK = 256 << 10  # bytes of text that are looked at together
PIECE = 4 << 10  # bytes unpacked at a time: as much is lost, at most, before the place where a file is cut
FREE_BYTES = 256 << 20  # a packed file may grow so far whatever its size,
MAX_RATIO = (
    200  # and beyond it so many times its own; lists grow 3 to 20 times, zeros 1,000 (gz) and more (zst)
)

_ENDINGS = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".txt": "txt",
}
_PACKED = {".gz": "gzip", ".zst": "zstd"}
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


def endings(format: str | None) -> tuple[str, ...]:
    """How names of files of that format (None: of any) end, packed ones among them."""
    plain = [ending for ending, named in _ENDINGS.items() if format in (None, named)]
    return (*plain, *(e + packed for e in plain if e != ".parquet" for packed in _PACKED))


def format_of(url: str) -> str | None:
    """The format that a file's name says, None where it says none."""
    path = PurePosixPath(name_of(url))
    return _ENDINGS.get((path.with_suffix("") if path.suffix in _PACKED else path).suffix.lower())


def name_of(url: str) -> str:
    """The file's name without its folders."""
    return PurePosixPath(urlsplit(url).path if "://" in url else url).name


class Opened:
    """A file that remembers whether the store failed: then it is not the file that is damaged."""

    def __init__(self, file: BinaryIO, url: str) -> None:
        self._file = file
        self.url = url
        self.failed: BaseException | None = None
        self.taken = 0  # bytes, since it was opened
        self._ahead = b""

    def peek(self, size: int) -> bytes:
        """The first bytes, which `read` then returns too."""
        while len(self._ahead) < size and (more := self._read(size - len(self._ahead))):
            self._ahead += more
        return self._ahead

    def read(self, size: int = -1) -> bytes:
        """As any binary file."""
        ahead, self._ahead = self._ahead, b""
        if 0 <= size <= len(ahead):
            ahead, self._ahead = ahead[:size], ahead[size:]
            return ahead
        return ahead + self._read(size if size < 0 else size - len(ahead))

    def seek(self, offset: int, whence: int = 0) -> int:
        """As any binary file."""
        self._ahead = b""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As any binary file."""
        return self._file.tell() - len(self._ahead)

    @property
    def closed(self) -> bool:
        """As any binary file."""
        return self._file.closed

    def close(self) -> None:
        """Leave it open: who opened it closes it."""

    def _read(self, size: int) -> bytes:
        try:
            data = self._file.read(size)
        except BaseException as error:
            self.failed = error
            raise
        self.taken += len(data)
        return data

    def damage(self, error: Exception) -> Dropped:
        """What a reader's error means: that the file is damaged.

        Raises what the store said, if it was the store that failed, and the error itself for want of memory.
        """
        if self.failed is not None:
            raise self.failed
        if isinstance(error, MemoryError):
            raise error
        return Dropped("damaged", " ".join(str(error).split()))


@contextmanager
def opened(source: Source) -> Iterator[Opened]:
    """The file, which must be the same before and after. Raises BuildError when it is another one."""
    check_unchanged(source)
    with remote.opened(source.url) as file:
        yield Opened(file, source.url)
    check_unchanged(source)


def check_unchanged(source: Source) -> None:
    """Raise BuildError when the file is not what it was when the build was planned."""
    escaped = glob.escape(source.url) if "://" not in source.url else source.url
    try:
        (now,) = remote.expand([escaped], ())
    except ConfigError as error:
        raise BuildError(f"{source.url} was there when the build began: {error}", _PUT_BACK) from error
    if now != source:
        raise BuildError(
            f"{source.url} has changed since the build began ({_difference(source, now)})", _PUT_BACK
        )


def chunks(file: Opened) -> Iterator[bytes]:
    """The file's bytes, unpacked where it is packed.

    Raises Dropped("damaged") after what could be unpacked; ConfigError where the name says that it is packed
    and the bytes do not.
    """
    packed = _packing(file)
    if packed is None:
        while chunk := file.read(CHUNK):
            yield chunk
        return
    gathered = bytearray()
    try:
        for piece in _unpacked(file, packed):
            gathered += piece
            if len(gathered) >= CHUNK:
                yield bytes(gathered)
                gathered.clear()
    except Dropped:
        yield bytes(gathered)
        raise
    yield bytes(gathered)


def _unpacked(file: Opened, packed: str) -> Iterator[bytes]:
    total = 0
    stream = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), packed)
    while True:
        try:
            piece = stream.read(PIECE)
        except (OSError, pa.ArrowException) as error:
            raise file.damage(error) from error
        if not piece:
            return
        total += len(piece)
        if total > FREE_BYTES + MAX_RATIO * file.taken:
            raise Dropped("damaged", f"its first {file.taken} bytes unpack to over {total}")
        yield piece


def _packing(file: Opened) -> str | None:
    head = file.peek(4)
    packed = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)
    named = _PACKED.get(PurePosixPath(name_of(file.url)).suffix)
    if named and packed != named and head:
        raise ConfigError(
            f"{file.url} is not packed with {named}, as its name says: it begins with {head!r}",
            "rename it after what it is",
        )
    return packed


def _difference(before: Source, now: Source) -> str:
    if before.bytes != now.bytes:
        return f"{before.bytes} bytes then, {now.bytes} now"
    return f"version {before.version} then, {now.version} now"


_PUT_BACK = "put back the file as it was, or build into another --out"
