"""Zero-shot classification and retrieval on sets that training does not see, while it goes on.

A set is a folder, in one of two layouts:

    CLASS/*.jpg ...                    a folder a class, named as it is (`ImageFolder`); classnames.txt and
                                       zeroshot_classification_templates.txt may say otherwise
    test/nshards.txt, test/0.tar, ...  CLIP_benchmark's: KEY.jpg with KEY.cls, and those two files; or
                                       dataset_type.txt "retrieval", and KEY.txt with a caption a line
"""

import mmap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import beta
from torch import Tensor

from wit_builder.errors import ConfigError, ImageError
from wit_builder.train.index import IMAGES, walk
from wit_builder.train.objectives import Contrastive, Objective
from wit_builder.train.ranks import Ranks, gathered
from wit_builder.train.samples import picture
from wit_builder.train.settings import Precision
from wit_builder.train.tokens import Tokenizer

TEMPLATES = ("a photo of a {}.",)  # where a set has none of its own
CONFIDENCE = 0.99  # of the intervals
MAX_TEXT_BYTES = 1 << 20  # of a file with names, templates or captions
_LAYOUTS = "a folder a class with images in it, or CLIP_benchmark's test/nshards.txt and test/0.tar"
_TRIED = 8  # images of a set, before it is said to have none
_AT_ONCE = {"cpu": 64, "cuda": 256}
_THREADS = 8

Scores = dict[str, Any]


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
class Classes:
    """Images of classes."""

    name: str
    names: tuple[str, ...]  # of the classes
    templates: tuple[str, ...]
    images: tuple[Place, ...]
    labels: tuple[int, ...]  # of the images

    def prompts(self, tokenizer: Tokenizer) -> Tensor:
        """int64 [classes, templates, L]."""
        texts = [_filled(template, name) for name in self.names for template in self.templates]
        return tokens(texts, tokenizer).unflatten(0, (len(self.names), len(self.templates)))


@dataclass(frozen=True, slots=True)
class Pairs:
    """Images with captions, to be found by each other."""

    name: str
    images: tuple[Place, ...]
    captions: tuple[tuple[str, ...], ...]  # of each image


def read(folder: Path) -> Classes | Pairs:
    """The set in that folder. Raises ConfigError when it has neither layout, or none of its first images is one."""
    if not folder.is_dir():
        raise ConfigError(f"the held-out set {str(folder)!r} is no folder", "--eval-set FOLDER")
    found = _benchmark(folder) if (folder / "test" / "nshards.txt").exists() else _folders(folder)
    if not found.images:
        raise ConfigError(f"the held-out set {str(folder)!r} holds no images", _LAYOUTS)
    if all(_pixels(place, 1) is None for place in found.images[:_TRIED]):
        raise ConfigError(f"no image of the held-out set {str(folder)!r} can be read", _LAYOUTS)
    if isinstance(found, Classes) and max(found.labels) >= len(found.names):
        raise ConfigError(
            f"{str(folder)!r} names {len(found.names)} classes, and an image is of class {max(found.labels)}",
            "a name a line in classnames.txt, in the order of the numbers",
        )
    return found


def evaluate(
    objective: Objective, held: Classes | Pairs, tokenizer: Tokenizer, ranks: Ranks, precision: Precision
) -> Scores:
    """How well the network does on the set; each rank embeds its share. All ranks call this together.

    An image that cannot be read counts as one that is not told, and is `unreadable`.
    Of classes: top1, its interval (Clopper and Pearson, 99 %), top5, chance. Of pairs: the share of captions whose
    image is the nearest one or among the nearest five, and of images with one of their captions so.
    """
    cast = torch.autocast(ranks.device.type, torch.bfloat16, enabled=precision == "bf16")
    with _judging(objective.network), torch.no_grad(), cast:
        if isinstance(held, Classes):
            return _classified(objective, held, tokenizer, ranks)
        if isinstance(objective, Contrastive):
            return _retrieved(objective, held, tokenizer, ranks)
    raise ConfigError(
        f"the held-out set {held.name!r} is one of pairs, and this objective embeds no texts",
        "a set of classes, or --objective contrastive",
    )


