"""What does it cost to make a 256 px JPEG of a web photograph, and how good is it?

    python benchmarks/images/decode_resize.py [--data ../shared/data] [--repeats 7]

Ours is all of `process()` (container walk, decode, resize, PDQ, encode, sha256). Against it: what img2dataset
does (cv2 full decode, INTER_AREA, JPEG 95), and the ceiling (Pillow full decode, Lanczos, JPEG 95, 4:2:0).
CPU milliseconds of this thread, best of the repeats, mean over the images. SSIM is of the stored file against
full decode + Lanczos before encoding, luma, 11 x 11 Gaussian window (Wang et al. 2004).
Images: the largest photographs of the shared data as they are, and four of them brought to 1, 1.5, 2 and 3 MP
by Lanczos and stored at quality 82, the 1.5 MP ones progressive.
"""

import argparse
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from wit_builder.images import resize
from wit_builder.images.process import ImageSpec, process

PHOTOGRAPHS = (
    "sites/epub3-samples.example.org/israelsailing/OEBPS/pic65.jpg",
    "dedup/pdq/aaa-orig.jpg",
    "nasty/malformed/exif-45-gps_ifd.jpg",
    "sites/www.gutenberg.org/files/10772/10772-h/img/p158.jpg",
    "sites/www.gutenberg.org/files/10772/10772-h/img/p338.jpg",
    "sites/www.gutenberg.org/files/10772/10772-h/img/p186.jpg",
    "sites/epub3-samples.example.org/voyage-of-life/EPUB/images/4-oldage-1024.jpg",
    "sites/datacarpentry.github.io/image-processing/fig/wellplate-01.jpg",
    "sites/www.gutenberg.org/files/27721/27721-h/images/p022.jpg",
    "sites/www.gutenberg.org/files/30103/30103-h/images/img_4.jpg",
    "nasty/malformed/junk_jpeg_header.jpg",
    "nasty/gps/DSCN0010.jpg",
    "dedup/ukbench/ukbench00120.jpg",
)
SCALED = PHOTOGRAPHS[:4]
SIZE = 256
SPEC = ImageSpec(size=SIZE, keep_original=False)


