"""Equal images: by their bytes, and by their pixels.

By bytes an image of a shard has two keys. One is the sha256 of what lies in the tar, the other the sha256 that its
JSON member gives, which is of the bytes as they were fetched: builds and img2dataset store that, and then re-encode
the image. An evaluation image with the second key is the very file that was fetched; that its pixels are in the
shard is not said by it, for they were resized.

By pixels two images are the same where a decoder makes the same of both: after a change of container, of metadata, or
between lossless formats. Equal pixels have equal PDQ hashes. So only what PDQ finds is decoded and compared.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from wit_builder.audit.detectors import Image, Kind, Moves, Rows, described, words
from wit_builder.images.square import Pixels

_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Bytes:
    """The same bytes, as they lie in the shard or as they were fetched."""

    id: str = "sha256"
    sha256: str = described("sha256 of the bytes, and of those fetched", 2)
    kind: Kind = "key"
    threshold: float = 1.0
    source: str = "equal or not"
    moves: Moves = "no"

    def of(self, images: Sequence[Image], turned: bool) -> list[Rows | None]:
        """One or two rows each; any bytes can be read."""
        return [words(_keys(image)) for image in images]


def _keys(image: Image) -> list[bytes]:
    stored, fetched = sha256(image.body).digest(), image.said.get("sha256")
    if not isinstance(fetched, str) or not _HEX.fullmatch(fetched) or fetched == stored.hex():
        return [stored]
    return [stored, bytes.fromhex(fetched)]


PIXELS = "pixels"
PIXELS_SAID = {
    "id": PIXELS,
    "sha256": described("sha256 of height, width and RGB of what PDQ finds", 1),
    "kind": "key",
    "threshold": 1.0,
    "source": "equal or not",
}


def pixels(found: Pixels) -> bytes:
    """The sha256, 32 bytes, of size and pixels."""
    return sha256(repr(found.shape).encode() + found.tobytes()).digest()
