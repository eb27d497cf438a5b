import struct

import pytest

from tests.images.pictures import SECRET, difference, encoded, opened, photograph, pixels, reason
from wit_builder.images import gif as room
from wit_builder.images.decode import decode
from wit_builder.images.gif import read_gif

HEADER = b"GIF89a" + struct.pack("<HHBBB", 2, 1, 0x80, 0, 0) + bytes([10, 20, 30, 40, 50, 60])
IMAGE = b"," + struct.pack("<HHHHB", 0, 0, 2, 1, 0) + b"\2\2\x44\x0a\0;"  # indices 0 and 1
TRANSPARENT_ZERO = b"!\xf9\4\x01\0\0\0\0"


def test_comments_and_applications_are_left_behind() -> None:
    comment = b"!\xfe" + bytes([len(SECRET)]) + SECRET + b"\0"
    assert read_gif(HEADER + comment + IMAGE).body == HEADER + IMAGE


def test_the_pixels_are_the_same() -> None:
    body = encoded(photograph().quantize(64), "GIF")
    assert difference(decode(read_gif(body), (96, 64))[0], opened(body).convert("RGB")) == 0


def test_the_transparent_colour_becomes_white() -> None:
    image, _ = decode(read_gif(HEADER + TRANSPARENT_ZERO + IMAGE), (2, 1))
    assert pixels(image).tolist() == [[[255, 255, 255], [40, 50, 60]]]


def test_how_the_frame_is_disposed_of_is_forgotten() -> None:
    still = read_gif(HEADER + b"!\xf9\4\x09\xff\xff\0\0" + IMAGE)
    assert still.body == HEADER + TRANSPARENT_ZERO + IMAGE


def test_an_animation_is_its_first_frame() -> None:
    frames = [photograph(seed=seed).quantize(64) for seed in (1, 2)]
    body = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert difference(decode(read_gif(body), (96, 64))[0], opened(body).convert("RGB")) == 0


def test_the_screen_grows_to_hold_the_image() -> None:
    outside = IMAGE.replace(struct.pack("<HH", 0, 0), struct.pack("<HH", 3, 2), 1)
    still = read_gif(HEADER + outside)
    assert (still.width, still.height) == (5, 3)


def test_what_the_image_leaves_of_the_screen_is_white() -> None:
    """As browsers leave it clear; index 0 is 10, 20, 30."""
    wide = HEADER.replace(struct.pack("<HH", 2, 1), struct.pack("<HH", 4, 3), 1)
    image = IMAGE.replace(struct.pack("<HH", 0, 0), struct.pack("<HH", 1, 1), 1)
    opaque, clear = (
        decode(read_gif(wide + control + image), (4, 3))[0] for control in (b"", TRANSPARENT_ZERO)
    )
    assert pixels(opaque)[:, :, 0].tolist() == [[255] * 4, [255, 10, 40, 255], [255] * 4]
    assert pixels(clear)[:, :, 0].tolist() == [[255] * 4, [255, 255, 40, 255], [255] * 4]


@pytest.mark.parametrize(
    "body",
    [
        HEADER[:10],
        HEADER,
        HEADER + b";",
        HEADER + IMAGE[:8],
        HEADER + b"!\xfe\5abc",
        HEADER + b"x" * 100,
        HEADER + IMAGE.replace(struct.pack("<HH", 2, 1), struct.pack("<HH", 0, 1), 1),
        HEADER + IMAGE.replace(struct.pack("<HH", 0, 0), struct.pack("<HH", 65_535, 0), 1),
    ],
)
def test_a_file_without_an_image_is_an_error(body: bytes) -> None:
    assert reason(read_gif, body) == "decode_error"


def test_a_truncated_image_is_an_error() -> None:
    body = encoded(photograph().quantize(64), "GIF")
    assert reason(decode, read_gif(body[: len(body) // 2]), (1, 1)) == "decode_error"


def test_blocks_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_BLOCKS", 5)
    bodies = [HEADER + b"!\xfe\0" * count + IMAGE for count in (4, 5)]
    bodies += [HEADER + b"!\xfe" + b"\1x" * count + b"\0" + IMAGE for count in (4, 5)]
    assert [reason(read_gif, body) for body in bodies] == ["none", "decode_error"] * 2
