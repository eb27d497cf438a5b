"""Pictures for a network that is judged are open_clip's, to the pixel."""

import io
import zipfile

import numpy as np
import open_clip
import pytest
from PIL import Image

from tests.shared_data import shared_data
from tests.train import tars
from wit_builder.errors import ConfigError, ImageError
from wit_builder.images.prepared import Preprocess, prepared, preprocess_of


def theirs(body, how):
    """What open_clip makes of it, as bytes."""
    config = open_clip.transform.PreprocessCfg(
        how.size, "RGB", (0.0,) * 3, (1.0,) * 3, how.interpolation, how.resize_mode, how.fill_color
    )
    made = open_clip.transform.image_transform_v2(config, is_train=False)(Image.open(io.BytesIO(body)))
    return (made.numpy().transpose(1, 2, 0) * 255).round().astype(np.uint8)


@pytest.mark.parametrize("size", [(256, 341), (500, 256), (224, 224), (640, 480), (33, 257), (150, 20)])
@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_it_is_open_clips_to_the_pixel(size, mode, interpolation):
    how = Preprocess((64, 64), interpolation=interpolation, resize_mode=mode, fill_color=7)
    for kind in ("JPEG", "PNG", "WEBP"):
        body = tars.jpeg(3, size, kind)
        assert (prepared(body, how) == theirs(body, how)).all()


@pytest.mark.parametrize("size", [(32, 64), (64, 32)])
@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
def test_a_network_may_take_what_is_no_square(size, mode):
    how = Preprocess(size, resize_mode=mode)
    for number, shape in enumerate([(80, 60), (60, 80), (64, 64), (200, 31)]):
        body = tars.jpeg(number, shape, "PNG")
        assert (prepared(body, how) == theirs(body, how)).all()


@pytest.mark.parametrize(("name", "size"), [("clothing", 224), ("imagenet-samples", 224), ("cifar10", 64)])
def test_photographs_are_open_clips_to_the_pixel(name, size):
    how = Preprocess((size, size))
    with zipfile.ZipFile(shared_data(f"eval/{name}.zip")) as archive:
        for member in archive.namelist()[::97]:
            body = archive.read(member)
            assert (prepared(body, how) == theirs(body, how)).all(), member


def test_a_line_of_pixels_does_not_become_gigabytes():
    for shape in ((20_000, 2), (2, 20_000)):
        for mode in ("shortest", "longest", "squash"):
            assert prepared(tars.jpeg(1, shape, "PNG"), Preprocess((224, 224), resize_mode=mode)).shape == (
                224,
                224,
                3,
            )


def test_bytes_that_are_no_image_say_so():
    with pytest.raises(ImageError, match="not_image"):
        prepared(b"GIF8 but not really", Preprocess((32, 32)))


def test_a_config_says_how():
    said = {
        "mean": [0.5, 0.4, 0.3],
        "std": 0.5,
        "interpolation": "bilinear",
        "resize_mode": "squash",
        "size": 384,
    }
    assert preprocess_of(said, (32, 32)) == Preprocess(
        (32, 32), (0.5, 0.4, 0.3), (0.5, 0.5, 0.5), "bilinear", "squash"
    )
    assert preprocess_of({}, (32, 32)) == Preprocess((32, 32))
    defaults = open_clip.transform.PreprocessCfg()
    assert (Preprocess((32, 32)).mean, Preprocess((32, 32)).std) == (defaults.mean, defaults.std)


@pytest.mark.parametrize(("name", "value"), [("interpolation", "lanczos"), ("resize_mode", "crop")])
def test_a_way_to_resize_that_open_clip_does_not_have_is_one_sentence(name, value):
    with pytest.raises(ConfigError, match=f"{name} is '{value}' in the model's preprocess_cfg"):
        preprocess_of({name: value}, (32, 32))
