"""Pictures as files: a scene, what was done to it, and a format. The same picture is the same bytes.

Copies within a PDQ distance of 24 of their original: resized, enlarged, reencoded. Beyond the reach of such a
hash, and so expected to be kept: cropped, mirrored, rotated, bordered.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageDraw, ImageOps

from wit_builder.demo_web.painting import paint
from wit_builder.demo_web.scenes import Scene

CACHE = 256  # encoded pictures kept, 40 kB each on average

SMALL_SIDE = 48  # pixels of what is "small": too small for any recipe, and yet more than 1,000 bytes

_QUALITY = 85
_QUALITIES = {"reencoded": 45, "small": 98}
_SMALL = 130_000  # pixels; only pictures up to here are PNG, WebP or GIF, which take longer


@dataclass(frozen=True, slots=True)
class Picture:
    """A scene as it lies on a server."""

    scene: Scene
    format: str = "jpg"  # jpg, png, webp or gif
    transform: str = ""  # of TRANSFORMS; "": none

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        width, height = self.scene.width, self.scene.height
        if self.transform in _SCALES:
            return round(width * _SCALES[self.transform]), round(height * _SCALES[self.transform])
        if self.transform == "rotated":
            return height, width
        if self.transform == "small":
            return SMALL_SIDE, SMALL_SIDE
        if self.transform == "bordered":
            edge = _edge(width, height)
            return width + 2 * edge, height + 2 * edge
        return width, height


def format_of(scene: Scene) -> str:
    """The format this scene is published in: JPEG mostly."""
    if scene.area > _SMALL:
        return "jpg"
    share = scene.key >> 20 & 15
    return {0: "png", 1: "png", 2: "webp", 3: "webp", 4: "gif"}.get(share, "jpg")


def published(scene: Scene) -> Picture:
    """The scene in its own format."""
    return Picture(scene, format_of(scene))


@lru_cache(maxsize=CACHE)
def encoded(picture: Picture) -> bytes:
    """The file's bytes."""
    image = paint(picture.scene)
    if picture.transform:
        image = TRANSFORMS[picture.transform](image)
    return encode(image, picture.format, _QUALITIES.get(picture.transform, _QUALITY))


def encode(image: Image.Image, form: str, quality: int = _QUALITY) -> bytes:
    """The image in one of the four formats."""
    file = BytesIO()
    if form == "jpg":
        image.save(file, "JPEG", quality=quality)
    elif form == "webp":
        image.save(file, "WEBP", quality=quality, method=0)
    elif form == "png":
        image.save(file, "PNG", compress_level=1)
    else:
        image.quantize(128, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(file, "GIF")
    return file.getvalue()


def _scaled(factor: float) -> Callable[[Image.Image], Image.Image]:
    def scale(image: Image.Image) -> Image.Image:
        size = round(image.width * factor), round(image.height * factor)
        return image.resize(size, Image.Resampling.LANCZOS)

    return scale


def _cropped(image: Image.Image) -> Image.Image:
    """The upper left 60 %, enlarged to the size of the whole."""
    return image.resize(
        image.size, Image.Resampling.BICUBIC, box=(0, 0, image.width * 0.6, image.height * 0.6)
    )


def _mirrored(image: Image.Image) -> Image.Image:
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _rotated(image: Image.Image) -> Image.Image:
    return image.transpose(Image.Transpose.ROTATE_90)


def _bordered(image: Image.Image) -> Image.Image:
    return ImageOps.expand(image, _edge(*image.size), (28, 28, 32))


def _small(image: Image.Image) -> Image.Image:
    return ImageOps.fit(image, (SMALL_SIDE, SMALL_SIDE), Image.Resampling.BILINEAR)


def _edge(width: int, height: int) -> int:
    return round(0.12 * min(width, height))


def _reencoded(image: Image.Image) -> Image.Image:
    return image  # the quality does it


_SCALES = {"resized": 0.8, "enlarged": 1.25}
TRANSFORMS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "resized": _scaled(_SCALES["resized"]),
    "enlarged": _scaled(_SCALES["enlarged"]),
    "reencoded": _reencoded,
    "cropped": _cropped,
    "mirrored": _mirrored,
    "rotated": _rotated,
    "bordered": _bordered,
    "small": _small,
}


def unavailable() -> Image.Image:
    """What sites show where a picture is missing: a crossed-out camera on a striped card."""
    image = Image.new("RGB", (400, 300), (222, 224, 228))
    draw = ImageDraw.Draw(image)
    for x in range(-300, 400, 44):
        draw.line((x, 300, x + 300, 0), fill=(190, 194, 202), width=18)
    draw.rounded_rectangle((110, 100, 290, 220), 16, fill=(96, 102, 114))
    draw.rectangle((160, 80, 220, 104), fill=(96, 102, 114))
    draw.ellipse((155, 115, 245, 205), fill=(230, 232, 236), outline=(40, 44, 52), width=8)
    draw.ellipse((178, 138, 222, 182), fill=(60, 66, 78))
    draw.line((70, 60, 330, 250), fill=(200, 44, 44), width=16)
    draw.rectangle((0, 262, 400, 300), fill=(60, 64, 74))
    draw.text((118, 272), "image not available", fill=(240, 240, 240), font_size=18)
    return image
