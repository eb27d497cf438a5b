import struct

import pytest

from tests.images.pictures import difference, encoded, photograph, pixels, reason
from wit_builder.images.bmp import MAX_RLE_PIXELS, looks_like_bmp, read_bmp
from wit_builder.images.decode import decode

BODY = encoded(photograph(), "BMP")


def header(width: int, height: int, compression: int = 0) -> bytes:
    info = struct.pack("<LllHHLLllLL", 40, width, height, 1, 8, compression, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<LHHL", 0, 0, 0, 54) + info


def test_the_picture_is_decoded() -> None:
    assert difference(decode(read_bmp(BODY), (96, 64))[0], photograph()) == 0


def test_a_picture_upside_down_has_a_positive_height() -> None:
    assert read_bmp(header(3, -5)).height == 5


def test_the_old_header_is_read() -> None:
    old = b"BM" + struct.pack("<LHHLLHHHH", 0, 0, 0, 26, 12, 2, 1, 1, 24) + bytes([3, 2, 1, 6, 5, 4, 0, 0])
    assert pixels(decode(read_bmp(old), (2, 1))[0]).tolist() == [[[1, 2, 3], [4, 5, 6]]]


@pytest.mark.parametrize(("body", "expected"), [(BODY, True), (b"BMW", False), (b"BM" + bytes(60), False)])
def test_a_text_is_no_bitmap(body: bytes, expected: object) -> None:
    assert looks_like_bmp(body) is expected


@pytest.mark.parametrize("length", [18, 21, 24, 33])
def test_a_header_that_is_cut_off_is_an_error(length: int) -> None:
    assert reason(read_bmp, BODY[:length]) == "decode_error"


def test_run_lengths_are_bounded_because_they_are_unpacked_in_python() -> None:
    sizes = [(1000, MAX_RLE_PIXELS // 1000), (1001, MAX_RLE_PIXELS // 1000)]
    assert [reason(read_bmp, header(*size, 1)) for size in sizes] == ["none", "too_many_pixels"]
    assert reason(read_bmp, header(9, 9, 2) + bytes(2 * MAX_RLE_PIXELS)) == "too_many_pixels"
