import zlib

import pytest
from PIL import Image

from tests.images.pictures import (
    SECRET,
    chunk,
    difference,
    encoded,
    exif,
    opened,
    photograph,
    pixels,
    png,
    reason,
)
from wit_builder.images import png as room
from wit_builder.images.decode import decode
from wit_builder.images.png import read_png

PHOTO = encoded(photograph(), "PNG")
ROW = b"\0" + bytes(range(12))  # four RGB pixels
BOMB = zlib.compress(bytes(64 << 20))


def rgb(*extra: bytes) -> bytes:
    return png(4, 1, 8, 2, ROW, *extra)


def test_only_the_picture_is_let_through() -> None:
    body = rgb(
        chunk(b"tEXt", b"Comment\0" + SECRET),
        chunk(b"eXIf", exif(3)),
        chunk(b"tIME", SECRET),
        chunk(b"gAMA", SECRET),
    )
    still = read_png(body + SECRET)
    assert still.stored == rgb()
    assert still.orientation == 3


def test_what_is_let_through_shows_the_same_pixels() -> None:
    assert difference(read_png(PHOTO).stored, PHOTO) == 0


def test_text_bombs_are_never_inflated() -> None:
    body = rgb(*[chunk(b"zTXt", b"a\0\0" + BOMB)] * 100)
    assert read_png(body).body == rgb()


def test_a_profile_is_inflated_up_to_a_limit() -> None:
    profile, bomb = (chunk(b"iCCP", b"name\0\0" + data) for data in (zlib.compress(b"profile"), BOMB))
    assert read_png(rgb(profile)).icc == b"profile"
    assert read_png(rgb(bomb)).icc is None
    assert read_png(rgb(chunk(b"iCCP", b"name\0\0broken"))).icc is None


@pytest.mark.parametrize(
    "image",
    [photograph().convert("RGBA"), photograph().convert("L"), photograph().quantize(16)],
    ids=["alpha", "grey", "palette"],
)
def test_only_opaque_rgb_may_be_stored_as_it_is(image: Image.Image) -> None:
    assert read_png(encoded(image, "PNG")).stored is None


def test_a_transparent_colour_is_no_plain_rgb_either() -> None:
    assert read_png(rgb(chunk(b"tRNS", bytes(6)))).stored is None


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (png(2, 1, 4, 0, b"\0\xf0", chunk(b"tRNS", b"\0\x0f")), [255, 0]),
        (png(2, 1, 4, 0, b"\0\xf7", chunk(b"tRNS", b"\0\x07")), [255, 255]),
        (png(4, 1, 2, 0, b"\0\x1b", chunk(b"tRNS", b"\0\x01")), [0, 255, 170, 255]),
        (png(2, 1, 1, 0, b"\0\x40", chunk(b"tRNS", b"\0\0")), [255, 255]),
        (png(1, 1, 16, 2, b"\0\x12\x34\0\0\0\0", chunk(b"tRNS", b"\x12\x34\0\0\0\0")), [255]),
        (png(1, 1, 16, 2, b"\0\x13\x34\0\0\0\0", chunk(b"tRNS", b"\x12\x34\0\0\0\0")), [19]),
    ],
    ids=["4 bit, white", "4 bit, key 7", "2 bit", "1 bit", "16 bit RGB", "16 bit RGB, another"],
)
def test_a_transparent_colour_counts_in_the_depth_of_the_file(body: bytes, shown: list[int]) -> None:
    assert pixels(decode(read_png(body), (1, 1))[0].image().convert("RGB"))[0, :, 0].tolist() == shown


def test_a_wrong_checksum_is_an_error_where_the_picture_is() -> None:
    at = PHOTO.index(b"IDAT") + 20
    damaged = PHOTO[:at] + bytes([PHOTO[at] ^ 1]) + PHOTO[at + 1 :]
    assert reason(read_png, damaged) == "decode_error"


def test_a_wrong_checksum_elsewhere_is_not() -> None:
    assert reason(read_png, rgb(chunk(b"tEXt", b"a\0b")[:-1] + b"!")) == "none"


@pytest.mark.parametrize("length", [8, 20, 40, len(PHOTO) // 2, len(PHOTO) - 13, len(PHOTO) - 12])
def test_a_file_that_ends_early_is_an_error(length: int) -> None:
    assert reason(read_png, PHOTO[:length]) == "decode_error"


def test_a_stream_of_pixels_that_ends_early_is_an_error() -> None:
    rows = zlib.compress(b"".join(b"\0" + photograph().tobytes()[288 * y : 288 * (y + 1)] for y in range(64)))
    still = read_png(
        png(96, 64, 8, 2, b"").replace(chunk(b"IDAT", zlib.compress(b"")), chunk(b"IDAT", rows[:-900]))
    )
    assert reason(decode, still, (96, 64)) == "decode_error"


def test_a_file_without_pixels_is_an_error() -> None:
    assert reason(read_png, png(4, 1, 8, 2, b"").replace(b"IDAT", b"iDAT")) == "decode_error"


def test_chunks_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_CHUNKS", 10)
    few, many = (rgb(chunk(b"tEXt", b"") * count) for count in (7, 8))
    assert (reason(read_png, few), reason(read_png, many)) == ("none", "decode_error")


def test_an_animation_is_its_default_image() -> None:
    frames = [photograph(seed=seed) for seed in (1, 2)]
    body = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])
    still = read_png(body)
    assert b"fdAT" in body
    assert difference(decode(still, (96, 64))[0], frames[0]) == 0
    assert opened(still.body).is_animated is False
