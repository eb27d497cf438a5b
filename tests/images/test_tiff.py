import struct

import pytest
from PIL import TiffImagePlugin

from tests.images.pictures import SECRET, difference, encoded, photograph, pixels, reason, srgb_profile, tiff
from wit_builder.images import tiff as room
from wit_builder.images.decode import decode
from wit_builder.images.picture import ImageSpec
from wit_builder.images.process import process
from wit_builder.images.tiff import read_tiff

GREY = [
    (256, 4, 1, 2),
    (257, 4, 1, 1),
    (258, 3, 1, 8),
    (262, 3, 1, 1),
    (273, 4, 1, 0),
    (277, 3, 1, 1),
    (279, 4, 1, 2),
]


def changed(*entries: tuple[int, int, int, int]) -> bytes:
    """Two grey pixels, some entries replaced or added."""
    merged = {entry[0]: entry for entry in [*GREY, *entries]}
    return tiff(*(merged[tag] for tag in sorted(merged)), data=b"\x10\x20")


def full() -> bytes:
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[270] = SECRET.decode()
    info[274] = 6
    return encoded(photograph(), "TIFF", tiffinfo=info, compression="tiff_lzw", icc_profile=srgb_profile())


def test_the_turn_and_the_profile_are_read_and_nothing_else_is_pointed_at() -> None:
    still = read_tiff(full())
    assert (still.width, still.height, still.orientation, still.icc) == (96, 64, 6, srgb_profile())
    with TiffImagePlugin.TiffImageFile(__import__("io").BytesIO(still.body)) as image:
        assert not set(image.tag_v2) & {270, 274, 34675}


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_the_pixels_are_the_same(compression: str) -> None:
    body = encoded(photograph(), "TIFF", compression=compression)
    assert difference(decode(read_tiff(body), (96, 64))[0], photograph()) == 0


def test_further_pages_are_not_reached() -> None:
    body = encoded(photograph(), "TIFF", save_all=True, append_images=[photograph(seed=2)])
    still = read_tiff(body)
    assert difference(decode(still, (96, 64))[0], photograph()) == 0


def test_both_byte_orders_are_read() -> None:
    big = tiff((256, 4, 1, 7), (257, 4, 1, 5), order=">")
    assert (read_tiff(big).width, read_tiff(big).height) == (7, 5)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (changed(), "none"),
        (changed((259, 3, 1, 34676)), "unsupported_format"),
        (changed((259, 3, 1, 6)), "unsupported_format"),
        (changed((277, 3, 1, 8)), "none"),
        (changed((277, 3, 1, 9)), "unsupported_format"),
        (changed((256, 4, 2, 8)), "decode_error"),
        (changed((256, 99, 1, 8)), "decode_error"),
        (changed((258, 3, 0, 8)), "decode_error"),
        (changed((258, 3, 1000, 8)), "decode_error"),
        (changed((273, 4, 1, 1 << 20)), "decode_error"),
        (changed((322, 4, 1, 1024), (323, 4, 1, 1025)), "decode_error"),
        (changed((322, 4, 1, 1024), (323, 4, 1, 1024)), "none"),
        (changed((270, 2, 1 << 30, 8)), "none"),
        (changed((274, 3, 5, 1 << 30)), "none"),
        (b"II*\0\xff\xff\xff\x7f", "decode_error"),
        (b"II*\0\x08\0\0\0\xff\xff", "decode_error"),
        (b"II*\0", "decode_error"),
    ],
)
def test_entries_are_checked_before_libtiff_sees_them(body: bytes, expected: object) -> None:
    assert reason(read_tiff, body) == expected


@pytest.mark.parametrize(
    ("bits", "photometric", "form", "expected"),
    [
        (8, 0, 1, "none"),
        (9, 0, 1, "unsupported_format"),
        (16, 1, 1, "none"),
        (16, 0, 1, "unsupported_format"),
        (12, 1, 1, "unsupported_format"),
        (32, 1, 1, "none"),
        (32, 1, 3, "none"),
        (32, 1, 2, "none"),
        (32, 0, 3, "unsupported_format"),
    ],
)
def test_numbers_that_pillow_does_not_scale_are_refused(
    bits: int, photometric: int, form: int, expected: str
) -> None:
    body = changed((258, 3, 1, bits), (262, 3, 1, photometric), (339, 3, 1, form))
    assert reason(read_tiff, body) == expected


@pytest.mark.parametrize(("form", "shown"), [(1, [0, 128, 255]), (2, [255, 0, 255])])
def test_numbers_of_32_bits_are_unsigned_where_the_file_says_so(form: int, shown: list[int]) -> None:
    data = struct.pack("<3L", 0, 2**31, 2**32 - 1)
    entries = [
        (256, 4, 1, 3),
        (257, 4, 1, 1),
        (258, 3, 1, 32),
        (262, 3, 1, 1),
        (273, 4, 1, 0),
        (277, 3, 1, 1),
    ]
    entries += [(279, 4, 1, 12), (339, 3, 1, form)]
    body = tiff(*entries).replace(struct.pack("<HHLL", *entries[4]), struct.pack("<HHLL", 273, 4, 1, 110))
    still = read_tiff(body + data)
    assert pixels(decode(still, (3, 1))[0])[0].tolist() == shown


def test_data_that_is_shared_is_refused() -> None:
    shared = changed((320, 3, 50, 8), (347, 7, 100, 8), (532, 4, 25, 8))
    assert reason(read_tiff, shared) == "decode_error"


def test_strips_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_STRIPS", 2)
    bodies = [changed((273, 3, count, 0)) for count in (2, 3)]
    assert [reason(read_tiff, body) for body in bodies] == ["none", "decode_error"]


def test_libtiff_writes_nothing_of_broken_pixels(capfd: pytest.CaptureFixture[str]) -> None:
    """With --quiet or --json too stderr is the program's own."""
    body = encoded(photograph(400, 300).convert("1"), "TIFF", compression="group4")
    for damage in range(8, 400, 40):
        broken = body[:damage] + b"\xff\0\xff\0\xff" + body[damage + 5 :]
        reason(process, broken, ImageSpec())
    assert capfd.readouterr().err == ""


def test_a_profile_beyond_the_end_is_ignored() -> None:
    assert read_tiff(changed((34675, 7, 1 << 20, 8))).icc is None
