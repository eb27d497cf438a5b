import hashlib
import json
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.images.pictures import (
    AS_IT_IS,
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
    segment,
    srgb_profile,
    swapped_profile,
    with_segments,
)
from tests.shared_data import shared_data
from wit_builder.images.process import Format, ImageSpec, process

BIG = photograph(600, 400, detail=20)
BODY = encoded(BIG, quality=95)
KINDS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"]
FORMATS: dict[Format, str] = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}


def test_a_picture_says_what_it_is_and_was() -> None:
    picture = process(BODY, ImageSpec())
    assert (picture.width, picture.height, picture.original_width, picture.original_height) == (
        384,
        256,
        600,
        400,
    )
    assert picture.sha256 == hashlib.sha256(BODY).hexdigest()


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_becomes_the_wanted_one(kind: str) -> None:
    stored = opened(process(encoded(BIG, kind), ImageSpec()).image)
    assert (stored.format, stored.mode, stored.size) == ("JPEG", "RGB", (384, 256))
    assert difference(stored, BIG.resize((384, 256), Image.Resampling.LANCZOS)) < 8


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bytes_give_the_same_picture(kind: str) -> None:
    body = encoded(photograph(), kind)
    assert process(body, ImageSpec(size=32)) == process(body, ImageSpec(size=32))


def test_the_mode_decides_the_canvas() -> None:
    crop, border = (
        process(BODY, ImageSpec(size=100, mode=mode, format="png")) for mode in ("center_crop", "border")
    )
    assert (crop.width, crop.height, border.width, border.height) == (100, 100, 100, 100)
    assert (pixels(border.image)[:16] == 255).all()


def test_the_hash_is_of_the_whole_picture_whatever_is_cut_or_added() -> None:
    whole, crop, border = (
        process(BODY, ImageSpec(size=200, mode=mode)) for mode in ("keep_ratio", "center_crop", "border")
    )
    assert whole.phash == crop.phash
    assert (int(whole.phash, 16) ^ int(border.phash, 16)).bit_count() <= 8


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_upright(kind: str, orientation: int) -> None:
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # what Image.transpose has to do beforehand
    upright = photograph(96, 64)
    stored = upright.transpose(Image.Transpose(back[orientation])) if orientation > 1 else upright
    body = encoded(stored, kind, exif=exif(orientation), quality=95)
    assert difference(process(body, AS_IT_IS).image, upright) < 3


@pytest.mark.parametrize("number", range(2, 9))
@pytest.mark.parametrize(
    "name", ["landscape_{}.jpg", "hopper_orientation_{}.webp", "hopper_orientation_{}.jpg"]
)
def test_real_turned_pictures_look_like_the_upright_one(name: str, number: int) -> None:
    first = 1 if "landscape" in name else 2
    pictures = [
        process(shared_data(f"nasty/orientation/{name.format(n)}").read_bytes(), AS_IT_IS)
        for n in (first, number)
    ]
    assert difference(pictures[0].image, pictures[1].image) < 6
    assert difference(np_flipped(pictures[0].image), pictures[1].image) > 15


def np_flipped(body: bytes) -> Image.Image:
    """The picture mirrored, which must not look the same."""
    return opened(body).transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def test_the_expected_turns_are_those_of_the_facts() -> None:
    facts = json.loads(shared_data("nasty/facts.json").read_text())
    for fact in (fact for fact in facts if "expected_orientation" in fact):
        picture = process(shared_data(fact["file"]).read_bytes(), ImageSpec())
        turned = fact["expected_orientation"] >= 5
        size = (fact["width"], fact["height"])[:: -1 if turned else 1]
        assert (picture.original_width, picture.original_height) == size, fact["file"]


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    grey = np.full((8, 8), 40_000, np.uint16)
    assert (pixels(process(encoded(Image.fromarray(grey), "PNG"), AS_IT_IS).image) == 156).all()
    rgb = png(1, 1, 16, 2, b"\0" + (40_000).to_bytes(2, "big") * 3)
    assert (pixels(process(rgb, AS_IT_IS).image) == 156).all()


def test_a_real_sixteen_bit_ramp_keeps_its_steps() -> None:
    stored = pixels(process(shared_data("nasty/png/pngsuite-basn0g16.png").read_bytes(), AS_IT_IS).image)
    assert len(np.unique(stored)) > 100


