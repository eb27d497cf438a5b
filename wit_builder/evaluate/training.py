"""What a probe learns from: the training split of a set, and its validation split or a part of training instead."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xxhash

from wit_builder.errors import ConfigError, many
from wit_builder.evalset import sets
from wit_builder.evalset.published import Say
from wit_builder.evalset.sets import EvalSet
from wit_builder.evaluate import metrics
from wit_builder.evaluate.logistic import Features, Labels
from wit_builder.evaluate.work import Split, Work

TRAIN, VALIDATION = "train", ("val", "valid", "validation")
HELD = 5  # of so many training samples of a class one is held, where a set has no validation split
SEED = 0  # of which


@dataclass(frozen=True, slots=True)
class Samples:
    """Of one split: features float32 [n, P]; labels int64 [n], or uint8 [n, K] where an image may have several."""

    features: Features
    labels: Labels

    def __getitem__(self, which: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> "Samples":
        return Samples(self.features[which], self.labels[which])


@dataclass(frozen=True, slots=True)
class Training:
    """The splits of one set besides the one that is judged."""

    train: EvalSet
    validation: EvalSet | None


@dataclass(frozen=True, slots=True)
class Taught:
    """What can be learnt: images that could not be decoded are not among them. keys: of the training samples."""

    train: Samples
    keys: tuple[str, ...]
    validation: Samples
    carved: bool  # whether validation is a part of the training split


def read(word: str, test: EvalSet, say: Say = lambda _: None) -> Training:
    """The other splits of the set that this word means: what is judged is neither learnt from nor set the penalty by.

    Raises ConfigError when there is no other training split.
    """
    there = sets.splits(word)
    if test.split == TRAIN:
        raise ConfigError(f"the split {TRAIN!r} of {test.name!r} is what is learnt from", "--split test")
    if TRAIN not in there:
        raise ConfigError(
            f"{test.name!r} has no split {TRAIN!r} to learn from, it has {', '.join(there)}",
            f"{TRAIN} beside {test.split}, or --tasks zero-shot",
        )
    train = _alike(sets.read(word, TRAIN, say=say), test)
    held = next((name for name in VALIDATION if name in there and name != test.split), None)
    return Training(train, _alike(sets.read(word, held, say=say), test) if held else None)


def taught(work: Work) -> Taught:
    """The samples of the set's splits. Raises ConfigError when the probe could not learn every class from them."""
    assert work.train is not None
    metrics.check(f"the split {work.split!r} of {work.which.name!r}", work.which.metric, work.which.labels)
    train, keys = _readable(work.train)
    check(work.which.name, train.labels, [names[0] for names in work.which.classes])
    if work.validation is not None:
        validation, split = _readable(work.validation)[0], work.validation.which.split
        metrics.check(f"the split {split!r} of {work.which.name!r}", work.which.metric, validation.labels)
        return Taught(train, keys, validation, False)
    held = carved(keys, train.labels, SEED)
    if not held.any():
        raise ConfigError(
            f"the training split of {work.which.name!r} has one image a class, none is left to set the penalty by",
            "two images of a class or more, or a validation split",
        )
    kept = tuple(key for key, own in zip(keys, held, strict=True) if not own)
    return Taught(train[~held], kept, train[held], True)


def check(name: str, labels: Labels, classes: Sequence[str]) -> None:
    """Raises ConfigError when a probe cannot learn every class from the training samples.

    labels: of the training split. classes: a name each.
    """
    if labels.ndim == 1 and len(classes) < 2:
        raise ConfigError(
            f"{name!r} has a single class, {classes[0]!r}, and there is nothing to tell apart",
            "a set of two classes or more, a folder or a line of classnames.txt each",
        )
    counts = labels.sum(axis=0) if labels.ndim > 1 else np.bincount(labels, minlength=len(classes))
    missing = [one for one, count in zip(classes, counts, strict=True) if not count]
    if missing:
        more = f" and {many(len(missing) - 1, 'other')}" if len(missing) > 1 else ""
        raise ConfigError(
            f"the training split of {name!r} has no image of {missing[0]!r}{more}, and all {len(classes)} classes "
            "are to be told apart",
            "a training split with images of every class",
        )
    if labels.ndim > 1 and (counts == len(labels)).any():
        always = classes[int(np.argmax(counts == len(labels)))]
        raise ConfigError(f"every image of the training split of {name!r} is of {always!r}")


def carved(keys: Sequence[str], labels: Labels, seed: int) -> npt.NDArray[np.bool_]:
    """bool [n]: which training samples are held for the sweep, a fifth of each class, at least one of two and more.

    They are those whose keys have the lowest hashes with this seed, whatever their order. Of labels that do not
    exclude each other it is a fifth of all.
    """
    order = by_hash(keys, seed)
    held = np.zeros(len(keys), bool)
    groups = [order] if labels.ndim > 1 else [order[labels[order] == one] for one in np.unique(labels)]
    for group in groups:
        held[group[: max(len(group) // HELD, min(1, len(group) - 1))]] = True
    return held


def by_hash(keys: Sequence[str], seed: int) -> npt.NDArray[np.int64]:
    """int64 [n]: the samples in the order of the hashes of their keys."""
    hashes = [xxhash.xxh3_64_intdigest(key.encode("utf-8", "surrogatepass"), seed) for key in keys]
    return np.array(sorted(range(len(keys)), key=lambda at: (hashes[at], keys[at])), np.int64)


def _readable(split: Split) -> tuple[Samples, tuple[str, ...]]:
    at = np.flatnonzero(split.embedded.readable)
    samples = Samples(split.embedded.features[at], split.which.labels[at])
    return samples, tuple(split.which.keys[number] for number in at)


def _alike(other: EvalSet, test: EvalSet) -> EvalSet:
    """Raises ConfigError unless labels mean the same in both, by their names."""
    if (other.kind, other.classes) != (test.kind, test.classes):
        differ = [a[0] for a, b in zip(other.classes, test.classes, strict=False) if a != b]
        first = f", the first that differs is {differ[0]!r}" if differ else ""
        raise ConfigError(
            f"the splits {other.split!r} and {test.split!r} of {test.name!r} have different classes: "
            f"{len(other.classes)} and {len(test.classes)}{first}",
            "a folder for each class in each split, or classnames.txt",
        )
    return other
