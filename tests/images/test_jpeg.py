from io import BytesIO

import pytest
from PIL import Image

from tests.images.pictures import (
    SECRET,
    difference,
    encoded,
    exif,
    opened,
    photograph,
    reason,
    segment,
    with_segments,
)
from wit_builder.images import jpeg
from wit_builder.images.decode import decode
from wit_builder.images.jpeg import read_jpeg
from wit_builder.images.turbo import decode_jpeg

BASELINE = encoded(photograph(), quality=90)
PROGRESSIVE = encoded(photograph(), quality=90, progressive=True)
HALF = len(BASELINE) // 2
ICC = b"ICC_PROFILE\0"


def test_only_the_picture_is_let_through() -> None:
    thumbnail = b"JFIF\0\1\1\0\0\1\0\1\1\1abc"
    metadata = [segment(marker, SECRET) for marker in (0xE0, 0xE1, 0xE3, 0xED, 0xEF, 0xFE)]
    body = with_segments(BASELINE, segment(0xE0, thumbnail), segment(0xE1, b"Exif\0\0" + SECRET), *metadata)
    still = read_jpeg(body + SECRET)
    assert SECRET not in still.stored
    assert b"abc" not in still.stored


@pytest.mark.parametrize("body", [BASELINE, PROGRESSIVE], ids=["baseline", "progressive"])
def test_what_is_let_through_shows_the_same_pixels(body: bytes) -> None:
    still = read_jpeg(with_segments(body, segment(0xFE, SECRET)))
    assert difference(still.stored, body) == 0
    assert difference(decode(still, (96, 64))[0], body) == 0


@pytest.mark.parametrize("end", [b"", b"\xff\xd9", b"\xff\xd9" + BASELINE])
def test_half_a_picture_is_an_error_and_never_grey(end: bytes) -> None:
    still = read_jpeg(BASELINE[:HALF] + end)
    assert reason(decode, still, (96, 64)) == "decode_error"


def test_a_whole_picture_may_lack_its_end_marker() -> None:
    still = read_jpeg(BASELINE[:-2])
    assert difference(decode(still, (96, 64))[0], BASELINE) == 0
    assert difference(still.stored, BASELINE) == 0


def test_a_progressive_picture_may_not() -> None:
    assert reason(read_jpeg, PROGRESSIVE[:-2]) == "decode_error"


def test_a_progressive_picture_that_lacks_scans_is_an_error() -> None:
    last_scan = PROGRESSIVE.rindex(b"\xff\xda")
    assert reason(read_jpeg, PROGRESSIVE[:last_scan] + b"\xff\xd9") == "decode_error"


@pytest.mark.parametrize("lost", [100, 20])
def test_a_progressive_picture_with_less_data_than_its_scans_need_is_an_error(lost: int) -> None:
    still = read_jpeg(PROGRESSIVE[: -2 - lost] + b"\xff\xd9")
    assert reason(decode, still, (96, 64)) == "decode_error"


