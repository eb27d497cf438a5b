"""JPEG: the segments that make the picture, and none of the others (ITU T.81 annex B).

Kept: frame and scan headers, tables, entropy-coded data, a bare JFIF header and Adobe's transform flag, which
decide the colours. Left behind: every other APPn, comments, thumbnails, whatever follows the end marker
(second pictures of MPO files, hidden archives).
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from wit_builder.errors import ImageError
from wit_builder.images.exif import orientation
from wit_builder.images.still import MAX_ICC_BYTES, Still, broken

SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
APP0, APP1, APP2, APP14 = 0xE0, 0xE1, 0xE2, 0xEE
HUFFMAN_FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive: what every reader reads
FRAMES = HUFFMAN_FRAMES | {0xC9, 0xCA}  # arithmetic coding: libjpeg-turbo reads it, many others do not
OTHER_FRAMES = {0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF}  # lossless and hierarchical
TABLES = {0xC4, 0xCC, 0xDB, 0xDD}  # huffman, arithmetic, quantisation, restart interval
PROGRESSIVE = {0xC2, 0xCA}

MAX_SEGMENTS = 4096  # a long ICC profile takes 43; each costs 1 us here
# Encoders write 1 to 14. Each scan is a pass over the whole picture, 60 ms for 100 megapixels, and may take
# 131 bytes: without a limit a 25 MB file could keep a decoder busy for three hours.
MAX_SCANS = 40

_MARKS = np.ones(256, bool)  # behind FF
_MARKS[[0x00, 0xFF, *range(0xD0, 0xD8)]] = False  # a stuffed byte, padding, restarts
_ALL_COEFFICIENTS = (1 << 64) - 1


def read_jpeg(body: bytes) -> Still:
    """The picture in a JPEG file. Raises ImageError for a broken, truncated or unsupported file."""
    parts = _Parts()
    ended = False
    for marker, payload, scan in _segments(body):
        ended = marker == EOI
        parts.take(marker, payload, scan)
    parts.check(ended)
    bare = b"".join([*parts.kept, _END])
    return Still(
        kind="jpg",
        width=parts.width,
        height=parts.height,
        body=bare,
        orientation=orientation(parts.exif),
        icc=parts.profile(),
        stored=bare if parts.storable else None,
        one_pass=parts.one_pass,
        # pixels and a copy; a decoder that needs several passes holds every coefficient, and then the pixels
        bytes_per_pixel=8 if parts.one_pass else 4 + 2 * len(parts.components),
    )


_END = bytes([0xFF, EOI])


def unended(body: bytes) -> bytes:
    """A one-pass file without its end marker, so that Pillow notices what is missing.

    libjpeg paints what is missing before an end marker in grey and only warns. Without the marker it asks for
    more, which Pillow reports as truncation; the zeros are what it reads ahead while it finishes the last
    block. The other files cannot be decoded without an end.
    """
    return body.removesuffix(_END) + bytes(16)


def _segments(body: bytes) -> Iterator[tuple[int, bytes, bytes | memoryview]]:
    """Marker, payload, and after SOS the scan's data, up to the end marker. Junk in between is skipped."""
    markers = _markers(body)
    position, number = 2, 0
    for _ in range(MAX_SEGMENTS):
        number = bisect_left(markers, position, number)
        if number == len(markers):
            return
        start = markers[number] + 2
        marker = body[start - 1]
        if marker == EOI:
            yield EOI, b"", b""
            return
        if marker in (0x01, SOI):  # without a payload
            position = start
            continue
        position = start + int.from_bytes(body[start : start + 2], "big")
        if position < start + 2 or position > len(body):
            raise broken(f"segment {marker:02X} at byte {start - 2} of {len(body)} is cut off")
        payload: bytes = body[start + 2 : position]
        scan: bytes | memoryview = b""
        if marker == SOS:
            number = bisect_left(markers, position, number)
            end = markers[number] if number < len(markers) else len(body)
            scan, position = memoryview(body)[position:end], end
        yield marker, payload, scan
    raise broken(f"more than {MAX_SEGMENTS} segments")


def _markers(body: bytes) -> memoryview:
    """Where markers may stand, but for those of restarts: they belong to a scan, and are junk elsewhere."""
    data = np.frombuffer(body, np.uint8)
    at = np.flatnonzero(data[:-1] == 0xFF)
    return at[_MARKS[data[at + 1]]].data


