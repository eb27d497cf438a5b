"""PNG: header, palette, transparency and pixels; all other chunks stay behind (PNG third edition, section 5).

Of an animation the default image is taken, which is its first frame or stands for it. Text chunks are never
inflated. Checksums are verified: Pillow does not look at those of IDAT. Nor does it mind a stream of pixels that
ends before the last row: what is missing would be black.
"""

import zlib
from collections.abc import Iterator
from io import BytesIO

from PIL.PngImagePlugin import PngImageFile

from wit_builder.images.exif import orientation
from wit_builder.images.still import MAX_ICC_BYTES, Still, broken

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PICTURE_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT"}
GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6  # colour types
SAMPLES = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}
# First column and row of each of Adam7's passes, and the steps to the next ones (PNG third edition, section 8).
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
MAX_CHUNKS = 65_536  # libpng writes 8 KiB to a chunk: 512 MB of pixels
MAX_SWELL = 1032  # times that deflate makes anything longer, at most: 258 bytes of 2 bits
_PIECE = 1 << 16  # bytes inflated at a time
_MARK = 0xA5
_END = b"\0\0\0\0IEND\xae\x42\x60\x82"


def read_png(body: bytes) -> Still:
    """The picture in a PNG file. Raises ImageError for a broken or truncated file."""
    kept: dict[bytes, list[bytes]] = {}
    exif, profile, frames = b"", b"", b""
    for kind, start, end in _chunks(body):
        if kind in PICTURE_CHUNKS:
            kept.setdefault(kind, []).append(_checked(body, kind, start, end))
        elif kind == b"eXIf":
            exif = exif or body[start:end]
        elif kind == b"iCCP":
            profile = profile or body[start:end]
        elif kind == b"acTL":
            frames = frames or body[start : start + 4]
    header = kept.get(b"IHDR", [b""])[0][8:-4]
    if len(header) != 13 or b"IDAT" not in kept:
        raise broken("no header or no pixels in the PNG")
    if b"tRNS" in kept:
        kept[b"tRNS"][0] = _transparency(header, kept[b"tRNS"][0][8:-4])
    once = [chunk for kind in (b"IHDR", b"PLTE", b"tRNS") for chunk in kept.get(kind, [])[:1]]
    bare = b"".join([SIGNATURE, *once, *kept[b"IDAT"], _END])
    eight_bit_rgb = header[8:10] == bytes([8, RGB]) and b"tRNS" not in kept
    return Still(
        kind="png",
        width=int.from_bytes(header[:4], "big"),
        height=int.from_bytes(header[4:8], "big"),
        body=bare,
        orientation=orientation(exif),
        icc=_profile(profile),
        stored=bare if eight_bit_rgb else None,
        animated=int.from_bytes(frames, "big") > 1,
        alpha=header[9] in (GREY_ALPHA, RGB_ALPHA) or b"tRNS" in kept,
    )


class WholePng(PngImageFile):
    """Pillow's, but a stream that ends before the last row is an error.

    The last pixel gets a value beforehand. Where it has that afterwards, which seldom is chance, and of an
    interlaced file, whose last row is not its last one to come, the bytes are counted.
    """

    def load_prepare(self) -> None:
        """Memory for the pixels, where as many can be there, and the mark in it."""
        if len(self._body()) * MAX_SWELL < _length(self._body()[16:29]):
            raise broken("truncated: too few bytes for all rows of the PNG")
        super().load_prepare()
        self.im.putpixel(self._last(), self._mark())

    def load_end(self) -> None:
        """Raises ImageError where rows are missing."""
        super().load_end()
        if self.info.get("interlace") or self.im.getpixel(self._last()) == self._mark():
            length, _ = _inflated(self._body())
            if length < (due := _length(self._body()[16:29])):
                raise broken(f"truncated: {length} bytes of pixels of {due}")

    def _body(self) -> bytes:
        assert isinstance(self.fp, BytesIO)
        return self.fp.getvalue()

    def _last(self) -> tuple[int, int]:
        return self.width - 1, self.height - 1

    def _mark(self) -> int | tuple[int, ...]:
        bands = len(self.getbands())
        return _MARK if bands == 1 else (_MARK,) * bands


def ends_well(body: bytes) -> bool:
    """Whether a PNG's stream of pixels has the right length and its own checksum: without that libpng refuses it."""
    try:
        length, ended = _inflated(body)
    except zlib.error:
        return False
    return ended and length == _length(body[16:29])


def _chunks(body: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of each chunk's data, up to IEND. A file that ends in mid-chunk is an error."""
    position = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        start = position + 8
        kind, end = body[position + 4 : start], start + int.from_bytes(body[position : position + 4], "big")
        if kind == b"IEND":
            return
        if not kind:
            raise broken("truncated: no IEND chunk")
        if end + 4 > len(body):
            raise broken(f"truncated: chunk {kind!r} of {end - start} bytes, {len(body) - start} are there")
        yield kind, start, end
        position = end + 4
    raise broken(f"more than {MAX_CHUNKS} chunks")


def _length(header: bytes) -> int:
    """Bytes of pixels that the header promises: rows, a byte for the filter before each."""
    width, height, bits = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big"), header[8]
    bits *= SAMPLES.get(header[9], 0)
    total = 0
    for left, top, right, down in PASSES if header[12] else ((0, 0, 1, 1),):
        columns, rows = -(-max(0, width - left) // right), -(-max(0, height - top) // down)
        total += rows * (1 + (columns * bits + 7) // 8) if columns else 0
    return total


def _inflated(body: bytes) -> tuple[int, bool]:
    """How many bytes of pixels there are, up to a piece more than are due, and whether their checksum follows.

    Raises zlib.error for a stream that is broken.
    """
    due, length, inflater = _length(body[16:29]), 0, zlib.decompressobj()
    idat = b"".join(body[start:end] for kind, start, end in _chunks(body) if kind == b"IDAT")
    for at in range(0, len(idat), _PIECE):
        rest = idat[at : at + _PIECE]
        while length <= due and (piece := inflater.decompress(rest, _PIECE)):
            length, rest = length + len(piece), inflater.unconsumed_tail
        if inflater.eof or length > due:
            break
    return length, inflater.eof


def _checked(body: bytes, kind: bytes, start: int, end: int) -> bytes:
    if zlib.crc32(body[start - 4 : end]) != int.from_bytes(body[end : end + 4], "big"):
        raise broken(f"checksum of chunk {kind!r} is wrong")
    return body[start - 8 : end + 4]


def _transparency(header: bytes, colour: bytes) -> bytes:
    """The tRNS chunk, its colour in the scale of the decoded pixels: Pillow compares and does not scale."""
    depth, kind = header[8], header[9]
    if kind == GREY and depth in (2, 4) and len(colour) >= 2:
        colour = (int.from_bytes(colour[:2], "big") * 255 // ((1 << depth) - 1) & 0xFF).to_bytes(2, "big")
    elif kind == RGB and depth == 16 and len(colour) >= 6:
        colour = b"".join(b"\0" + colour[at : at + 1] for at in (0, 2, 4))
    chunk = b"tRNS" + colour
    return len(colour).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")


def _profile(chunk: bytes) -> bytes | None:
    """The ICC profile behind its name and method; None where it is broken or swells beyond MAX_ICC_BYTES."""
    _, _, rest = chunk.partition(b"\0")
    inflater = zlib.decompressobj()
    try:
        profile = inflater.decompress(rest[1:], MAX_ICC_BYTES)
    except zlib.error:
        return None
    return profile if inflater.eof else None
