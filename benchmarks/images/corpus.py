"""What do pictures on the web weigh? A folder of them, made from real photographs, the same for the same seed.

    python benchmarks/images/corpus.py FOLDER [--count 1000] [--seed 1] [--data ../shared/data]

JPEGs around 800x600 and a tail of 3000x2000, 1 MP and 190 KiB in the mean, three in ten progressive,
quality, colour subsampling and profiles mixed as sites mix them; one file in twenty is a PNG, one a WebP.
File number n depends on the seed and n alone: a corpus of 100 is the beginning of one of 1,000.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Literal

import numpy as np
from PIL import Image, ImageCms

Class = Literal["baseline", "progressive", "large", "png", "webp"]

DATA = Path(__file__).parents[3] / "shared" / "data"
_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SRGB = _PROFILE[:24] + bytes(12) + _PROFILE[36:]  # without the time of its making
SUFFIXES: dict[Class, str] = {"png": "png", "webp": "webp"}
PHOTOGRAPHS = (  # with the least detail lost on their way here: 300 px and more a side
    "sites/www.nasa.gov",
    "sites/www.gutenberg.org",
    "sites/epub3-samples.example.org/israelsailing",
    "sites/epub3-samples.example.org/voyage-of-life",
    "sites/epub3-samples.example.org/GhV",
    "sites/datacarpentry.github.io/image-processing/fig",
    "dedup/ukbench",
)
SCREENSHOTS = ("sites/docs.sparkfun.com", "sites/teratermproject.github.io", "sites/datacarpentry.github.io")
SIZES = ((800, 600), (640, 480), (1024, 683), (600, 800), (1000, 750), (500, 375), (1200, 800), (750, 1000))
TAIL = ((3000, 2000), (2000, 3000), (2560, 1920))
QUALITIES, QUALITIES_LARGE = (60, 70, 75, 75, 80, 80, 85, 85, 90, 95), (50, 60, 65, 70, 75, 75, 80)
MAX_ENLARGED = 1.25  # times; a smaller photograph is continued by its mirror image, which keeps it sharp


@dataclass(frozen=True, slots=True)
class Made:
    """One file of the corpus."""

    name: str  # number, class and suffix
    kind: Class
    body: bytes


def main() -> None:
    """Writes the files and says what they are."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--count", type=int, default=1000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--data", type=Path, default=DATA)
    given = arguments.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    sizes: dict[Class, list[int]] = {}
    for made in corpus(given.count, given.seed, given.data):
        (given.folder / made.name).write_bytes(made.body)
        sizes.setdefault(made.kind, []).append(len(made.body))
    for kind, bodies in sorted(sizes.items()):
        print(f"{kind:12s} {len(bodies):5d} files, mean {np.mean(bodies) / 1024:4.0f} KiB")


def corpus(count: int, seed: int = 1, data: Path = DATA) -> Iterator[Made]:
    """The first `count` files."""
    for number in range(count):
        draw = Random(f"{seed}:{number}")
        kind = _kind(draw)
        yield Made(f"{number:05d}-{kind}.{SUFFIXES.get(kind, 'jpg')}", kind, _body(kind, draw, data))


def _kind(draw: Random) -> Class:
    chance = draw.random()
    if chance < 0.10:
        return "png" if chance < 0.05 else "webp"
    if chance < 0.18:
        return "large"
    return "progressive" if draw.random() < 0.3 else "baseline"


def _body(kind: Class, draw: Random, data: Path) -> bytes:
    if kind == "png" and draw.random() < 0.8:
        return draw.choice(_files(data, SCREENSHOTS, ".png")).read_bytes()
    picture = _photograph(draw, draw.choice(TAIL if kind == "large" else SIZES), data)
    file = BytesIO()
    if kind == "png":
        picture.save(file, "PNG")
    elif kind == "webp":
        picture.save(file, "WEBP", quality=draw.randint(70, 90))
    else:
        picture.save(
            file,
            "JPEG",
            quality=draw.choice(QUALITIES_LARGE if kind == "large" else QUALITIES),
            subsampling=draw.choices(("4:2:0", "4:4:4", "4:2:2"), (70, 22, 8))[0],
            progressive=kind == "progressive" or (kind == "large" and draw.random() < 0.3),
            optimize=draw.random() < 0.5,
            icc_profile=SRGB if draw.random() < 0.2 else None,
        )
    return file.getvalue()


def _photograph(draw: Random, size: tuple[int, int], data: Path) -> Image.Image:
    """A part of a photograph that fills this size."""
    with Image.open(draw.choice(_files(data, PHOTOGRAPHS, ".jpg"))) as file:
        picture = file.convert("RGB")
    if draw.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    scale = min(max(size[0] / picture.width, size[1] / picture.height), MAX_ENLARGED)
    scaled = round(picture.width * scale), round(picture.height * scale)
    pixels = np.asarray(picture.resize(scaled, Image.Resampling.LANCZOS))
    missing = [(0, max(0, wanted - there)) for wanted, there in zip(size[::-1], pixels.shape, strict=False)]
    return Image.fromarray(np.pad(pixels, [*missing, (0, 0)], "symmetric")[: size[1], : size[0]])


@cache
def _files(data: Path, folders: tuple[str, ...], suffix: str) -> list[Path]:
    """Pictures of at least 300 pixels a side below these folders."""
    files = [file for folder in folders for file in sorted((data / folder).rglob(f"*{suffix}"))]
    return [file for file in files if _shorter_side(file) >= 300]


def _shorter_side(file: Path) -> int:
    with Image.open(file) as picture:
        return min(picture.size)


if __name__ == "__main__":
    main()
