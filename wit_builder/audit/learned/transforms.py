"""What becomes of images that are copied: appendix C's transforms, drawn at random or one by one.

Cropping and zooming, aspect ratio, down- and upscaling, small rotations, JPEG, jitter of hue, saturation and value;
wherever pixels are computed anew the interpolation is drawn too. How much of each is not in the appendix; the ranges
stand below. Borders are not in it, and are here because pages frame pictures. Mirrored and turned copies are left to
the perceptual hash, which finds them by trying all eight turns. torch is not imported here.
"""

import math
from collections.abc import Callable
from random import Random

import numpy as np
import simplejpeg
from PIL import Image, ImageDraw

from wit_builder.images.square import Pixels

Kernel = Image.Resampling
RESIZES = (Kernel.NEAREST, Kernel.BOX, Kernel.BILINEAR, Kernel.HAMMING, Kernel.BICUBIC, Kernel.LANCZOS)
ROTATES = (Kernel.NEAREST, Kernel.BILINEAR, Kernel.BICUBIC)

MIN_SIDE = 8  # pixels, of whatever comes out
Transform = Callable[[Image.Image, Random], Image.Image]


def crop(image: Image.Image, rng: Random) -> Image.Image:
    """A part of 25 to 90 % of the area, anywhere, its sides within 1 : 1.2 of the whole's."""
    area, skew = rng.uniform(0.25, 0.9), rng.uniform(-0.5, 0.5) * math.log(1.2)
    width = min(image.width, max(MIN_SIDE, round(image.width * math.sqrt(area) * math.exp(skew))))
    height = min(image.height, max(MIN_SIDE, round(image.height * math.sqrt(area) * math.exp(-skew))))
    left, top = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


def aspect(image: Image.Image, rng: Random) -> Image.Image:
    """One side made longer or shorter, up to 1.6 times."""
    factor = math.exp(rng.uniform(-1, 1) * math.log(1.6))
    return resized(image, (image.width * factor, image.height), rng)


def rescale(image: Image.Image, rng: Random) -> Image.Image:
    """Both sides 0.4 to 1.5 times as long."""
    factor = math.exp(rng.uniform(math.log(0.4), math.log(1.5)))
    return resized(image, (image.width * factor, image.height * factor), rng)


def lower(image: Image.Image, rng: Random) -> Image.Image:
    """Brought down to a short side of 24 to 48 pixels, and up again."""
    factor = min(1.0, rng.randint(24, 48) / min(image.size))
    small = resized(image, (image.width * factor, image.height * factor), rng)
    return resized(small, image.size, rng)


def rotate(image: Image.Image, rng: Random) -> Image.Image:
    """By 3 to 15 degrees either way; the corners are filled with one grey, or cut off with their surroundings."""
    degrees = rng.uniform(3, 15) * rng.choice((-1, 1))
    fill, cut = (rng.choice((0, 255, rng.randint(0, 255))),) * 3, rng.random() < 0.5
    turned = image.rotate(degrees, rng.choice(ROTATES), fillcolor=fill)
    return turned.crop(_inside(image.size, degrees)) if cut else turned


def jpeg(image: Image.Image, rng: Random) -> Image.Image:
    """As a JPEG of quality 10 to 75."""
    quality, colours = rng.randint(10, 75), rng.choice(("444", "422", "420"))
    body = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality, colorsubsampling=colours)
    return Image.fromarray(simplejpeg.decode_jpeg(body, "RGB"))


def colour(image: Image.Image, rng: Random) -> Image.Image:
    """Hue turned by up to a tenth of the circle, saturation 0.3 to 1.7 times, value 0.6 to 1.5 times."""
    hue, saturation, value = rng.randint(-25, 25), rng.uniform(0.3, 1.7), rng.uniform(0.6, 1.5)
    tables = [
        *((level + hue) % 256 for level in range(256)),
        *(min(255, round(level * saturation)) for level in range(256)),
        *(min(255, round(level * value)) for level in range(256)),
    ]
    return image.convert("HSV").point(tables).convert("RGB")


def border(image: Image.Image, rng: Random) -> Image.Image:
    """A frame of one colour, 4 to 15 % of each side."""
    share, fill = rng.uniform(0.04, 0.15), tuple(rng.choice((0, 255, rng.randint(0, 255))) for _ in range(3))
    across, down = round(image.width * share), round(image.height * share)
    framed = Image.new("RGB", (image.width + 2 * across, image.height + 2 * down), fill)
    framed.paste(image, (across, down))
    return framed


def watermark(image: Image.Image, rng: Random) -> Image.Image:
    """A word across it, white or black, half transparent."""
    word = Image.new("L", (64, 14))
    ImageDraw.Draw(word).text((2, 1), f"SAMPLE {rng.randint(100, 999)}", fill=rng.randint(110, 220))
    width = round(image.width * rng.uniform(0.6, 0.95))
    word = word.resize((max(MIN_SIDE, width), max(MIN_SIDE, width // 4)), Kernel.BILINEAR)
    marked = image.copy()
    place = (rng.randint(0, max(0, image.width - width)), rng.randint(0, max(0, image.height - word.height)))
    marked.paste(rng.choice(((255, 255, 255), (0, 0, 0))), place, word)
    return marked


TRAINED: dict[str, tuple[Transform, float]] = {  # in this order, each with how likely it is
    "crop": (crop, 0.7),
    "rotation": (rotate, 0.4),
    "aspect": (aspect, 0.5),
    "scale": (rescale, 0.5),
    "low resolution": (lower, 0.2),
    "colour": (colour, 0.7),
    "border": (border, 0.15),
    "JPEG": (jpeg, 0.5),
}
CANARIES: dict[str, Transform] = {
    **{name: transform for name, (transform, _) in TRAINED.items()},
    "watermark": watermark,
}


def drawn(image: Image.Image, rng: Random) -> Image.Image:
    """The image through some of TRAINED."""
    for transform, chance in TRAINED.values():
        if rng.random() < chance:
            image = transform(image, rng)
    return image


def squeezed(image: Image.Image, side: int, kernel: Kernel = Kernel.BICUBIC) -> Pixels:
    """The whole image as a square, whatever its aspect ratio: uint8 [side, side, 3]."""
    return np.asarray(image if image.size == (side, side) else image.resize((side, side), kernel))


def resized(image: Image.Image, size: tuple[float, float], rng: Random) -> Image.Image:
    """At that size, rounded, by an interpolation drawn at random."""
    width, height = (max(MIN_SIDE, round(side)) for side in size)
    return image.resize((width, height), rng.choice(RESIZES))


def encoded(image: Image.Image, quality: int = 90) -> bytes:
    """As a JPEG file."""
    body: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality)
    return body


def _inside(size: tuple[int, int], degrees: float) -> tuple[int, int, int, int]:
    """The largest box of the same shape, around the middle, that the rotation left without corners."""
    width, height = size
    sine, cosine = abs(math.sin(math.radians(degrees))), abs(math.cos(math.radians(degrees)))
    share = min(width / (width * cosine + height * sine), height / (width * sine + height * cosine))
    across, down = round(width * (1 - share) / 2), round(height * (1 - share) / 2)
    return across, down, max(width - across, across + 1), max(height - down, down + 1)
