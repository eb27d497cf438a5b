"""The images of the evaluation sets as detectors have them, a few hundred to a task.

A task's file holds, of its images in their order, `readable` (bool), `degenerate` (uint8, into DEGENERATE), `bytes`
and `pixels` (uint64 [n, 4], sha256 of both), and of each detector ID.rows, ID.image and ID.turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wit_builder.audit import exact, perceptual
from wit_builder.audit.detectors import Detector, Image, Rows, reach, words
from wit_builder.audit.search import Numbers, Sought
from wit_builder.engine.task import Task
from wit_builder.errors import ImageError
from wit_builder.evalset import sets
from wit_builder.evalset.sets import EvalSet
from wit_builder.images.square import decoded

IMAGES = 256  # of a task
DEGENERATE = ("", "constant", "tiny", "placeholder")
COPIES = 3  # times that a picture may be in a set before it is taken for a placeholder
_TOGETHER = 64  # images that a detector gets at once

_PLACEHOLDER = DEGENERATE.index("placeholder")
_NO_DIGEST = bytes(32)


@lru_cache(maxsize=4)
def opened(folder: str) -> EvalSet:
    """The set that this word means. Raises ConfigError."""
    return sets.read(folder)


def cut(folders: Sequence[str]) -> list[dict[str, int]]:
    """The arguments of `read`'s tasks: all images of all sets, in order."""
    return [
        {"set": number, "first": first, "last": min(first + IMAGES, count)}
        for number, count in enumerate(len(opened(folder).images) for folder in folders)
        for first in range(0, count, IMAGES)
    ]


def read(task: Task) -> None:
    """Reads some images of a set.

    arg: set (number), first, last; params: sets (folders), detectors ({id: detector}).
    Hands on `rows` (npz, see above).
    """
    own = opened(task.params["sets"][task.arg["set"]])
    bodies = [place.read() for place in own.images[task.arg["first"] : task.arg["last"]]]
    looks = [look(body) for body in bodies]
    arrays: dict[str, Any] = {
        "readable": np.array([pixels != _NO_DIGEST for pixels, _ in looks]),
        "degenerate": np.array([DEGENERATE.index(why) for _, why in looks], np.uint8),
        "bytes": words([sha256(body).digest() for body in bodies]),
        "pixels": words([pixels for pixels, _ in looks]),
    }
    for name, detector in task.params["detectors"].items():
        arrays |= _rows(name, detector, bodies)
    with task.new_file("rows", ".npz").open("wb") as file:
        np.savez(file, **arrays)
    task.report({"done": len(bodies)})


def look(body: bytes) -> tuple[bytes, str]:
    """The sha256 of the pixels, and why they mean nothing; 32 zeros where the image cannot be read."""
    try:
        found = decoded(body)
    except ImageError:
        return _NO_DIGEST, ""
    return exact.pixels(found), perceptual.degenerate(perceptual.raster(found))


def _rows(name: str, detector: Detector, bodies: Sequence[bytes]) -> dict[str, NDArray[Any]]:
    images = [Image(body) for body in bodies]
    found = [
        rows
        for at in range(0, len(images), _TOGETHER)
        for rows in detector.of(images[at : at + _TOGETHER], True)
    ]
    some = [(number, rows) for number, rows in enumerate(found) if rows is not None]
    return {
        f"{name}.rows": np.concatenate([rows for _, rows in some]) if some else np.zeros((0, 0)),
        f"{name}.image": np.repeat([number for number, _ in some], [len(rows) for _, rows in some]).astype(
            int
        ),
        f"{name}.turn": np.concatenate([np.zeros(0, int), *(np.arange(len(rows)) for _, rows in some)]),
    }


@dataclass(frozen=True, slots=True)
class Held:
    """All images of all sets, numbered through.

    first: of each set the number of its first image, and the end. group: of each image its set.
    """

    first: tuple[int, ...]
    group: Numbers
    readable: NDArray[np.bool_]
    degenerate: NDArray[np.uint8]
    bytes: NDArray[np.uint64]
    pixels: NDArray[np.uint64]
    paths: tuple[Path, ...]
    starts: tuple[int, ...]  # of each path the number of its first image

    def sought(self, name: str, detector: Detector, thresholds: Sequence[float], margin: float) -> Sought:
        """What the shards are searched for; degenerate images by their keys alone.

        thresholds: of each set; margin: by how much less similar images are looked at too.
        """
        rows, image, turn = self._all(f"{name}.rows"), self._images(name), self._all(f"{name}.turn")
        kept = self.degenerate[image] == 0 if detector.kind != "key" else np.ones(len(image), bool)
        far = np.array([reach(detector.kind, threshold - margin) for threshold in thresholds])
        return Sought(
            detector.kind,
            rows[kept],
            image[kept],
            turn[kept],
            far[self.group],
            self.group,
            len(self.first) - 1,
        )

    def of(self, name: str, images: Numbers) -> list[Rows | None]:
        """What that detector made of these images, None where it could not read one."""
        rows, known = self._all(f"{name}.rows"), self._images(name)
        begin, end = np.searchsorted(known, images, "left"), np.searchsorted(known, images, "right")
        return [rows[one:last] if last > one else None for one, last in zip(begin, end, strict=True)]

    def _images(self, name: str) -> Numbers:
        each = self._each(f"{name}.image")
        images: Numbers = self._all(f"{name}.image") + np.repeat(self.starts, [len(one) for one in each])
        return images

    def _each(self, name: str) -> list[NDArray[Any]]:
        found = []
        for path in self.paths:
            with np.load(path, allow_pickle=False) as arrays:
                found.append(arrays[name])
        return found

    def _all(self, name: str) -> NDArray[Any]:
        some = [one for one in self._each(name) if one.size]
        return np.concatenate(some) if some else np.zeros((0, 0) if name.endswith("rows") else 0, np.int64)


@lru_cache(maxsize=1)
def load(paths: tuple[str, ...], counts: tuple[int, ...]) -> Held:
    """What `read`'s tasks found. counts: images of each set."""
    arrays: dict[str, list[NDArray[Any]]] = {}
    for path in paths:
        with np.load(path, allow_pickle=False) as found:
            for name in ("readable", "degenerate", "bytes", "pixels"):
                arrays.setdefault(name, []).append(found[name])
    joined = {name: np.concatenate(some) for name, some in arrays.items()}
    first = (0, *np.cumsum(counts).tolist())
    starts = np.cumsum([0, *(len(some) for some in arrays["readable"])])
    for begin, end in pairwise(first):
        mark_placeholders(
            joined["pixels"][begin:end], joined["readable"][begin:end], joined["degenerate"][begin:end]
        )
    group = np.repeat(np.arange(len(counts)), counts)
    return Held(first, group, **joined, paths=tuple(map(Path, paths)), starts=tuple(starts[:-1].tolist()))


def mark_placeholders(pixels: Rows, readable: NDArray[np.bool_], degenerate: NDArray[np.uint8]) -> None:
    """Say of each picture that the set has more than COPIES times that it is a placeholder."""
    if not len(pixels):
        return
    _, which, times = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
    degenerate[readable & (degenerate == 0) & (times[which.ravel()] > COPIES)] = _PLACEHOLDER
