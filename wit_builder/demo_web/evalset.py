"""Eval sets for zero-shot tests and for the audit of overlap, in CLIP_benchmark's WebDataset layout.

    FOLDER/classnames.txt, zeroshot_classification_templates.txt     (retrieval: dataset_type.txt instead)
    FOLDER/test/nshards.txt, 0.tar, 1.tar, ...                       s0000000.jpg + .cls (retrieval: + .txt)
    FOLDER/truth.jsonl                                               a line for each sample, see `write_eval_set`

Two kinds of classes: 32 combinations of a thing and a colour that the web never shows, and 16 that it does.
One sample in eight is a copy of a picture on the web, made from one of those 16.
"""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import Literal

from wit_builder.demo_web.captions import UNWANTED, caption
from wit_builder.demo_web.pictures import Picture, encoded, published
from wit_builder.demo_web.scenes import COLOURS, HELD_OUT, THINGS, key_of, scene_of
from wit_builder.demo_web.web import Web

TRANSFORMS = ("exact", "resized", "reencoded", "cropped", "mirrored", "rotated", "bordered")
KNOWN = tuple((thing, COLOURS[(3 * number + 3) % len(COLOURS)]) for number, thing in enumerate(THINGS))
CLASSES = (*HELD_OUT, *KNOWN)
SHARD_SAMPLES = 10_000  # CLIP_benchmark's own limit

_EVERY = 8  # one sample in so many is a copy
_SEARCHED = 20_000  # pages of the web that copies are taken from
_TEMPLATES = (
    "In this picture there is the {c}",
    "This is a view of the {c}",
    "The {c} that you can see in the middle of the picture",
    "The {c}, seen from close by",
    "The {c} on a sunny day",
)

Task = Literal["classification", "retrieval"]


@dataclass(frozen=True, slots=True)
class _Sample:
    picture: Picture
    label: int  # index into CLASSES
    duplicate_of: str | None = None  # URL
    transform: str = ""


def write_eval_set(folder: Path, demo: Web, images: int = 480, task: Task = "classification") -> None:
    """Write an eval set of so many images; the same arguments give the same bytes.

    A line of truth.jsonl: key, shard, class (index), name, held_out (the web never shows this combination),
    duplicate_of (URL of a picture that a build of the web keeps, or null), transform (how the copy was made,
    "" for what is no copy). A small web may have fewer pictures to copy than one in eight.
    """
    test = folder / "test"
    test.mkdir(parents=True, exist_ok=True)
    samples = list(_samples(demo, images))
    shards = [samples[at : at + SHARD_SAMPLES] for at in range(0, len(samples), SHARD_SAMPLES)]
    with (folder / "truth.jsonl").open("w", encoding="utf-8") as truth:
        for number, shard in enumerate(shards):
            with tarfile.open(test / f"{number}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
                for place, sample in enumerate(shard):
                    key = f"s{number * SHARD_SAMPLES + place:07d}"
                    _add(tar, key, sample, task)
                    truth.write(json.dumps(_truth(key, number, sample), sort_keys=True) + "\n")
    (test / "nshards.txt").write_text(str(len(shards)))
    if task == "retrieval":
        (folder / "dataset_type.txt").write_text("retrieval")
        return
    names = [f"{colour} {thing}" for thing, colour in CLASSES]
    (folder / "classnames.txt").write_text("\n".join(names) + "\n")
    (folder / "zeroshot_classification_templates.txt").write_text("\n".join(_TEMPLATES) + "\n")


def originals(demo: Web) -> Iterator[tuple[str, Picture]]:
    """Pictures of known classes that a build keeps, with their addresses, in an order drawn by the seed."""
    content = demo.content
    pages = sorted(range(min(demo.pages, _SEARCHED)), key=lambda i: key_of(demo.seed, "eval-page", i))
    for i in pages:
        picture = published(content.scene(i, 0))
        combination = picture.scene.thing, picture.scene.colour
        if combination not in KNOWN or picture.format == "gif" or content.lang(i) == UNWANTED:
            continue
        if not content.is_copied(i):
            yield content.figures(i)[0].pair.url, picture


def _samples(demo: Web, images: int) -> Iterator[_Sample]:
    copies = zip(originals(demo), cycle(TRANSFORMS), strict=False)
    labels = cycle(range(len(CLASSES)))
    for number in range(images):
        copy = next(copies, None) if number % _EVERY == _EVERY // 2 else None
        yield _fresh(demo.seed, number, next(labels)) if copy is None else _copied(*copy)


def _fresh(seed: int, number: int, label: int) -> _Sample:
    scene = scene_of(key_of(seed, "eval", number), (CLASSES[label],))
    return _Sample(Picture(scene), label)


def _copied(found: tuple[str, Picture], transform: str) -> _Sample:
    url, picture = found
    label = CLASSES.index((picture.scene.thing, picture.scene.colour))
    copy = picture if transform == "exact" else Picture(picture.scene, "jpg", transform)
    return _Sample(copy, label, url, transform)


def _add(tar: tarfile.TarFile, key: str, sample: _Sample, task: Task) -> None:
    _file(tar, f"{key}.{sample.picture.format}", encoded(sample.picture))
    if task == "classification":
        _file(tar, f"{key}.cls", str(sample.label).encode())
    else:
        texts = [caption(sample.picture.scene, "en", style) for style in range(2)]
        _file(tar, f"{key}.txt", "\n".join(texts).encode())


def _file(tar: tarfile.TarFile, name: str, body: bytes) -> None:
    member = tarfile.TarInfo(name)  # mtime 0, owner 0
    member.size = len(body)
    tar.addfile(member, BytesIO(body))


def _truth(key: str, shard: int, sample: _Sample) -> dict[str, str | int | bool | None]:
    thing, colour = CLASSES[sample.label]
    return {
        "key": key,
        "shard": shard,
        "class": sample.label,
        "name": f"{colour} {thing}",
        "held_out": (thing, colour) in HELD_OUT,
        "duplicate_of": sample.duplicate_of,
        "transform": sample.transform,
    }