def main() -> None:
    """Prints one table, a row for each method."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "shared" / "data")
    arguments.add_argument("--repeats", type=int, default=7)
    given = arguments.parse_args()
    cv2.setNumThreads(1)
    bodies = corpus(given.data)
    references = [reference(body) for body in bodies]
    methods: dict[str, Callable[[bytes], bytes]] = {
        "cv2 full decode + INTER_AREA (img2dataset)": by_cv2,
        "Pillow full decode + Lanczos": by_pillow,
        "process(), keep_ratio": lambda body: process(body, SPEC).image,
    }
    for factor in (1.2, 1.33, 1.4, 1.5, 1.75, 2.0):
        methods[f"process(), JPEG decoded to >= {factor} x"] = with_enough(factor)
    mean = np.mean([len(body) for body in bodies]) / 1024
    print(
        f"{len(bodies)} JPEGs, mean {mean:.0f} KiB; Python {platform.python_version()}, cv2 {cv2.__version__}"
    )
    times, qualities = measure(methods, bodies, references, given.repeats)
    report(times, qualities)
    crop = replace(SPEC, mode="center_crop")
    methods = {
        "process(), keep_ratio": lambda body: process(body, SPEC).image,
        "process(), center_crop": lambda body: process(body, crop).image,
        "cv2 center_crop": lambda body: by_cv2(body, crop=True),
    }
    report(measure(methods, bodies, [], given.repeats)[0], {})


def corpus(data: Path) -> list[bytes]:
    """The photographs as they are, then the scaled ones."""
    bodies = [(data / name).read_bytes() for name in PHOTOGRAPHS]
    for name in SCALED:
        with Image.open(data / name) as photograph:
            pixels = photograph.convert("RGB")
        for megapixels in (1, 1.5, 2, 3):
            scale = (megapixels * 1e6 / (pixels.width * pixels.height)) ** 0.5
            size = round(pixels.width * scale), round(pixels.height * scale)
            file = BytesIO()
            pixels.resize(size, Image.Resampling.LANCZOS).save(
                file, "JPEG", quality=82, progressive=megapixels == 1.5
            )
            bodies.append(file.getvalue())
    return bodies


def target(width: int, height: int) -> tuple[int, int]:
    """The size with the short side at SIZE."""
    return resize.plan((width, height), SPEC).scaled


def reference(body: bytes) -> np.ndarray:
    """Luma of full decode + Lanczos."""
    with Image.open(BytesIO(body)) as image:
        return luma(image.convert("RGB").resize(target(*image.size), Image.Resampling.LANCZOS))


def by_cv2(body: bytes, crop: bool = False) -> bytes:
    """As img2dataset 1.47 does it: resizer.py, without alpha."""
    pixels = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_UNCHANGED)
    size = target(pixels.shape[1], pixels.shape[0])
    pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    if crop:
        left, top = (size[0] - SIZE) // 2, (size[1] - SIZE) // 2
        pixels = pixels[top : top + SIZE, left : left + SIZE]
    return bytes(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])[1])


def by_pillow(body: bytes) -> bytes:
    """The ceiling of quality."""
    with Image.open(BytesIO(body)) as image:
        small = image.convert("RGB").resize(target(*image.size), Image.Resampling.LANCZOS)
    file = BytesIO()
    small.save(file, "JPEG", quality=95, subsampling="4:2:0")
    return file.getvalue()


def with_enough(factor: float) -> Callable[[bytes], bytes]:
    """process() with another threshold for scaled decoding."""

    def method(body: bytes) -> bytes:
        usual, resize.ENOUGH_FOR_JPEG = resize.ENOUGH_FOR_JPEG, factor
        try:
            return process(body, SPEC).image
        finally:
            resize.ENOUGH_FOR_JPEG = usual

    return method


Figures = dict[str, list[float]]


def measure(
    methods: dict[str, Callable[[bytes], bytes]],
    bodies: list[bytes],
    references: list[np.ndarray],
    repeats: int,
) -> tuple[Figures, Figures]:
    """Milliseconds and SSIM per method and image; methods take turns, so that noise hits all alike."""
    times: Figures = {name: [float("inf")] * len(bodies) for name in methods}
    qualities: Figures = {name: [] for name in methods}
    for number, body in enumerate(bodies):
        for turn in range(repeats):
            for name, method in methods.items():
                start = time.thread_time()
                stored = method(body)
                times[name][number] = min(times[name][number], 1e3 * (time.thread_time() - start))
                if references and turn == 0:
                    qualities[name].append(ssim(luma(Image.open(BytesIO(stored))), references[number]))
    return times, qualities


def report(times: Figures, qualities: Figures) -> None:
    """The table. The first row is 1.00."""
    base = np.mean(next(iter(times.values())))
    print(f"\n{'':46s}     ms  ratio   SSIM mean / 5th percentile / worst")
    for name, row in times.items():
        quality = qualities.get(name)
        seen = (
            f"{np.mean(quality):.4f} / {np.percentile(quality, 5):.4f} / {min(quality):.4f}"
            if quality
            else ""
        )
        print(f"{name:46s} {np.mean(row):6.2f}  {np.mean(row) / base:5.2f}   {seen}")


def luma(image: Image.Image) -> np.ndarray:
    """Grey levels as real numbers."""
    return np.asarray(image.convert("L"), dtype=np.float64)


def ssim(one: np.ndarray, other: np.ndarray) -> float:
    """Mean structural similarity of two grey pictures of the same size."""
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_1, mean_2 = blurred(one), blurred(other)
    variance_1 = blurred(one * one) - mean_1**2
    variance_2 = blurred(other * other) - mean_2**2
    covariance = blurred(one * other) - mean_1 * mean_2
    top = (2 * mean_1 * mean_2 + c1) * (2 * covariance + c2)
    return float((top / ((mean_1**2 + mean_2**2 + c1) * (variance_1 + variance_2 + c2))).mean())


def blurred(pixels: np.ndarray) -> np.ndarray:
    """An 11 x 11 Gaussian window of sigma 1.5 over the inside of the picture."""
    weights = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    rows = np.lib.stride_tricks.sliding_window_view(pixels, 11, axis=0) @ weights
    return np.lib.stride_tricks.sliding_window_view(rows, 11, axis=1) @ weights


if __name__ == "__main__":
    main()
