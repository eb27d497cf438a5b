"""Photographs for the tests of the learned detectors: those it is trained on, and others."""

import zipfile
from functools import cache
from random import Random

from tests.shared_data import shared_data
from wit_builder.audit.learned import transforms
from wit_builder.audit.learned.views import picture
from wit_builder.shards.tar import TarWriter


@cache
def textbook(most=600):
    """Pictures of textbooks, JPEG files."""
    return _of(shared_data("captions/world-history.zip"), most)


@cache
def things(most=150):
    """Photographs of ImageNet's classes; none is in a textbook."""
    return _of(shared_data("eval/imagenet-samples.zip"), most)


@cache
def clothing(most=150):
    """Photographs of clothing."""
    return _of(shared_data("eval/clothing.zip"), most)


def shard(path, bodies):
    """A tar of these images with a caption each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with TarWriter(path) as tar:
        for number, body in enumerate(bodies):
            tar.add(f"{number:09d}.jpg", body)
            tar.add(f"{number:09d}.txt", b"a picture")
    return path


def _of(path, most):
    with zipfile.ZipFile(path) as bodies:
        names = sorted(name for name in bodies.namelist() if name.endswith(".jpg"))
        return [bodies.read(name) for name in names[:: max(1, len(names) // most)][:most]]


def changed(body, way, chance):
    """The image after that transform, as a JPEG file."""
    return transforms.encoded(way(picture(body, 1024), Random(chance)))
