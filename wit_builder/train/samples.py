"""One sample's bytes, as a network takes them: a square of pixels, a caption, and hashes that tell duplicates.

Chance is a hash of seed, lap and key, so it does not depend on who reads the sample, and when.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import orjson
import simplejpeg
import xxhash

from wit_builder.errors import Dropped
from wit_builder.images.colour import to_srgb
from wit_builder.images.decode import decode, read
from wit_builder.images.guard import DECODER_FAULTS
from wit_builder.images.jpeg import MAX_SCANS
from wit_builder.images.pixels import Raster
from wit_builder.images.resample import resample
from wit_builder.train.index import IMAGES, Member

MAX_PIXELS = 64_000_000  # of an image as it lies
CROPPED = 7 / 8  # of the short side is the side of a random square: 224 of 256
LONGEST = 8  # times its short side is an image, of which the centre is wanted, at most
MAX_ALT_TEXTS = 64  # of a sample that are looked at

Pixels = npt.NDArray[np.uint8]

_own = threading.local()


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
    fields = _fields(_data(sample, parts.get("json")))
    found = _captions(_data(sample, parts.get("txt")), fields)
    if not found:
        raise Dropped("no_caption")
    several = len(found) if preparation.captions == "any" else 1
    caption = found[_draw(preparation.seed, lap, "caption", key) * several >> 64 if several > 1 else 0]
    pixels = picture(body, preparation.size, preparation.crop, _draw(preparation.seed, lap, "crop", key))
    return Prepared(pixels, caption, _image_id(body, fields))


def image(sample: bytes, parts: Mapping[str, Member]) -> bytes:
    """The image as it lies in the tar. Raises Dropped (no_image)."""
    extension = next((name for name in IMAGES if name in parts), None)
    if extension is None:
        raise Dropped("no_image")
    return _data(sample, parts[extension])


def captions(sample: bytes, parts: Mapping[str, Member]) -> list[str]:
    """The sample's captions, each once: its text, or its JSON's `caption`, then its JSON's `alt_texts`."""
    return _captions(_data(sample, parts.get("txt")), _fields(_data(sample, parts.get("json"))))


def picture(body: bytes, size: int, crop: Literal["random", "centre"] = "centre", draw: int = 0) -> Pixels:
    """The image as a square: uint8 [size, size, 3], RGB.

    random: a square of 7/8 of the image's short side, at the place that `draw` (64 bits) says; but of `size` pixels
    as they are, where that would be less: of images with a short side of 256 a square of 224. centre: what
    open_clip makes for evaluation (bicubic, short side to size, the middle), up to rounding; but palettes are
    resized as colours, of which open_clip takes the nearest pixel, and what is transparent is white.
    Raises ImageError: not_image, unsupported_format, too_many_pixels, decode_error.
    """
    if crop == "centre":
        return _centre(decoded(body), size)
    pixels = decoded(body, round(size / CROPPED))
    height, width, _ = pixels.shape
    side = _side(min(width, height), size)
    left = (draw >> 32) * (width - side + 1) >> 32
    top = (draw & 0xFFFFFFFF) * (height - side + 1) >> 32
    square = pixels[top : top + side, left : left + side]
    return square.copy() if side == size else _resized(square, size, size)


def decoded(body: bytes, enough: int | None = None) -> Pixels:
    """The image: uint8 [height, width, 3], RGB, as it lies, no turn for EXIF; to be used before the next one is.

    enough: a short side that will do, to decode at 1/2, 1/4 or 1/8 where that is no smaller. Raises ImageError.
    """
    pixels = _plain_jpeg(body, enough)
    return _other(body, enough).array() if pixels is None else pixels


def _side(short: int, size: int) -> int:
    """Of the square that is cut out of an image with that short side."""
    return min(short, max(size, round(short * CROPPED)))