def test_what_makes_libjpeg_warn_without_a_loss_is_decoded_all_the_same() -> None:
    warned = BASELINE[:-2] + b"\0" * 20 + b"\xff\xd9"
    assert decode_jpeg(read_jpeg(warned), 1) is None
    assert difference(decode(read_jpeg(warned), (96, 64))[0], BASELINE) == 0


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": "4:4:4"}, {"keep_rgb": True}])
def test_both_decoders_see_the_same_pixels(scale: int, mode: str, options: dict[str, object]) -> None:
    body = encoded(photograph(203, 149).convert(mode), **options)
    by_pillow = Image.open(BytesIO(body))
    by_pillow.draft(None, (203 // scale, 149 // scale))
    assert difference(decode_jpeg(read_jpeg(body), scale), by_pillow) == 0


def test_adobes_flag_is_kept_because_it_decides_the_colours() -> None:
    cmyk = encoded(photograph().convert("CMYK"))
    assert b"Adobe" in read_jpeg(cmyk).body
    assert read_jpeg(cmyk).stored is None


def test_grey_pictures_are_not_stored_as_they_are() -> None:
    assert read_jpeg(encoded(photograph().convert("L"))).stored is None


def test_arithmetic_coding_is_not_stored_because_few_can_read_it() -> None:
    assert read_jpeg(BASELINE.replace(b"\xff\xc0", b"\xff\xc9", 1)).stored is None
    assert read_jpeg(BASELINE).stored is not None


def test_the_turn_and_the_size_are_read() -> None:
    still = read_jpeg(encoded(photograph(), exif=exif(6)))
    assert (still.width, still.height, still.orientation, still.upright) == (96, 64, 6, (64, 96))


def test_a_profile_in_pieces_is_joined_in_order() -> None:
    pieces = [segment(0xE2, ICC + bytes([n, 2]) + text) for n, text in ((2, b"world"), (1, b"hello "))]
    assert read_jpeg(with_segments(BASELINE, *pieces)).icc == b"hello world"
    assert read_jpeg(with_segments(BASELINE, *pieces[1:])).icc is None


def test_too_large_a_profile_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    body = with_segments(BASELINE, segment(0xE2, ICC + b"\1\1" + bytes(100)))
    monkeypatch.setattr(jpeg, "MAX_ICC_BYTES", 101)
    assert read_jpeg(body).icc is None
    monkeypatch.setattr(jpeg, "MAX_ICC_BYTES", 102)
    assert read_jpeg(body).icc == bytes(100)


def test_scans_are_counted_because_each_costs_a_pass() -> None:
    scan = PROGRESSIVE[PROGRESSIVE.rindex(b"\xff\xda") : -2]
    there = PROGRESSIVE.count(b"\xff\xda")
    full = PROGRESSIVE[:-2] + scan * (jpeg.MAX_SCANS - there)
    assert reason(read_jpeg, full + b"\xff\xd9") == "none"
    assert reason(read_jpeg, full + scan + b"\xff\xd9") == "decode_error"


def test_segments_are_counted() -> None:
    few, many = (with_segments(BASELINE, segment(0xFE, b"") * count) for count in (4000, 4096))
    assert (reason(read_jpeg, few), reason(read_jpeg, many)) == ("none", "decode_error")


def test_junk_between_segments_and_markers_without_payload_are_skipped() -> None:
    body = with_segments(BASELINE, b"junk\xff\xff", segment(0xFE, b"x"), b"\xff\x01\xff\xd0")
    assert difference(read_jpeg(body).stored, BASELINE) == 0


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (BASELINE[:2] + b"\xff\xd9", "decode_error"),
        (BASELINE[: BASELINE.index(b"\xff\xda")] + b"\xff\xd9", "decode_error"),
        (BASELINE[: BASELINE.index(b"\xff\xc0") + 6], "decode_error"),
        (with_segments(BASELINE, segment(0xC0, bytes([8, 0, 9, 0, 9, 0]))), "decode_error"),
        (with_segments(BASELINE, segment(0xC0, b"\x08")), "decode_error"),
        (with_segments(BASELINE, segment(0xDA, b"")), "decode_error"),
        (with_segments(BASELINE, segment(0xFE, b"")[:3] + b"\1"), "decode_error"),
        (BASELINE.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c", 1), "unsupported_format"),
        (BASELINE.replace(b"\xff\xc0", b"\xff\xc3", 1), "unsupported_format"),
        (BASELINE.replace(b"\x11\x08\0\x40\0\x60", b"\x11\x08\0\0\0\x60", 1), "decode_error"),
    ],
    ids=[
        "empty",
        "no scan",
        "cut",
        "two frames",
        "short frame",
        "short scan",
        "length",
        "12 bit",
        "lossless",
        "no height",
    ],
)
def test_broken_structure_has_its_reason(body: bytes, expected: object) -> None:
    assert reason(read_jpeg, body) == expected


def test_a_large_picture_is_decoded_small() -> None:
    still = read_jpeg(encoded(photograph(640, 480)))
    picture, box = decode(still, (100, 75))
    assert (picture.width, picture.height) == (160, 120)
    assert box == (0, 0, 160, 120)


def test_the_box_leaves_out_what_scaled_decoding_adds() -> None:
    picture, box = decode(read_jpeg(encoded(photograph(641, 481))), (100, 75))
    assert (picture.width, picture.height) == (161, 121)
    assert box == (0, 0, 641 / 4, 481 / 4)


def test_opening_twice_gives_equal_files() -> None:
    assert read_jpeg(BASELINE).stored == read_jpeg(read_jpeg(BASELINE).stored).stored
    assert opened(read_jpeg(BASELINE).stored).info["jfif"]
