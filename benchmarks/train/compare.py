"""Training against open_clip's trainer (open_clip_train.main of the installed package), on the same shards, on a CPU.

    python benchmarks/train/compare.py [--model ViT-B-32] [--batch 32] [--steps 4] [--rounds 1] [--texts alts]

CPU seconds of all processes, so that what else runs on the machine counts little. End to end: each trainer as its
users start it, one worker, bf16, once for one step and once for so many more; the difference is what a step takes,
loading included, start and checkpoint not. The step alone: in one process, on a batch that is there already.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PARTS = ("end to end", "step")
_MENDED = """
import functools, sys, webdataset.tariterators as tars  # 1.0 marks the end of a tar, where open_clip 3.3 trips
tars.tar_file_expander = functools.partial(tars.tar_file_expander, eof_value=None)
from open_clip_train.main import main
main(sys.argv[1:])
"""


def main() -> None:
    """Runs each in turn and prints the table."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--model", default="ViT-B-32")
    arguments.add_argument("--batch", type=int, default=32)
    arguments.add_argument("--steps", type=int, default=4, help="besides the first")
    arguments.add_argument("--rounds", type=int, default=1)
    arguments.add_argument("--texts", choices=["alts", "textbooks"], default="alts", help="see shards.py")
    arguments.add_argument("--data", type=Path, default=HERE.parents[2] / "shared" / "data")
    arguments.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    arguments.add_argument("--shards", type=Path)
    arguments.add_argument("--run", choices=["ours", "open_clip"], help="the step alone, in this process")
    given = arguments.parse_args()
    if given.run:
        {"ours": _our_step, "open_clip": _their_step}[given.run](given)
        return
    with tempfile.TemporaryDirectory() as scratch:
        given.shards = Path(scratch) / "shards"
        count = given.batch * (given.steps + 1)
        options = ["--count", str(count), "--shards", "2", "--texts", given.texts, "--data", given.data]
        subprocess.run([sys.executable, HERE / "shards.py", given.shards, *options], check=True)
        for part in given.parts:
            _print(part, given, {name: _measured(part, name, given) for name in ("open_clip", "ours")})


def _measured(part: str, name: str, given: argparse.Namespace) -> list[float]:
    """CPU seconds of a step, one for each round."""
    if part == "step":
        options = [
            "--run",
            name,
            "--shards",
            given.shards,
            "--model",
            given.model,
            "--batch",
            str(given.batch),
        ]
        typed = [sys.executable, __file__, *options, "--steps", str(given.steps)]
        return [
            float(subprocess.run(typed, check=True, capture_output=True).stdout) for _ in range(given.rounds)
        ]
    return [
        (_cpu(name, given, given.steps + 1) - _cpu(name, given, 1)) / given.steps for _ in range(given.rounds)
    ]


def _print(part: str, given: argparse.Namespace, took: dict[str, list[float]]) -> None:
    for name, times in took.items():
        middle = statistics.median(times)
        print(
            f"{part:10s} {given.model:9s} {name:10s} {middle:6.2f} CPU s a step ({min(times):.2f} to "
            f"{max(times):.2f}), {given.batch / middle:5.2f} samples a CPU second",
            flush=True,
        )
    print(
        f"{part:10s} ratio {statistics.median(took['open_clip']) / statistics.median(took['ours']):.2f}",
        flush=True,
    )


