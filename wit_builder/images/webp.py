"""WebP: the image chunks of the RIFF file, of an animation those of the first frame (RFC 9649)."""

from collections.abc import Iterator

from wit_builder.images.exif import orientation
from wit_builder.images.still import MAX_ICC_BYTES, Still, broken

ANIMATED, ALPHA = 0x02, 0x10  # flags of VP8X
PIXELS = (b"VP8 ", b"VP8L")
MAX_CHUNKS = 65_536


def read_webp(body: bytes) -> Still:
    """The picture in a WebP file. Raises ImageError for a broken or truncated file."""
    chunks: dict[bytes, bytes] = {}
    for kind, payload in _chunks(body):
        chunks.setdefault(kind, payload)
        if kind in PIXELS and b"VP8X" not in chunks:
            break  # a simple file: nothing may follow
    extended = _extended(chunks)
    kept = extended or [(kind, payload) for kind, payload in chunks.items() if kind in PIXELS][:1]
    if not kept:
        raise broken("no picture in the WebP")
    width, height, clear = _header(*kept[0])
    body, icc = _riff(kept), chunks.get(b"ICCP")
    return Still(
        kind="webp",
        width=width,
        height=height,
        body=body,
        orientation=orientation(chunks.get(b"EXIF", b"")),
        icc=icc if icc and len(icc) <= MAX_ICC_BYTES else None,
        animated=bool(extended and chunks[b"VP8X"][0] & ANIMATED),
        alpha=b"ALPH" in chunks or bool(chunks[b"VP8X"][0] & ALPHA) if extended else clear,
        bytes_per_pixel=17,  # two canvases, a copy in bytes, the picture
        stored=None if extended or clear else body,
    )


def _chunks(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    position, size = 12, 8 + int.from_bytes(body[4:8], "little")
    if size > len(body):
        raise broken(f"truncated: {len(body)} bytes of {size}")
    for _ in range(MAX_CHUNKS):
        kind, start = body[position : position + 4], position + 8
        end = start + int.from_bytes(body[position + 4 : start], "little")
        if start > size:
            return
        if end > size:
            raise broken(f"truncated: chunk {kind!r} of {end - start} bytes, {size - start} are there")
        yield kind, body[start:end]
        position = end + end % 2
    raise broken(f"more than {MAX_CHUNKS} chunks")


def _extended(chunks: dict[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """What an animation's first frame, or alpha beside the pixels, needs; nothing where neither is there."""
    header = chunks.get(b"VP8X", b"").ljust(10, b"\0")
    animated = header[0] & ANIMATED
    if not animated and b"ALPH" not in chunks:
        return []
    wanted = (b"ANIM", b"ANMF") if animated else (b"ALPH", *PIXELS)
    return [(b"VP8X", header), *((kind, chunks[kind]) for kind in wanted if kind in chunks)]


def _header(kind: bytes, header: bytes) -> tuple[int, int, bool]:
    """Width, height, and whether there may be alpha, as the first chunk says."""
    if kind == b"VP8X":
        return int.from_bytes(header[4:7], "little") + 1, int.from_bytes(header[7:10], "little") + 1, True
    if kind == b"VP8L" and len(header) >= 5 and header[0] == 0x2F:
        bits = int.from_bytes(header[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    if kind == b"VP8 " and len(header) >= 10 and header[3:6] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(header[at : at + 2], "little") & 0x3FFF for at in (6, 8))
        return width, height, False
    raise broken(f"no picture in the WebP's chunk {kind!r}")


def _riff(chunks: list[tuple[bytes, bytes]]) -> bytes:
    content = b"WEBP" + b"".join(
        kind + len(payload).to_bytes(4, "little") + payload + b"\0" * (len(payload) % 2)
        for kind, payload in chunks
    )
    return b"RIFF" + len(content).to_bytes(4, "little") + content
