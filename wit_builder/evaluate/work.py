"""What a task is given: a model, a set, and the set as the model sees it."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from wit_builder import __version__
from wit_builder.evalset.sets import EvalSet
from wit_builder.evaluate.calls import Precision
from wit_builder.evaluate.embed import Embedded
from wit_builder.model.loaded import Loaded
from wit_builder.model.ranks import Ranks


@dataclass(frozen=True, slots=True)
class Split:
    """Another split of the set, for what learns from it."""

    which: EvalSet
    embedded: Embedded

    @property
    def fingerprint(self) -> str:
        """sha256 of its images' embeddings, and of its labels, hex."""
        return hashlib.sha256(self.embedded.fingerprint.encode() + self.which.labels.tobytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class Work:
    """One model on one set."""

    loaded: Loaded
    which: EvalSet
    split: str
    embedded: Embedded
    ranks: Ranks
    precision: Precision
    train: Split | None = None  # of a task that learns
    validation: Split | None = None

    @property
    def fingerprint(self) -> str:
        """sha256 of all that the task's numbers depend on, hex."""
        which = self.which
        labels = hashlib.sha256(which.labels.tobytes()).hexdigest()
        told: list[Any] = [__version__, self.embedded.fingerprint, which.kind, labels]
        told += [which.classes, which.templates, which.captions, which.metric]
        told += [split.fingerprint for split in (self.train, self.validation) if split]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()
