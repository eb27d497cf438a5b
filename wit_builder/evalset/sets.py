"""What an evaluation set is, and how one is read: whatever its layout, wherever it lies, with what its files lack.

A set is a folder or URL in CLIP_benchmark's layout (benchmark.py), a folder of images (folders.py), a parquet file
(parquet.py), or a name such as `wds/cifar10` (published.py). Names of classes and templates that it has none of come
from the registry, where the set is known (registry.py).
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from wit_builder import store
from wit_builder.errors import ConfigError
from wit_builder.evalset import benchmark, folders, naming, parquet, published, registry
from wit_builder.evalset.layout import Found
from wit_builder.evalset.layout import Place as Place
from wit_builder.evalset.naming import TEMPLATES as TEMPLATES
from wit_builder.evalset.registry import Known

UNSPLIT = "test"  # the split that a set without splits is
_SAMPLED = 64  # images whose bytes a fingerprint is made of

_METRICS = {"classes": "acc1", "labels": "map11", "captions": "image_retrieval_recall@1", "images": ""}

Kind = Literal["classes", "labels", "captions", "images"]


@dataclass(frozen=True, slots=True)
class EvalSet:
    """n images, and what is known of each.

    kind: classes (one an image), labels (several classes an image), captions (several an image, to be found by each
    other), or images (nothing is known of them: for the audit).
    keys: of the images, their paths or keys inside the set, each once.
    labels: int64 [n], from 0, of kind classes; uint8 [n, classes], 0 or 1, of kind labels; else empty.
    classes: the names of each class, the first one the usual.
    templates: each with one place for a name, `{}` in the paper's or `{c}` in CLIP_benchmark's.
    captions: of each image, of kind captions.
    metric: the one that is reported of it: acc1, mean_per_class_recall, map11, top1_top5_mean, roc_auc, or
    image_retrieval_recall@1; "" of kind images.
    sources: where `classes` and `templates` are from, in words.
    """

    name: str
    kind: Kind
    keys: tuple[str, ...]
    images: tuple[Place, ...]
    labels: npt.NDArray[Any] = field(default_factory=lambda: np.empty(0, np.int64))
    classes: tuple[tuple[str, ...], ...] = ()
    templates: tuple[str, ...] = ()
    captions: tuple[tuple[str, ...], ...] = ()
    split: str = UNSPLIT
    metric: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)

    def data_sha256(self, digests: Iterable[bytes]) -> str:
        """sha256 of keys and bytes of all images, in their order, hex. digests: sha256 of each image's bytes."""
        whole = hashlib.sha256()
        for key, digest in zip(self.keys, digests, strict=True):
            whole.update(f"{len(key)} {key} ".encode("utf-8", "surrogateescape") + digest)
        return whole.hexdigest()

    @property
    def fingerprint(self) -> str:
        """sha256 (hex) of all keys, labels, classes, templates and captions, and of the bytes of at most 64 images
        at even distances: so little is read that it can be asked for at each start. Bytes of the other images do not
        change it; those of all are in `data_sha256`.
        """
        said = repr((self.kind, self.keys, self.classes, self.templates, self.captions))
        whole = hashlib.sha256(said.encode() + self.labels.tobytes())
        for place in self.images[:: -(-len(self.images) // _SAMPLED)]:
            whole.update(hashlib.sha256(place.read()).digest())
        return whole.hexdigest()


def read(
    where: str | Path, split: str = UNSPLIT, cache: Path | None = None, say: published.Say = lambda _: None
) -> EvalSet:
    """The split of the set that these words mean. `WORDS@imagenet-a`: of a set of ImageNet's 1,000 classes what is of
    the 200 of that shift, which alone are then its classes; one of ObjectNet's, Vid's or Youtube-BB's has the images
    of all of ImageNet's that it stands for.

    cache: folder for what is brought here from a URL. say: told of each shard that has come.
    Raises ConfigError when it has none of the layouts, or is not whole; BuildError when it cannot be brought here.
    """
    where, among = _among(str(where))
    url = published.address(where)
    name, found = (
        (published.name(url), benchmark.read(published.folder(url, split, cache, say), split))
        if url
        else _local(_path(where), split, cache)
    )
    if not found.images:
        raise ConfigError(
            f"the evaluation set {str(where)!r} holds no images",
            "a folder a class with .jpg, .png or .webp in it, or CLIP_benchmark's layout",
        )
    made = _made(name, split, found)
    return _narrowed(made, among) if among else made


def splits(where: str | Path) -> tuple[str, ...]:
    """The splits of that set; of one without splits `test` alone. Raises ConfigError when it cannot be looked up."""
    where, _ = _among(str(where))
    url = published.address(where)
    if url:
        return published.splits(url)
    path = _path(where)
    return (
        (UNSPLIT,) if parquet.is_one(path) else benchmark.splits(path) or folders.splits(path) or (UNSPLIT,)
    )


def filled(template: str, name: str) -> str:
    """A name in its place: `{c}` in CLIP_benchmark's templates, `{}` in the paper's."""
    return template.replace("{c}", name).replace("{}", name)


def _among(where: str) -> tuple[str, Known | None]:
    """The words before the last `@`, and the shift behind it, where that has some of ImageNet's classes."""
    words, _, shift = where.rpartition("@")
    known = registry.find(shift) if words and not Path(where).exists() else None
    return (words, known) if known and known.imagenet else (where, None)


def _narrowed(held: EvalSet, known: Known) -> EvalSet:
    """What is of that shift's classes, numbered as they are there."""
    imagenet = registry.find("imagenet1k")
    assert imagenet is not None
    if held.kind != "classes" or len(held.classes) != len(imagenet.classes):
        raise ConfigError(
            f"{held.name!r} has {len(held.classes)} classes, and the {len(known.imagenet)} of {known.title} are "
            f"some of ImageNet's {len(imagenet.classes):,}",
            "leave out the @ and what follows it",
        )
    is_reordered = held.classes != imagenet.classes and sorted(held.classes) == sorted(imagenet.classes)
    if is_reordered or held.sources["classes"] == "folders":
        raise ConfigError(
            f"the classes of {held.name!r} are in its folders' order, and not known to be in ImageNet's",
            "folders called as ImageNet's are (n01440764), or its names in classnames.txt",
        )
    numbers = np.full(len(held.classes), -1)
    for number, group in enumerate(known.imagenet):
        numbers[list(group)] = number
    merged = any(len(group) > 1 for group in known.imagenet)
    labels = numbers[held.labels]
    stays = np.flatnonzero(labels >= 0)
    return replace(
        held,
        name=f"{held.name}@{known.name}",
        keys=tuple(held.keys[number] for number in stays),
        images=tuple(held.images[number] for number in stays),
        labels=labels[stays],
        classes=known.classes if merged else tuple(held.classes[number] for (number,) in known.imagenet),
    )


def _path(where: str | Path) -> Path:
    path = Path(store.local_path(str(where))).expanduser()
    if not path.is_dir() and not parquet.is_one(path):
        raise ConfigError(
            f"the evaluation set {str(where)!r} is no folder, no parquet file, and no name that is known",
            "name a folder, or a set that `wit eval sets` lists",
        )
    return path


def _local(path: Path, split: str, cache: Path | None) -> tuple[str, Found]:
    if (path / benchmark.SHARDS).exists():
        raise ConfigError(
            f"{str(path)!r} is a split of a set, and the set is the folder above",
            f"--eval-set {quote(str(path.absolute().parent))} --split {quote(path.absolute().name)}",
        )
    there = splits(path)
    if split not in there:
        raise ConfigError(
            f"the evaluation set {str(path)!r} has no split {split!r}, it has {', '.join(there)}",
            f"--split {there[0]}",
        )
    full = path.resolve() if path.name == ".." else path.absolute()  # a link is called as itself
    if parquet.is_one(path):
        return full.stem, benchmark.read(parquet.folder(path, split, cache), split)
    if benchmark.splits(path):
        return full.name, benchmark.read(path, split)
    if folders.splits(path):
        return full.name, folders.read(path, split)
    return full.parent.name if full.name in folders.SPLITS else full.name, folders.read(path)


def _made(name: str, split: str, found: Found) -> EvalSet:
    own = name, found.keys, found.images
    found = naming.numbered(name, found)
    if found.captions:
        return _of(*own, "captions", split, captions=found.captions)
    if found.labels is None:
        return _of(*own, "images", split)
    named = naming.named(name, found)
    kind: Kind = "classes" if found.labels.ndim == 1 else "labels"
    known = registry.find(name)
    made = _of(*own, kind, split, labels=found.labels, classes=named.classes, templates=named.templates)
    metric = known.metric if known and known.task == kind else made.metric
    return replace(made, metric=metric, sources=named.sources)


def _of(
    name: str, keys: tuple[str, ...], images: tuple[Place, ...], kind: Kind, split: str, **more: Any
) -> EvalSet:
    return EvalSet(name, kind, keys, images, split=split, metric=_METRICS[kind], **more)
