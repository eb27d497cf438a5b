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

from wit_builder.errors import Dropped, ImageError
from wit_builder.images.colour import to_srgb
from wit_builder.images.decode import decode, read
from wit_builder.images.guard import DECODER_FAULTS
from wit_builder.images.jpeg import MAX_SCANS
from wit_builder.images.pixels import Raster
from wit_builder.images.resample import resample
from wit_builder.train.index import IMAGES, Member

MAX_PIXELS = 64_000_000  # of an image as it lies
CROPPED = 7 / 8  # of the short side is the side of a random square: 224 of 256
MAX_ALT_TEXTS = 64  # of a sample that are looked at

Pixels = npt.NDArray[np.uint8]

_own = threading.local()


@dataclass(frozen=True, slots=True)
class Preparation:
    """What becomes of a sample.

    size: of the square, in pixels. crop: random (section 2.3: "a random square crop from resized images"), or the centre,
    as open_clip's evaluation takes it. captions: any of a sample's, drawn anew each lap, or always the first. seed: of
    what is drawn.
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
    extension = next((name for name in IMAGES if name in parts), None)
    if extension is None:
        raise Dropped("no_image")
    key = parts[extension].key
    fields = _fields(_data(sample, parts.get("json")))
    caption = _caption(_data(sample, parts.get("txt")), fields, preparation, lap, key)
    body = _data(sample, parts[extension])
    pixels = picture(body, preparation.size, preparation.crop, _draw(preparation.seed, lap, "crop", key))
    return Prepared(pixels, caption, _image_id(body, fields))


def picture(body: bytes, size: int, crop: Literal["random", "centre"] = "centre", draw: int = 0) -> Pixels:
    """The image as a square: uint8 [size, size, 3], RGB.

    random: a square of 7/8 of the image's short side, at the place that `draw` (64 bits) says; but of `size` pixels
    as they are, where that would be less: of images with a short side of 256 a square of 224. centre: what
    open_clip makes for evaluation (bicubic, short side to size, the middle), up to rounding.
    Raises ImageError: not_image, unsupported_format, too_many_pixels, decode_error.
    """
    whole = crop == "centre"
    pixels = _plain_jpeg(body, size, whole)
    if pixels is None:
        pixels = _other(body, size, whole).array()
    height, width, _ = pixels.shape
    if whole:
        return _centre(pixels, size)
    side = _side(min(width, height), size)
    left = (draw >> 32) * (width - side + 1) >> 32
    top = (draw & 0xFFFFFFFF) * (height - side + 1) >> 32
    square = pixels[top : top + side, left : left + side]
    return square.copy() if side == size else _resized(square, size, size)


def _side(short: int, size: int) -> int:
    """Of the square that is cut out of an image with that short side."""
    return min(short, max(size, round(short * CROPPED)))


def _plain_jpeg(body: bytes, size: int, whole: bool) -> Pixels | None:
    """A JPEG without anything odd, at 1/1 to 1/8 of its size unless it is wanted whole; None for any other image.

    The pixels lie where those of the next one will lie.
    """
    if body[:3] != b"\xff\xd8\xff" or body.count(b"\xff\xda") > MAX_SCANS:
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(body)
        if colours not in ("YCbCr", "Gray", "RGB") or height * width > MAX_PIXELS:
            return None
        times = 0 if whole else min(height, width) * CROPPED / size
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


def _other(body: bytes, size: int, whole: bool) -> Raster:
    """Any other image, with the care that images from the web are read with (images/)."""
    still = read(body, MAX_PIXELS)
    side = max(still.width, still.height) if whole else round(size / CROPPED)
    raster, _ = decode(still, (side, side))
    if min(raster.width, raster.height) < 1:
        raise ImageError("decode_error", f"{raster.width}x{raster.height}")
    return to_srgb(raster, None)


def _centre(pixels: Pixels, size: int) -> Pixels:
    """torchvision's Resize and CenterCrop, as open_clip's preprocessing calls them."""
    side = min(pixels.shape[:2])
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


def _caption(text: bytes, fields: dict[str, Any], preparation: Preparation, lap: int, key: str) -> str:
    captions = captions_of(text, fields)
    if not captions:
        raise Dropped("no_caption")
    if preparation.captions == "first" or len(captions) == 1:
        return captions[0]
    return captions[_draw(preparation.seed, lap, "caption", key) * len(captions) >> 64]


def captions_of(text: bytes, fields: Mapping[str, Any]) -> list[str]:
    """A sample's captions, each once: its text, or its JSON's `caption`, then its JSON's `alt_texts`."""
    alts = fields.get("alt_texts")
    others = alts[:MAX_ALT_TEXTS] if isinstance(alts, list) else []
    given = [text.decode("utf-8", "replace").strip() or fields.get("caption")]
    given += [other.get("text") if isinstance(other, dict) else other for other in others]
    return list(dict.fromkeys(one.strip() for one in given if isinstance(one, str) and one.strip()))


def _image_id(body: bytes, fields: dict[str, Any]) -> int:
    """Of the perceptual hash where a build wrote one, else of the sha256 of the original, else of the bytes."""
    known = fields.get("phash") or fields.get("sha256")
    return xxhash.xxh3_64_intdigest(known if isinstance(known, str) else body) >> 1


def text_id(ids: list[int]) -> int:
    """63 bits; equal ones are the same caption, as far as a network sees it."""
    return xxhash.xxh3_64_intdigest(np.array(ids, np.int32).tobytes()) >> 1


def _draw(seed: int, lap: int, what: str, key: str) -> int:
    """64 bits of chance."""
    return xxhash.xxh3_64_intdigest(f"{seed}\n{lap}\n{what}\n{key}".encode("utf-8", "replace"))
