"""One of two processes that train together; writes what it found. `python -m tests.train.ranks RANK FOLDER`."""

import sys
from datetime import timedelta
from pathlib import Path

import torch
from torch import distributed as dist

from tests.train.batches import batch, objective
from wit_builder.train.gradcache import gradients
from wit_builder.train.loss import contrastive_loss
from wit_builder.train.optim import adamw, update
from wit_builder.train.parallel import spread
from wit_builder.train.settings import Training

WORLD = 2
RUN = Training("tiny", grad_clip=0.5)
KINDS = {
    "plain": ({}, 0),
    "pieces": ({}, 4),
    "dropped": ({"patch_dropout": 0.5, "checkpointing": True}, 0),
    "bag": ({"text_encoder": "cbow"}, 3),
    "words": ({"objective": "words"}, 4),
    "coca": ({"kind": "coca"}, 4),
    "captions": ({"objective": "captions"}, 4),
}


def data():
    """The batch of all ranks; one sample on either was not read, a caption stands on both."""
    whole = batch(12, unread=(4, 10))
    whole.text_ids[8] = whole.text_ids[1]
    return whole


def step(kind, how=None, rank=0, world=1):
    """The loss, the gradients and the weights after a step, whole."""
    settings, micro_batch = KINDS[kind]
    made = objective(**settings)
    module = spread(made.network, how) if how else made.network
    optimizer = adamw(made.network, RUN)
    share = 12 // world
    torch.manual_seed(rank)
    mine = data().rows(rank * share, (rank + 1) * share)
    loss = gradients(module, made, mine, micro_batch)
    grads = {name: whole(weight.grad) for name, weight in made.network.named_parameters()}
    norm, _ = update(optimizer, made.network, 1e-3, RUN)
    after = {name: whole(weight.detach()) for name, weight in made.network.named_parameters()}
    return {"loss": loss, "grads": grads, "norm": norm, "after": after}


def whole(tensor):
    """A shard with the other ranks' shards; of anything else a copy."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor.clone()


def loss_alone(rank, world):
    """The loss of embeddings, in blocks of a row, and what its gradients come to."""
    rng = torch.Generator().manual_seed(0)
    image, text = (torch.nn.functional.normalize(torch.randn(12, 8, generator=rng), dim=1) for _ in range(2))
    rows, share = data(), 12 // world
    at = slice(rank * share, (rank + 1) * share)
    leaves = [part[at].clone().requires_grad_() for part in (image, text)] + [
        torch.tensor(7.0, requires_grad=True)
    ]
    loss = contrastive_loss(*leaves, rows.valid[at], (rows.image_ids[at], rows.text_ids[at]), cells=12)
    return loss.detach(), [
        grad / scale for grad, scale in zip(torch.autograd.grad(loss, leaves), (world, world, 1), strict=True)
    ]


def main(rank, folder):
    """Join the other rank by a file, and do each kind of step in both ways."""
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=WORLD, timeout=timedelta(minutes=3)
    )
    found = {
        how: {kind: step(kind, how, rank, WORLD) for kind in KINDS} | {"loss": loss_alone(rank, WORLD)}
        for how in ("ddp", "fsdp")
    }
    torch.save(found, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
