"""What is told of the file that came: its format, whether it was an animation, whether it had alpha."""

import pytest

from tests.images.pictures import AS_IT_IS, encoded, photograph
from wit_builder.images.process import process

CLEAR = photograph().convert("RGBA")
CLEAR.putalpha(photograph(seed=2).convert("L"))
FRAMES = [photograph(seed=seed) for seed in (1, 2, 3)]
BODIES = {
    ("jpg", False, False): encoded(photograph()),
    ("png", False, False): encoded(photograph(), "PNG"),
    ("png", False, True): encoded(CLEAR, "PNG"),
    ("webp", False, False): encoded(photograph(), "WEBP"),
    ("webp", False, True): encoded(CLEAR, "WEBP"),
    ("gif", False, False): encoded(photograph().quantize(64), "GIF"),
    ("bmp", False, False): encoded(photograph(), "BMP"),
    ("tiff", False, False): encoded(photograph(), "TIFF"),
    ("tiff", False, True): encoded(CLEAR, "TIFF"),
    ("avif", False, False): encoded(photograph(), "AVIF"),
    ("avif", False, True): encoded(CLEAR, "AVIF"),
    ("png", True, False): encoded(FRAMES[0], "PNG", save_all=True, append_images=FRAMES[1:]),
    ("webp", True, False): encoded(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:]),
    ("avif", True, False): encoded(FRAMES[0], "AVIF", save_all=True, append_images=FRAMES[1:]),
}


@pytest.mark.parametrize("seen", BODIES, ids=lambda seen: "-".join(map(str, seen)))
def test_format_frames_and_alpha_are_told(seen):
    picture = process(BODIES[seen], AS_IT_IS)
    assert (picture.original_format, picture.animated, picture.alpha) == seen


def test_lossless_webp_with_alpha_is_told():
    assert process(encoded(CLEAR, "WEBP", lossless=True), AS_IT_IS).alpha


def test_a_grey_picture_with_alpha_and_a_transparent_colour_are_told():
    assert process(encoded(CLEAR.convert("LA"), "PNG"), AS_IT_IS).alpha
    assert process(encoded(photograph().quantize(8), "PNG", transparency=0), AS_IT_IS).alpha
    assert process(encoded(photograph().quantize(8), "GIF", transparency=0), AS_IT_IS).alpha


def test_a_gif_of_several_images_is_an_animation():
    frames = [frame.quantize(64) for frame in FRAMES]
    body = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert process(body, AS_IT_IS).animated


def test_a_gif_that_breaks_behind_its_first_image_is_none():
    frames = [frame.quantize(64) for frame in FRAMES]
    body = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    alone = len(encoded(frames[0], "GIF"))
    assert not process(body[:alone], AS_IT_IS).animated


def test_pages_of_a_tiff_are_no_animation():
    body = encoded(FRAMES[0], "TIFF", save_all=True, append_images=FRAMES[1:])
    assert not process(body, AS_IT_IS).animated
