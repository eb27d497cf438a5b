"""How small may a picture be made before PDQ no longer is PDQ?

    python benchmarks/images/pdq.py [--data ../shared/data]

For each way to make it smaller: bits from PDQ's own nine reference hashes (its rule allows 10); bits between
a photograph and its copy at half the size, JPEG 70; between it and its copy squeezed to a square; CPU
microseconds, shrinking included, for the stored 256 px picture. Sixty photographs of the shared sites.
Last the copies of dedup/ukbench by the way that is used, in our own code.
"""

import argparse
import json
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pdqhash
from PIL import Image

from wit_builder.images.phash import SIDE, phash
from wit_builder.images.pixels import Raster

Reduction = Callable[[Image.Image], Image.Image]
BILINEAR, BOX, LANCZOS = Image.Resampling.BILINEAR, Image.Resampling.BOX, Image.Resampling.LANCZOS
PHOTOGRAPHS = 60


def main() -> None:
    """Prints a row for each way, then the copies of one photograph."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "shared" / "data")
    data = arguments.parse_args().data
    references = json.loads((data / "dedup/pdq/hashes.json").read_text())
    known = [(opened(data / "dedup/pdq" / row["file"]), row["reference_hash"]) for row in references]
    photographs = corpus(data)
    halves = [recompressed(image, (image.width // 2, image.height // 2), 70) for image in photographs]
    squares = [recompressed(image, (min(image.size),) * 2, 80) for image in photographs]
    print(f"{'':24s} references   half the size   squeezed      us")
    for name, reduce in reductions().items():
        from_reference = [bits(hashed(reduce(image)), expected) for image, expected in known]
        hashes = [hashed(reduce(image)) for image in photographs]
        near = [spread(hashes, [hashed(reduce(image)) for image in copies]) for copies in (halves, squares)]
        row = f"max {max(from_reference):2d}       {near[0]:14s}  {near[1]:12s}"
        print(f"{name:24s} {row}  {microseconds(reduce, photographs[:20]):4.0f}")
    original = phash(Raster.of(opened(data / "dedup/ukbench/ukbench00120.jpg")))[0]
    for change in ("resize", "gray", "hflip", "rotation"):
        copy, quality = phash(Raster.of(opened(data / f"dedup/ukbench/ukbench00120_{change}.jpg")))
        print(f"ukbench {change}: {bits(original, copy)} bits, quality {quality}")


def reductions() -> dict[str, Reduction]:
    """Whole, then ways to make it smaller; nothing is ever enlarged."""
    ways: dict[str, Reduction] = {"the whole picture": lambda image: image}
    for side in (512, 256, 128):
        ways[f"short side {side}"] = lambda image, side=side: shrunk(image, short(image, side), LANCZOS)
    for side in (256, 128, 96, 64):
        ways[f"each side {side}, triangle"] = lambda image, side=side: shrunk(image, (side, side), BILINEAR)
        ways[f"each side {side}, box"] = lambda image, side=side: shrunk(image, (side, side), BOX)
    return ways


def short(image: Image.Image, side: int) -> tuple[int, int]:
    """The size with that short side."""
    scale = side / min(image.size)
    return round(image.width * scale), round(image.height * scale)


def shrunk(image: Image.Image, size: tuple[int, int], resample: Image.Resampling) -> Image.Image:
    """At most that size, by way of the 256 px picture that is stored."""
    if min(image.size) > 256 > min(size):
        image = image.resize(short(image, 256), LANCZOS)
    return image.convert("L").resize((min(image.width, size[0]), min(image.height, size[1])), resample)


def corpus(data: Path) -> list[Image.Image]:
    """Photographs of at least 300 px and at most 3 MP, evenly taken from the sites that have any."""
    hosts = ("www.gutenberg.org", "www.nasa.gov", "epub3-samples.example.org")
    files = [file for host in hosts for file in sorted((data / "sites" / host).rglob("*.jpg"))]
    images = [image for image in map(opened, files) if min(image.size) >= 300 and np.prod(image.size) < 3e6]
    return images[:: max(1, len(images) // PHOTOGRAPHS)][:PHOTOGRAPHS]


def opened(file: Path) -> Image.Image:
    """The picture in RGB."""
    with Image.open(file) as image:
        return image.convert("RGB")


def recompressed(image: Image.Image, size: tuple[int, int], quality: int) -> Image.Image:
    """A copy as another site would have it."""
    file = BytesIO()
    image.resize(size, LANCZOS).save(file, "JPEG", quality=quality)
    with Image.open(file) as copy:
        return copy.convert("RGB")


def hashed(image: Image.Image) -> str:
    """PDQ of the picture as it is."""
    vector, _ = pdqhash.compute(np.asarray(image.convert("RGB")))
    return np.packbits(vector.astype(np.uint8)).tobytes().hex()


def bits(one: str, other: str) -> int:
    """Hamming distance of two hashes in hex."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def spread(hashes: list[str], others: list[str]) -> str:
    """Mean and maximum of the distances."""
    distances = [bits(one, other) for one, other in zip(hashes, others, strict=True)]
    return f"{np.mean(distances):4.1f}, max {max(distances):2d}"


def microseconds(reduce: Reduction, images: list[Image.Image]) -> float:
    """Least CPU time of three rounds, for stored pictures."""
    stored = [image.resize(short(image, 256), LANCZOS) for image in images]
    rounds = []
    for _ in range(3):
        start = time.thread_time()
        for image in stored:
            hashed(reduce(image))
        rounds.append(1e6 * (time.thread_time() - start) / len(stored))
    return min(rounds)


if __name__ == "__main__":
    print(f"used: each side {SIDE}, triangle")
    main()
