"""What a network gives for the images of a set, a call of one shape after the other, wherever that is done.

Shapes in this file: n images, B of one call, D width of the joint space, P width of what is projected into it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from wit_builder.errors import BuildError, ImageError
from wit_builder.evalset.sets import Place
from wit_builder.evaluate import calls
from wit_builder.evaluate.calls import Precision
from wit_builder.images.prepared import Preprocess, prepared
from wit_builder.model.loaded import Loaded, Sight

SIZE = {"cpu": 32, "cuda": 256}  # images of a call

Floats = npt.NDArray[np.float32]
Image = tuple[Place, bytes]  # and sha256 of its bytes
Rows = tuple[Floats, Floats, npt.NDArray[np.bool_]]  # embeddings [n, D], features [n, P], readable [n]


def digest(place: Place) -> bytes:
    """sha256 of an image's bytes."""
    return hashlib.sha256(place.read()).digest()


def cut(images: Sequence[Image], device: torch.device) -> list[Sequence[Image]]:
    """The images call by call, the last one's fewer."""
    size = SIZE[device.type]
    return [images[at : at + size] for at in range(0, len(images), size)]


def rows(
    loaded: Loaded,
    batches: Iterable[Sequence[Image]],
    device: torch.device,
    precision: Precision,
    workers: int | None = None,
) -> Iterator[Rows]:
    """Of each batch, in their order. workers: see calls.each.

    Raises BuildError for an image whose bytes have changed, and a model whose embeddings are not finite.
    """
    loaded.network.to(device)
    sight = Sight(loaded.network, bf16=precision == "bf16")
    work = partial(_batch, sight=sight, how=loaded.preprocess, device=device, precision=precision)
    return calls.each(work, batches, workers)


def _batch(
    images: Sequence[Image], *, sight: Sight, how: Preprocess, device: torch.device, precision: Precision
) -> Rows:
    pixels = torch.zeros((SIZE[device.type], *how.size, 3), dtype=torch.uint8)
    readable = np.zeros(len(images), np.bool_)
    for number, (place, known) in enumerate(images):
        body = place.read()
        if hashlib.sha256(body).digest() != known:
            raise BuildError(
                f"{str(place.path)!r} has changed while it was embedded", "the same command again"
            )
        try:
            pixels[number] = torch.from_numpy(prepared(body, how).copy())
            readable[number] = True
        except ImageError:
            continue
    with calls.judging(device, precision):
        features, embeddings = sight(pixels.permute(0, 3, 1, 2).to(device))
    found = [_numbers(some, readable) for some in (embeddings, features)]
    return found[0], found[1], readable


def _numbers(some: Tensor, readable: npt.NDArray[np.bool_]) -> Floats:
    """Those that stand for an image; zeros for one that could not be decoded."""
    found: Floats = some[: len(readable)].cpu().numpy() * readable[:, None]
    if not np.isfinite(found).all():
        raise BuildError(
            "the model gives embeddings that are not finite", "check its checkpoint, or --precision fp32"
        )
    return found
