"""How small may a picture be made before PDQ no longer is PDQ?

    python benchmarks/images/pdq.py [--data ../shared/data]

For each way to make it smaller: bits from PDQ's own nine reference hashes (its rule allows 10); bits between
a photograph and its copy at half the size, JPEG 70; between it and its copy squeezed to a square; CPU
microseconds, shrinking included, for the stored 256 px picture. Sixty photographs of the shared sites.
Then our own hash of the stored picture, by how far its samples lie behind the middles of PDQ's fields; and how far
it is from PDQ of the whole original, as another tool's list has it, of JPEG and PNG pictures of all sites. Last the
copies of dedup/ukbench.
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

import wit_builder.images.phash as module
from wit_builder.images.phash import SHIFT, phash
from wit_builder.images.pixels import Raster

Reduction = Callable[[Image.Image], Image.Image]
BILINEAR, BOX, LANCZOS = Image.Resampling.BILINEAR, Image.Resampling.BOX, Image.Resampling.LANCZOS
PHOTOGRAPHS = 60
ORIGINALS = 1500  # files looked at


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
        taken = microseconds(lambda image, reduce=reduce: hashed(reduce(image)), photographs[:20])
        print(f"{name:24s} {row}  {taken:4.0f}")
    ours(known, photographs, (halves, squares), originals(data, 257, 10_000), originals(data, 129, 256))
    original = phash(Raster.of(opened(data / "dedup/ukbench/ukbench00120.jpg")))[0]
    for change in ("resize", "gray", "hflip", "rotation"):
        copy, quality = phash(Raster.of(opened(data / f"dedup/ukbench/ukbench00120_{change}.jpg")))
        print(f"ukbench {change}: {bits(original, copy)} bits, quality {quality}")


def ours(
    known: list[tuple[Image.Image, str]],
    photographs: list[Image.Image],
    copies: tuple[list[Image.Image], ...],
    strangers: list[tuple[Image.Image, str]],
    little: list[tuple[Image.Image, str]],
) -> None:
    """Prints a row for each shift, and one for PDQ itself of the stored picture and of one at half the size."""
    print(f"\n{'':24s} references   half the size   squeezed      us    PDQ of the original")
    for shift in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5):
        module.SHIFT = shift
        module._fields.cache_clear()
        from_reference = [bits(kept(image), expected) for image, expected in known]
        hashes = [kept(image) for image in photographs]
        near = [spread(hashes, [kept(image) for image in those]) for those in copies]
        row = f"max {max(from_reference):2d}       {near[0]:14s}  {near[1]:12s}"
        far = [bits(kept(image), expected) for image, expected in strangers]
        print(
            f"{f'ours, shift {shift}':24s} {row}  {microseconds(kept, photographs[:20]):4.0f}  {share(far)}"
        )
    module.SHIFT = SHIFT
    module._fields.cache_clear()
    far = [bits(kept(image), expected) for image, expected in little]
    print(f"{f'ours, shift {SHIFT}, of originals of 129 to 256 px':70s} {share(far)}")
    for name, size in (("PDQ of 256 px", 256), ("PDQ of half the size", None)):
        far = [
            bits(hashed(image.resize(short(image, size or min(image.size) // 2), LANCZOS)), expected)
            for image, expected in strangers
        ]
        print(f"{name:70s} {share(far)}")


def kept(image: Image.Image) -> str:
    """Our hash, of the picture as it is stored."""
    small = image.resize(short(image, 256), LANCZOS) if min(image.size) > 256 else image
    return phash(Raster.of(small))[0]


def share(far: list[int]) -> str:
    """Of distances the mean, and the share that no list would find."""
    beyond = 100 * float(np.mean([bits > 31 for bits in far]))
    return f"mean {np.mean(far):4.1f}, {beyond:4.1f} % over 31"


def originals(data: Path, least: int, most: int) -> list[tuple[Image.Image, str]]:
    """Pictures of such a short side and PDQ's quality 50, evenly taken from all sites, each with its PDQ hash."""
    files = [
        file
        for kind in ("jpg", "png")
        for file in sorted((data / "sites").rglob(f"*.{kind}"))
        if file.is_file()
    ]
    found = []
    for file in files[:: max(1, len(files) // ORIGINALS)]:
        try:
            image = opened(file)
        except OSError:
            continue
        if least <= min(image.size) <= most and image.width * image.height < 3e6:
            vector, quality = pdqhash.compute(np.asarray(image))
            if quality >= 50:
                found.append((image, np.packbits(vector.astype(np.uint8)).tobytes().hex()))
    return found


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


def microseconds(act: Callable[[Image.Image], object], images: list[Image.Image]) -> float:
    """Least CPU time of three rounds, for stored pictures."""
    stored = [image.resize(short(image, 256), LANCZOS) for image in images]
    rounds = []
    for _ in range(3):
        start = time.thread_time()
        for image in stored:
            act(image)
        rounds.append(1e6 * (time.thread_time() - start) / len(stored))
    return min(rounds)


if __name__ == "__main__":
    print(f"used: ours, shift {SHIFT}")
    main()
