"""PDQ on real photographs of 128 pixels: copies are found by what was done to them, strangers are not."""

import zipfile
from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from tests.images.pictures import encoded, opened
from tests.shared_data import shared_data
from wit_builder.audit import search
from wit_builder.audit.detectors import Image as Seen
from wit_builder.audit.detectors import reach
from wit_builder.audit.perceptual import Pdq
from wit_builder.audit.search import Sought, nobody

COPIED, ALL = 60, 240
CHANGES = {  # what is done, and the least share of copies that is found
    "compressed": (lambda image: opened(encoded(image, quality=30)), 1.0),
    "brighter": (lambda image: ImageEnhance.Brightness(image).enhance(1.2), 1.0),
    "grey": (lambda image: image.convert("L"), 1.0),
    "mirrored": (lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 1.0),
    "turned": (lambda image: image.transpose(Image.Transpose.ROTATE_270), 1.0),
    "narrowed": (lambda image: image.resize((image.width * 3 // 4, image.height)), 1.0),
    "at 100": (lambda image: resized(image, 100), 1.0),
    "at 80": (lambda image: resized(image, 80), 1.0),
    "at 48": (lambda image: resized(image, 48), 1.0),
    "at 32": (lambda image: resized(image, 32), 1.0),
    "bordered": (lambda image: ImageOps.expand(image, 12), 0.0),
}


def resized(image, side):
    """With that shorter side, in pixels."""
    times = side / min(image.size)
    return image.resize((round(image.width * times), round(image.height * times)))


@cache
def photographs():
    with zipfile.ZipFile(shared_data("eval/imagenet-samples.zip")) as archive:
        return [archive.read(name) for name in archive.namelist() if name.endswith(".jpg")][:ALL]


@cache
def kept():
    return np.concatenate(Pdq().of([Seen(body) for body in photographs()], False))


def nearest(bodies):
    """Of each image the number of the photograph that PDQ takes it for, -1 for none."""
    each = Pdq().of([Seen(body) for body in bodies], True)
    image = np.repeat(np.arange(len(each)), [len(rows) for rows in each])
    far, group = np.full(len(each), reach("hash256", Pdq().threshold)), np.zeros(len(each), int)
    found = nobody(len(each), 2)
    sought = Sought("hash256", np.concatenate(each), image, image * 0, far, group, 1)
    search.search(sought, kept(), np.arange(ALL), found)
    return found.other


@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_found(change):
    make, least = CHANGES[change]
    copies = [encoded(make(opened(body)), "PNG") for body in photographs()[:COPIED]]
    found = nearest(copies)
    assert (found[:, 0] == np.arange(COPIED)).mean() >= least
    assert set(found[:, 1]) == {-1}


def test_strangers_are_not():
    found = nearest(photographs()[:COPIED])
    assert found[:, 0].tolist() == [*range(COPIED)]
    assert set(found[:, 1]) == {-1}
