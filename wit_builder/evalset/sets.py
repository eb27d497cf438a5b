"""What an evaluation set is, and how the layouts that users have are read.

CLASS/*.jpg ...                    a folder a class, named as it is (`ImageFolder`); classnames.txt and
                                   zeroshot_classification_templates.txt may say otherwise
test/nshards.txt, test/0.tar, ...  CLIP_benchmark's: KEY.jpg with KEY.cls, and those two files; or
                                   dataset_type.txt "retrieval", and KEY.txt with a caption a line
"""

import mmap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from wit_builder.errors import ConfigError
from wit_builder.shards.index import IMAGES, walk

TEMPLATES = ("a photo of a {}.",)  # where a set has none of its own
MAX_TEXT_BYTES = 1 << 20  # of a file with names, templates or captions


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image lies: a file, or a part of one."""

    path: Path
    offset: int = 0
    length: int = -1

    def read(self) -> bytes:
        """Its bytes."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.length)


@dataclass(frozen=True, slots=True)
class EvalSet:
    """n images, and what is known of each.

    kind: classes (one a image), or captions (several an image, to be found by each other).
    keys: of the images, their paths or keys inside the set, each once.
    labels: int64 [n], from 0, of kind classes. classes: the names of each class, the first one the usual.
    templates: each with one place for a name, `{}` in the paper's or `{c}` in CLIP_benchmark's.
    captions: of each image, of kind captions.
    """

    name: str
    kind: Literal["classes", "captions"]
    keys: tuple[str, ...]
    images: tuple[Place, ...]
    labels: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    classes: tuple[tuple[str, ...], ...] = ()
    templates: tuple[str, ...] = ()
    captions: tuple[tuple[str, ...], ...] = ()


def read(folder: Path, split: str = "test") -> EvalSet:
    """The set in that folder. Raises ConfigError when it has none of the layouts."""
    if not folder.is_dir():
        raise ConfigError(f"the evaluation set {str(folder)!r} is no folder", "--eval-set FOLDER")
    found = _benchmark(folder, split) if (folder / split / "nshards.txt").exists() else _folders(folder)
    if not found.images:
        raise ConfigError(f"the evaluation set {str(folder)!r} holds no images")
    if found.kind == "classes" and found.labels.max() >= len(found.classes):
        raise ConfigError(
            f"{str(folder)!r} names {len(found.classes)} classes, and an image is of class {found.labels.max()}",
            "a name a line in classnames.txt, in the order of the numbers",
        )
    return found


def filled(template: str, name: str) -> str:
    """A name in its place: `{c}` in CLIP_benchmark's templates, `{}` in the paper's."""
    return template.replace("{c}", name).replace("{}", name)


def _folders(folder: Path) -> EvalSet:
    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    found = [
        (path, number)
        for number, one in enumerate(classes)
        for path in sorted(one.iterdir())
        if path.suffix.lower().removeprefix(".") in IMAGES
    ]
    names = _lines(folder / "classnames.txt") or tuple(one.name.replace("_", " ") for one in classes)
    keys = tuple(str(path.relative_to(folder)) for path, _ in found)
    return _classes(folder, names, keys, [Place(path) for path, _ in found], [label for _, label in found])


def _benchmark(folder: Path, split: str) -> EvalSet:
    count = _number((folder / split / "nshards.txt").read_bytes()[:20])
    samples = [sample for number in range(count) for sample in _samples(folder / split / f"{number}.tar")]
    wanted = "txt" if "retrieval" in _lines(folder / "dataset_type.txt") else "cls"
    samples = [(key, parts) for key, parts in samples if wanted in parts]
    keys, images = tuple(key for key, _ in samples), [_image(parts) for _, parts in samples]
    if wanted == "txt":
        captions = tuple(tuple(line for line in _text(parts["txt"]) if line) for _, parts in samples)
        return EvalSet(folder.name, "captions", keys, tuple(images), captions=captions)
    labels = [_number(parts["cls"].read()) for _, parts in samples]
    return _classes(folder, _lines(folder / "classnames.txt"), keys, images, labels)


def _classes(
    folder: Path,
    names: tuple[str, ...],
    keys: tuple[str, ...],
    images: Sequence[Place],
    labels: Sequence[int],
) -> EvalSet:
    return EvalSet(
        folder.name,
        "classes",
        keys,
        tuple(images),
        np.array(labels, np.int64),
        tuple((name,) for name in names),
        _lines(folder / "zeroshot_classification_templates.txt") or TEMPLATES,
    )


def _samples(tar: Path) -> list[tuple[str, dict[str, Place]]]:
    """The parts of each sample that has an image, by their extension."""
    try:
        with tar.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as body:
            members = list(walk(body, 0, Counter()))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{str(tar)!r} cannot be read: {error}") from error
    parts: dict[str, dict[str, Place]] = {}
    for member in members:
        parts.setdefault(member.key, {})[member.extension] = Place(tar, member.offset, member.length)
    return [(key, found) for key, found in parts.items() if found.keys() & set(IMAGES)]


def _image(sample: Mapping[str, Place]) -> Place:
    return next(sample[kind] for kind in IMAGES if kind in sample)


def _number(text: bytes) -> int:
    if not text.strip().isdigit():
        raise ConfigError(f"{text[:20]!r} stands where an evaluation set should have a number")
    return int(text)


def _text(place: Place) -> list[str]:
    return place.read()[:MAX_TEXT_BYTES].decode("utf-8", "replace").splitlines()


def _lines(path: Path) -> tuple[str, ...]:
    return tuple(line for line in _text(Place(path)) if line.strip()) if path.exists() else ()
