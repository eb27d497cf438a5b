"""A small ViT from scratch on real photographs: what it says of ten kinds of things in photographs held out from it.

    python benchmarks/train/real.py --out FOLDER [--epochs 12] [--seed 0] [--data ../shared/data]

It sees the captioned textbook photographs and CIFAR-10's 3,000 training images, these as pairs with the caption "a
photo of a CLASS."; every twelfth textbook picture is held out. Two held-out sets: CIFAR-10's 1,000 test images,
zero-shot by the prompt "a photo of a {}.", and the textbook pictures, to be found by their captions. Shards are
written with this project's writer, and `wit train` does the rest.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

from wit_builder.shards.tar import TarWriter

DATA = Path(__file__).parents[3] / "shared" / "data"
MODEL = {
    "embed_dim": 128,
    "vision_cfg": {"image_size": 48, "layers": 4, "width": 128, "head_width": 32, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
}
PER_SHARD, HELD_OUT = 1000, 12

Pair = tuple[bytes, str]


def main() -> None:
    """Writes shards and held-out sets, trains, and says what came of it."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--epochs", type=int, default=12)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--data", type=Path, default=DATA)
    given = arguments.parse_args()
    seen, held = textbooks(given.data)
    seen += list(things(given.data, "train"))
    Random(0).shuffle(seen)
    shards(given.out / "shards", seen)
    classes(given.out / "cifar10", given.data)
    retrieval(given.out / "textbooks", held)
    (given.out / "vit.json").write_text(json.dumps(MODEL))
    print(f"{len(seen)} pairs to train on, {len(held)} textbook pictures held out", flush=True)
    options = {
        "shards": given.out / "shards",
        "model": given.out / "vit.json",
        "out": given.out / f"run-{given.seed}",
        "seed": given.seed,
        "batch": 128,
        "epochs": given.epochs,
        "lr": 1e-3,
        "warmup": 100,
        "precision": "fp32",
        "log-every": 20,
    }
    typed = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    for name in ("cifar10", "textbooks"):
        typed += ["--eval-set", str(given.out / name)]
    subprocess.run([sys.executable, "-m", "wit_builder", "train", *typed, "--resume"], check=True)


def textbooks(data: Path) -> tuple[list[Pair], list[Pair]]:
    """Pairs to train on and pairs held out, by the hash of the picture: the same picture is never in both."""
    seen: list[Pair] = []
    held: dict[bytes, str] = {}
    for rows in sorted((data / "captions").glob("*.jsonl")):
        with zipfile.ZipFile(rows.with_suffix(".zip")) as images:
            for row in map(json.loads, rows.read_text().splitlines()):
                body, text = images.read(row["image"]), row["alt"] or row["caption"]
                if not text:
                    continue
                if hashlib.sha256(body).digest()[0] % HELD_OUT == 0:
                    held.setdefault(body, text)
                else:
                    seen.append((body, text))
    return seen, list(held.items())


def things(data: Path, split: str) -> Iterator[Pair]:
    """CIFAR-10's images of that split with a caption each."""
    with zipfile.ZipFile(data / "eval" / "cifar10.zip") as images:
        for name in sorted(images.namelist()):
            if name.startswith(f"{split}/") and name.endswith(".jpg"):
                yield images.read(name), f"a photo of a {name.split('/')[1]}."


def shards(folder: Path, found: list[Pair]) -> None:
    """The pairs as shards, in their order."""
    folder.mkdir(parents=True, exist_ok=True)
    for first in range(0, len(found), PER_SHARD):
        with TarWriter(folder / f"{first // PER_SHARD:05d}.tar") as tar:
            for number, (body, text) in enumerate(found[first : first + PER_SHARD]):
                key = f"{first // PER_SHARD:05d}{number:04d}"
                tar.add(f"{key}.jpg", body)
                tar.add(f"{key}.txt", text.encode())


def classes(folder: Path, data: Path) -> None:
    """CIFAR-10's test images, a folder a class."""
    with zipfile.ZipFile(data / "eval" / "cifar10.zip") as images:
        for name in images.namelist():
            if name.startswith("test/") and name.endswith(".jpg"):
                path = folder / name.removeprefix("test/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(images.read(name))


def retrieval(folder: Path, held: list[Pair]) -> None:
    """Pairs in CLIP_benchmark's layout."""
    (folder / "test").mkdir(parents=True, exist_ok=True)
    with TarWriter(folder / "test" / "0.tar") as tar:
        for number, (body, text) in enumerate(held):
            tar.add(f"s{number:07d}.jpg", body)
            tar.add(f"s{number:07d}.txt", " ".join(text.split()).encode())
    (folder / "test" / "nshards.txt").write_text("1")
    (folder / "dataset_type.txt").write_text("retrieval")


if __name__ == "__main__":
    main()
