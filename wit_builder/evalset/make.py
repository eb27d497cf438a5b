"""`wit eval make-set`: any set that can be read, written in CLIP_benchmark's layout.

Images keep their bytes, samples their order; the same set gives the same bytes, on every machine.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wit_builder.errors import ConfigError
from wit_builder.evalset import sets, writer
from wit_builder.evalset.sets import EvalSet
from wit_builder.shards.index import MAX_IMAGE_BYTES

_KINDS = {"classes": "", "labels": "multilabel", "captions": "retrieval", "images": ""}


@dataclass(frozen=True, slots=True)
class Made:
    """What was written: samples by split, and the first of them, for its kind, classes and templates."""

    samples: dict[str, int]
    first: EvalSet


def make_set(source: str | Path, out: Path) -> Made:
    """Write all splits of that set; OUT is whole or absent.

    Several names of a class do not fit into the layout, and its first one is written. Raises ConfigError for what is
    no set, for an OUT that is there already, and for splits of unlike kind or classes.
    """
    counts: dict[str, int] = {}
    first: EvalSet | None = None
    splits = sets.splits(source)
    with writer.whole_folder(out) as folder:
        for split in splits:
            held = sets.read(source, split)
            _compared(held, first)
            first = first or held
            counts[split] = writer.write_split(folder / split, _samples(held))
        assert first is not None
        names = [names[0] for names in first.classes]
        templates = [sets.filled(template, "{c}") for template in first.templates]
        writer.write_beside(folder, _KINDS[first.kind], names, templates)
    return Made(counts, first)


def _compared(held: EvalSet, first: EvalSet | None) -> None:
    if first and (held.kind, held.classes) != (first.kind, first.classes):
        raise ConfigError(
            f"the splits {first.split} and {held.split} of {held.name!r} are not of the same classes",
            "a folder for each class in both, or one split by itself: make-set FOLDER/test",
        )


def _samples(held: EvalSet) -> Iterator[list[writer.Member]]:
    for number, image in enumerate(held.images):
        body = image.read()
        if len(body) > MAX_IMAGE_BYTES:
            raise ConfigError(
                f"the image {held.keys[number]!r} has over {MAX_IMAGE_BYTES:,} bytes",
                "make it smaller, or leave it out",
            )
        yield [(writer.extension(body), body), *_said(held, number)]


def _said(held: EvalSet, number: int) -> list[writer.Member]:
    if held.kind == "classes":
        return [("cls", str(held.labels[number]).encode())]
    if held.kind == "labels":
        return [("npy", _npy(held.labels[number]))]
    return [("txt", "\n".join(held.captions[number]).encode())] if held.captions else []


def _npy(row: npt.NDArray[np.generic]) -> bytes:
    file = io.BytesIO()
    np.save(file, row, allow_pickle=False)
    return file.getvalue()
