"""What does it cost to make a 256 px JPEG of a picture of the web, and how good is it?

    python benchmarks/images/decode_resize.py [--count 300] [--rounds 5] [--data ../shared/data] [--variants]

Ours is all of `process()`: container check, decode, resize, PDQ, encode, sha256. The others decode, resize and
encode, no more: what img2dataset does (cv2 full decode, INTER_AREA, JPEG 95), and the ways of packaged libraries
that could be the floor: the least of those that are no worse than img2dataset, by class.
CPU milliseconds of all threads. Each method goes through the corpus in a process of its own, as a worker does,
one method after the other, several rounds; the least of each picture counts. SSIM is of the stored file against
full decode + Lanczos before encoding, luma, 11 x 11 Gaussian window (Wang et al. 2004).
The pictures are those of corpus.py. --variants: process() with other thresholds.
"""

import argparse
import json
import multiprocessing
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from multiprocessing.connection import Connection
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from corpus import DATA, corpus
from PIL import Image

from wit_builder.images import resize
from wit_builder.images.decode import READERS
from wit_builder.images.pixels import Raster
from wit_builder.images.process import ImageSpec, process
from wit_builder.images.resample import resample
from wit_builder.images.sniff import identify

SPEC = ImageSpec(size=256, keep_original=False)
BASE, OURS = "cv2 full decode, INTER_AREA (img2dataset)", "process()"
CLASSES = ("baseline", "progressive", "large", "png", "webp")
AREA, LINEAR = cv2.INTER_AREA, cv2.INTER_LINEAR
REDUCED = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}

Method = Callable[[bytes], bytes]


@dataclass(slots=True)
class Figures:
    """What was seen of one method, picture by picture."""

    ms: list[float] = field(default_factory=list)
    ssim: list[float] = field(default_factory=list)


def main() -> None:
    """Prints a table for each class and for all."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--count", type=int, default=300)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--data", type=Path, default=DATA)
    arguments.add_argument("--variants", action="store_true")
    given = arguments.parse_args()
    cv2.setNumThreads(1)
    made = list(corpus(given.count, data=given.data))
    bodies, kinds = [one.body for one in made], np.array([one.kind for one in made])
    print(f"{len(bodies)} pictures, mean {np.mean([len(body) for body in bodies]) / 1024:.0f} KiB")
    print(f"Python {platform.python_version()}, cv2 {cv2.__version__}, simplejpeg {simplejpeg.__version__}")
    figures = measure(variants() if given.variants else methods(), bodies, given.rounds)
    for kind in (*CLASSES, "all"):
        report(kind, (kinds == kind) | (kind == "all"), figures)


def methods() -> dict[str, Method]:
    """Ours and its peers, the one to compare with first."""
    return {
        BASE: by_cv2,
        "cv2 reduced to >= 2.0, INTER_AREA": lambda body: by_cv2(body, enough=2.0),
        "cv2 reduced to >= 1.4, INTER_LINEAR": lambda body: by_cv2(body, enough=1.4, how=LINEAR),
        "Pillow draft to >= 1.5, bicubic": by_pillow,
        "simplejpeg or cv2, fast_image_resize": by_fast_libraries,
        OURS: lambda body: process(body, SPEC).image,
    }


def variants() -> dict[str, Method]:
    """process() with other thresholds for scaled decoding."""
    return {BASE: by_cv2} | {f"process(), {factor}": varied(factor) for factor in (1.0, 1.15, 1.25, 1.4, 2.0)}


def varied(factor: float) -> Method:
    """process() so changed."""

    def method(body: bytes) -> bytes:
        resize.ENOUGH_FOR_JPEG = factor
        return process(body, SPEC).image

    return method


def by_cv2(body: bytes, enough: float = 0, how: int = AREA) -> bytes:
    """As img2dataset 1.47 does it (resizer.py); enough: first decoded smaller, to so many times the size."""
    pixels = on_white(cv2.imdecode(np.frombuffer(body, np.uint8), flags(body, enough)))
    height, width = pixels.shape[:2]
    if enough:
        height, width = original(body)
    small = cv2.resize(pixels, target(width, height), interpolation=how)
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 95])[1])


def flags(body: bytes, enough: float) -> int:
    """How cv2 is to decode it."""
    if not enough or identify(body) != "jpg":
        return cv2.IMREAD_UNCHANGED
    return REDUCED.get(scale_of(body, enough), cv2.IMREAD_UNCHANGED)


def scale_of(body: bytes, enough: float) -> int:
    """8, 4, 2 or 1: how many times smaller it is still enough."""
    height, width = original(body)
    wanted = target(width, height)
    times = min(width // int(wanted[0] * enough), height // int(wanted[1] * enough))
    return next((scale for scale in (8, 4, 2) if times >= scale), 1)


def original(body: bytes) -> tuple[int, int]:
    """Height and width, as the header says."""
    if identify(body) == "jpg":
        height, width, _, _ = simplejpeg.decode_jpeg_header(body)
        return height, width
    still = READERS[identify(body)](body)
    return still.height, still.width


def on_white(pixels: np.ndarray) -> np.ndarray:
    """Three channels, as img2dataset makes them."""
    if pixels.ndim == 2:
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
    if pixels.shape[2] == 4:
        alpha = pixels[:, :, 3:] / 255
        return np.clip(pixels[:, :, :3] * alpha + 255 * (1 - alpha), 0, 255).astype(np.uint8)
    return pixels


def by_pillow(body: bytes) -> bytes:
    """The best that one library does."""
    file = BytesIO()
    with Image.open(BytesIO(body)) as image:
        wanted = target(*image.size)
        image.draft(None, (int(wanted[0] * 1.5), int(wanted[1] * 1.5)))
        opaque(image).resize(wanted, Image.Resampling.BICUBIC).save(file, "JPEG", quality=95, subsampling=2)
    return file.getvalue()


def by_fast_libraries(body: bytes) -> bytes:
    """The steps of process() alone: nothing is checked or hashed; WebP and PNG are read by cv2."""
    height, width = original(body)
    wanted, scale = target(width, height), 1
    if identify(body) == "jpg":
        scale = scale_of(body, resize.ENOUGH_FOR_JPEG)
        small = {"min_height": -(-height // scale), "min_width": -(-width // scale)}
        pixels = simplejpeg.decode_jpeg(body, "RGB", min_factor=scale, **small)
    else:
        pixels = on_white(cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_UNCHANGED))
    picture = Raster("RGB", pixels.shape[1], pixels.shape[0], pixels.tobytes())
    shrunk = resample(
        picture, (0, 0, width / scale, height / scale), wanted, "lanczos" if scale > 1 else "bicubic"
    )
    colours = "RGB" if identify(body) == "jpg" else "BGR"
    return simplejpeg.encode_jpeg(shrunk.array(), 95, colours, "420")


def opaque(image: Image.Image) -> Image.Image:
    """RGB, on white where it can be seen through."""
    if image.mode in ("RGB", "L") and "transparency" not in image.info:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image.convert("RGBA"))
    return white.convert("RGB")


def target(width: int, height: int) -> tuple[int, int]:
    """The size with the short side at 256."""
    return resize.plan((width, height), SPEC).scaled


def measure(methods: dict[str, Method], bodies: list[bytes], rounds: int) -> dict[str, Figures]:
    """Milliseconds and SSIM per method and picture; methods take turns, so that noise hits all alike."""
    figures = {name: Figures([float("inf")] * len(bodies)) for name in methods}
    for _ in range(rounds):
        for name, method in methods.items():
            figures[name].ms = [
                min(pair) for pair in zip(figures[name].ms, timed(method, bodies), strict=True)
            ]
    for body in bodies:
        ideal = reference(body)
        for name, method in methods.items():
            figures[name].ssim.append(ssim(luma(Image.open(BytesIO(method(body)))), ideal))
    return figures


def timed(method: Method, bodies: list[bytes]) -> list[float]:
    """Milliseconds for each picture, in a fresh process."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=work, args=(method, bodies, theirs))
    child.start()
    theirs.close()
    figures: list[float] = json.loads(ours.recv())
    child.join()
    return figures


