import pytest
from PIL import AvifImagePlugin

from tests.images.pictures import SECRET, difference, encoded, exif, photograph, reason
from wit_builder.images.avif import brands, read_avif
from wit_builder.images.decode import decode

BODY = encoded(photograph(), "AVIF", speed=10)


def test_the_picture_is_decoded() -> None:
    still = read_avif(BODY)
    assert (still.width, still.height) == (96, 64)
    assert difference(decode(still, (96, 64))[0], photograph()) < 4


def test_the_turn_is_the_one_of_the_container() -> None:
    assert [
        read_avif(encoded(photograph(), "AVIF", exif=exif(turn))).orientation for turn in range(1, 9)
    ] == list(range(1, 9))


def test_a_broken_exif_item_warns_nobody() -> None:
    body = encoded(photograph(), "AVIF", exif=exif()).replace(SECRET[:8], b"\xff" * 8)
    start = body.rindex(b"II*\0") if b"II*\0" in body else body.rindex(b"MM\0*")
    still = read_avif(body[:start] + body[start : start + 8] + b"\xff" * 40 + body[start + 48 :])
    assert still.orientation == 1


def test_a_decoder_runs_in_one_thread() -> None:
    assert AvifImagePlugin._get_default_max_threads() == 1


@pytest.mark.parametrize("length", [12, 40, len(BODY) // 2])
def test_a_truncated_file_is_an_error(length: int) -> None:
    def whole() -> None:
        decode(read_avif(BODY[:length]), (1, 1))

    assert reason(whole) == "decode_error"


def test_brands_are_those_of_the_first_box() -> None:
    assert brands(b"\0\0\0\x18ftypmif1\0\0\0\0avifmiaf") == {b"mif1", b"avif", b"miaf"}
    assert brands(b"\0\0\0\x18moov") == set()


@pytest.mark.parametrize("junk", [b"\0\0\0\0junk", b"\0\0\0\x08free" * 100])
def test_boxes_without_end_are_left_alone(junk: bytes) -> None:
    assert reason(read_avif, BODY[:32] + junk) == "decode_error"
