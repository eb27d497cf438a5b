"""What prompts are worth on a set (section 3.1.4): bare names, one template, all, each by itself, the best few.

The best few are found by forward selection, as CLIP's notebook of prompts does: the template that adds most to those
taken, until none adds anything. They are chosen on one half of the images and measured on the other, beside the whole
ensemble on that half, for what is chosen on an image looks too good on it.
Shapes in this file: n images, T templates, C classes, D width of the joint space.
"""

from dataclasses import replace

import numpy as np
import xxhash

from wit_builder.errors import ConfigError
from wit_builder.evaluate import classifier, measures
from wit_builder.evaluate.batches import Floats
from wit_builder.evaluate.embed import Embedded
from wit_builder.evaluate.measures import Bools, Ints
from wit_builder.evaluate.results import Estimate, Result
from wit_builder.evaluate.work import Work
from wit_builder.evaluate.zero_shot import similarities

TASK = "prompt-ablation"
BARE, PLAIN = "{}", "a photo of a {}."
MOST_CHOSEN_ON = 5_000  # images


def evaluate(work: Work) -> Result | None:
    """Top-1 by other prompts than the set's own. All ranks call this; the first has the result.

    Raises ConfigError for a set without two classes, or of a single image.
    """
    which = work.which
    if which.kind != "classes" or len(which.classes) < 2 or len(which.keys) < 2:
        raise ConfigError(
            f"{which.name!r} has {len(which.classes)} classes and {len(which.keys)} images, two of each are the least"
        )
    every = replace(which, templates=(BARE, PLAIN, *which.templates))
    said = classifier.prompts(work.loaded, every, work.ranks, work.precision)
    if not work.ranks.first:
        return None
    return _measured(work, said[:2], said[2:])


def _measured(work: Work, usual: Floats, own: Floats) -> Result:
    labels, embedded, templates = work.which.labels, work.embedded, work.which.templates
    chosen_on, other = halves(embedded.keys)
    found = forward(_some(embedded, chosen_on), labels[chosen_on], own)
    rest = _some(embedded, other)
    hits = [right(embedded, labels, one) for one in (*usual, classifier.ensemble(own), *own)]
    few, all_there = (right(rest, labels[other], classifier.ensemble(some)) for some in (own[found], own))
    metrics = {
        "acc1_bare": _share(hits[0]),
        "acc1_a_photo_of_a": _share(hits[1]),
        "acc1_ensemble": _share(hits[2]),
        "acc1_selected_on_other_half": _share(few),
        "acc1_ensemble_on_other_half": _share(all_there),
    }
    each = [
        {"template": template, "acc1": float(hit.mean())}
        for template, hit in zip(templates, hits[3:], strict=True)
    ]
    more = {
        "samples": len(labels),
        "unreadable": int(np.count_nonzero(~embedded.readable)),
        "chosen_on": len(chosen_on),
        "measured_on": len(other),
        "selected": [templates[number] for number in found],
        "templates": each,
    }
    return Result(TASK, work.which.name, work.split, metrics, work.fingerprint, more)


def halves(keys: tuple[str, ...]) -> tuple[Ints, Ints]:
    """Which images templates are chosen on, MOST_CHOSEN_ON at most, and which they are measured on: by their keys."""
    hashes = [xxhash.xxh3_64_intdigest(key.encode("utf-8", "surrogateescape")) >> 1 for key in keys]
    order = np.argsort(hashes, kind="stable")
    middle = min(len(keys) // 2, MOST_CHOSEN_ON)
    return order[:middle], order[middle:]


def forward(embedded: Embedded, labels: Ints, said: Floats) -> list[int]:
    """Numbers of the templates [T, C, D] that forward selection takes, in its order."""
    taken: list[int] = []
    total, most = np.zeros_like(said[0]), -1
    while left := [number for number in range(len(said)) if number not in taken]:
        counts = [int(right(embedded, labels, total + said[number]).sum()) for number in left]
        if max(counts) <= most:
            break
        most = max(counts)
        taken.append(left[counts.index(most)])
        total = total + said[taken[-1]]
    return taken


def right(embedded: Embedded, labels: Ints, classes: Floats) -> Bools:
    """Whether each image is nearest to its own class, of classes [C, D] of any length: bool [n]."""
    unit = classes / np.linalg.norm(classes, axis=1, keepdims=True)
    best = np.concatenate([logits.argmax(axis=1) for _, logits in similarities(embedded, unit)])
    hit: Bools = (best == labels) & embedded.readable
    return hit


def _some(embedded: Embedded, rows: Ints) -> Embedded:
    keys = tuple(embedded.keys[row] for row in rows)
    return replace(embedded, keys=keys, images=embedded.images[rows], readable=embedded.readable[rows])


def _share(hits: Bools) -> Estimate:
    return measures.share(int(hits.sum()), len(hits))
