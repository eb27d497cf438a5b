"""Zero-shot classification and retrieval on sets that training does not see (evalset/), while it goes on."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wit_builder import stats
from wit_builder.errors import ConfigError, ImageError
from wit_builder.evalset.sets import EvalSet, Place, filled
from wit_builder.images.square import picture
from wit_builder.model.ranks import Ranks, gathered
from wit_builder.model.tokens import Tokenizer
from wit_builder.train.objectives import Contrastive, Objective
from wit_builder.train.settings import Precision

CONFIDENCE = 0.99  # of the intervals
_AT_ONCE = {"cpu": 64, "cuda": 256}
_THREADS = 8
_TRIED = 8  # images of a set, before it is said to have none

Scores = dict[str, Any]


def evaluate(
    objective: Objective, held: EvalSet, tokenizer: Tokenizer, ranks: Ranks, precision: Precision
) -> Scores:
    """How well the network does on the set; each rank embeds its share. All ranks call this together.

    An image that cannot be read counts as one that is not told, and is `unreadable`.
    Of classes: top1, its interval (Clopper and Pearson, 99 %), top5, chance. Of pairs: the share of captions whose
    image is the nearest one or among the nearest five, and of images with one of their captions so.
    """
    cast = torch.autocast(ranks.device.type, torch.bfloat16, enabled=precision == "bf16")
    with _judging(objective.network), torch.no_grad(), cast:
        if held.kind == "classes":
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


def readable(held: EvalSet) -> bool:
    """Whether one of its first images is one."""
    return any(_pixels(place, 1) is not None for place in held.images[:_TRIED])


def tokens(texts: Sequence[str], tokenizer: Tokenizer) -> Tensor:
    """int64 [texts, L], padded with 0 to the longest."""
    rows = [tokenizer(text) for text in texts]
    found = torch.zeros((len(rows), max(map(len, rows))), dtype=torch.int64)
    for row, ids in zip(found, rows, strict=True):
        row[: len(ids)] = torch.tensor(ids)
    return found


def prompts(held: EvalSet, tokenizer: Tokenizer) -> Tensor:
    """int64 [classes, templates, L], by the first name of each class."""
    texts = [filled(template, names[0]) for names in held.classes for template in held.templates]
    return tokens(texts, tokenizer).unflatten(0, (len(held.classes), len(held.templates)))


def _classified(objective: Objective, held: EvalSet, tokenizer: Tokenizer, ranks: Ranks) -> Scores:
    classify = objective.classifier(prompts(held, tokenizer).to(ranks.device))
    best, seen = _over(
        held.images, objective, ranks, lambda x: classify(x).topk(min(5, len(held.classes)))[1]
    )
    due = torch.tensor(held.labels[ranks.rank :: ranks.world], device=best.device)
    hits = (best == due[:, None]) & seen[:, None].to(best.device)
    counts = gathered((int(hits[:, 0].sum()), int(hits.sum()), int((~seen).sum())), ranks.world)
    top1, top5, unreadable = (sum(some) for some in zip(*counts, strict=True))
    count = len(held.images)
    low, high = stats.clopper_pearson(top1, count, CONFIDENCE)
    return {
        "set": held.name,
        "top1": top1 / count,
        "low": low,
        "high": high,
        "top5": top5 / count,
        "chance": 1 / len(held.classes),
        "images": count,
        "unreadable": unreadable,
    }


def _retrieved(objective: Contrastive, held: EvalSet, tokenizer: Tokenizer, ranks: Ranks) -> Scores:
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
