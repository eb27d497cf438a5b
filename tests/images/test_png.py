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
    png_of,
    reason,
)
from wit_builder.images import png as room
from wit_builder.images.decode import decode
from wit_builder.images.picture import ImageSpec
from wit_builder.images.png import read_png
from wit_builder.images.process import process

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


def said_of(depth: int, colour: int, laced: bool, short: int) -> str:
    """What is said of 5 x 3 pixels whose stream ends well after all rows but so many."""
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    widths = [1, 1, 1, 3, 2, 2, 5] if laced else [5, 5, 5]  # of the rows, pass by pass
    rows = [b"\0" + bytes(range(7, 7 + (width * bits + 7) // 8)) for width in widths]
    palette = [chunk(b"PLTE", bytes(768))] * (colour == 3)
    body = png(5, 3, depth, colour, b"".join(rows[: len(rows) - short]), *palette, laced=laced)
    return reason(process, body, ImageSpec())


@pytest.mark.parametrize("laced", [False, True])
@pytest.mark.parametrize(
    ("depth", "colour"), [(1, 0), (8, 0), (16, 0), (8, 2), (16, 2), (2, 3), (8, 3), (8, 4), (8, 6), (16, 6)]
)
def test_a_stream_that_ends_well_before_the_last_pixel_is_an_error(
    depth: int, colour: int, laced: bool
) -> None:
    assert [said_of(depth, colour, laced, short) for short in (0, 1, 2)] == [
        "none",
        "decode_error",
        "decode_error",
    ]


def test_rows_that_a_few_bytes_cannot_hold_are_given_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.core, "new", lambda *_: pytest.fail("memory"))
    body = png_of((8191, 140, 8, 0, 0, 0, 0), bytes(1000))  # a file of 1,057 bytes, each at most 1,032
    assert reason(process, body, ImageSpec()) == "decode_error"


def test_a_last_pixel_of_the_marks_colour_is_a_pixel() -> None:
    same = bytes([room._MARK])
    assert reason(process, png(4, 2, 8, 0, (b"\0" + same * 4) * 2), ImageSpec()) == "none"


@pytest.mark.parametrize("cut", [1, 4])
def test_a_stream_without_its_checksum_is_not_stored_as_it_is(cut: int) -> None:
    """libpng refuses it: OpenCV could not open the shard's picture."""
    spec = ImageSpec(mode="no", format="png")
    whole, cut_off = (
        png_of((4, 1, 8, 2, 0, 0, 0), stream) for stream in (zlib.compress(ROW), zlib.compress(ROW)[:-cut])
    )
    assert process(whole, spec).image == whole
    assert process(cut_off, spec).image != cut_off
    assert difference(process(cut_off, spec).image, whole) == 0


@pytest.mark.parametrize("behind", [b"\0", bytes(1 << 20)])
def test_nor_is_one_that_goes_on_behind_the_last_row(behind: bytes) -> None:
    body = png_of((4, 1, 8, 2, 0, 0, 0), zlib.compress(ROW + behind))
    assert process(body, ImageSpec(mode="no", format="png")).image != body


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
