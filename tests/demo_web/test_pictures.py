"""Pictures: the same bytes for the same scene, far from each other, and copies as near as they are meant to be."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from tests.demo_web.measures import distance, distances, pdq
from wit_builder.demo_web.painting import paint
from wit_builder.demo_web.pictures import (
    CACHE,
    SMALL_SIDE,
    Picture,
    encode,
    encoded,
    format_of,
    published,
    unavailable,
)
from wit_builder.demo_web.scenes import MOODS, PLACES, THINGS, Scene, key_of, scene_of
from wit_builder.demo_web.sprites import SIDE, sprite

NEAR = ("resized", "enlarged", "reencoded")
FAR = ("cropped", "mirrored", "rotated", "bordered")


def scenes(count, name="test", **more):
    return [scene_of(key_of(0, name, n), **more) for n in range(count)]


def opened(body):
    return Image.open(io.BytesIO(body))


def check_apart(count):
    hashes, qualities = zip(*(pdq(encoded(published(s))) for s in scenes(count)), strict=True)
    assert distances(hashes).min() > 40
    assert min(qualities) >= 60


def test_different_scenes_are_far_apart_and_full_of_detail():
    check_apart(150)


@pytest.mark.slow
def test_three_thousand_scenes_are_far_apart_and_full_of_detail():
    check_apart(3000)


@pytest.mark.parametrize("mood", ["night", "fog"])
@pytest.mark.parametrize("place", PLACES)
def test_large_pictures_with_little_contrast_have_detail_enough(place, mood):
    found = replace(
        scenes(1, place + mood)[0], place=place, mood=mood, far=True, count=1, width=800, height=600
    )
    assert pdq(encoded(Picture(found)))[1] >= 60


def test_the_darkest_of_three_thousand_scenes_has_detail_enough():
    """PDQ gave it 53 before dark pictures got stronger patches of light."""
    darkest = Scene(5306588348393329172, "kite", "red", 3, "forest", "night", "left", True, 800, 600)
    assert pdq(encoded(Picture(darkest)))[1] >= 60


def test_the_same_scene_is_painted_with_the_same_pixels():
    found = scenes(1)[0]
    assert paint(found).tobytes() == paint(found).tobytes()


@pytest.mark.parametrize("mood", MOODS)
def test_all_moods_of_a_scene_look_different(mood):
    found = replace(scenes(1)[0], mood="sun")
    other = paint(replace(found, mood=mood))
    assert (other.tobytes() == paint(found).tobytes()) == (mood == "sun")


def test_every_thing_is_drawn_differently_and_within_its_square():
    drawn = {thing: sprite(thing, "red") for thing in THINGS}
    assert len({image.tobytes() for image in drawn.values()}) == len(THINGS)
    assert {image.size for image in drawn.values()} == {(SIDE, SIDE)}


@pytest.mark.parametrize("transform", NEAR)
def test_near_copies_are_within_24_bits_of_their_original(transform):
    for found in scenes(12, large=True):
        assert distance(encoded(published(found)), encoded(Picture(found, "jpg", transform))) <= 24


@pytest.mark.parametrize("transform", FAR)
def test_far_copies_are_beyond_40_bits_of_their_original(transform):
    for found in scenes(6, large=True):
        assert distance(encoded(published(found)), encoded(Picture(found, "jpg", transform))) > 40


@pytest.mark.parametrize("transform", ["", *NEAR, *FAR, "small"])
def test_a_picture_says_its_size(transform):
    picture = Picture(scenes(1, large=True)[0], "jpg", transform)
    assert opened(encoded(picture)).size == picture.size


@pytest.mark.parametrize("form", ["jpg", "png", "webp", "gif"])
def test_formats_are_what_they_say(form):
    body = encode(paint(scenes(1)[0]), form)
    assert opened(body).format == {"jpg": "JPEG"}.get(form, form.upper())
    assert len(body) > 5_000


def test_most_pictures_are_jpeg_and_all_other_formats_come():
    forms = [format_of(s) for s in scenes(600)]
    assert set(forms) == {"jpg", "png", "webp", "gif"}
    assert forms.count("jpg") > 450


def test_small_pictures_are_too_small_but_not_of_few_bytes():
    bodies = [encoded(Picture(s, transform="small")) for s in scenes(10)]
    assert {opened(body).size for body in bodies} == {(SMALL_SIDE, SMALL_SIDE)}
    assert min(map(len, bodies)) > 1_000


def test_the_placeholder_is_full_of_detail():
    assert pdq(encode(unavailable(), "png"))[1] >= 60


def test_encoded_pictures_are_kept_within_a_bound():
    assert encoded.cache_info().maxsize == CACHE
