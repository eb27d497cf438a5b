"""The processes of a run: one, or as many as torchrun started, each with a device of its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import distributed as dist

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ranks:
    """Which of the processes this is, and what it computes on."""

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        """The one that writes and speaks."""
        return self.rank == 0


@contextmanager
def joined(patience: timedelta | None = None) -> Iterator[Ranks]:
    """Joins the other processes that torchrun started, where it did: nccl between GPUs, gloo between CPUs.

    patience: how long one waits for the others, torch's own when not given.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    rank, local = int(os.environ.get("RANK", "0")), int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cuda", local) if torch.cuda.is_available() else torch.device("cpu")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    began = world > 1 and not dist.is_initialized()
    if began:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=patience)
    try:
        yield Ranks(rank, world, device)
    finally:
        if began:
            dist.destroy_process_group()


def gathered(value: T, world: int) -> list[T]:
    """What each rank says, in their order. All ranks wait for each other."""
    if world == 1:
        return [value]
    found: list[T] = [value] * world
    dist.all_gather_object(found, value)
    return found