def _cpu(name: str, given: argparse.Namespace, steps: int) -> float:
    """Of a whole run of so many steps, and of its children."""
    with tempfile.TemporaryDirectory() as scratch:
        shards = Path(scratch) / "shards"
        shards.mkdir()
        _first(given, shards, steps * given.batch)
        typed = _ours(given, shards, scratch) if name == "ours" else _theirs(given, shards, scratch, steps)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        environment = os.environ | {"XDG_CACHE_HOME": scratch}
        done = subprocess.run(typed, capture_output=True, text=True, env=environment, cwd=scratch)
        if done.returncode:
            sys.exit(done.stderr[-2000:])
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _first(given: argparse.Namespace, folder: Path, count: int) -> None:
    """Two shards with the first so many samples, half of them in each."""
    import tarfile

    for number in (0, 1):
        source = given.shards / f"{number:05d}.tar"
        with tarfile.open(source) as tar, tarfile.open(folder / source.name, "w") as part:
            for member in tar.getmembers()[: 3 * (count // 2)]:
                part.addfile(member, tar.extractfile(member))


def _ours(given: argparse.Namespace, shards: Path, scratch: str) -> list[str]:
    options = {
        "batch": given.batch,
        "epochs": 1,
        "precision": "bf16",
        "workers": 1,
        "log-every": 100,
        "warmup": 10,
    }
    options |= {"model": given.model, "shards": shards, "out": Path(scratch) / "out"}
    typed = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    return [sys.executable, "-m", "wit_builder", "train", *typed, "--quiet"]


def _theirs(given: argparse.Namespace, shards: Path, scratch: str, steps: int) -> list[str]:
    options = {
        "train-data": f"{shards}/{{00000..00001}}.tar",
        "train-num-samples": steps * given.batch,
        "dataset-type": "webdataset",
        "batch-size": given.batch,
        "epochs": 1,
        "precision": "amp_bf16",
        "workers": 1,
        "warmup": 10,
        "model": given.model,
        "logs": scratch,
        "log-every-n-steps": 100,
        "device": "cpu",
    }
    typed = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    return [sys.executable, "-c", _MENDED, *typed, "--local-loss", "--gather-with-grad"]


def _timed(step: Callable[[], object], steps: int) -> None:
    """Print CPU seconds of a step; the first one does not count."""
    step()
    began = time.process_time()
    for _ in range(steps):
        step()
    print((time.process_time() - began) / steps)


def _batch(given: argparse.Namespace, size: int) -> Any:
    """The first of the shards' batches."""
    from wit_builder.shardset import sources
    from wit_builder.shardset.cache import Cache
    from wit_builder.train.loader import Loader
    from wit_builder.train.reader import Plan
    from wit_builder.train.samples import Preparation

    with tempfile.TemporaryDirectory() as folder:
        cache = Cache(Path(folder))
        plan = Plan(sources.shards([str(given.shards)], cache), (1.0,), given.batch, Preparation(size), 77)
        return next(Loader(plan, cache, workers=0).batches())


def _our_step(given: argparse.Namespace) -> None:
    from dataclasses import replace

    from wit_builder.train import objectives
    from wit_builder.train.gradcache import gradients
    from wit_builder.train.optim import adamw, update
    from wit_builder.train.settings import preset

    training = replace(preset(given.model), batch=given.batch)
    objective = objectives.make(training)
    network = objective.network.train()
    optimizer = adamw(network, training)
    batch = _batch(given, network.image_size[0])

    def step() -> None:
        gradients(network, objective, batch, precision="bf16")
        update(optimizer, network, 1e-6, training)

    _timed(step, given.steps)


def _their_step(given: argparse.Namespace) -> None:
    """One epoch of one batch by their own function."""
    from types import SimpleNamespace

    import open_clip
    import torch
    from open_clip_train.params import parse_args
    from open_clip_train.train import train_one_epoch

    args = parse_args(["--precision", "amp_bf16", "--batch-size", str(given.batch), "--device", "cpu"])
    args.distill, args.world_size, args.rank, args.local_rank, args.distributed = False, 1, 0, 0, False
    args.wandb = args.tensorboard = False
    model = open_clip.create_model(given.model, precision="amp_bf16", output_dict=True)
    size: Any = model.visual.image_size
    made = _batch(given, size if isinstance(size, int) else size[0])
    mean, std = (
        torch.tensor(v).view(3, 1, 1) * 255 for v in (model.visual.image_mean, model.visual.image_std)
    )
    images = (made.images.float() - mean) / std
    tokens = torch.nn.functional.pad(made.tokens, (0, 77 - made.tokens.shape[1]))

    class Once(list[Any]):
        num_batches, num_samples = 1, given.batch

    data = {"train": SimpleNamespace(set_epoch=lambda _: None, dataloader=Once([(images, tokens)]))}
    named = list(model.named_parameters())
    plain = [p for n, p in named if p.ndim < 2 or "bn" in n or "ln" in n or "bias" in n or "logit_scale" in n]
    rest = [p for _, p in named if not any(p is one for one in plain)]
    optimizer = torch.optim.AdamW(
        [{"params": plain, "weight_decay": 0.0}, {"params": rest, "weight_decay": 0.2}], lr=1e-6, eps=1e-6
    )
    loss = open_clip.ClipLoss(local_loss=True, gather_with_grad=True)
    _timed(
        lambda: train_one_epoch(model, data, loss, 0, optimizer, None, lambda _: None, None, args),
        given.steps,
    )


if __name__ == "__main__":
    main()
