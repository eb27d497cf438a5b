"""The gradient of a step: at once, or of a batch as large as one likes, some samples at a time, and the same.

A contrastive loss hangs on all samples together, so its gradient is no sum over micro-batches. GradCache (Gao et
al. 2021, "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup") has it exactly: all embeddings
without a graph, the loss's gradient by embeddings, then each micro-batch once more with its graph and with the
random numbers that it had. Batch norms see a pass at a time, whatever is done: of the ResNets the gradient is that of
their pieces, with statistics of each.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from wit_builder.model.network import Sighted, still_statistics
from wit_builder.train.batch import Batch
from wit_builder.train.loss import total, world_size
from wit_builder.train.objectives import Objective
from wit_builder.train.parallel import together
from wit_builder.train.settings import Precision

_FEW_PLACES = 256


def gradients(
    module: nn.Module, objective: Objective, batch: Batch, micro_batch: int = 0, precision: Precision = "fp32"
) -> Tensor:
    """Add the gradient of the batch's loss to the weights. Returns the loss, averaged over ranks; no host waits.

    module: the objective's network, as `parallel.spread` gave it.
    batch: this rank's, on its device. micro_batch: samples of one pass, 0 for all.
    """
    size = micro_batch or len(batch)
    pieces = [batch.rows(start, start + size) for start in range(0, len(batch), size)]
    cast = torch.autocast(batch.images.device.type, torch.bfloat16, enabled=precision == "bf16")
    with cast, _attention(objective.network, batch.images.device):
        terms = objective.terms(batch)
        if objective.separable or len(pieces) == 1:
            loss = _summed(module, objective, pieces, terms)
        else:
            loss = _cached(module, objective, batch, pieces, terms)
    return total(loss) / world_size()


def _attention(network: Sighted, device: torch.device) -> AbstractContextManager[None]:
    """On a CPU, over few places, plain products take half the time of the kernel that keeps no matrix of them."""
    places = getattr(network.inner.visual, "positional_embedding", None)
    if device.type == "cpu" and places is not None and len(places) <= _FEW_PLACES:
        return sdpa_kernel(SDPBackend.MATH)
    return nullcontext()


def _summed(module: nn.Module, objective: Objective, pieces: list[Batch], terms: Tensor) -> Tensor:
    """Of a loss that is a sum over the pieces."""
    losses = []
    for number, piece in enumerate(pieces, 1):
        with together(module, number == len(pieces)):
            loss = objective.loss(module(piece.images, piece.tokens), piece, terms)
            loss.backward()
        losses.append(loss.detach())
    return torch.stack(losses).sum()


def _cached(
    module: nn.Module, objective: Objective, batch: Batch, pieces: list[Batch], terms: Tensor
) -> Tensor:
    """Of a loss over all pieces: each is computed twice."""
    seen, randomness = [], []
    with torch.no_grad(), still_statistics(module):
        for piece in pieces:
            randomness.append(_random_state(batch.images.device))
            seen.append(module(piece.images, piece.tokens))
    *rows, (scale, *_) = zip(*seen, strict=True)
    leaves = [torch.cat(parts).requires_grad_() for parts in rows] + [scale.clone().requires_grad_()]
    loss = objective.loss(tuple(leaves), batch, terms)
    *by_row, by_scale = torch.autograd.grad(loss, leaves)
    start = 0
    for number, (piece, state) in enumerate(zip(pieces, randomness, strict=True), 1):
        stop = start + len(piece)
        share = by_scale if number == len(pieces) else torch.zeros_like(by_scale)
        with together(module, number == len(pieces)), _as_before(state, batch.images.device):
            outputs = module(piece.images, piece.tokens)
            torch.autograd.backward(outputs, (*(grad[start:stop] for grad in by_row), share))
        start = stop
    return loss.detach()


def _random_state(device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Of the CPU, where patches are drawn, and of the device, where dropout is."""
    return torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None


@contextmanager
def _as_before(state: tuple[Tensor, Tensor | None], device: torch.device) -> Iterator[None]:
    """The random numbers of that state again; afterwards those that were due."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.set_rng_state(state[0])
        if state[1] is not None:
            torch.cuda.set_rng_state(state[1], device)
        yield