@pytest.mark.parametrize("inverted", [True, False])
def test_cmyk_comes_out_in_the_right_colours(inverted: bool) -> None:
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    body = encoded(red, "JPEG", quality=100) if inverted else encoded(red, "TIFF")
    red_seen, green_seen, blue_seen = pixels(process(body, AS_IT_IS).image)[8, 8]
    assert red_seen > 250 > 5 >= max(green_seen, blue_seen)


def test_a_real_cmyk_photograph_looks_like_its_rgb_twin() -> None:
    cmyk, rgb = (
        process(shared_data(f"nasty/jpeg/pil_sample_{mode}.jpg").read_bytes(), AS_IT_IS).image
        for mode in ("cmyk", "rgb")
    )
    assert difference(cmyk, rgb) < 12


def test_transparent_parts_are_white() -> None:
    clear = Image.new("RGBA", (40, 40), (200, 0, 0, 0))
    for kind in ("PNG", "WEBP", "TIFF", "AVIF"):
        assert (pixels(process(encoded(clear, kind), AS_IT_IS).image) > 250).all(), kind


def test_colours_are_converted_to_srgb() -> None:
    red = Image.new("RGB", (40, 40), (200, 10, 10))
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
        stored = pixels(process(encoded(red, kind, icc_profile=swapped_profile()), AS_IT_IS).image)
        assert stored[20, 20, 1] > 180 > 40 > stored[20, 20, 0], kind


SECRETS = [
    segment(0xE1, b"Exif\0\0" + SECRET),
    segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET),
    segment(0xED, b"Photoshop 3.0\0" + SECRET),
    segment(0xFE, SECRET),
    segment(0xE2, b"MPF\0" + SECRET),
]


@pytest.mark.parametrize("keep", [True, False])
def test_no_metadata_reaches_the_output(keep: bool) -> None:
    text = chunk(b"tEXt", b"Comment\0" + SECRET)
    bodies: dict[Format, bytes] = {
        "jpg": with_segments(BODY, *SECRETS) + SECRET,
        "png": png(1, 1, 8, 2, b"\0\1\2\3", text, chunk(b"eXIf", exif())) + SECRET,
        "webp": encoded(photograph(), "WEBP", xmp=SECRET, exif=exif()) + SECRET,
    }
    for name, body in bodies.items():
        assert SECRET not in process(body, ImageSpec(size=1000, format=name, keep_original=keep)).image


def test_real_positions_do_not_reach_the_output() -> None:
    for name in ("DSCN0010.jpg", "DSCN0012.jpg"):
        body = shared_data(f"nasty/gps/{name}").read_bytes()
        for spec in (ImageSpec(), ImageSpec(mode="no")):
            stored = process(body, spec).image
            assert b"Exif" in body
            assert not any(word in stored for word in (b"Exif", b"NIKON", b"GPS", b"WGS", b"http"))


@pytest.mark.parametrize(("name", "pillow"), FORMATS.items())
def test_what_needs_no_change_is_kept(name: Format, pillow: str) -> None:
    body = encoded(photograph(), pillow, quality=50, compress_level=1)
    assert process(body, ImageSpec(format=name)).image == body
    assert process(body, ImageSpec(format=name, keep_original=False)).image != body


def test_a_jpeg_with_metadata_is_kept_without_it_and_not_encoded_again() -> None:
    plain = encoded(photograph(), quality=50)
    stored = process(with_segments(plain, *SECRETS), ImageSpec()).image
    assert stored == plain
    assert difference(stored, plain) == 0


def test_an_srgb_profile_is_cut_out_of_what_is_kept() -> None:
    assert process(encoded(photograph(), icc_profile=srgb_profile()), ImageSpec()).image == encoded(
        photograph()
    )