def _plain_jpeg(body: bytes, enough: int | None) -> Pixels | None:
    """A JPEG without anything odd, in this thread's canvas; None for any other image."""
    if body[:3] != b"\xff\xd8\xff" or body.count(b"\xff\xda") > MAX_SCANS:
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(body)
        if colours not in ("YCbCr", "Gray", "RGB") or height * width > MAX_PIXELS:
            return None
        times = min(height, width) // enough if enough else 1
        scale = next((scale for scale in (8, 4, 2) if times >= scale), 1)
        height, width = -(-height // scale), -(-width // scale)
        smaller = {"min_height": height, "min_width": width, "min_factor": scale} if scale > 1 else {}
        pixels: Pixels = simplejpeg.decode_jpeg(body, "RGB", buffer=_canvas(height * width * 3), **smaller)
    except DECODER_FAULTS:
        return None
    return pixels


def _canvas(size: int) -> Pixels:
    """This thread's memory for pixels: to ask for it anew takes a tenth of the time of decoding."""
    if size > len(getattr(_own, "canvas", b"")):
        _own.canvas = np.empty(size, np.uint8)
    canvas: Pixels = _own.canvas
    return canvas


def _other(body: bytes, enough: int | None) -> Raster:
    """Any other image, with the care that images from the web are read with (images/)."""
    still = read(body, MAX_PIXELS)
    side = enough or max(still.width, still.height)
    return to_srgb(decode(still, (side, side))[0], None)


def _centre(pixels: Pixels, size: int) -> Pixels:
    """torchvision's Resize and CenterCrop, as open_clip's preprocessing calls them.

    Of an image that is longer than LONGEST its middle, so that a line of pixels does not become gigabytes.
    """
    side = min(pixels.shape[:2])
    top, left = (max(0, length - LONGEST * side) // 2 for length in pixels.shape[:2])
    pixels = pixels[top : top + LONGEST * side, left : left + LONGEST * side]
    height, width = (size if length == side else size * length // side for length in pixels.shape[:2])
    top, left = (round((length - size) / 2) for length in (height, width))
    return _resized(pixels, width, height)[top : top + size, left : left + size]


def _resized(pixels: Pixels, width: int, height: int) -> Pixels:
    raster = Raster("RGB", pixels.shape[1], pixels.shape[0], pixels.tobytes())
    return resample(raster, (0, 0, raster.width, raster.height), (width, height), "bicubic").array()


def _data(sample: bytes, member: Member | None) -> bytes:
    return sample[member.offset : member.offset + member.length] if member else b""


def _fields(text: bytes) -> dict[str, Any]:
    """Of the JSON member; nothing where it is no object."""
    try:
        fields = orjson.loads(text) if text else {}
    except orjson.JSONDecodeError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _captions(text: bytes, fields: Mapping[str, Any]) -> list[str]:
    alts = fields.get("alt_texts")
    others = alts[:MAX_ALT_TEXTS] if isinstance(alts, list) else []
    given = [text.decode("utf-8", "replace").strip() or fields.get("caption")]
    given += [other.get("text") if isinstance(other, dict) else other for other in others]
    return list(dict.fromkeys(one.strip() for one in given if isinstance(one, str) and one.strip()))


def _image_id(body: bytes, fields: dict[str, Any]) -> int:
    """Of the perceptual hash where a build wrote one, else of the sha256 of the original, else of the bytes."""
    known = fields.get("phash") or fields.get("sha256")
    return xxhash.xxh3_64_intdigest(known.encode() if isinstance(known, str) else body) >> 1


def text_id(ids: list[int]) -> int:
    """63 bits; equal ones are the same caption, as far as a network sees it."""
    return xxhash.xxh3_64_intdigest(np.array(ids, np.int32).tobytes()) >> 1


def _draw(seed: int, lap: int, what: str, key: str) -> int:
    """64 bits of chance."""
    return xxhash.xxh3_64_intdigest(f"{seed}\n{lap}\n{what}\n{key}".encode("utf-8", "replace"))
