from random import Random

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.images.pictures import encoded, photograph
from wit_builder.audit.detectors import Image
from wit_builder.audit.learned import views
from wit_builder.audit.learned.transforms import border

WHITE = (255, 255, 255)


def framed(picture, width, height, fill=WHITE):
    """The picture with so many pixels of one colour on each side."""
    made = Pillow.new("RGB", (picture.width + 2 * width, picture.height + 2 * height), fill)
    made.paste(picture, (width, height))
    return made


def difference(one, other):
    return np.abs(one.astype(int) - other.astype(int)).mean()


def test_a_part_is_two_thirds_of_the_image_and_all_parts_cover_it():
    picture = photograph(200, 100, seed=1, detail=12)
    found = views.of(picture, 32, turned=True)
    assert found.shape == (10, 32, 32, 3)
    first = picture.crop((0, 0, 130, 65)).resize((32, 32), Pillow.Resampling.BICUBIC)
    last = picture.crop((70, 35, 200, 100)).resize((32, 32), Pillow.Resampling.BICUBIC)
    assert difference(found[1], np.asarray(first)) < 1
    assert difference(found[9], np.asarray(last)) < 1
    assert difference(found[0], found[1]) > 5


def test_a_blank_part_is_not_looked_at():
    picture = framed(photograph(100, 100, seed=1, detail=12), 0, 0)
    picture.paste(WHITE, (0, 0, 99, 70))
    found = views.of(picture, 32, turned=True)
    assert np.array_equal(found[1], found[0])
    assert not np.array_equal(found[9], found[0])


@pytest.mark.parametrize("fill", [WHITE, (0, 0, 0), (200, 30, 90)])
@pytest.mark.parametrize(("width", "height"), [(12, 12), (30, 0), (0, 9), (60, 40)])
def test_a_frame_of_one_colour_is_cut_off(fill, width, height):
    picture = photograph(120, 90, seed=2, detail=4)
    plain, found = (
        views.of(one, 32, turned=False)[0] for one in (picture, framed(picture, width, height, fill))
    )
    assert difference(plain, found) < 6
    assert difference(plain, views.squeezed(framed(picture, 30, 20, fill), 32)) > 15


def test_a_frame_that_was_compressed_is_cut_off_too():
    picture = photograph(120, 90, seed=2, detail=4)
    body = encoded(border(picture, Random(3)), quality=60)
    (plain,), (found,) = (views.views([Image(one)], 32, turned=False) for one in (encoded(picture), body))
    assert difference(plain, found) < 8


def test_a_picture_without_a_frame_a_blank_one_and_a_small_thing_on_white_stay_whole():
    picture = photograph(120, 90, seed=2, detail=4)
    blank = Pillow.new("RGB", (50, 40), WHITE)
    for whole in (picture, blank, framed(picture, 100, 80)):
        assert views.unframed(whole, 32) is whole


def test_an_image_that_cannot_be_read_has_no_views():
    assert views.views([Image(b"no image")], 32, turned=True) == [None]


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (3, 2)])
def test_the_smallest_pictures_have_views_too(size):
    assert views.of(Pillow.new("RGB", size, (9, 200, 9)), 16, turned=True).shape == (10, 16, 16, 3)
