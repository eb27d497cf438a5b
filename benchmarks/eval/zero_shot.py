"""Zero-shot classification against CLIP_benchmark: the same set, checkpoint and machine, in one run.

    python benchmarks/eval/zero_shot.py --peer PEER/bin/python [--set cifar10] [--images N] [--precision bf16]

The peer is a Python that has clip_benchmark (benchmarks/eval/peer.txt). Both as their users start them, with their
own defaults: whole commands, in bf16 on all cores, from an empty cache. The model is open_clip's ViT-B-32 with random
weights, or one that `wit export` has written. CPU seconds are those of all processes. With `--precision fp32`
accuracies are the same to the last digit.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
MODEL = "ViT-B-32"


class Took(NamedTuple):
    """What one command came to."""

    wall: float  # seconds
    cpu: float
    acc1: float


def main() -> None:
    """Runs both in turn and prints the table."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--peer", type=Path, required=True, help="Python with clip_benchmark")
    arguments.add_argument("--set", default="cifar10")
    arguments.add_argument("--images", type=int, help="so many of it alone")
    arguments.add_argument("--exported", type=Path, help="folder of `wit export`, instead of random weights")
    arguments.add_argument("--precision", choices=["bf16", "fp32"], default="bf16")
    arguments.add_argument("--rounds", type=int, default=1)
    arguments.add_argument("--data", type=Path, default=HERE.parents[2] / "shared" / "data")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        _made(given, Path(scratch))
        took: dict[str, list[Took]] = {"clip_benchmark": [], "ours": []}
        for _ in range(given.rounds):
            for name, command in (("clip_benchmark", _theirs), ("ours", _ours)):
                with tempfile.TemporaryDirectory() as out:
                    took[name].append(_measured(command(given, Path(out)), Path(out), given))
                print(name, took[name][-1], flush=True)
        _print(given, took)


def _made(given: argparse.Namespace, scratch: Path) -> None:
    from sets import make

    given.folder = scratch / given.set
    given.images = make(given.data, given.set, given.folder, given.images)
    if given.exported:
        folder = given.exported.absolute()
        given.model, given.checkpoint = (
            folder / "open_clip_config.json",
            folder / "open_clip_model.safetensors",
        )
        return
    import open_clip
    import torch

    torch.manual_seed(0)
    given.model, given.checkpoint = MODEL, scratch / "random.pt"
    torch.save(open_clip.create_model(MODEL).state_dict(), given.checkpoint)


def _theirs(given: argparse.Namespace, out: Path) -> list[str]:
    named = (f"local-dir:{given.exported.absolute()}", "") if given.exported else (MODEL, given.checkpoint)
    words = ["-m", "clip_benchmark.cli", "eval", "--model", named[0], "--pretrained", named[1]]
    words += [
        "--dataset",
        f"wds/{given.set}",
        "--dataset_root",
        given.folder,
        "--output",
        out / "cb.json",
    ]
    words += ["--task", "zeroshot_classification"] + ["--no_amp"] * (given.precision == "fp32")
    return [str(given.peer), *map(str, words)]


def _ours(given: argparse.Namespace, out: Path) -> list[str]:
    words = ["-m", "wit_builder", "eval", "--model", given.model, "--checkpoint", given.checkpoint]
    words += ["--eval-set", given.folder, "--out", out / "results", "--cache", out / "cache"]
    return [sys.executable, *map(str, words), "--precision", given.precision]


def _measured(command: list[str], out: Path, given: argparse.Namespace) -> Took:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    )
    wall = time.monotonic() - began
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = next(
        path for path in (out / "cb.json", *out.glob("results/clip_benchmark/*.json")) if path.exists()
    )
    acc1 = json.loads(told.read_text())["metrics"]["acc1"]
    return Took(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, acc1)


def _print(given: argparse.Namespace, took: dict[str, list[Took]]) -> None:
    middle = {
        name: [statistics.median(one[at] for one in some) for at in (0, 1)] for name, some in took.items()
    }
    for name, (wall, cpu) in middle.items():
        print(
            f"{given.set}, {given.images} images, {given.precision}, {name}: {given.images / wall:.1f} samples/s, "
            f"{given.images / cpu:.1f} a CPU second, {wall:.1f} s, {cpu:.1f} CPU s, acc1 {took[name][0].acc1:.4f}"
        )
    wall, cpu = (theirs / ours for theirs, ours in zip(*middle.values(), strict=True))
    print(f"ratio {wall:.2f} of the time, {cpu:.2f} of the CPU time")


if __name__ == "__main__":
    main()
