"""Calls of a network, on one thread each: what they give does not depend on how many cores and ranks share them."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

import torch

Precision = Literal["bf16", "fp32"]

T = TypeVar("T")
U = TypeVar("U")

_MOST_AT_ONCE = 16


def each(work: Callable[[T], U], items: Iterable[T], workers: int | None = None) -> Iterator[U]:
    """What the work gives for each item, in their order; some of them under way at a time, each on one thread.

    workers: threads, of this rank; one a core when not given, 16 at most.
    """
    workers = workers or min(_MOST_AT_ONCE, cores())
    waiting: deque[Future[U]] = deque()
    with _one_thread(), ThreadPoolExecutor(workers) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def cores() -> int:
    """Of this rank."""
    return max(1, len(os.sched_getaffinity(0)) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


@contextmanager
def judging(device: torch.device, precision: Precision) -> Iterator[None]:
    """No gradients; products in that precision. (In torch's inference mode, autocast on a CPU does nothing.)"""
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        yield


def shared(batches: list[Any], empty: Any, rank: int, world: int) -> list[Any]:
    """This rank's share of them, every so-many-th; as many on each rank, the last ones perhaps empty."""
    own = batches[rank::world]
    return own + [empty] * (-(-len(batches) // world) - len(own))


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
