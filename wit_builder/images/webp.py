"""WebP: the image chunks of the RIFF file, of an animation those of the first frame (RFC 9649)."""

from collections.abc import Iterator

from wit_builder.images.exif import orientation
from wit_builder.images.still import MAX_ICC_BYTES, Still, broken

ANIMATED, ALPHA = 0x02, 0x10  # flags of VP8X
PIXELS = {b"VP8 ", b"VP8L"}
MAX_CHUNKS = 65_536


def read_webp(body: bytes) -> Still:
    """The picture in a WebP file. Raises ImageError for a broken or truncated file."""
    chunks: dict[bytes, bytes] = {}
    for kind, payload in _chunks(body):
        chunks.setdefault(kind, payload)
        if kind in PIXELS and b"VP8X" not in chunks:
            break  # a simple file: nothing may follow
    width, height = _size(chunks)
    body = _simple(chunks) or _extended(chunks)
    icc = chunks.get(b"ICCP")
    return Still(
        kind="webp",
        width=width,
        height=height,
        body=body,
        orientation=orientation(chunks.get(b"EXIF", b"")),
        icc=icc if icc and len(icc) <= MAX_ICC_BYTES else None,
        bytes_per_pixel=17,  # two canvases, a copy in bytes, the picture
        stored=body if body[12:16] in PIXELS and not _lossless_alpha(chunks) else None,
    )


def _chunks(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 12
    for _ in range(MAX_CHUNKS):
        kind = body[position : position + 4]
        start = position + 8
        end = start + int.from_bytes(body[position + 4 : start], "little")
        if len(kind) < 4:
            return
        if end > len(body):
            raise broken(f"truncated: chunk {kind!r} of {end - start} bytes, {len(body) - start} are there")
        yield kind, body[start:end]
        position = end + end % 2
    raise broken(f"more than {MAX_CHUNKS} chunks")


def _size(chunks: dict[bytes, bytes]) -> tuple[int, int]:
    """Width and height of the canvas, as the first of the headers says that every decoder looks at."""
    if len(header := chunks.get(b"VP8X", b"")) >= 10:
        return int.from_bytes(header[4:7], "little") + 1, int.from_bytes(header[7:10], "little") + 1
    if len(header := chunks.get(b"VP8 ", b"")) >= 10 and header[3:6] == b"\x9d\x01\x2a":
        return int.from_bytes(header[6:8], "little") & 0x3FFF, int.from_bytes(header[8:10], "little") & 0x3FFF
    if len(header := chunks.get(b"VP8L", b"")) >= 5 and header[0] == 0x2F:
        bits = int.from_bytes(header[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise broken("no picture in the WebP")


def _simple(chunks: dict[bytes, bytes]) -> bytes | None:
    """A file of one chunk, where the picture needs no more."""
    animated = b"VP8X" in chunks and chunks[b"VP8X"][0] & ANIMATED
    if animated or b"ALPH" in chunks:
        return None
    return next((_riff([(kind, chunks[kind])]) for kind in PIXELS if kind in chunks), None)


def _extended(chunks: dict[bytes, bytes]) -> bytes:
    """A file with alpha beside the pixels, or an animation cut down to its first frame."""
    header = chunks.get(b"VP8X", b"")
    if not header:
        raise broken("no picture in the WebP")
    wanted = (b"ANIM", b"ANMF") if header[0] & ANIMATED else (b"ALPH", b"VP8 ", b"VP8L")
    flags = bytes([header[0] & (ANIMATED | ALPHA)])
    return _riff(
        [(b"VP8X", flags + header[1:]), *((kind, chunks[kind]) for kind in wanted if kind in chunks)]
    )


def _lossless_alpha(chunks: dict[bytes, bytes]) -> bool:
    return b"VP8L" in chunks and bool(int.from_bytes(chunks[b"VP8L"][1:5], "little") >> 28 & 1)


def _riff(chunks: list[tuple[bytes, bytes]]) -> bytes:
    content = b"WEBP" + b"".join(
        kind + len(payload).to_bytes(4, "little") + payload + b"\0" * (len(payload) % 2)
        for kind, payload in chunks
    )
    return b"RIFF" + len(content).to_bytes(4, "little") + content
