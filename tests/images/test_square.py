"""Any image becomes a square for a network, its random crops its own pixels, its centre open_clip's."""

import io
from collections import Counter

import numpy as np
import open_clip
import pytest
import xxhash
from PIL import Image

from tests.shared_data import shared_data
from tests.train import tars
from wit_builder.errors import ImageError
from wit_builder.images import square
from wit_builder.images.square import picture


def encoded(pixels, format="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format, **options)
    return file.getvalue()


def ramp(width, height):
    """A picture that tells where each of its pixels lies: column, row, 0."""
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    return np.stack([columns, rows, np.zeros_like(rows)], 2)


def test_a_random_square_of_an_image_a_little_larger_is_its_own_pixels():
    body, places = encoded(ramp(40, 32)), Counter()
    for number in range(300):
        found = picture(body, 28, "random", xxhash.xxh3_64_intdigest(str(number).encode()))
        left, top, _ = found[0, 0].tolist()
        assert (found == ramp(40, 32)[top : top + 28, left : left + 28]).all()
        places[left, top] += 1
    assert {left for left, _ in places} == set(range(13))
    assert {top for _, top in places} == set(range(5))


@pytest.mark.parametrize(
    ("short", "side"), [(10, 10), (27, 27), (28, 28), (29, 28), (32, 28), (33, 29), (64, 56), (320, 280)]
)
def test_the_square_is_seven_eighths_of_the_short_side_or_as_large_as_the_model_takes(short, side):
    assert square._side(short, 28) == side


@pytest.mark.parametrize("size", [(48, 40), (400, 300), (900, 700), (20, 15), (1, 1), (3000, 2)])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("crop", ["random", "centre"])
def test_every_image_becomes_that_size(size, format, crop):
    found = picture(tars.jpeg(1, size, format), 32, crop, 1 << 62)
    assert found.shape == (32, 32, 3)
    assert found.dtype == np.uint8


def test_a_picture_is_its_own_and_stays_what_it_is():
    first = picture(tars.jpeg(1, (64, 64)), 64, "random", 0)
    kept = first.copy()
    picture(tars.jpeg(2, (64, 64)), 64, "random", 0)
    assert (first == kept).all()


@pytest.mark.parametrize("size", [(256, 341), (500, 256), (224, 224), (640, 480), (150, 200), (333, 257)])
def test_the_centre_is_open_clips_up_to_rounding(size):
    theirs = open_clip.image_transform(224, is_train=False, mean=(0.0,) * 3, std=(1.0,) * 3)
    body = tars.jpeg(3, size)
    due = (theirs(Image.open(io.BytesIO(body))).numpy().transpose(1, 2, 0) * 255).round().astype(int)
    far = np.abs(picture(body, 224, "centre").astype(int) - due)
    assert far.max() <= 2
    assert far.mean() < 0.15


def test_a_large_jpeg_is_decoded_small_only_for_a_random_square():
    body = tars.jpeg(1, (800, 600))
    assert square.decoded(body).shape == (600, 800, 3)
    assert square.decoded(body, 301).shape == (600, 800, 3)
    assert square.decoded(body, 300).shape == (300, 400, 3)
    assert square.decoded(body, 75).shape == (75, 100, 3)
    whole = picture(body, 224, "centre").astype(int)
    halved = square._centre(square.decoded(body, 256), 224).astype(int)
    assert np.abs(whole - halved).mean() < 2


def test_grey_and_printing_colours_become_rgb():
    grey = encoded(np.full((40, 40), 77, np.uint8), "JPEG")
    assert set(picture(grey, 32).reshape(-1).tolist()) == {77}
    ink = io.BytesIO()
    Image.new("CMYK", (40, 40), (0, 255, 255, 0)).save(ink, "JPEG")
    red, green, blue = picture(ink.getvalue(), 32)[16, 16].tolist()
    assert red > 200
    assert max(green, blue) < 60


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_image"),
        (b"<html>no</html>", "not_image"),
        (tars.jpeg(1)[:-300], "decode_error"),
        (tars.jpeg(1)[:40], "decode_error"),
        (tars.jpeg(1, format="PNG")[:-40], "decode_error"),
        (
            b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\0\1\0\0" * 2 + b"\x08\2\0\0\0" + b"\0" * 20,
            "decode_error",
        ),
    ],
)
def test_what_cannot_be_read_says_why(body, reason):
    with pytest.raises(ImageError) as caught:
        picture(body, 32)
    assert caught.value.reason == reason


def test_an_image_of_too_many_pixels_is_not_decoded(monkeypatch):
    monkeypatch.setattr(square, "MAX_PIXELS", 48 * 40)
    assert picture(tars.jpeg(1, (48, 40)), 32).shape == (32, 32, 3)
    for format in ("JPEG", "PNG"):
        with pytest.raises(ImageError, match="too_many_pixels"):
            picture(tars.jpeg(1, (48, 41), format), 32)


def test_no_awkward_image_does_more_than_be_dropped():
    files = [
        path for path in sorted(shared_data("nasty").rglob("*")) if path.is_file() and path.suffix != ".json"
    ]
    outcomes = Counter()
    for path in files:
        if path.suffix == ".zip" or path.stat().st_size > 4 << 20:
            continue
        try:
            assert picture(path.read_bytes(), 32, "random", 1).shape == (32, 32, 3)
            outcomes["read"] += 1
        except ImageError as error:
            outcomes[error.reason] += 1
    assert outcomes["read"] > 100
    assert outcomes["decode_error"] > 10
