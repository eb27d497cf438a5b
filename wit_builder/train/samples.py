"""One sample's bytes, as a network takes them: a square of pixels, a caption, and hashes that tell duplicates.

Chance is a hash of seed, lap and key, so it does not depend on who reads the sample, and when.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xxhash

from wit_builder.errors import Dropped
from wit_builder.images.square import Pixels, picture
from wit_builder.shards.index import Member
from wit_builder.shards.sample import captions, fields, image


@dataclass(frozen=True, slots=True)
class Preparation:
    """What becomes of a sample.

    size: of the square, in pixels. crop: random (section 2.3: "a random square crop from resized images"), or the
    centre, as open_clip's evaluation takes it. captions: any of a sample's, drawn anew each lap, or always the first.
    seed: of what is drawn.
    """

    size: int
    crop: Literal["random", "centre"] = "random"
    captions: Literal["any", "first"] = "any"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A sample that can be used."""

    pixels: Pixels  # [size, size, 3], RGB
    caption: str
    image_id: int  # 63 bits; equal ones are the same image


def prepare(sample: bytes, parts: Mapping[str, Member], preparation: Preparation, lap: int) -> Prepared:
    """The sample of these bytes and parts. Raises Dropped with the reason why it cannot be used."""
    body = image(sample, parts)
    key = next(iter(parts.values())).key
    known = fields(sample, parts)
    found = captions(sample, parts, known)
    if not found:
        raise Dropped("no_caption")
    several = len(found) if preparation.captions == "any" else 1
    caption = found[_draw(preparation.seed, lap, "caption", key) * several >> 64 if several > 1 else 0]
    pixels = picture(body, preparation.size, preparation.crop, _draw(preparation.seed, lap, "crop", key))
    return Prepared(pixels, caption, _image_id(body, known))


def _image_id(body: bytes, known: dict[str, Any]) -> int:
    """Of the perceptual hash where a build wrote one, else of the sha256 of the original, else of the bytes."""
    hashed = known.get("phash") or known.get("sha256")
    return xxhash.xxh3_64_intdigest(hashed.encode() if isinstance(hashed, str) else body) >> 1


def text_id(ids: list[int]) -> int:
    """63 bits; equal ones are the same caption, as far as a network sees it."""
    return xxhash.xxh3_64_intdigest(np.array(ids, np.int32).tobytes()) >> 1


def _draw(seed: int, lap: int, what: str, key: str) -> int:
    """64 bits of chance."""
    return xxhash.xxh3_64_intdigest(f"{seed}\n{lap}\n{what}\n{key}".encode("utf-8", "replace"))
