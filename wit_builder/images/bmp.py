"""BMP: only the size is looked at; there is no metadata to leave behind that Pillow would read."""

from wit_builder.errors import ImageError
from wit_builder.images.still import Still, broken

CORE_HEADER = 12  # OS/2 1.x: 16-bit sizes
HEADERS = {CORE_HEADER, 40, 52, 56, 64, 108, 124}
RLE8, RLE4 = 1, 2
MAX_RLE_PIXELS = 1_000_000  # Pillow unpacks these in Python: 0.4 s at worst


def looks_like_bmp(body: bytes) -> bool:
    """Whether it is a bitmap rather than a text that begins with BM."""
    return body[:2] == b"BM" and int.from_bytes(body[14:18], "little") in HEADERS


def read_bmp(body: bytes) -> Still:
    """The picture in a BMP file. Raises ImageError for a header that is cut off or too big an RLE picture."""
    if int.from_bytes(body[14:18], "little") == CORE_HEADER:
        width, height, compression = _number(body, 18, 2), _number(body, 20, 2), 0
    else:
        width, height, compression = _number(body, 18, 4), _number(body, 22, 4), _number(body, 30, 4)
        if height >= 1 << 31:
            height = (1 << 32) - height  # upside down
    if compression in (RLE8, RLE4) and max(width * height, len(body) // 2) > MAX_RLE_PIXELS:
        raise ImageError("too_many_pixels", f"{width}x{height} run-length coded, at most {MAX_RLE_PIXELS}")
    return Still(kind="bmp", width=width, height=height, body=body)


def _number(body: bytes, start: int, size: int) -> int:
    if start + size > len(body):
        raise broken("truncated: no BMP header")
    return int.from_bytes(body[start : start + size], "little")
