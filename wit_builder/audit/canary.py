"""Canaries: how many copies would this audit find? Images of the sets are changed as copies are, and looked for.

A canary is a copy of an evaluation image, made by one of `transforms.CANARIES`. Whether it would be found is asked of
the detector at the threshold in use, as if the copy lay in a shard; and so is how often another image would be taken
for it, which is what limits the precision among many. torch is not imported here.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from wit_builder.audit.detectors import BITS, Detector, Image, Kind, Rows
from wit_builder.audit.learned.transforms import CANARIES, Transform, encoded
from wit_builder.audit.learned.views import picture
from wit_builder.errors import ImageError
from wit_builder.evalset.sets import EvalSet

MOST_SIDE = 512  # pixels; larger images are brought down to between this and twice as much first
SIDES = (0, 64, 128, 256, 512)  # pixels: short sides from which on images are counted together


@dataclass(frozen=True, slots=True)
class Canaries:
    """Of one transform and images of about one size."""

    transform: str
    side: int  # the short side of the images is at least this, and less than the next of SIDES
    tried: int
    found: int  # whose own copy is as similar as the threshold asks
    pairs: int  # of an image and another one's copy
    wrong: int  # of these, as similar as the threshold asks

    @property
    def recall(self) -> float:
        """Share of copies that are found; 0 of none."""
        return self.found / max(1, self.tried)


def measure(detector: Detector, images: Sequence[bytes], threshold: float, seed: int = 0) -> list[Canaries]:
    """What the detector finds of copies of these images: an entry for each transform and size that there is.

    images: image files, of which all should be different; some hundreds are enough. threshold: similarity, 0 to 1.
    Those that cannot be read are not tried.
    """
    asked = detector.of([Image(body) for body in images], True)
    kept = [
        (number, picture_of, rows)
        for number, (body, rows) in enumerate(zip(images, asked, strict=True))
        if rows is not None and (picture_of := _picture(body)) is not None
    ]
    sides = np.array([_class(min(one.size)) for _, one, _ in kept])
    told: list[Canaries] = []
    for name, transform in CANARIES.items():
        bodies = [_changed(one, transform, f"{seed} {name} {number}") for number, one, _ in kept]
        there = detector.of([Image(body) for body in bodies], False)
        near = _near(detector.kind, [rows for _, _, rows in kept], there, threshold)
        told += [_counted(name, int(side), near[sides == side], sides == side) for side in np.unique(sides)]
    return told


def chosen(which: EvalSet, usable: Collection[str], most: int) -> list[bytes]:
    """Image files to try: at most so many of the set's, from all over it, each once.

    usable: keys of those that may be taken.
    """
    places = [place for key, place in zip(which.keys, which.images, strict=True) if key in usable]
    numbers = np.linspace(0, len(places) - 1, min(most, len(places))).round().astype(int)
    return list(dict.fromkeys(places[number].read() for number in numbers))


def recalls(told: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """By transform the share of copies that is found, images of all sizes together. told: entries of audit.json."""
    tried, found = Counter[str](), Counter[str]()
    for one in told:
        tried[one["transform"]] += one["tried"]
        found[one["transform"]] += one["found"]
    return {name: found[name] / tried[name] for name in tried}


def mistaken(told: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
    """How many images are taken for another one's copy, of so many pairs. told: as for `recalls`."""
    entries = list(told)
    return sum(one["wrong"] for one in entries), sum(one["pairs"] for one in entries)


def _counted(name: str, side: int, near: NDArray[np.bool_], own: NDArray[np.bool_]) -> Canaries:
    """near: [images of that size, copies of all]."""
    numbers = np.flatnonzero(own)
    found = int(near[np.arange(len(numbers)), numbers].sum())
    return Canaries(name, side, len(numbers), found, near.size - len(numbers), int(near.sum()) - found)


def _near(
    kind: Kind, one: Sequence[Rows], other: Sequence[Rows | None], threshold: float
) -> NDArray[np.bool_]:
    """Whether each image is near each copy: [n, n]. A copy that cannot be read is near nothing."""
    near = np.zeros((len(one), len(other)), bool)
    for at, copy in enumerate(other):
        if copy is not None:
            near[:, at] = [_similarity(kind, rows, copy) >= threshold for rows in one]
    return near


def _similarity(kind: Kind, one: Rows, other: Rows) -> float:
    """Of the two rows that are most alike."""
    if kind == "vector":
        return float((one @ other.T).max())
    apart = np.bitwise_count(one[:, None] ^ other[None]).sum(axis=2).min()
    return float(apart == 0) if kind == "key" else 1 - float(apart) / BITS


def _picture(body: bytes) -> Pillow.Image | None:
    try:
        return picture(body, MOST_SIDE // 2)
    except ImageError:
        return None


def _class(side: int) -> int:
    return max(least for least in SIDES if least <= side)


def _changed(one: Pillow.Image, transform: Transform, chance: str) -> bytes:
    return encoded(transform(one, Random(chance)))