def work(method: Method, bodies: list[bytes], pipe: Connection) -> None:
    """The child's part."""
    for body in bodies[:5]:
        method(body)
    figures = []
    for body in bodies:
        start = time.process_time()
        method(body)
        figures.append(1e3 * (time.process_time() - start))
    pipe.send(json.dumps(figures))


def report(kind: str, chosen: np.ndarray, figures: dict[str, Figures]) -> None:
    """The table of one class, and how far ours is from the floor."""
    mean = {name: float(np.mean(np.array(seen.ms)[chosen])) for name, seen in figures.items()}
    quality = {name: spread(np.array(seen.ssim)[chosen]) for name, seen in figures.items()}
    print(f"\n{kind}: {chosen.sum()} pictures{'':20s}      ms  ratio   SSIM mean / 5th percentile / worst")
    for name, ms in mean.items():
        seen = " / ".join(f"{value:.4f}" for value in quality[name])
        print(f"{name:46s} {ms:6.2f}  {ms / mean[BASE]:5.2f}   {seen}")
    if OURS in mean:
        good = [name for name in mean if name != OURS and no_worse(quality[name], quality[BASE])]
        floor = min(good, key=lambda name: mean[name])
        print(f"floor: {floor}, {mean[floor]:.2f} ms; process() takes {mean[OURS] / mean[floor]:.2f} of it")


def spread(values: np.ndarray) -> tuple[float, float, float]:
    """Mean, 5th percentile and worst."""
    return float(np.mean(values)), float(np.percentile(values, 5)), float(np.min(values))


def no_worse(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
    """In mean and 5th percentile."""
    return one[0] >= other[0] and one[1] >= other[1]


def reference(body: bytes) -> np.ndarray:
    """Luma of full decode + Lanczos."""
    with Image.open(BytesIO(body)) as image:
        return luma(opaque(image).resize(target(*image.size), Image.Resampling.LANCZOS))


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
    return cv2.GaussianBlur(pixels, (11, 11), 1.5)[5:-5, 5:-5]


if __name__ == "__main__":
    main()
