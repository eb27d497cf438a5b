"""What a fastText model's file holds, if it is whole: header, dictionary, both matrices, and the end.

fastText's own reader believes every number: of a file that ends too soon it reads on, for minutes and gigabytes.
"""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wit_builder.errors import ConfigError

HINT = "give a fastText model of languages such as lid.176.bin, or none for the bundled one"
LABEL = b"__label__"
HIERARCHICAL, SAMPLED, SOFTMAX, ONE_VS_ALL = 1, 2, 3, 4  # losses

Floats = NDArray[np.float32]

_MAGIC, _VERSIONS, _SUPERVISED = 793_712_314, (11, 12), 3
_HEAD = struct.Struct(
    "<14i d 3i 2q"
)  # magic, version, 12 settings, sampling; entries, words, labels, tokens, pruned
_CENTROIDS = 256  # of a quantiser
_MAX_WORD = 1 << 16  # bytes
_MAX_UNPACKED = 1 << 33  # bytes of a matrix that is quantised in the file


@dataclass(frozen=True, slots=True)
class Header:
    """The first 92 bytes."""

    dim: int
    word_ngrams: int
    loss: int
    buckets: int
    shortest_ngram: int
    longest_ngram: int  # 0: words have none
    entries: int
    words: int
    labels: int
    pruned: int  # -1: nothing was


@dataclass(frozen=True, slots=True)
class Classifier:
    """All of a model's file; matrices that were quantised are plain here."""

    head: Header
    words: list[bytes]
    labels: list[str]  # without their prefix
    counts: list[int]  # how often each label was seen
    ngrams: (
        NDArray[np.int32] | None
    )  # of a pruned model: those that were kept, and their rows behind the words'
    rows: Floats  # words and n-grams x dim
    outputs: Floats  # labels x dim


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
    longest = 0 if f[1] == 11 else f[12]  # that version did without n-grams of letters here
    head = Header(f[2], f[7], f[8], f[10], f[11], longest, f[15], f[16], f[17], f[19])
    hashed = head.longest_ngram > 0 or head.word_ngrams > 1
    if (
        head.dim < 1
        or not HIERARCHICAL <= head.loss <= ONE_VS_ALL
        or head.entries != head.words + head.labels
        or head.words < 0
    ):
        raise _broken(path, "its header contradicts itself")
    if hashed and head.buckets < 1:
        raise _broken(path, "it has n-grams and no room for them")
    return head


def read(path: Path) -> Classifier:
    """The model, after the whole file was walked. Raises ConfigError where it is not one whole model."""
    head = read_header(path)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        walk = _Walk(path, data, _HEAD.size)
        words, labels, counts = walk.dictionary(head)
        ngrams = None if head.pruned < 0 else walk.ngrams(head.pruned)
        quantised = walk.flag()
        rows = walk.matrix(
            head.words + (head.buckets if ngrams is None else head.pruned), head.dim, quantised
        )
        outputs = walk.matrix(head.labels, head.dim, walk.flag() and quantised)
        walk.end()
    return Classifier(head, words, labels, counts, ngrams, rows, outputs)


class _Walk:
    """A place in the file that only moves on, and only within it."""

    def __init__(self, path: Path, data: mmap.mmap, at: int) -> None:
        self._path, self._data, self._at = path, data, at

    def dictionary(self, head: Header) -> tuple[list[bytes], list[str], list[int]]:
        """Words, labels and the counts of these: each entry is a text, its count, and whether it is a label."""
        words, labels, counts = [], [], []
        for _ in range(head.entries):
            end = self._data.find(b"\0", self._at, self._at + _MAX_WORD)
            if end < 0:
                raise _broken(self._path, "it ends in its dictionary")
            text = self._data[self._at : end]
            self._at = end + 1
            count, is_label = self._numbers("<qb")
            if is_label:
                labels.append(text.removeprefix(LABEL).decode("utf-8", "replace"))
                counts.append(count)
            else:
                words.append(text)
        if len(labels) != head.labels:
            raise _broken(self._path, f"it has {len(labels)} labels, its header says {head.labels}")
        return words, labels, counts

    def ngrams(self, count: int) -> NDArray[np.int32]:
        """The n-grams that were kept, which point at rows behind the words': two columns."""
        pairs = self._array(2 * count, "<i4").reshape(count, 2)
        if ((pairs[:, 1] < 0) | (pairs[:, 1] >= count)).any():
            raise _broken(self._path, "its n-grams point beyond their rows")
        return pairs

    def flag(self) -> bool:
        """One byte."""
        return bool(self._numbers("<b")[0])

    def matrix(self, rows: int, columns: int, quantised: bool) -> Floats:
        """A matrix of that size."""
        norms = self.flag() if quantised else False
        size = self._numbers("<2q")
        if tuple(size) != (rows, columns):
            raise _broken(self._path, f"a matrix is {size[0]} x {size[1]}, expected {rows} x {columns}")
        if not quantised:
            return self._array(rows * columns, "<f4").reshape(rows, columns)
        codes = self._array(self._numbers("<i")[0], "u1")
        values = self._decoded(codes, rows, columns)
        if norms:
            values *= self._decoded(self._array(rows, "u1"), rows, 1)
        return values

    def end(self) -> None:
        """Nothing may follow."""
        if self._at != len(self._data):
            raise _broken(self._path, f"{len(self._data) - self._at} bytes follow the model")

    def _decoded(self, codes: NDArray[np.uint8], rows: int, columns: int) -> Floats:
        """What the codes of a quantised matrix stand for: the quantiser, which follows them, cuts rows in parts."""
        dim, parts, width, last = self._numbers("<4i")
        if dim != columns or parts < 1 or width < 1 or (parts - 1) * width + last != dim:
            raise _broken(self._path, "a quantiser contradicts its matrix")
        centroids = self._array(dim * _CENTROIDS, "<f4")
        if len(codes) != rows * parts:
            raise _broken(self._path, "a quantised matrix has codes for other rows")
        if (size := 4 * rows * columns) > _MAX_UNPACKED:
            raise _broken(self._path, f"a quantised matrix stands for {size} bytes, over {_MAX_UNPACKED}")
        values = np.empty((rows, columns), np.float32)
        for part, code in enumerate(codes.reshape(rows, parts).T):
            start = part * width
            here = values[:, start : start + (last if part == parts - 1 else width)]
            known = centroids[start * _CENTROIDS : start * _CENTROIDS + here.shape[1] * _CENTROIDS]
            here[:] = known.reshape(_CENTROIDS, -1)[code]
        return values

    def _array(self, count: int, kind: str) -> NDArray[Any]:
        start = self._at
        self._move(count * np.dtype(kind).itemsize)
        return np.frombuffer(self._data, kind, count, start).copy()

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