@pytest.mark.parametrize(
    "body",
    [
        encoded(photograph(), exif=exif(3)),
        encoded(photograph(), icc_profile=swapped_profile()),
        encoded(photograph().convert("L")),
        encoded(photograph().convert("CMYK")),
        encoded(photograph(257, 257)),
        encoded(photograph(), "PNG"),
    ],
    ids=["turned", "profile", "grey", "cmyk", "too large", "png"],
)
def test_what_needs_a_change_is_encoded(body: bytes) -> None:
    stored = opened(process(body, ImageSpec()).image)
    assert (stored.format, stored.mode) == ("JPEG", "RGB")
    assert stored.quantization == opened(encoded(photograph(), quality=95)).quantization  # type: ignore[attr-defined]


def test_the_pixel_limit_is_on_both_sides() -> None:
    assert process(encoded(photograph()), ImageSpec(max_pixels=96 * 64)).width == 96
    assert reason(process, encoded(photograph()), ImageSpec(max_pixels=96 * 64 - 1)) == "too_many_pixels"


def test_what_is_enlarged_may_have_more() -> None:
    spec = ImageSpec(size=128, only_shrink=False, max_pixels=96 * 64)
    assert process(encoded(photograph()), spec).width == 192


@pytest.mark.parametrize("size", [(1000, 3), (1, 333)])
def test_a_line_is_enlarged_and_cut_to_a_square(size: tuple[int, int]) -> None:
    picture = process(encoded(photograph(*size), "PNG"), ImageSpec(mode="center_crop", only_shrink=False))
    assert (picture.width, picture.height, *opened(picture.image).size) == (256,) * 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_is_refused_by_its_header(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wit_builder.images.process.decode", lambda *_: pytest.fail("decoded"))
    assert reason(process, encoded(photograph(), kind), ImageSpec(max_pixels=1000)) == "too_many_pixels"


def test_memory_is_bounded_too() -> None:
    small, large = (with_canvas(side) for side in (7000, 8000))  # 17 bytes a pixel: 833 MB and 1.1 GB
    assert reason(process, small, ImageSpec()) == "decode_error"
    assert reason(process, large, ImageSpec()) == "too_many_pixels"


def with_canvas(side: int) -> bytes:
    """A WebP that claims a canvas which its picture does not fill."""
    clear = photograph()
    clear.putalpha(photograph(seed=2).convert("L"))
    body = encoded(clear, "WEBP")
    return body[:24] + (side - 1).to_bytes(3, "little") * 2 + body[30:]


@pytest.mark.parametrize("width", [0, 1])
def test_a_picture_without_width_is_an_error(width: int) -> None:
    body = b"BM" + bytes(8) + (54).to_bytes(4, "little") + (40).to_bytes(4, "little")
    body += width.to_bytes(4, "little") + (1).to_bytes(4, "little") + b"\1\0\x18\0" + bytes(24) + bytes(4)
    expected = "none" if width else "decode_error"
    assert reason(process, body, ImageSpec(only_shrink=False, size=4)) == expected


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (3, 2)])
def test_tiny_and_thin_pictures_come_through(size: tuple[int, int]) -> None:
    for mode in ("keep_ratio", "keep_ratio_largest", "center_crop", "border", "no"):
        picture = process(encoded(photograph(*size)), ImageSpec(size=64, mode=mode))  # type: ignore[arg-type]
        assert opened(picture.image).size == (picture.width, picture.height)


def test_no_warning_reaches_the_caller() -> None:
    text = chunk(b"tEXt", b"Comment\0" + SECRET)
    bodies = [
        with_segments(
            BODY, segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(20)), segment(0xE2, b"MPF\0broken")
        ),
        png(2, 1, 8, 3, b"\0\0\1", text, chunk(b"PLTE", bytes(range(6))), chunk(b"tRNS", b"\x01\x02")),
        png(1, 1, 8, 2, b"\0\1\2\3", chunk(b"acTL", bytes(8))),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [process(body, ImageSpec()).phash_quality >= 0 for body in bodies] == [True] * 3


def test_threads_do_not_disturb_each_other() -> None:
    bodies = [encoded(photograph(seed=seed), kind) for seed in range(4) for kind in KINDS]
    alone = [process(body, ImageSpec(size=32)) for body in bodies]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda body: process(body, ImageSpec(size=32)), bodies)) == alone


def test_the_spec_is_a_value() -> None:
    assert replace(ImageSpec(), size=128) == ImageSpec(size=128)
    assert {ImageSpec(): 1}[ImageSpec()] == 1
