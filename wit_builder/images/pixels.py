"""From whatever mode a decoder gives to one without surprises: L, RGB or CMYK of 8 bit, opaque.

Transparent parts are laid on white, as img2dataset does and as most pages look.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.TiffImagePlugin import SAMPLEFORMAT, TiffImageFile

from wit_builder.images.still import broken

WHITE = 255
_SIGNED = 2  # of TIFF's sample format
Box = tuple[float, float, float, float]  # left, top, right, bottom; in pixels
# 16 to 8 bit, rounded: 40000 is 156. Pillow's own convert clips at 255.
_SIXTEEN_TO_EIGHT = ((np.arange(65_536, dtype=np.uint32) + 128) // 257).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Raster:
    """A decoded picture: 8 bit, opaque, pixel after pixel and row after row without gaps."""

    mode: str  # Pillow's L, RGB or CMYK
    width: int
    height: int
    data: bytes

    @classmethod
    def of(cls, image: Image.Image) -> "Raster":
        """The pixels of a Pillow image of such a mode."""
        return cls(image.mode, *image.size, image.tobytes())

    def image(self) -> Image.Image:
        """The same as a Pillow image."""
        return Image.frombytes(self.mode, (self.width, self.height), self.data)

    def array(self) -> npt.NDArray[np.uint8]:
        """The same as an array: rows, columns, channels. Read-only."""
        return np.frombuffer(self.data, np.uint8).reshape(self.height, self.width, -1)


def flatten(image: Image.Image) -> Image.Image:
    """The picture in mode L, RGB or CMYK, without transparency and without anything in its info.

    Raises ImageError (decode_error) where none of its pixels is a number.
    """
    key = image.info.get("transparency")  # a colour, or for palettes an index or an alpha for each entry
    image.info = {}
    if image.mode.startswith("I;16"):
        image, key = _sixteen_bit(image, key), None
    elif image.mode in ("I", "F"):
        image, key = _wide_range(image), None
    if image.mode == "P":
        return _palette(image, key)
    if key is not None and image.mode in ("1", "L", "RGB"):
        image.info = {"transparency": key}
        image = image.convert("RGBA")
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa"):
        return _on_white(image)
    if image.mode in ("L", "RGB", "CMYK"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _sixteen_bit(image: Image.Image, key: int | None) -> Image.Image:
    """L, or LA where one grey (key, of 16 bit) is transparent."""
    values = np.asarray(image)
    grey = Image.fromarray(_SIXTEEN_TO_EIGHT[values])
    if key is None:
        return grey
    return Image.merge("LA", (grey, Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8))))


def _wide_range(image: Image.Image) -> Image.Image:
    """Numbers of 32 bit, whose range no header tells: up to 1 (real ones), 255 or 65535, else stretched.

    What is not finite is 0. Pillow takes a TIFF's unsigned numbers for signed ones. Raises ImageError (decode_error)
    where nothing is finite.
    """
    numbers = np.asarray(image)
    if (
        image.mode == "I"
        and isinstance(image, TiffImageFile)
        and image.tag_v2.get(SAMPLEFORMAT) != (_SIGNED,)
    ):
        numbers = numbers.view(np.uint32)
    seen = numbers.astype(np.float32)
    if not np.isfinite(seen).any():
        raise broken("no pixel is a number")
    values = np.nan_to_num(seen, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    tops = (255.0, 65_535.0) if image.mode == "I" else (1.0, 255.0, 65_535.0)
    top = next((top for top in tops if low >= 0 and high <= top), None)
    if top is None:
        values, top = values - low, max(high - low, 1e-30)
    return Image.fromarray((values * (255 / top) + 0.5).astype(np.uint8))


def _palette(image: Image.Image, transparency: int | bytes | None) -> Image.Image:
    """RGB. The palette is laid on white, not the pixels: 256 colours instead of a megapixel."""
    if transparency is not None:
        colours = image.getpalette("RGB") or []
        if isinstance(transparency, int):
            transparency = bytes(WHITE if entry != transparency else 0 for entry in range(transparency + 1))
        for entry, alpha in enumerate(transparency[: len(colours) // 3]):
            for at in range(3 * entry, 3 * entry + 3):
                colours[at] = WHITE + round((colours[at] - WHITE) * alpha / 255)
        image.putpalette(colours)
    return image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    """L or RGB, each pixel mixed with white as its alpha says."""
    if image.mode in ("PA", "RGBa"):
        image = image.convert("RGBA")
    elif image.mode == "La":
        image = image.convert("LA")
    alpha = image.getchannel("A")
    white = Image.new(image.mode[:-1], image.size, (WHITE,) * (len(image.mode) - 1))
    white.paste(image if image.mode == "RGBA" else image.getchannel("L"), mask=alpha)
    return white
