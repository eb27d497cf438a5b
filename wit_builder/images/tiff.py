"""TIFF: the first directory, rewritten with only the entries that a decoder needs (TIFF 6.0, section 2).

EXIF, GPS, XMP, IPTC, Photoshop blocks, thumbnails and further pages are no longer pointed at. Entries are
checked on the way, so that none of Pillow's warnings about directories can arise. libtiff itself would write of
broken pixels to stderr, and is told not to.
"""

import ctypes
import struct
from collections.abc import Iterator

from PIL import TiffTags, _imaging

from wit_builder.errors import ImageError
from wit_builder.images.still import MAX_ICC_BYTES, Still, broken

WIDTH, HEIGHT, COMPRESSION, ORIENTATION, SAMPLES, ICC = 256, 257, 259, 274, 277, 34675
BITS, PHOTOMETRIC, EXTRA_SAMPLES = 258, 262, 338
WHITE_IS_ZERO = 0  # of photometric interpretations
STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES = 273, 279, 324, 325
TILE_WIDTH, TILE_HEIGHT = 322, 323
# What a decoder needs: bits, photometric, fill order, rows, planes, fax options, predictor, colour map, inks,
# dot range, extra samples, sample format, JPEG tables, YCbCr parameters; and the ones above.
KEPT = {258, 262, 266, 278, 284, 292, 293, 317, 320, 332, 336, 338, 339, 347, 529, 530, 531, 532}
KEPT |= {WIDTH, HEIGHT, COMPRESSION, SAMPLES, STRIP_OFFSETS, STRIP_BYTES}
KEPT |= {TILE_OFFSETS, TILE_BYTES, TILE_WIDTH, TILE_HEIGHT}
# Raw, CCITT (three), LZW, JPEG, deflate (two numbers), packed bits. Old-style JPEG, LogLuv, LZMA, zstd, WebP
# and the rest of what libtiff can do are not met on pages, only in attacks.
COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}
TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
NUMBERS = {
    3,
    4,
    5,
    8,
    9,
    10,
    11,
    12,
    13,
}  # types that are as many values as counted; the others are one string
MAX_SAMPLES = 8
MAX_STRIPS = 65_536  # Pillow walks those of raw files in Python
SPARE_TILE = 1 << 20  # pixels by which a tile may be larger than the picture


def read_tiff(body: bytes) -> Still:
    """The first picture of a TIFF file. Raises ImageError for a broken or unsupported file."""
    endian = "<" if body[:2] == b"II" else ">"
    entries: dict[int, _Entry] = {}
    for entry in _entries(body, endian):
        entries.setdefault(entry.tag, entry)
    kept = [entry for tag, entry in sorted(entries.items()) if tag in KEPT]
    for entry in kept:
        entry.check()
    _check_numbers(entries)
    _check(entries, len(body))
    orientation = _value(entries, ORIENTATION, 1)
    return Still(
        kind="tiff",
        width=_value(entries, WIDTH, 0),
        height=_value(entries, HEIGHT, 0),
        body=_rewritten(body, endian, kept),
        orientation=orientation if 1 <= orientation <= 8 else 1,
        icc=_profile(entries.get(ICC)),
        alpha=_value(entries, EXTRA_SAMPLES, 0) in (1, 2),  # associated or not; 0 says nothing of what it is
        bytes_per_pixel=17,  # numbers of 32 bit, scaled
    )


def _check_numbers(entries: dict[int, "_Entry"]) -> None:
    """Raises for numbers that Pillow gives unscaled or as a negative."""
    bits, white_is_zero = _value(entries, BITS, 1), _value(entries, PHOTOMETRIC, 1) == WHITE_IS_ZERO
    if bits == 12 or (white_is_zero and bits > 8):
        how = ", 0 is white" if white_is_zero else ""
        raise ImageError("unsupported_format", f"TIFF of {bits}-bit numbers{how}")


