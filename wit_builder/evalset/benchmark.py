"""CLIP_benchmark's WebDataset layout, as its webdataset_builder.py writes it.

    classnames.txt                             a name a line, the first one is class 0
    zeroshot_classification_templates.txt      a template a line, `{c}` where the name belongs
    dataset_type.txt                           "retrieval", "multilabel", or missing
    SPLIT/nshards.txt, SPLIT/0.tar, 1.tar ...  KEY.webp (png, jpg, jpeg) with KEY.cls (a number), KEY.npy (a 0 or 1
                                               for each class) or KEY.txt (a caption a line)

Every sample counts: one that lacks its label, or a tar that ends too early, is an error and never passed over.
"""

import mmap
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wit_builder.errors import ConfigError
from wit_builder.evalset import layout
from wit_builder.evalset.layout import Found, Place
from wit_builder.shards.index import IMAGES, walk

SHARDS = "nshards.txt"
MAX_SHARDS = 100_000
MAX_NPY_BYTES = 16 << 20  # of a sample's labels

_LABELS = {"classes": "cls", "multilabel": "npy", "retrieval": "txt"}
_NPY = re.compile(  # magic, version 1.0, the header's length, and the header of a row (numpy.lib.format)
    rb"\x93NUMPY\x01\x00..\{'descr': '(?P<kind>[<>|][biuf][1248])', 'fortran_order': (?:False|True), "
    rb"'shape': \((?P<count>[0-9]{1,9}),\), \} *\n",
    re.DOTALL,
)

Sample = tuple[str, dict[str, Place], dict[str, bytes]]  # key, images and labels by extension


def splits(folder: Path) -> tuple[str, ...]:
    """The splits in that folder."""
    return tuple(sorted(path.parent.name for path in folder.glob(f"*/{SHARDS}")))


def read(folder: Path, split: str) -> Found:
    """That split. Raises ConfigError, in one sentence, for whatever is not as it must be."""
    count = shard_count((folder / split / SHARDS).read_bytes(), f"{folder / split / SHARDS}")
    samples = list(_unique(folder / split, count))
    wanted = _wanted(folder, samples)
    keys, images = tuple(key for key, _, _ in samples), tuple(_image(parts) for _, parts, _ in samples)
    names, templates = layout.beside(folder)
    if wanted is None:
        return Found(keys, images)
    said = [(f"{key}.{wanted}", labels[wanted]) for key, _, labels in samples]
    if wanted == "txt":
        return Found(keys, images, captions=tuple(_captions(raw, name) for name, raw in said))
    labels = (
        _vectors(said) if wanted == "npy" else np.array([_label(raw, name) for name, raw in said], np.int64)
    )
    return Found(keys, images, labels, names=names, templates=templates)


def shard_count(raw: bytes, where: str) -> int:
    """What nshards.txt says. Raises ConfigError where that is no number, or none that may be."""
    digits = raw[:20].strip()
    if not digits.isdigit() or not 0 < int(digits) <= MAX_SHARDS:
        raise ConfigError(f"{where} says {raw[:20]!r}, and a number of shards is 1 to {MAX_SHARDS:,}")
    return int(digits)


def _unique(split: Path, count: int) -> Iterator[Sample]:
    """The samples of all shards. Raises ConfigError for a key that comes twice."""
    seen: dict[str, str] = {}
    for number in range(count):
        tar = split / f"{number}.tar"
        if not tar.is_file():
            raise ConfigError(
                f"there is no {number}.tar in {split}, and its {SHARDS} says {count}",
                f"put it there: shards are 0.tar to {count - 1}.tar",
            )
        for sample in _samples(tar):
            key = sample[0]
            if key in seen:
                raise ConfigError(
                    f"the key {key!r} is in {seen[key]} and in {tar.name} of {split}: a key is one sample's"
                )
            seen[key] = tar.name
            yield sample


