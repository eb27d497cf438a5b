"""GIF: the first image with its palette and transparent colour, on a screen that holds it (GIF89a)."""

import struct

from PIL.GifImagePlugin import GifImageFile

from wit_builder.errors import ImageError
from wit_builder.images.still import Still, broken

EXTENSION, IMAGE = 0x21, 0x2C
GRAPHIC_CONTROL = 0xF9
TRANSPARENT = 0x01  # flag of the graphic control extension
MAX_BLOCKS = 65_536  # of extensions before the first image: 16 MiB of comments


def read_gif(body: bytes) -> Still:
    """The first picture of a GIF file. Raises ImageError where there is none.

    The screen is grown to hold the image, as Pillow and browsers do. How the frame would be disposed of is
    forgotten, because Pillow allocates for that before the size is known to us.
    """
    if len(body) < 13:
        raise broken("truncated: no GIF header")
    palette_end = 13 + (3 << (body[10] & 7) + 1 if body[10] & 0x80 else 0)
    control, image = _first_image(body, palette_end)
    left, top, width, height = struct.unpack("<4H", body[image + 1 : image + 9])
    screen_width = max(int.from_bytes(body[6:8], "little"), left + width)
    screen_height = max(int.from_bytes(body[8:10], "little"), top + height)
    if not width or not height or max(screen_width, screen_height) > 0xFFFF:
        raise broken(f"GIF image of {width}x{height} at {left},{top}")
    screen = screen_width.to_bytes(2, "little") + screen_height.to_bytes(2, "little")
    # frames after the first stay in the body: nobody reads that far
    bare = b"GIF89a" + screen + body[10:palette_end] + control + body[image:]
    return Still(
        kind="gif",
        width=screen_width,
        height=screen_height,
        body=bare,
        animated=_goes_on(body, image),
        alpha=bool(control and control[3] & TRANSPARENT),
    )


class ClearGif(GifImageFile):
    """Pillow's, but what the first image leaves of the screen is white: browsers leave it clear."""

    def load_end(self) -> None:
        """White around the image; one with a transparent colour has it there already."""
        super().load_end()
        assert self.dispose_extent
        left, top, right, bottom = self.dispose_extent
        if (left, top, right, bottom) == (0, 0, *self.size) or self.info.get("transparency") is not None:
            return
        self.im, self._mode = self.im.convert("RGB"), "RGB"
        width, height = self.size
        for bare in (
            (0, 0, width, top),
            (0, bottom, width, height),
            (0, 0, left, height),
            (right, 0, width, height),
        ):
            self.im.paste((255, 255, 255), bare)


def _goes_on(body: bytes, image: int) -> bool:
    """Whether another image follows the one that begins there. What is broken behind it is nobody's loss."""
    position = image + 10
    if image + 9 < len(body) and body[image + 9] & 0x80:
        position += 3 << (body[image + 9] & 7) + 1  # its own palette
    try:
        _first_image(body, _after_blocks(body, position + 1))  # past the size of LZW's codes
    except ImageError:
        return False
    return True


def _first_image(body: bytes, position: int) -> tuple[bytes, int]:
    """The graphic control extension that holds for the first image, rewritten, and where the image begins."""
    control = b""
    for _ in range(MAX_BLOCKS):
        kind = body[position : position + 1]
        if kind == bytes([IMAGE]) and position + 11 <= len(body):
            return control, position
        if kind == bytes([EXTENSION]):
            label, data = body[position + 1 : position + 2], body[position + 3 : position + 7]
            if label == bytes([GRAPHIC_CONTROL]) and len(data) == 4:
                control = bytes([EXTENSION, GRAPHIC_CONTROL, 4, data[0] & TRANSPARENT, 0, 0, data[3], 0])
            position = _after_blocks(body, position + 2)
        elif kind in (b"", b";"):
            raise broken("no image in the GIF")
        else:
            position += 1  # Pillow skips junk too
    raise broken(f"more than {MAX_BLOCKS} blocks before the first GIF image")


def _after_blocks(body: bytes, position: int) -> int:
    for _ in range(MAX_BLOCKS):
        length = body[position] if position < len(body) else 0
        position += 1 + length
        if not length:
            return position
    raise broken(f"more than {MAX_BLOCKS} blocks in a GIF extension")
