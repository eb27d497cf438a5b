"""Runs of a model of a few thousand weights on pairs of our own.

`python -m tests.train.runs FOLDER STEP`: goes on with the run in FOLDER, and kills itself (SIGKILL) once that many
steps are done.
"""

import json
import os
import signal
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import torch

from tests.model import tiny
from wit_builder.model.ranks import joined
from wit_builder.shardset.cache import Cache
from wit_builder.train import start, telemetry
from wit_builder.train.loop import Run
from wit_builder.train.settings import Training

COLOURS = ("red", "green", "blue", "white")


def pairs(folder, count=24, per_shard=10):
    """That many pairs in shards; returns the folder. Two samples have the same caption."""
    folder.mkdir(parents=True)
    for first in range(0, count, per_shard):
        with tarfile.open(folder / f"{first // per_shard:05d}.tar", "w") as tar:
            for n in range(first, min(first + per_shard, count)):
                add(tar, f"{n:09d}.jpg", tiny.picture(n, kind="jpeg"))
                add(tar, f"{n:09d}.txt", f"number {max(n, 1)} in {COLOURS[n % 4]}".encode())
    return folder


def classes(folder, count=6):
    """A held-out set of two classes, an image of each not being one; returns the folder."""
    for name in ("red_thing", "blue_thing"):
        (folder / name).mkdir(parents=True)
        for n in range(count):
            (folder / name / f"{n}.jpg").write_bytes(tiny.picture(n, kind="jpeg") if n else b"no image")
    return folder


def add(tar, name, body):
    """One member."""
    member = tarfile.TarInfo(name)
    member.size = len(body)
    tar.addfile(member, BytesIO(body))


class Watching:
    """Remembers what it is told; does something after a step."""

    def __init__(self, at=None, what=lambda: None):
        self.told, self.said, self._at, self._what = [], [], at, what

    def begin(self, step, steps, batch):
        self.began = step, steps, batch

    def step(self, step):
        if step == self._at:
            self._what()

    def __call__(self, told):
        self.told.append(told)

    def say(self, sentence):
        self.said.append(sentence)


def training(folder, **more):
    """Settings of a run on FOLDER/shards; 3 steps an epoch."""
    values = {
        "batch": 8,
        "epochs": 4,
        "warmup": 2,
        "precision": "fp32",
        "seed": 5,
        "patch_dropout": 0.25,
        **more,
    }
    own = folder / "model.json"
    own.write_text(json.dumps(tiny.CONFIG))
    return Training(values.pop("model", str(own)), sources=(str(folder / "shards"),), **values)


def trainer(folder, out="out", held=(), workers=0, run=None, **more):
    """The run in FOLDER/out; it goes on where it was."""
    torch.set_num_threads(1)
    with joined() as ranks:
        return start.trainer(
            training(folder, **more),
            Run(**{"out": folder / out, "resume": True, "log_every": 1, **(run or {})}),
            ranks,
            workers=workers,
            eval_sets=held,
            cache=Cache(folder / "cache"),
        )


def losses(folder, out="out"):
    """The loss of each step, by its number."""
    return {
        one["step"]: one["loss"]
        for one in telemetry.records(folder / out / telemetry.METRICS)
        if "loss" in one
    }


def main(folder, step):
    """Train, and die."""
    watching = Watching(step, lambda: os.kill(os.getpid(), signal.SIGKILL))
    trainer(folder, workers=2, run={"save_every": 2}).train(watching)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
