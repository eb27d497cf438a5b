"""Copies of photographs, changed in nine ways: how many the perceptual rung finds, and how many the learned one.

    python benchmarks/audit/detector.py --out FOLDER [--variant tiny] [--batch 128] [--epochs 8] [--images 500]

The detector is trained on the captioned textbook pictures. The evaluation images are photographs of ImageNet's
classes; into 1,146 photographs of clothing a copy of each is planted, one way of changing them after the other, all
at once (`mixed`), and at last the other way round: the evaluation image is a part of what was planted (`part of`).
No picture is in both training and evaluation. Printed is, of each rung, the recall at 99 % precision: the share of
copies at or above the threshold at which at most one hit in a hundred is of an image that was not copied; and of the
learned rung, what its own threshold finds and how many images it takes for copies that are none, and the same of the
threshold that an audit of these images and others would calibrate.
"""

import argparse
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image as Pillow

from wit_builder.audit import canary
from wit_builder.audit.calibrate import Seen, lowest
from wit_builder.audit.detectors import Detector, Image
from wit_builder.audit.learned import copies
from wit_builder.audit.learned.recall import Similarities, at_precision
from wit_builder.audit.learned.train import FILE, Settings, Trainer
from wit_builder.audit.learned.transforms import CANARIES, crop, drawn, encoded
from wit_builder.audit.learned.views import picture
from wit_builder.audit.perceptual import Pdq
from wit_builder.shards.tar import TarWriter
from wit_builder.shardset.cache import Cache

DATA = Path(__file__).parents[3] / "shared" / "data"
PER_SHARD = 1000
WAYS = {**CANARIES, "mixed": drawn}


