"""PDQ: 256 bits that stay nearly the same when a picture is resized, recompressed or turned grey.

Facebook's hash (ThreatExchange, `pdq/`), computed by its C++ through `pdqhash`; two pictures are taken for
the same within 31 bits. Mirrored and turned copies are not found: they come out as different as any two.
"""

import numpy as np
import pdqhash
from PIL import Image

# Each side is brought down to this by a triangle filter before hashing. Measured in benchmarks/images/pdq.py:
# all of PDQ's own reference hashes are met within 6 bits (its rule says 10), and copies at half the size and
# JPEG 70 stay within 8 bits (mean 2), where PDQ of the whole picture gives up to 28 (mean 12).
SIDE = 128


def phash(image: Image.Image) -> tuple[str, int]:
    """The hash as 64 hex digits, and PDQ's quality, 0 to 100.

    image: upright, any mode that converts to L. Below 50 the quality says that a picture has so little detail
    that its hash means little; a side under 5 pixels gives zeros and quality 0.
    """
    size = min(image.width, SIDE), min(image.height, SIDE)
    grey = image.convert("L").resize(size, Image.Resampling.BILINEAR)
    bits, quality = pdqhash.compute(np.asarray(grey.convert("RGB")))
    return np.packbits(bits.astype(np.uint8)).tobytes().hex(), int(quality)