@dataclass(slots=True)
class _Parts:
    """What the segments said so far."""

    kept: list[bytes | memoryview] = field(default_factory=lambda: [bytes([0xFF, SOI])])
    frame: int = 0
    width: int = 0
    height: int = 0
    components: tuple[int, ...] = ()
    scans: int = 0
    complete: dict[int, int] = field(default_factory=dict)  # component: coefficients sent to the last bit
    exif: bytes = b""
    icc: list[bytes] = field(default_factory=list)
    jfif: bool = False
    adobe: bool = False

    def take(self, marker: int, payload: bytes, scan: bytes | memoryview) -> None:
        """Notes one segment, and keeps it if the picture needs it."""
        if marker in FRAMES or marker in OTHER_FRAMES:
            self._frame(marker, payload)
        elif marker == SOS:
            self._scan(payload)
        elif marker == APP0 and payload.startswith(b"JFIF\0") and len(payload) >= 14 and not self.jfif:
            self.jfif = True
            payload = payload[:12] + b"\0\0"  # without its thumbnail
        elif marker == APP14 and payload.startswith(b"Adobe") and len(payload) >= 12 and not self.adobe:
            self.adobe = True
            payload = payload[:12]
        elif marker not in TABLES:
            self._metadata(marker, payload)
            return
        self.kept += [bytes([0xFF, marker]), (len(payload) + 2).to_bytes(2, "big"), payload, scan]

    def _frame(self, marker: int, payload: bytes) -> None:
        if self.frame:
            raise broken("two frame headers")
        if len(payload) < 6 or len(payload) < 6 + 3 * payload[5]:
            raise broken("frame header is cut off")
        if marker in OTHER_FRAMES or payload[0] != 8:
            raise ImageError("unsupported_format", f"JPEG of frame type {marker:02X} with {payload[0]} bits")
        self.frame = marker
        self.height = int.from_bytes(payload[1:3], "big")
        self.width = int.from_bytes(payload[3:5], "big")
        self.components = tuple(payload[6 : 6 + 3 * payload[5] : 3])

    def _scan(self, payload: bytes) -> None:
        self.scans += 1
        if self.scans > MAX_SCANS:
            raise broken(f"more than {MAX_SCANS} scans")
        count = payload[0] if payload else 0
        if len(payload) < 4 + 2 * count:
            raise broken("scan header is cut off")
        first, last, bits = payload[1 + 2 * count : 4 + 2 * count]
        if self.frame not in PROGRESSIVE:
            first, last, bits = 0, 63, 0  # sequential scans carry everything, whatever they say here
        if not bits & 0x0F and first <= last < 64:
            for component in payload[1 : 1 + 2 * count : 2]:
                sent = ((1 << (last - first + 1)) - 1) << first
                self.complete[component] = self.complete.get(component, 0) | sent

    def _metadata(self, marker: int, payload: bytes) -> None:
        if marker == APP1 and payload.startswith(b"Exif\0\0") and not self.exif:
            self.exif = payload
        elif marker == APP2 and payload.startswith(b"ICC_PROFILE\0") and len(payload) > 14:
            self.icc.append(payload[12:])

    def check(self, ended: bool) -> None:
        """Raises unless there is a whole picture: a frame, and every coefficient of every component sent."""
        if not self.frame or not self.scans or not self.width or not self.height:
            raise broken("no picture in the JPEG")
        if not ended and not self.one_pass:
            raise broken("truncated: no end marker")
        if any(self.complete.get(component) != _ALL_COEFFICIENTS for component in self.components):
            raise broken(f"truncated: {self.scans} scans do not make a whole picture")

    @property
    def one_pass(self) -> bool:
        return self.scans == 1 and self.frame not in PROGRESSIVE

    @property
    def storable(self) -> bool:
        return self.frame in HUFFMAN_FRAMES and len(self.components) == 3

    def profile(self) -> bytes | None:
        """The ICC profile, joined in order of its numbers; None where a piece is missing."""
        pieces = sorted(self.icc)
        if not pieces or len(pieces) != pieces[0][1] or sum(map(len, pieces)) > MAX_ICC_BYTES:
            return None
        return b"".join(piece[2:] for piece in pieces)
