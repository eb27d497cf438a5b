"""Samples a second and core: this loader against open_clip's (open_clip_train.data), on the same shards.

    python benchmarks/train/loader.py [--count 2000] [--rounds 3] [--size 224] [--shards FOLDER] [--webdataset FOLDER]

open_clip_train 3.3 reads with webdataset up to 0.2.86 (`pip install --no-deps --target FOLDER webdataset==0.2.86`).

Each reads all samples once in a process of its own, without worker processes, after a first batch for warming up; CPU
time of all its threads. Then the parts of ours, one by one, over the same samples.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

BATCH = 100


def main() -> None:
    """Runs each in turn and prints the table."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--count", type=int, default=2000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--size", type=int, default=224)
    arguments.add_argument("--shards", type=Path, help="made with shards.py; made anew by default")
    arguments.add_argument(
        "--webdataset", type=Path, help="where the one is that open_clip_train can read with"
    )
    arguments.add_argument(
        "--run", choices=["ours", "open_clip", "parts"], help="one of them, in this process"
    )
    given = arguments.parse_args()
    if given.run:
        {"ours": _ours, "open_clip": _open_clip, "parts": _parts}[given.run](given)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.shards or Path(scratch)
        if not given.shards:
            options = ["--count", str(given.count)]
            subprocess.run(
                [sys.executable, Path(__file__).with_name("shards.py"), folder, *options], check=True
            )
        took: dict[str, list[float]] = {"open_clip": [], "ours": []}
        for _ in range(given.rounds):
            for name, times in took.items():
                times.append(float(_run(given, folder, name)))
        for name, times in took.items():
            middle = statistics.median(times)
            spread = f"{min(times):.0f} to {max(times):.0f}"
            print(f"{name:10s} {middle:6.0f} us a sample ({spread}), {1e6 / middle:5.0f} samples/s and core")
        print(f"ratio {statistics.median(took['open_clip']) / statistics.median(took['ours']):.2f}")
        print(_run(given, folder, "parts"), end="")


def _run(given: argparse.Namespace, folder: Path, name: str) -> str:
    options = ["--run", name, "--shards", folder, "--count", str(given.count), "--size", str(given.size)]
    paths = [given.webdataset] if given.webdataset and name == "open_clip" else []
    known = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [*paths, *sys.path[1:]]))}
    command = [sys.executable, __file__, *options]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=known).stdout


def _ours(given: argparse.Namespace) -> None:
    import torch

    from wit_builder.train.loader import Loader

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as cache:
        loader = Loader(*_plan(given, Path(cache)), workers=0)
        batches = loader.batches()
        _timed(lambda: next(batches), given.count)


def _open_clip(given: argparse.Namespace) -> None:
    import torch
    from open_clip import get_tokenizer, image_transform
    from open_clip_train.data import get_wds_dataset

    torch.set_num_threads(1)
    count = len(list(given.shards.glob("*.tar")))
    args = argparse.Namespace(
        train_data=f"{given.shards}/{{00000..{count - 1:05d}}}.tar",
        train_num_samples=given.count,
        train_data_upsampling_factors=None,
        dataset_resampled=False,
        batch_size=BATCH,
        workers=0,
        world_size=1,
        seed=0,
    )
    found = get_wds_dataset(
        args, image_transform(given.size, is_train=True), is_train=True, tokenizer=get_tokenizer("ViT-B-32")
    )
    batches = iter(found.dataloader)
    _timed(lambda: next(batches), given.count)


def _timed(more: Callable[[], object], count: int) -> None:
    """Print CPU microseconds a sample, without those of the first batch."""
    more()
    began = time.process_time()
    for _ in range(count // BATCH - 1):
        more()
    print((time.process_time() - began) / (count // BATCH - 1) / BATCH * 1e6)


def _plan(given: argparse.Namespace, folder: Path) -> tuple:
    from wit_builder.shardset import sources
    from wit_builder.shardset.cache import Cache
    from wit_builder.train.reader import Plan
    from wit_builder.train.samples import Preparation

    cache = Cache(folder)
    found = sources.shards([str(given.shards)], cache)
    return Plan(found, (1.0,), BATCH, Preparation(given.size), 77), cache


def _parts(given: argparse.Namespace) -> None:
    """What each step of ours takes, over all samples, one step after the other."""
    import numpy as np

    from wit_builder.images.square import picture
    from wit_builder.model.tokens import Tokenizer
    from wit_builder.shards import index
    from wit_builder.shards.sample import captions, fields, image
    from wit_builder.shardset.cache import _indexed

    with tempfile.TemporaryDirectory() as cache_folder:
        plan, cache = _plan(given, Path(cache_folder))
        bounds = _part(
            "index", plan.shards, lambda one: _indexed(one, cache.path(one), frozenset()), given.count
        )
        tars = [cache.open(shard) for shard in plan.shards]
        _part("order", range(given.count // BATCH), _order(plan), given.count)
        places = [
            (tar, begin, end)
            for tar, made in zip(tars, bounds, strict=True)
            for begin, end in pairs(made.bounds)
        ]
        found = _part("bytes", places, lambda at: os.pread(at[0], at[2] - at[1], at[1]))
        both = list(zip(found, _part("headers", found, index.parts_of), strict=True))
        bodies = [image(*one) for one in both]
        known = _part("JSON", both, lambda one: fields(*one))
        texts = [captions(*one, some)[0] for one, some in zip(both, known, strict=True)]
        tokenizer = Tokenizer()
        tokenizer("“Warm”: é")
        _part("tokens", texts, tokenizer)
        row = np.empty((given.size, given.size, 3), np.uint8)

        def crop(body: bytes) -> None:
            row[:] = picture(body, given.size, "random", 1 << 63)

        _part("decoding and crop", bodies, crop)


def pairs(bounds: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Begin and end of each sample."""
    return zip(bounds[::2], bounds[1::2], strict=True)


def _order(plan: object) -> Callable[[int], object]:
    order = plan.order()  # type: ignore[attr-defined]
    return lambda step: order.places(0, step * BATCH, (step + 1) * BATCH)


def _part(name: str, over: object, does: Callable, count: int = 0) -> list:
    began = time.process_time()
    results = [does(one) for one in over]  # type: ignore[attr-defined]
    print(f"  {name:20s} {(time.process_time() - began) / (count or len(results)) * 1e6:6.1f} us")
    return results


if __name__ == "__main__":
    main()
