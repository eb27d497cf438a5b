from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image

from tests.images.pictures import SECRET, difference, encoded, exif, opened, photograph, reason
from wit_builder.images import libwebp
from wit_builder.images import webp as room
from wit_builder.images.decode import decode
from wit_builder.images.libwebp import decode_webp
from wit_builder.images.webp import read_webp

LOSSY = encoded(photograph(), "WEBP", quality=80)
LOSSLESS = encoded(photograph(), "WEBP", lossless=True)
CLEAR = photograph().convert("RGBA")
CLEAR.putalpha(photograph(seed=2).convert("L"))


@pytest.mark.parametrize("options", [{"quality": 80}, {"lossless": True}], ids=["lossy", "lossless"])
def test_metadata_is_left_behind(options: dict[str, object]) -> None:
    body = encoded(photograph(), "WEBP", exif=exif(6), xmp=SECRET, icc_profile=b"profile", **options)
    still = read_webp(body)
    assert (still.orientation, still.icc) == (6, b"profile")
    assert still.stored == encoded(photograph(), "WEBP", **options)


def test_a_simple_file_is_let_through_without_what_follows() -> None:
    assert read_webp(LOSSY + b"EXIF" + len(SECRET).to_bytes(4, "little") + SECRET).stored == LOSSY


@pytest.mark.parametrize("options", [{"quality": 80}, {"lossless": True}], ids=["lossy", "lossless"])
def test_alpha_is_kept_for_the_decoder_but_not_stored(options: dict[str, object]) -> None:
    still = read_webp(encoded(CLEAR, "WEBP", exif=exif(), **options))
    assert still.stored is None
    assert opened(still.body).mode == "RGBA"


def test_an_animation_is_its_first_frame() -> None:
    frames = [photograph(seed=seed) for seed in (1, 2, 3)]
    body = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True, exif=exif())
    still = read_webp(body)
    assert opened(still.body).n_frames == 1
    assert difference(decode(still, (96, 64))[0], frames[0]) == 0


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
@pytest.mark.parametrize("options", [{"quality": 80}, {"lossless": True}], ids=["lossy", "lossless"])
def test_both_decoders_see_the_same_pixels(scale: int, options: dict[str, object]) -> None:
    body = encoded(photograph(203, 149), "WEBP", **options)
    by_pillow = Image.open(BytesIO(body)).convert("RGB")
    assert difference(decode_webp(read_webp(body), scale), by_pillow.reduce(scale)) == 0


@pytest.mark.parametrize("found", [libwebp._LIBRARY, None], ids=["libwebp", "Pillow alone"])
def test_where_libwebp_is_not_found_pillow_decodes(found, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libwebp, "_LIBRARY", found)
    assert (decode_webp(read_webp(LOSSY), 1) is None) == (found is None)
    assert difference(decode(read_webp(LOSSY), (96, 64))[0], opened(LOSSY)) == 0


def test_what_libwebp_cannot_decode_or_finds_of_another_size_is_left_to_pillow() -> None:
    whole = read_webp(LOSSY)
    assert decode_webp(replace(whole, body=LOSSY[:200]), 1) is None
    assert decode_webp(replace(whole, width=95), 1) is None
    assert reason(decode, replace(whole, width=95), (1, 1)) == "decode_error"


@pytest.mark.parametrize("options", [{}, {"save_all": True, "append_images": [photograph(seed=3)]}])
def test_what_can_be_seen_through_or_moves_is_left_to_pillow(options: dict[str, object]) -> None:
    picture = CLEAR if not options else photograph()
    assert decode_webp(read_webp(encoded(picture, "WEBP", **options)), 1) is None


@pytest.mark.parametrize("body", [LOSSY, LOSSLESS, encoded(CLEAR, "WEBP")], ids=["VP8", "VP8L", "VP8X"])
def test_the_size_is_told_by_each_header(body: bytes) -> None:
    still = read_webp(body)
    assert (still.width, still.height) == (96, 64)


@pytest.mark.parametrize("body", [LOSSY, LOSSLESS], ids=["lossy", "lossless"])
def test_a_truncated_file_is_an_error(body: bytes) -> None:
    assert reason(read_webp, body[: len(body) // 2]) == "decode_error"


@pytest.mark.parametrize(
    "body",
    [
        LOSSY[:12],
        LOSSY[:20] + bytes(10),
        b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(10),
        LOSSY.replace(b"\x9d\x01\x2a", b"abc"),
    ],
    ids=["nothing", "zeros", "canvas without picture", "no start code"],
)
def test_a_file_without_a_picture_is_an_error(body: bytes) -> None:
    def whole() -> None:
        decode(read_webp(body), (1, 1))

    assert reason(whole) == "decode_error"


def test_a_chunk_beyond_the_file_is_an_error() -> None:
    assert reason(read_webp, riff(LOSSY[12:] + b"EXIF\1\0\0\0")) == "none"
    assert reason(read_webp, riff(b"EXIF\1\0\0\0" + LOSSY[:0])) == "decode_error"


def test_the_size_is_that_of_the_picture_and_not_of_a_canvas_that_is_dropped() -> None:
    body = encoded(photograph(), "WEBP", exif=exif())
    still = read_webp(body[:24] + bytes(6) + body[30:])
    assert (still.width, still.height) == (96, 64)


def test_an_empty_header_is_an_error() -> None:
    assert reason(read_webp, riff(b"VP8X\0\0\0\0")) == "decode_error"
    assert read_webp(riff(b"VP8X\0\0\0\0" + LOSSY[12:])).stored == LOSSY


def test_what_stands_behind_the_file_is_not_read() -> None:
    assert read_webp(LOSSY + b"junk").stored == LOSSY
    assert reason(read_webp, encoded(photograph(), "WEBP", exif=exif()) + b"junk\xff\xff") == "none"


def riff(chunks: bytes) -> bytes:
    """A WebP file of these chunks."""
    return b"RIFF" + (len(chunks) + 4).to_bytes(4, "little") + b"WEBP" + chunks


def test_chunks_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_CHUNKS", 10)
    junk = [riff(b"junk\0\0\0\0" * count + LOSSY[12:]) for count in (9, 10)]
    assert [reason(read_webp, body) for body in junk] == ["none", "decode_error"]


def test_too_large_a_profile_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_ICC_BYTES", 6)
    assert read_webp(encoded(photograph(), "WEBP", icc_profile=b"profile")).icc is None
