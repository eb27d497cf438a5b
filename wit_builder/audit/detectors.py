"""What a detector is: it makes rows of an image, and two images are alike when a row of each is near.

A detector is a frozen dataclass, so that it travels in a stage's plan. What it makes of the shards is kept
(cached.py), under its `sha256`: that must differ whenever its rows would.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

Kind = Literal["key", "hash256", "vector"]
Moves = Literal["no", "up", "both"]
Rows = npt.NDArray[Any]

BITS = 256  # of a hash
WORDS = 4  # of 64 bits, that hold a key or a hash
MARGIN = {
    "key": 0.0,
    "hash256": 16 / BITS,
    "vector": 0.1,
}  # below the threshold, that is looked at all the same


@dataclass(frozen=True, slots=True)
class Image:
    """An image as it lies in a set or a shard.

    said: what the JSON member beside it says; nothing for images of evaluation sets.
    """

    body: bytes
    said: Mapping[str, Any] = field(default_factory=dict)


class Detector(Protocol):
    """Makes rows of images.

    kind says what is near: equal rows (key), rows that differ in few bits (hash256), or rows of unit length with a
    large dot product (vector). Keys and hashes are uint64 [views, 4], vectors float32 [views, D].
    """

    @property
    def id(self) -> str:
        """A short name: lower case, digits and `-`, no two detectors of an audit the same."""
        ...

    @property
    def sha256(self) -> str:
        """Of all that decides its rows, 64 hex digits."""
        ...

    @property
    def kind(self) -> Kind:
        """What its rows are."""
        ...

    @property
    def threshold(self) -> float:
        """The similarity, 0 to 1, from which on two images are taken for one where the user says nothing else."""
        ...

    @property
    def source(self) -> str:
        """Where that threshold comes from, a phrase."""
        ...

    @property
    def moves(self) -> Moves:
        """Whether a set may have a threshold of its own by calibrate.py, and whether only one above this."""
        ...

    def of(self, images: Sequence[Image], turned: bool) -> list[Rows | None]:
        """The rows of each image, None where it cannot be read.

        turned: images of an evaluation set, of which the detector may make several views; of images of shards, which
        are many, it should make one.
        """
        ...


def similarity(kind: Kind, distance: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """1 for what is equal. Of a hash the share of equal bits, of a vector the dot product."""
    return (1 - distance / (BITS if kind == "hash256" else 1)).astype(np.float32)


def reach(kind: Kind, threshold: float) -> float:
    """The largest distance at which that similarity is met: bits of a hash, 1 - dot product of a vector."""
    if kind == "hash256":
        return float(int((1 - threshold) * BITS + 1e-6))
    return 0.0 if kind == "key" else 1 - threshold


def words(digests: Sequence[bytes]) -> Rows:
    """Digests of 32 bytes as rows: uint64 [n, 4]."""
    return np.frombuffer(b"".join(digests), np.uint64).reshape(-1, WORDS)


def described(*parts: object) -> str:
    """The sha256 of a detector that is described by these words and numbers."""
    return hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()
