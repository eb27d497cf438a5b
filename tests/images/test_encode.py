import pytest
from PIL import JpegImagePlugin

from tests.images.pictures import difference, opened, photograph, raster
from wit_builder.images.encode import encode
from wit_builder.images.picture import Format, ImageSpec

FORMATS: dict[Format, str] = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}


@pytest.mark.parametrize(("name", "pillow"), FORMATS.items())
def test_the_file_is_of_that_format_and_close_to_the_picture(name: Format, pillow: str) -> None:
    body = encode(raster(), ImageSpec(format=name))
    assert opened(body).format == pillow
    assert difference(body, photograph()) < 3


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_picture_gives_the_same_bytes(name: Format) -> None:
    assert encode(raster(), ImageSpec(format=name)) == encode(raster(), ImageSpec(format=name))


def test_png_is_exact() -> None:
    assert difference(encode(raster(), ImageSpec(format="png")), photograph()) == 0


@pytest.mark.parametrize("name", ["jpg", "webp"])
def test_quality_counts(name: Format) -> None:
    good, poor = (encode(raster(), ImageSpec(format=name, quality=quality)) for quality in (95, 30))
    assert len(good) > 1.5 * len(poor)


def test_jpeg_halves_the_colours_as_img2dataset_does() -> None:
    assert JpegImagePlugin.get_sampling(opened(encode(raster(), ImageSpec()))) == 2