def _check(entries: dict[int, "_Entry"], size: int) -> None:
    """Raises where libtiff would allocate without limit."""
    if (compression := _value(entries, COMPRESSION, 1)) not in COMPRESSIONS:
        raise ImageError("unsupported_format", f"TIFF compression {compression}")
    if (samples := _value(entries, SAMPLES, 1)) > MAX_SAMPLES:
        raise ImageError("unsupported_format", f"TIFF of {samples} samples per pixel")
    if sum(entry.end - entry.start for tag, entry in entries.items() if tag in KEPT) > size:
        raise broken("TIFF entries share their data")
    tile = _value(entries, TILE_WIDTH, 0) * _value(entries, TILE_HEIGHT, 0)
    if tile > _value(entries, WIDTH, 0) * _value(entries, HEIGHT, 0) + SPARE_TILE:
        raise broken(f"TIFF with tiles of {tile} pixels")  # each would be allocated whole
    for offsets, lengths in ((STRIP_OFFSETS, STRIP_BYTES), (TILE_OFFSETS, TILE_BYTES)):
        if offsets in entries and lengths in entries:
            pieces = zip(entries[offsets].numbers(), entries[lengths].numbers(), strict=False)
            if any(start + length > size for start, length in pieces):
                raise broken("truncated: TIFF strips or tiles beyond the end")


class _Entry:
    """One directory entry, and where the bytes are that it stands for."""

    __slots__ = ("body", "count", "end", "endian", "raw", "start", "tag", "type")

    def __init__(self, body: bytes, at: int, endian: str) -> None:
        self.body, self.endian, self.raw = body, endian, body[at : at + 12]
        self.tag, self.type, self.count, offset = struct.unpack(f"{endian}HHLL", self.raw)
        size = self.count * TYPE_SIZES.get(self.type, 1)
        self.start = at + 8 if size <= 4 else offset
        self.end = self.start + size

    def check(self) -> None:
        """Raises where Pillow would warn, and where a count is beyond reason."""
        if self.end > len(self.body) or self.type not in TYPE_SIZES or not self.count:
            raise broken(f"truncated: TIFF tag {self.tag} of {self.count} values")
        if self.type in NUMBERS and TiffTags.lookup(self.tag).length == 1 and self.count != 1:
            raise broken(f"TIFF tag {self.tag} has {self.count} values, expected 1")
        if self.tag in (STRIP_OFFSETS, TILE_OFFSETS) and self.count > MAX_STRIPS:
            raise broken(f"TIFF of {self.count} strips or tiles, at most {MAX_STRIPS}")

    def numbers(self) -> tuple[int, ...]:
        """The values of an entry of whole numbers, else nothing."""
        kind = {1: "B", 3: "H", 4: "L"}.get(self.type)
        return struct.unpack_from(f"{self.endian}{self.count}{kind}", self.body, self.start) if kind else ()


def _entries(body: bytes, endian: str) -> Iterator[_Entry]:
    (start,) = struct.unpack(f"{endian}L", body[4:8].ljust(4, b"\xff"))
    if start + 2 > len(body):
        raise broken("truncated: no TIFF directory")
    (count,) = struct.unpack(f"{endian}H", body[start : start + 2])
    if start + 2 + 12 * count > len(body):
        raise broken(f"truncated: TIFF directory of {count} entries")
    return (_Entry(body, start + 2 + 12 * n, endian) for n in range(count))


def _value(entries: dict[int, _Entry], tag: int, missing: int) -> int:
    """The first of an entry's numbers. Only whole numbers within the file count."""
    entry = entries.get(tag)
    if entry is None or entry.end > len(entry.body) or not entry.count:
        return missing
    return next(iter(entry.numbers()), 0)


def _profile(entry: _Entry | None) -> bytes | None:
    if entry is None or entry.end > len(entry.body) or entry.end - entry.start > MAX_ICC_BYTES:
        return None
    return entry.body[entry.start : entry.end]


def _rewritten(body: bytes, endian: str, kept: list[_Entry]) -> bytes:
    """The file with a new directory at its end; strips and values stay where they are."""
    body += b"\0" * (len(body) % 2)
    directory = struct.pack(f"{endian}H", len(kept)) + b"".join(entry.raw for entry in kept) + b"\0\0\0\0"
    version = b"*\0" if endian == "<" else b"\0*"
    return body[:2] + version + struct.pack(f"{endian}L", len(body)) + body[8:] + directory


def _silence() -> None:
    """Takes libtiff's handlers away, of the library that Pillow brings; nothing where it has it inside."""
    try:
        library = ctypes.CDLL(_imaging.__file__)
        handlers = library.TIFFSetErrorHandler, library.TIFFSetWarningHandler
    except (OSError, AttributeError):
        return
    for handler in handlers:
        handler.argtypes, handler.restype = [ctypes.c_void_p], ctypes.c_void_p
        handler(None)


_silence()