def main_score(scores: Scores) -> float:
    """The number by which the best step is chosen."""
    return float(scores["top1"] if "top1" in scores else scores["image_recall@1"])


def interval(right: int, count: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Between which shares the true one is, of so many right ones (Clopper and Pearson, 1934: never too narrow)."""
    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, right, count - right + 1)) if right else 0.0
    high = float(beta.ppf(1 - tail, right + 1, count - right)) if right < count else 1.0
    return low, high


def tokens(texts: Sequence[str], tokenizer: Tokenizer) -> Tensor:
    """int64 [texts, L], padded with 0 to the longest."""
    rows = [tokenizer(text) for text in texts]
    found = torch.zeros((len(rows), max(map(len, rows))), dtype=torch.int64)
    for row, ids in zip(found, rows, strict=True):
        row[: len(ids)] = torch.tensor(ids)
    return found


def _filled(template: str, name: str) -> str:
    """A name in its place: `{c}` in CLIP_benchmark's templates, `{}` in the paper's."""
    return template.replace("{c}", name).replace("{}", name)


def _classified(objective: Objective, held: Classes, tokenizer: Tokenizer, ranks: Ranks) -> Scores:
    classify = objective.classifier(held.prompts(tokenizer).to(ranks.device))
    best, seen = _over(held.images, objective, ranks, lambda x: classify(x).topk(min(5, len(held.names)))[1])
    due = torch.tensor(held.labels[ranks.rank :: ranks.world], device=best.device)
    hits = (best == due[:, None]) & seen[:, None].to(best.device)
    counts = gathered((int(hits[:, 0].sum()), int(hits.sum()), int((~seen).sum())), ranks.world)
    top1, top5, unreadable = (sum(some) for some in zip(*counts, strict=True))
    count = len(held.images)
    low, high = interval(top1, count)
    return {
        "set": held.name,
        "top1": top1 / count,
        "low": low,
        "high": high,
        "top5": top5 / count,
        "chance": 1 / len(held.names),
        "images": count,
        "unreadable": unreadable,
    }


def _retrieved(objective: Contrastive, held: Pairs, tokenizer: Tokenizer, ranks: Ranks) -> Scores:
    network = objective.network
    rows, own = _over(held.images, objective, ranks, network.encode_image)
    images, seen = _all(rows, ranks), _all(own[:, None], ranks)[:, 0] > 0
    flat = [(number, text) for number, texts in enumerate(held.captions) for text in texts]
    owner = torch.tensor([number for number, _ in flat])
    parts = tokens([text for _, text in flat], tokenizer).split(_AT_ONCE[ranks.device.type])
    texts = torch.cat([network.encode_text(part.to(ranks.device)).float().cpu() for part in parts])
    to_image = _found(texts, images, (owner[:, None] == torch.arange(len(images))) & seen)
    to_text = _found(images, texts, (torch.arange(len(images))[:, None] == owner) & seen[:, None])
    counts = {"images": len(images), "unreadable": int((~seen).sum()), "texts": len(texts)}
    return (
        {"set": held.name}
        | counts
        | {
            f"{what}@{k}": float(hits[:, :k].any(dim=1).float().mean())
            for what, hits in (("image_recall", to_image), ("text_recall", to_text))
            for k in (1, 5)
        }
    )


def _found(queries: Tensor, among: Tensor, right: Tensor) -> Tensor:
    """bool [queries, 5]: whether the nearest one is right, the second nearest, ..."""
    rows = max(1, (1 << 24) // len(among))
    nearest = [(some @ among.T).topk(min(5, len(among)))[1] for some in queries.split(rows)]
    return right.gather(1, torch.cat(nearest))


def _over(
    images: Sequence[Place], objective: Objective, ranks: Ranks, what: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """What that is of this rank's images, and which of them could be read, bool [N] (the others are grey).

    Some at a time; as many calls on each rank, all of one size.
    """
    size, batch = objective.network.image_size[0], _AT_ONCE[ranks.device.type]
    own = images[ranks.rank :: ranks.world]
    longest = -(-len(images) // ranks.world)
    found, seen = [], torch.zeros(len(own), dtype=torch.bool)
    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, longest, batch):
            some = own[start : start + batch]
            pixels = torch.full((batch, size, size, 3), 128, dtype=torch.uint8)
            for number, image in enumerate(pool.map(lambda place: _pixels(place, size), some)):
                if image is not None:
                    pixels[number], seen[start + number] = torch.from_numpy(image), True
            found.append(what(pixels.permute(0, 3, 1, 2).to(ranks.device))[: len(some)])
    return torch.cat(found), seen


def _pixels(place: Place, size: int) -> Any:
    """None for an image that cannot be read."""
    try:
        return np.array(picture(place.read(), size))
    except ImageError:
        return None


def _all(rows: Tensor, ranks: Ranks) -> Tensor:
    """Of all ranks, in the order of the set, on the CPU."""
    shares = gathered(rows.float().cpu(), ranks.world)
    every = torch.empty((sum(map(len, shares)), rows.shape[1]))
    for rank, share in enumerate(shares):
        every[rank :: ranks.world] = share
    return every


@contextmanager
def _judging(network: torch.nn.Module) -> Iterator[None]:
    was = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was)


def _folders(folder: Path) -> Classes:
    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    found = [
        (Place(path), number)
        for number, one in enumerate(classes)
        for path in sorted(one.iterdir())
        if path.suffix.lower().removeprefix(".") in IMAGES
    ]
    names = _lines(folder / "classnames.txt") or tuple(one.name.replace("_", " ") for one in classes)
    return _classes(folder, names, found)


def _benchmark(folder: Path) -> Classes | Pairs:
    count = _number((folder / "test" / "nshards.txt").read_bytes()[:20])
    samples = [sample for number in range(count) for sample in _samples(folder / "test" / f"{number}.tar")]
    if "retrieval" in _lines(folder / "dataset_type.txt"):
        captions = tuple(tuple(line for line in _text(one["txt"]) if line) for one in samples if "txt" in one)
        return Pairs(folder.name, tuple(_image(one) for one in samples if "txt" in one), captions)
    found = [(_image(one), _number(one["cls"].read())) for one in samples if "cls" in one]
    return _classes(folder, _lines(folder / "classnames.txt"), found)


def _classes(folder: Path, names: tuple[str, ...], found: Sequence[tuple[Place, int]]) -> Classes:
    templates = _lines(folder / "zeroshot_classification_templates.txt") or TEMPLATES
    for template in templates:
        if _filled(template, "") == template:
            raise ConfigError(
                f"{str(folder)!r} has the template {template[:60]!r}, which has no place for a class's name",
                "`{c}` where the name stands, in zeroshot_classification_templates.txt",
            )
    return Classes(
        folder.name, names, templates, tuple(p for p, _ in found), tuple(label for _, label in found)
    )


def _samples(tar: Path) -> Iterator[dict[str, Place]]:
    """The parts of each sample that has an image, by their extension."""
    try:
        with tar.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as body:
            members = list(walk(body, 0, Counter()))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{str(tar)!r} cannot be read: {error}") from error
    parts: dict[str, dict[str, Place]] = {}
    for member in members:
        parts.setdefault(member.key, {})[member.extension] = Place(tar, member.offset, member.length)
    return (sample for sample in parts.values() if sample.keys() & set(IMAGES))


def _image(sample: Mapping[str, Place]) -> Place:
    return next(sample[kind] for kind in IMAGES if kind in sample)


def _number(text: bytes) -> int:
    if not text.strip().isdigit():
        raise ConfigError(f"{text[:20]!r} stands where a held-out set should have a number")
    return int(text)


def _text(place: Place) -> list[str]:
    return place.read()[:MAX_TEXT_BYTES].decode("utf-8", "replace").splitlines()


def _lines(path: Path) -> tuple[str, ...]:
    return tuple(line for line in _text(Place(path)) if line.strip()) if path.exists() else ()
