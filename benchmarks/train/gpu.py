"""What a GPU makes of it: samples a second and MFU of the step alone, by model, batch and ways to save memory.

    python benchmarks/train/gpu.py [--models ViT-B-32 ViT-L-14 RN50] [--batch 1024] [--steps 20] [--compile]
    python benchmarks/train/gpu.py --shards FOLDER --workers 16        the loader too: is it ever the bound?

Batches are random and on the device already, texts of `--tokens` tokens; with `--shards` they come from the loader.
MFU is of the mathematics alone (model/flops.py) and the card's peak in bf16 by its data sheet.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from wit_builder.model.flops import cost
from wit_builder.shardset import sources
from wit_builder.shardset.cache import Cache
from wit_builder.train import objectives
from wit_builder.train.batch import Batch
from wit_builder.train.gradcache import gradients
from wit_builder.train.loader import Loader
from wit_builder.train.optim import adamw, update
from wit_builder.train.reader import Plan
from wit_builder.train.samples import Preparation
from wit_builder.train.settings import Training, preset
from wit_builder.train.telemetry import peak_flops


def main() -> None:
    """A line for each model."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--models", nargs="+", default=["ViT-B-32", "ViT-L-14", "RN50"])
    arguments.add_argument("--batch", type=int, default=1024)
    arguments.add_argument("--micro-batch", type=int, default=0)
    arguments.add_argument("--tokens", type=int, default=77)
    arguments.add_argument("--steps", type=int, default=20)
    arguments.add_argument("--compile", action="store_true")
    arguments.add_argument("--checkpointing", action="store_true")
    arguments.add_argument("--shards", type=Path)
    arguments.add_argument("--workers", type=int, default=16)
    given = arguments.parse_args()
    if not torch.cuda.is_available():
        sys.exit("there is no GPU here")
    print(torch.cuda.get_device_name())
    for name in given.models:
        training = replace(
            preset(name),
            batch=given.batch,
            micro_batch=given.micro_batch,
            compile=given.compile,
            checkpointing=given.checkpointing,
        )
        _measure(training, given)


def _measure(training: Training, given: argparse.Namespace) -> None:
    device = torch.device("cuda")
    torch.cuda.reset_peak_memory_stats()
    objective = objectives.make(training)
    network = objective.network.to(device).train()
    optimizer = adamw(network, training)
    batches = _loaded(training, given, network.image_size[0]) if given.shards else _resident(given, network)
    waited = 0.0
    for number in range(given.steps + 3):
        if number == 3:  # the first ones choose kernels
            torch.cuda.synchronize()
            began, waited = time.perf_counter(), 0.0
        before = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - before
        gradients(network, objective, batch.to(device), training.micro_batch, training.precision)
        update(optimizer, network, 1e-6, training)
    torch.cuda.synchronize()
    took = time.perf_counter() - began
    rate = given.steps * given.batch / took
    flops = rate * cost(network).flops(batch.tokens.shape[1])
    peak = peak_flops(device)
    mfu = f"MFU {flops / peak:.1%}" if peak else "no peak is known of this card"
    memory = torch.cuda.max_memory_allocated() / 1e9
    print(
        f"{training.model:12s} {rate:8,.0f} samples/s {flops / 1e12:6.1f} TFLOP/s {mfu}, {memory:.1f} GB, "
        f"{waited / took:.1%} of the time without data",
        flush=True,
    )


def _resident(given: argparse.Namespace, network: torch.nn.Module) -> Iterator[Batch]:
    """The same random batch again and again."""
    rows, device = torch.arange(given.batch, device="cuda"), "cuda"
    tokens = torch.randint(1, 49_000, (given.batch, given.tokens), device=device)
    tokens[:, -1] = 49_407
    images = torch.randint(0, 256, (given.batch, 3, *network.image_size), dtype=torch.uint8, device=device)
    batch = Batch(images, tokens, torch.ones_like(rows, dtype=torch.bool), rows, rows)
    while True:
        yield batch


def _loaded(training: Training, given: argparse.Namespace, size: int) -> Iterator[Batch]:
    cache = Cache()
    shards = sources.shards([str(given.shards)], cache)
    plan = Plan(shards, (1.0,), training.batch, Preparation(size), 77)
    return Loader(plan, cache, workers=given.workers).batches()


if __name__ == "__main__":
    main()
