"""What it takes to hash images for an audit, beside imagededup.

    python benchmarks/audit/hash.py out/demo/shards/00000.tar [--peer PYTHON] [--rounds 3]

CPU milliseconds an image, the least of the rounds, each side over all images of that shard in a process of its own.

- stored: what an audit does with a build's shard: PDQ and sha256 as the JSON has them, the sha256 of the image.
- hashed: the same where the JSON has no hashes: each image decoded, one PDQ hash.
- set: an image of an evaluation set: decoded twice, its pixels' sha256, its detail, PDQ under eight turns.
- imagededup (with --peer): `PHash.encode_image` of the same files, 64 bits, one turn.
"""

import json
import mmap
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from wit_builder.audit import held
from wit_builder.audit.asked import DETECTORS
from wit_builder.audit.detectors import Image
from wit_builder.shards import index, sample

TOGETHER = 64


@click.command()
@click.argument("shard", type=click.Path(exists=True, path_type=Path))
@click.option("--peer", help="Python that has peer.txt installed.")
@click.option("--rounds", default=3)
@click.option("--side", default="", hidden=True)
def main(shard: Path, peer: str | None, rounds: int, side: str) -> None:
    """Print a table."""
    if side:
        print(json.dumps(SIDES[side](images(shard))))
        return
    for name in SIDES:
        shown(name, rounds, [sys.executable, __file__, str(shard), "--side", name])
    if peer:
        with tempfile.TemporaryDirectory() as folder:
            for number, image in enumerate(images(shard)):
                Path(folder, f"{number:06d}.jpg").write_bytes(image.body)
            shown("imagededup", rounds, [peer, str(Path(__file__).with_name("theirs.py")), "encode", folder])


def shown(name: str, rounds: int, command: Sequence[str]) -> None:
    """The least of the rounds."""
    took = [
        json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1])
        for _ in range(rounds)
    ]
    best = min(took, key=lambda told: told["cpu"])
    print(f"{name:12}{1000 * best['cpu'] / best['images']:8.3f} ms  {best['images']:,} images", flush=True)


def images(shard: Path) -> list[Image]:
    """All of the shard, with what their JSON says."""
    with shard.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as tar:
        bounds = index.index(tar).bounds
        bodies = [tar[begin:end] for begin, end in zip(bounds[::2], bounds[1::2], strict=True)]
    parts = [index.parts_of(body) for body in bodies]
    return [
        Image(sample.image(body, own), sample.fields(body, own))
        for body, own in zip(bodies, parts, strict=True)
    ]


def stored(found: list[Image]) -> dict[str, float]:
    """Hashes of a build are there."""
    return of_shards(found)


def hashed(found: list[Image]) -> dict[str, float]:
    """No hashes are there."""
    return of_shards([Image(image.body) for image in found])


def of_shards(found: list[Image]) -> dict[str, float]:
    """As `cached.make` goes about it."""
    began = time.process_time()
    for start in range(0, len(found), TOGETHER):
        for detector in DETECTORS:
            detector.of(found[start : start + TOGETHER], False)
    return {"cpu": time.process_time() - began, "images": len(found)}


def of_set(found: list[Image]) -> dict[str, float]:
    """As `held.read` goes about it."""
    began = time.process_time()
    for image in found:
        held.look(image.body)
    for start in range(0, len(found), TOGETHER):
        for detector in DETECTORS:
            detector.of(found[start : start + TOGETHER], True)
    return {"cpu": time.process_time() - began, "images": len(found)}


SIDES: dict[str, Callable[[list[Image]], dict[str, float]]] = {
    "stored": stored,
    "hashed": hashed,
    "set": of_set,
}


if __name__ == "__main__":
    main()
