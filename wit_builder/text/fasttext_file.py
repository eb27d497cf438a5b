"""What a fastText model's file says of itself, and whether it is whole.

fastText's own reader believes every number: of a file that ends too soon it reads on, for minutes and gigabytes.
So the file is walked here first, without loading it: header, dictionary, both matrices, and the end.
"""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from wit_builder.errors import ConfigError

HINT = "give a fastText model of languages such as lid.176.bin, or none for the bundled one"
LABEL = b"__label__"

_MAGIC, _VERSIONS, _SUPERVISED, _LOSSES = 793_712_314, (11, 12), 3, (1, 2, 3, 4)
_HEAD = struct.Struct(
    "<14i d 3i 2q"
)  # magic, version, 12 settings, sampling; entries, words, labels, tokens, pruned
_CENTROIDS = 256  # of a quantiser
_MAX_WORD = 1 << 16  # bytes


@dataclass(frozen=True, slots=True)
class Header:
    """The first 92 bytes."""

    dim: int
    word_ngrams: int
    buckets: int
    longest_ngram: int
    entries: int
    words: int
    labels: int
    pruned: int  # -1: nothing was


def read_header(path: Path) -> Header:
    """Raise ConfigError unless the file begins as a classifier of fastText does."""
    try:
        with path.open("rb") as file:
            raw = file.read(_HEAD.size)
    except OSError as error:
        raise ConfigError(
            f"the language model {str(path)!r} cannot be read: {error.strerror}", HINT
        ) from None
    if len(raw) < _HEAD.size or (f := _HEAD.unpack(raw))[0] != _MAGIC:
        raise ConfigError(f"{str(path)!r} is no fastText model", HINT)
    if f[1] not in _VERSIONS:
        raise ConfigError(f"{str(path)!r} is a fastText model of version {f[1]}, expected 11 or 12", HINT)
    if f[9] != _SUPERVISED or f[17] < 2:
        raise ConfigError(f"{str(path)!r} is a fastText model of words, expected one of languages", HINT)
    head = Header(f[2], f[7], f[10], f[12], f[15], f[16], f[17], f[19])
    hashed = head.longest_ngram > 0 or head.word_ngrams > 1
    if head.dim < 1 or f[8] not in _LOSSES or head.entries != head.words + head.labels or head.words < 0:
        raise _broken(path, "its header contradicts itself")
    if hashed and head.buckets < 1:
        raise _broken(path, "it has n-grams and no room for them")
    return head


def read_labels(path: Path) -> list[str]:
    """The labels, after the whole file was walked. Raises ConfigError where it is not one whole model."""
    head = read_header(path)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        walk = _Walk(path, data, _HEAD.size)
        labels = walk.labels(head)
        rows = head.words + (head.buckets if head.pruned < 0 else walk.pruned(head))
        quantised = walk.flag()
        walk.matrix(rows, head.dim, quantised)
        walk.matrix(head.labels, head.dim, walk.flag() and quantised)
        walk.end()
    return labels


class _Walk:
    """A place in the file that only moves on, and only within it."""

    def __init__(self, path: Path, data: mmap.mmap, at: int) -> None:
        self._path, self._data, self._at = path, data, at

    def labels(self, head: Header) -> list[str]:
        """Past the dictionary: each entry a word, its count, and whether it is a label."""
        found = []
        for _ in range(head.entries):
            end = self._data.find(b"\0", self._at, self._at + _MAX_WORD)
            if end < 0:
                raise _broken(self._path, "it ends in its dictionary")
            word = self._data[self._at : end]
            self._at = end + 1
            if self._numbers("<qb")[1]:
                found.append(word.removeprefix(LABEL).decode("utf-8", "replace"))
        if len(found) != head.labels:
            raise _broken(self._path, f"it has {len(found)} labels, its header says {head.labels}")
        return found

    def pruned(self, head: Header) -> int:
        """Past the n-grams that were kept, which point at rows behind the words'; how many there are."""
        end = self._move(8 * head.pruned)
        places = struct.iter_unpack("<2i", self._data[end - 8 * head.pruned : end])
        if any(not 0 <= row < head.pruned for _, row in places):
            raise _broken(self._path, "its n-grams point beyond their rows")
        return head.pruned

    def flag(self) -> bool:
        """One byte."""
        return bool(self._numbers("<b")[0])

    def matrix(self, rows: int, columns: int, quantised: bool) -> None:
        """Past a matrix of that size."""
        norms = self.flag() if quantised else False
        size = self._numbers("<2q")
        if tuple(size) != (rows, columns):
            raise _broken(self._path, f"a matrix is {size[0]} x {size[1]}, expected {rows} x {columns}")
        if not quantised:
            self._move(4 * rows * columns)
            return
        codes = self._numbers("<i")[0]
        self._move(codes)
        if codes != rows * self._quantiser(columns):
            raise _broken(self._path, "a quantised matrix has codes for other rows")
        if norms:
            self._move(rows)
            self._quantiser(1)

    def end(self) -> None:
        """Nothing may follow."""
        if self._at != len(self._data):
            raise _broken(self._path, f"{len(self._data) - self._at} bytes follow the model")

    def _quantiser(self, columns: int) -> int:
        """Past it; how many codes a row has."""
        dim, parts, width, last = self._numbers("<4i")
        if dim != columns or parts < 1 or width < 1 or (parts - 1) * width + last != dim:
            raise _broken(self._path, "a quantiser contradicts its matrix")
        self._move(4 * dim * _CENTROIDS)
        return parts

    def _numbers(self, kind: str) -> tuple[int, ...]:
        end = self._move(struct.calcsize(kind))
        return struct.unpack(kind, self._data[end - struct.calcsize(kind) : end])

    def _move(self, size: int) -> int:
        if size < 0 or self._at + size > len(self._data):
            raise _broken(self._path, "it ends too soon")
        self._at += size
        return self._at


def _broken(path: Path, why: str) -> ConfigError:
    return ConfigError(f"the fastText model {str(path)!r} is broken: {why}", HINT)
