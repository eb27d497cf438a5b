"""Pictures made on the spot, and files that carry what ours must not."""

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

from wit_builder.errors import ImageError
from wit_builder.images.picture import ImageSpec
from wit_builder.images.pixels import Raster

AS_IT_IS = ImageSpec(mode="no", format="png", keep_original=False)  # every pixel can be looked at
SECRET = b"GPS 52.5200 N 13.4050 E"


def photograph(width: int = 96, height: int = 64, seed: int = 1, detail: int = 6) -> Image.Image:
    """Smooth patches of colour, so many to a side, no two corners alike."""
    noise = np.random.default_rng(seed).integers(0, 256, (detail, detail, 3), np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    """The picture as a file."""
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def opened(body: bytes) -> Image.Image:
    """The file as a loaded picture."""
    with Image.open(BytesIO(body)) as image:
        image.load()
        return image


def raster(width: int = 96, height: int = 64, **options: int) -> Raster:
    """The same photograph as bare pixels."""
    return Raster.of(photograph(width, height, **options))


def pixels(picture: bytes | Image.Image | Raster) -> np.ndarray:
    """Pixels that can be subtracted."""
    if isinstance(picture, Raster):
        picture = picture.image()
    return np.asarray(opened(picture) if isinstance(picture, bytes) else picture).astype(int)


def difference(one: bytes | Image.Image | Raster, other: bytes | Image.Image | Raster) -> float:
    """Mean absolute difference, 0 to 255; infinite between sizes."""
    a, b = pixels(one), pixels(other)
    return float(np.abs(a - b).mean()) if a.shape == b.shape else float("inf")


def exif(orientation: int = 1) -> bytes:
    """An EXIF block with an orientation and a secret."""
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010E] = SECRET.decode()
    return block.tobytes()


def segment(marker: int, payload: bytes) -> bytes:
    """One JPEG segment."""
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload


def with_segments(body: bytes, *segments: bytes) -> bytes:
    """A JPEG with segments put in front."""
    return body[:2] + b"".join(segments) + body[2:]


def chunk(kind: bytes, payload: bytes) -> bytes:
    """One PNG chunk."""
    return struct.pack(">L", len(payload)) + kind + payload + struct.pack(">L", zlib.crc32(kind + payload))


def png(
    width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes, laced: bool = False
) -> bytes:
    """A PNG from its rows, each with its filter byte; extra chunks stand before the pixels."""
    return png_of((width, height, depth, colour, 0, 0, laced), zlib.compress(rows), *extra)


def png_of(header: tuple[int, ...], stream: bytes, *extra: bytes) -> bytes:
    """The same with the pixels' stream as it is to be."""
    parts = [chunk(b"IHDR", struct.pack(">LLBBBBB", *header)), *extra, chunk(b"IDAT", stream)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def srgb_profile() -> bytes:
    """The profile that lcms makes for sRGB."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile() -> bytes:
    """A profile under which red is green and green is red."""
    return srgb_profile().replace(b"rXYZ", b"tmp!").replace(b"gXYZ", b"rXYZ").replace(b"tmp!", b"gXYZ")


def tiff(*entries: tuple[int, int, int, int], data: bytes = b"", order: str = "<") -> bytes:
    """A TIFF whose directory stands at byte 8, with the data right after it."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    directory = b"".join(struct.pack(f"{order}HHLL", *entry) for entry in entries)
    return mark + struct.pack(f"{order}LH", 8, len(entries)) + directory + b"\0\0\0\0" + data


def reason(act: object, *arguments: object) -> str:
    """The reason of the ImageError that this call raises, `none` where it returns."""
    try:
        act(*arguments)  # type: ignore[operator]
    except ImageError as error:
        return error.reason
    return "none"
