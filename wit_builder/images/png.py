"""PNG: header, palette, transparency and pixels; all other chunks stay behind (PNG third edition, section 5).

Of an animation the default image is taken, which is its first frame or stands for it. Text chunks are never
inflated. Checksums are verified: Pillow does not look at those of IDAT.
"""

import zlib
from collections.abc import Iterator

from wit_builder.images.exif import orientation
from wit_builder.images.still import MAX_ICC_BYTES, Still, broken

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PICTURE_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT"}
GREY, RGB, GREY_ALPHA, RGB_ALPHA = 0, 2, 4, 6  # colour types
MAX_CHUNKS = 65_536  # libpng writes 8 KiB to a chunk: 512 MB of pixels
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
