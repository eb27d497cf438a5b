"""An image as a network takes it when it is judged: what open_clip's preprocessing makes of it, to the pixel.

Resizing is Pillow's, as it is there. That of images/resample.py gives other values here and there, which moves an
answer in some hundreds (benchmarks/eval/resize.py), and accuracies are compared to the last digit. What differs is
what the rest of this project reads otherwise: palettes are resized as colours, and what is transparent is white.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from wit_builder.errors import ConfigError
from wit_builder.images.square import LONGEST, decoded

MEAN = (0.48145466, 0.4578275, 0.40821073)  # OpenAI's, of red, green and blue from 0 to 1
STD = (0.26862954, 0.26130258, 0.27577711)
_CHOICES = {"interpolation": ("bicubic", "bilinear"), "resize_mode": ("shortest", "longest", "squash")}

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How pictures are prepared, by the names of open_clip's `preprocess_cfg`.

    size: height and width, pixels. resize_mode: shortest (its middle is taken), longest (the rest is filled), or
    squash (the aspect is lost). fill_color: 0 to 255.
    """

    size: tuple[int, int]
    mean: tuple[float, float, float] = MEAN
    std: tuple[float, float, float] = STD
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    resize_mode: Literal["shortest", "longest", "squash"] = "shortest"
    fill_color: int = 0


def preprocess_of(config: Mapping[str, Any], size: tuple[int, int]) -> Preprocess:
    """What a config's `preprocess_cfg` says, for a network that takes pictures of that size.

    Raises ConfigError for a way to resize that open_clip does not have.
    """
    said = {
        name: config[name] for name in ("mean", "std", "interpolation", "resize_mode") if config.get(name)
    }
    for name, known in _CHOICES.items():
        if said.get(name, known[0]) not in known:
            raise ConfigError(
                f"{name} is {said[name]!r} in the model's preprocess_cfg", f"one of {', '.join(known)}"
            )
    for name in ("mean", "std"):
        if name in said:
            said[name] = (
                tuple(map(float, said[name])) if isinstance(said[name], list | tuple) else (said[name],) * 3
            )
    return Preprocess(size, fill_color=int(config.get("fill_color") or 0), **said)


def prepared(body: bytes, how: Preprocess) -> Pixels:
    """The image as uint8 [height, width, 3], RGB. Raises ImageError: see images/square.py."""
    image = Image.fromarray(_shorter(decoded(body)))
    resized = image.resize(_resized(image.size, how)[::-1], Image.Resampling[how.interpolation.upper()])
    return _centre(np.asarray(resized), how)


def _shorter(pixels: Pixels) -> Pixels:
    """Of an image that is longer than LONGEST its middle, so that a line of pixels does not become gigabytes."""
    side = LONGEST * min(pixels.shape[:2])
    top, left = (max(0, length - side) // 2 for length in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])


def _resized(size: tuple[int, int], how: Preprocess) -> tuple[int, int]:
    """(height, width) of what a picture of that width and height is made, as torchvision and open_clip round."""
    width, height = size
    if how.resize_mode == "squash":
        return how.size
    if how.resize_mode == "shortest" and how.size[0] == how.size[1]:
        short, side = min(size), how.size[0]
        return tuple(int(side * length / short) for length in (height, width))  # type: ignore[return-value]
    ratios = height / how.size[0], width / how.size[1]
    ratio = max(ratios) if how.resize_mode == "longest" else min(ratios)
    return max(1, round(height / ratio)), max(1, round(width / ratio))


def _centre(pixels: Pixels, how: Preprocess) -> Pixels:
    """The middle, with a border where it is smaller."""
    high, wide = how.size
    height, width, _ = pixels.shape
    if height < high or width < wide:
        framed = np.full((max(high, height), max(wide, width), 3), how.fill_color, np.uint8)
        top, left = max(0, high - height) // 2, max(0, wide - width) // 2
        framed[top : top + height, left : left + width] = pixels
        pixels, (height, width) = framed, framed.shape[:2]
    top, left = round((height - high) / 2), round((width - wide) / 2)
    return pixels[top : top + high, left : left + wide]
