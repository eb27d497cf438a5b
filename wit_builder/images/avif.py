"""AVIF: opened by Pillow's libavif, which decodes nothing yet, after its EXIF item was made unreadable.

The turn is told by the file's own `irot` and `imir` properties, which Pillow hands on as an EXIF block of its
own; the orientation in the file's EXIF does not count (MIAF, section 7.3.9).
"""

from io import BytesIO

from PIL import AvifImagePlugin

from wit_builder.images.exif import orientation
from wit_builder.images.guard import guarded
from wit_builder.images.still import MAX_ICC_BYTES, Still

AVIF_BRANDS = {b"avif", b"avis"}
MAX_BOXES = 64  # at the top of the file; encoders write three

# Pillow's own switch, there is no argument for it. Workers are processes; a decoder that starts as many
# threads as there are cores in each of them only costs memory.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def brands(body: bytes) -> set[bytes]:
    """Major and compatible brands of an ISO media file, empty for another file."""
    if body[4:8] != b"ftyp":
        return set()
    box = body[8 : min(int.from_bytes(body[:4], "big"), 512)]
    return {box[at : at + 4] for at in range(0, len(box), 4) if at != 4}


def read_avif(body: bytes) -> Still:
    """The first picture of an AVIF file. Raises ImageError where libavif cannot read its structure."""
    body = _without_exif(body)
    with guarded(), AvifImagePlugin.AvifImageFile(BytesIO(body)) as image:
        width, height = image.size
        animated, alpha = image.n_frames > 1, image.mode == "RGBA"
        icc, exif = image.info.get("icc_profile"), image.info.get("exif", b"")
    return Still(
        kind="avif",
        width=width,
        height=height,
        body=body,
        orientation=orientation(exif),
        bytes_per_pixel=17,  # planes of 16 bit, RGBA, a copy in bytes, the picture
        animated=animated,
        alpha=alpha,
        icc=icc if icc and len(icc) <= MAX_ICC_BYTES else None,
    )


def _without_exif(body: bytes) -> bytes:
    """The file with its items of type Exif renamed: parsing them is what Pillow would warn about."""
    position = 0
    for _ in range(MAX_BOXES):
        size, kind = int.from_bytes(body[position : position + 4], "big"), body[position + 4 : position + 8]
        if kind == b"meta":
            end = position + size
            return body[:position] + body[position:end].replace(b"Exif", b"none") + body[end:]
        if size < 8:
            break
        position += size
    return body
