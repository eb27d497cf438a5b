"""What is asked of an audit: shards, sets, detectors and the thresholds between same and other."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wit_builder.audit import cached, held
from wit_builder.audit.detectors import Detector
from wit_builder.audit.exact import Bytes
from wit_builder.audit.perceptual import Pdq
from wit_builder.errors import ConfigError
from wit_builder.evalset.sets import EvalSet, Place
from wit_builder.shardset import sources
from wit_builder.shardset.shard import Shard

CANARIES = 1000  # images of a set
DETECTORS: tuple[Detector, ...] = (Bytes(), Pdq())


@dataclass(frozen=True, slots=True)
class Asked:
    """Shards, the folders of sets, and the detectors in the order in which they are believed.

    thresholds: ((set or "", detector, similarity), ...), the set's own before that of all. neighbours: that are kept
    of each image. canaries: images of each set of which a copy is made. cache: folder for what is made of shards,
    None for beside them.
    Raises ConfigError for two sets of one name, and thresholds of nothing.
    """

    shards: tuple[Shard, ...]
    sets: tuple[str, ...]
    detectors: tuple[Detector, ...] = DETECTORS
    thresholds: tuple[tuple[str, str, float], ...] = ()
    neighbours: int = 10
    canaries: int = CANARIES
    cache: Path | None = None

    def __post_init__(self) -> None:
        if not self.sets:
            raise ConfigError("no evaluation set is named", "--eval-set FOLDER")
        twice = [name for name, times in Counter(self.names).items() if times > 1]
        if twice:
            raise ConfigError(
                f"two evaluation sets are called {twice[0]}",
                f"mv {twice[0]} OTHER_NAME, for reports know sets by the folder's name",
            )
        for of, detector, value in self.thresholds:
            if detector not in self.by_id or self.by_id[detector].kind == "key":
                known = ", ".join(one.id for one in self.detectors if one.kind != "key")
                raise ConfigError(
                    f"--threshold is for {detector!r}, and detectors with one are {known}",
                    "--threshold pdq=0.8789",
                )
            if of and of not in self.names:
                raise ConfigError(
                    f"--threshold is for the set {of!r}, and sets are {', '.join(self.names)}",
                    f"--threshold {self.names[0]}:{detector}={value}",
                )
            if not 0 <= value <= 1:
                raise ConfigError(
                    f"--threshold {detector}={value:g}: a similarity is 0 to 1", "--threshold pdq=0.8789"
                )

    @property
    def opened(self) -> tuple[EvalSet, ...]:
        """The sets."""
        return tuple(held.opened(folder) for folder in self.sets)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the sets."""
        return tuple(one.name for one in self.opened)

    @property
    def counts(self) -> tuple[int, ...]:
        """Images of the sets."""
        return tuple(len(one.images) for one in self.opened)

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Of all images of all sets; -1 where a set has none."""
        some = [one.labels if len(one.labels) else np.full(len(one.images), -1) for one in self.opened]
        return np.concatenate(some)

    @property
    def by_id(self) -> dict[str, Detector]:
        """The detectors."""
        return {one.id: one for one in self.detectors}

    def threshold(self, detector: Detector) -> list[float | None]:
        """Of each set, by that detector; None where none is asked for."""
        given = {(of, name): value for of, name, value in self.thresholds}
        every = given.get(("", detector.id))
        return [given.get((name, detector.id), every) for name in self.names]

    def encoded(self) -> dict[str, Any]:
        """All that decides what comes out, as JSON."""
        return {
            "shards": {
                "fingerprint": sources.fingerprint(self.shards),
                "shards": len(self.shards),
            },
            "signs": cached.signs(self.shards),
            "sets": {one.name: one.data_sha256(map(_sha256, one.images)) for one in self.opened},
            "labels": hashlib.sha256(self.labels.tobytes()).hexdigest(),
            "detectors": {one.id: one.sha256 for one in self.detectors},
            "thresholds": {one.id: self.threshold(one) for one in self.detectors},
            "neighbours": self.neighbours,
            "canaries": self.canaries,
        }


def thresholds(words: Sequence[str]) -> tuple[tuple[str, str, float], ...]:
    """What `--threshold [SET:]DETECTOR=SIMILARITY ...` says. Raises ConfigError."""
    found = []
    for word in words:
        what, _, value = word.rpartition("=")
        of, _, detector = what.rpartition(":")
        try:
            found.append((of, detector, float(value)))
        except ValueError:
            raise ConfigError(
                f"--threshold {word!r} is no [SET:]DETECTOR=SIMILARITY", "--threshold pdq=0.8789"
            ) from None
    return tuple(found)


def _sha256(place: Place) -> bytes:
    return hashlib.sha256(place.read()).digest()