def main() -> None:
    """Trains, unless the folder holds a detector, and prints a table."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--variant", default="tiny")
    arguments.add_argument("--batch", type=int, default=128)
    arguments.add_argument("--epochs", type=int, default=8)
    arguments.add_argument("--lr", type=float, default=2e-3)
    arguments.add_argument("--images", type=int, default=500)
    arguments.add_argument("--data", type=Path, default=DATA)
    given = arguments.parse_args()
    if not (given.out / FILE).exists():
        textbooks = [one for path in sorted((given.data / "captions").glob("*.zip")) for one in images(path)]
        shards(given.out / "shards", textbooks)
        settings = Settings(
            (str(given.out / "shards"),), given.variant, given.batch, given.epochs, lr=given.lr
        )
        cpu = time.process_time()
        outcome = Trainer(settings, given.out, Cache(given.out / "cache")).train(Said())
        print(
            f"{outcome.steps} steps of {given.batch}, {time.process_time() - cpu:.0f} CPU-s: {outcome.header}"
        )
    asked = images(given.data / "eval" / "imagenet-samples.zip")
    asked = asked[:: max(1, len(asked) // given.images)][: given.images]
    compare([Pdq(), copies.read(given.out / FILE)], asked, images(given.data / "eval" / "clothing.zip"))


class Said:
    """Progress as lines."""

    def begin(self, step: int, steps: int, batch: int) -> None:
        """Nothing."""

    def step(self, step: int) -> None:
        """Nothing."""

    def say(self, sentence: str) -> None:
        """On stdout."""
        print(sentence, flush=True)


def images(path: Path) -> list[bytes]:
    """The JPEGs of a zip, by name."""
    with zipfile.ZipFile(path) as bodies:
        return [bodies.read(name) for name in sorted(bodies.namelist()) if name.lower().endswith(".jpg")]


def shards(folder: Path, found: Sequence[bytes]) -> None:
    """The images as shards, mixed."""
    folder.mkdir(parents=True, exist_ok=True)
    mixed = Random(0).sample(found, len(found))
    for first in range(0, len(mixed), PER_SHARD):
        with TarWriter(folder / f"{first // PER_SHARD:05d}.tar") as tar:
            for number, body in enumerate(mixed[first : first + PER_SHARD], first):
                tar.add(f"{number:09d}.jpg", body)
                tar.add(f"{number:09d}.txt", b"a picture")


def compare(rungs: Sequence[Detector], asked: Sequence[bytes], others: Sequence[bytes]) -> None:
    """Print a line for each way."""
    print(f"{len(asked)} images, {len(others)} others")
    print(
        "| transform |"
        + "".join(f" {rung.id} |" for rung in rungs)
        + " at its own threshold | none of them | at the calibrated one | none of them |"
    )
    print("| --- |" + " --- |" * (len(rungs) + 4))
    known, told = {rung.id: rows(rung, asked, True) for rung in rungs}, []
    far, thresholds = {}, {}
    for rung in rungs:
        cpu = time.process_time()
        there = rows(rung, others, False)
        told.append(f"{rung.id} {(time.process_time() - cpu) / len(others) * 1e3:.1f} ms")
        far[rung.id] = nearest(rung, known[rung.id], there).max(axis=1)
        thresholds[rung.id] = calibrated(rung, asked, known[rung.id], there)
    learned = rungs[-1].threshold, thresholds[rungs[-1].id]
    print(f"calibrated: {thresholds}")
    for name, way in WAYS.items():
        planted = [changed(body, way, f"{name} {number}") for number, body in enumerate(asked)]
        line(name, learned, [(nearest(r, known[r.id], rows(r, planted, False)), far[r.id]) for r in rungs])
    parts = [changed(body, crop, f"part {number}") for number, body in enumerate(asked)]
    found = []
    for rung in rungs:
        seen = rows(rung, parts, True)
        found.append(
            (
                nearest(rung, seen, rows(rung, asked, False)),
                nearest(rung, seen, rows(rung, others, False)).max(axis=1),
            )
        )
    line("part of", learned, found)
    print(f"CPU time of an image of a shard, decoding included: {', '.join(told)}")


def calibrated(rung: Detector, asked: Sequence[bytes], known: np.ndarray, there: np.ndarray) -> float | None:
    """The threshold of an audit of these images, whose rows are known, against the others."""
    made = [canary.changed(body, number, str(number)).body for number, body in enumerate(asked)]
    near = nearest(rung, known, rows(rung, made, False))
    own = np.diag(near).copy()
    np.fill_diagonal(near, -1)
    apart = [nearest(rung, known, some).max(axis=1) for some in (there[::2], there)]
    return lowest(Seen(own, near.max(axis=1), np.stack(apart), 0.0), rung.threshold)


def line(name: str, thresholds: Sequence[float], found: Sequence[tuple[Similarities, Similarities]]) -> None:
    """thresholds: of the last rung. found: of each rung, similarities [n, n] to what was planted, and [n] to the
    nearest of the others.
    """
    told = []
    for planted, far in found:
        own = np.diag(planted).copy()
        other = np.maximum(far, np.where(np.eye(len(own), dtype=bool), -1, planted).max(axis=1))
        told.append(f"{at_precision(own, other).recall:.1%}")
    for threshold in thresholds:
        told += [f"{(own >= threshold).mean():.1%}", f"{(other >= threshold).sum()}"]
    print(f"| {name} | {' | '.join(told)} |", flush=True)


def changed(body: bytes, way: Callable[[Pillow.Image, Random], Pillow.Image], chance: str) -> bytes:
    """As it lies in a shard."""
    return encoded(way(picture(body, 1024), Random(chance)))


def rows(rung: Detector, bodies: Sequence[bytes], turned: bool) -> np.ndarray:
    """Of each image [views, D], as what dot products are taken of."""
    each = [one for one in rung.of([Image(body) for body in bodies], turned) if one is not None]
    most = max(len(one) for one in each)  # of small images PDQ has more
    found = np.stack([np.concatenate([one, *[one[:1]] * (most - len(one))]) for one in each])
    if rung.kind == "hash256":  # as 256 numbers, 1 or -1
        found = np.unpackbits(found.view(np.uint8), axis=2).astype(np.float32) * 2 - 1
    return found


def nearest(rung: Detector, one: np.ndarray, other: np.ndarray) -> Similarities:
    """How similar each is to each, by its most similar view."""
    products = (one.reshape(-1, one.shape[2]) @ other[:, 0].T).reshape(len(one), -1, len(other)).max(axis=1)
    return products / 512 + 0.5 if rung.kind == "hash256" else products


if __name__ == "__main__":
    main()
