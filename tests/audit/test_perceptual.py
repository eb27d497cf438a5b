"""PDQ under eight turns, and images whose look means nothing."""

import numpy as np
import pytest
from PIL import Image

from tests.audit import folders
from tests.images.pictures import encoded, exif, photograph
from wit_builder.audit import exact, perceptual
from wit_builder.audit.detectors import Image as Seen
from wit_builder.audit.detectors import reach, similarity
from wit_builder.audit.exact import Bytes
from wit_builder.audit.perceptual import Pdq
from wit_builder.images.square import decoded

TURNS = [
    None,
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_180,
    Image.Transpose.ROTATE_270,
    Image.Transpose.FLIP_LEFT_RIGHT,
    Image.Transpose.TRANSPOSE,
    Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.TRANSVERSE,
]


def rows(body, turned, **said):
    (found,) = Pdq().of([Seen(body, said)], turned)
    return found


@pytest.mark.parametrize("turn", TURNS)
def test_a_picture_is_known_by_one_of_eight_turns(turn):
    whole = folders.picture(1, (300, 200))
    copy = whole if turn is None else whole.transpose(turn)
    eight, one = rows(encoded(copy), True), rows(encoded(whole), False)
    near = np.bitwise_count(eight ^ one).sum(axis=1)
    assert (eight.shape, one.shape) == ((8, 4), (1, 4))
    assert near.min() <= 10
    assert sorted(near)[1] > 60


def test_a_small_picture_is_also_looked_at_enlarged():
    assert [len(rows(encoded(folders.picture(5, size)), True)) for size in ((128, 128), (127, 300))] == [
        8,
        16,
    ]


def test_the_first_turn_is_the_picture_as_it_lies():
    body = folders.jpeg(2)
    assert (rows(body, True)[0] == rows(body, False)[0]).all()


def test_the_orientation_that_exif_gives_is_one_of_them():
    lying = encoded(folders.picture(3, (300, 200)).transpose(Image.Transpose.ROTATE_90), exif=exif(6))
    stored = rows(encoded(folders.picture(3, (300, 200))), False)
    assert np.bitwise_count(rows(lying, True) ^ stored).sum(axis=1).min() <= 10


def test_what_cannot_be_read_has_no_rows():
    assert rows(b"no image", True) is None
    assert rows(b"no image", False) is None


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (Image.new("RGB", (64, 64), (9, 9, 9)), "constant"),
        (photograph(64, 64, detail=2), "constant"),
        (photograph(31, 200, detail=12), "tiny"),
        (photograph(32, 200, detail=12), ""),
    ],
)
def test_why_a_look_means_nothing(image, why):
    assert perceptual.degenerate(perceptual.raster(np.asarray(image))) == why


def test_31_bits_are_alike_and_32_are_not():
    threshold = Pdq().threshold
    assert reach("hash256", threshold) == reach("hash256", 0.8789) == 31  # as the help says
    assert (similarity("hash256", np.array([31.0, 32.0])) >= np.float32(threshold)).tolist() == [True, False]


def test_equal_pixels_are_one_key_whatever_the_file():
    image = folders.picture(4)
    png, bmp = (exact.pixels(decoded(encoded(image, kind))) for kind in ("PNG", "BMP"))
    assert png == bmp != exact.pixels(decoded(encoded(image.crop((0, 0, 95, 64)), "PNG")))


def test_bytes_have_a_second_key_where_others_were_fetched():
    other = "ab" * 32
    assert [len(found) for found in Bytes().of([Seen(b"a"), Seen(b"a", {"sha256": other})], False)] == [1, 2]
    assert len(Bytes().of([Seen(b"a", {"sha256": "AB" * 32})], False)[0]) == 1
