from random import Random

import numpy as np
import pytest
from PIL import Image

from wit_builder.audit.learned import transforms
from wit_builder.audit.learned.transforms import CANARIES, MIN_SIDE, drawn, squeezed


def picture(width=90, height=60):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)


def differences(name, transform):
    """Of 50 draws, how far each pixel of the squeezed picture is from the one that was given, on average."""
    given = squeezed(picture(), 32).astype(int)
    made = [squeezed(transform(picture(), Random(f"{name} {n}")), 32).astype(int) for n in range(50)]
    return [np.abs(one - given).mean() for one in made]


@pytest.mark.parametrize(("name", "transform"), CANARIES.items())
def test_each_transform_changes_a_picture_and_leaves_it_a_picture(name, transform):
    made = [transform(picture(), Random(n)) for n in range(50)]
    assert {one.mode for one in made} == {"RGB"}
    assert min(min(one.size) for one in made) >= MIN_SIDE
    assert 0.3 < np.mean(differences(name, transform)) < 90
    assert picture().tobytes() == picture().tobytes()


@pytest.mark.parametrize("transform", [*CANARIES.values(), drawn])
def test_the_same_chance_makes_the_same_copy_and_another_one_another(transform):
    once, again, other = (transform(picture(), Random(n)).tobytes() for n in (7, 7, 8))
    assert once == again != other


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (3, 2), (9, 8)])
@pytest.mark.parametrize("transform", [*CANARIES.values(), drawn])
def test_the_smallest_pictures_go_through_too(transform, size):
    for n in range(20):
        made = transform(Image.new("RGB", size, (200, 10, 10)), Random(n))
        assert squeezed(made, 16).shape == (16, 16, 3)


def test_a_crop_keeps_a_quarter_to_nine_tenths_of_the_area():
    sizes = [transforms.crop(picture(900, 600), Random(n)).size for n in range(300)]
    shares = [width * height / (900 * 600) for width, height in sizes]
    assert 0.245 < min(shares) < 0.3
    assert 0.85 < max(shares) < 0.905


def test_a_rotation_that_is_cut_shows_no_corner():
    white = Image.new("RGB", (120, 80), (255, 255, 255))
    made = [transforms.rotate(white, Random(n)) for n in range(200)]
    cut = [one for one in made if one.size != white.size]
    assert 60 < len(cut) < 140
    assert all(min(np.asarray(one).min() for one in cut) > 240 for _ in cut)


def test_a_jpeg_has_the_same_pixels_nearly():
    assert 0.5 < np.mean(differences("jpeg", transforms.jpeg)) < 15


def test_turned_hues_stay_on_their_circle():
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    for n in range(50):
        r, g, b = np.asarray(transforms.colour(red, Random(n)))[0, 0]
        assert r >= max(g, b)