def _samples(tar: Path) -> Iterator[Sample]:
    """Those of a tar: runs of members with one key that hold an image or a label."""
    if not tar.stat().st_size:
        raise ConfigError(f"{tar} is empty", "fetch it again")
    with tar.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as body:
        counts: Counter[str] = Counter()
        at: tuple[str, dict[str, Place], dict[str, bytes]] = ("", {}, {})
        for member in walk(body, 0, counts):
            if member.key != at[0]:
                yield from _whole(at, tar)
                at = (member.key, {}, {})
            key, images, labels = at
            if member.extension in images or member.extension in labels:
                raise ConfigError(f"{tar} holds {key}.{member.extension} twice: a key is one sample's")
            if member.extension in IMAGES:
                images[member.extension] = Place(tar, member.offset, member.length)
            elif member.extension in _LABELS.values():
                labels[member.extension] = body[
                    member.offset : member.offset + min(member.length, MAX_NPY_BYTES + 1)
                ]
        yield from _whole(at, tar)
        if counts["cut"] or counts["damaged"]:
            what = "ends too early" if counts["cut"] else "is damaged"
            raise ConfigError(f"{tar} {what}: it is not the whole shard", "fetch it again")


def _whole(sample: Sample, tar: Path) -> Iterator[Sample]:
    key, images, labels = sample
    if labels and not images:
        raise ConfigError(
            f"{key!r} in {tar} has a label and no image that can be used", f"an image is {', '.join(IMAGES)}"
        )
    if images:
        yield sample


def _wanted(folder: Path, samples: list[Sample]) -> str | None:
    """The extension of the labels, None where no sample has one. Raises ConfigError where only some have it."""
    said = " ".join(layout.lines(folder / layout.KIND))
    if said and said not in (*_LABELS, "classification"):
        raise ConfigError(
            f"{folder / layout.KIND} says {said!r}, not retrieval or multilabel", "leave it out for classes"
        )
    there = Counter(extension for _, _, labels in samples for extension in labels)
    likely = [extension for extension in _LABELS.values() if there[extension]]
    wanted = _LABELS.get(said or "", "cls" if said else next(iter(likely), None))
    if wanted is None:
        return None
    lacking = next((key for key, _, labels in samples if wanted not in labels), None)
    if lacking is not None:
        raise ConfigError(
            f"{len(samples) - there[wanted]:,} of {len(samples):,} images of {str(folder)!r} have no .{wanted}, "
            f"the first is {lacking!r}",
            f"each image has its label beside it, in KEY.{wanted}",
        )
    return wanted


def _image(parts: Mapping[str, Place]) -> Place:
    return next(parts[kind] for kind in IMAGES if kind in parts)


def _label(raw: bytes, name: str) -> int:
    digits = raw.strip()
    if not digits.isdigit() or len(digits) > 7 or int(digits) >= layout.MAX_CLASSES:
        raise ConfigError(
            f"{name} says {raw[:20]!r}, and a label is a number from 0",
            "the class's line in classnames.txt, less 1",
        )
    return int(digits)


def _captions(raw: bytes, name: str) -> tuple[str, ...]:
    if len(raw) > layout.MAX_TEXT_BYTES:
        raise ConfigError(f"{name} has over {layout.MAX_TEXT_BYTES:,} bytes of captions")
    found = tuple(line for line in layout.folded(layout.text(raw, name)) if line)
    if not found:
        raise ConfigError(f"{name} is blank, and an image of a retrieval set has a caption at least")
    return found


def _vectors(said: list[tuple[str, bytes]]) -> npt.NDArray[np.uint8]:
    rows = [_vector(raw, name) for name, raw in said]
    for (name, _), row in zip(said, rows, strict=True):
        if len(row) != len(rows[0]):
            raise ConfigError(
                f"{name} has {len(row)} classes, and {said[0][0]} has {len(rows[0])}: each has all classes of the set"
            )
    return np.stack(rows) if rows else np.empty((0, 0), np.uint8)


def _vector(raw: bytes, name: str) -> npt.NDArray[np.uint8]:
    """A sample's labels, zeros and ones, as numpy.save writes a row of numbers.

    Read here: numpy's own reader evaluates the header as Python, and makes what it only promises.
    """
    found = _NPY.match(raw) if len(raw) <= MAX_NPY_BYTES else None
    try:
        values = np.frombuffer(raw, found["kind"].decode(), offset=found.end()) if found else None
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name} is cut, or of no kind of number that is known: {error}") from error
    if found is None or values is None or len(values) != int(found["count"]):
        raise ConfigError(f"{name} is no row of numbers in an .npy file, a 0 or 1 for each class")
    if not np.isin(values, (0, 1)).all():
        raise ConfigError(f"{name} holds {values[~np.isin(values, (0, 1))][0]}, and a class is 0 or 1")
    return values.astype(np.uint8)
