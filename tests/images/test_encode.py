import pytest
from PIL import JpegImagePlugin

from tests.images.pictures import SECRET, difference, opened, photograph
from wit_builder.images.encode import encode
from wit_builder.images.picture import Format, ImageSpec

FORMATS: dict[Format, str] = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}


@pytest.mark.parametrize(("name", "pillow"), FORMATS.items())
def test_the_file_is_of_that_format_and_close_to_the_picture(name: Format, pillow: str) -> None:
    body = encode(photograph(), ImageSpec(format=name))
    assert opened(body).format == pillow
    assert difference(body, photograph()) < 3


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_picture_gives_the_same_bytes(name: Format) -> None:
    assert encode(photograph(), ImageSpec(format=name)) == encode(photograph(), ImageSpec(format=name))


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_but_pixels_gets_in(name: Format) -> None:
    image = photograph()
    image.info = {"comment": SECRET, "exif": SECRET, "xmp": SECRET, "icc_profile": SECRET, "dpi": (300, 300)}
    assert encode(image, ImageSpec(format=name)) == encode(photograph(), ImageSpec(format=name))
    assert image.info["comment"] == SECRET


def test_png_is_exact() -> None:
    assert difference(encode(photograph(), ImageSpec(format="png")), photograph()) == 0


@pytest.mark.parametrize("name", ["jpg", "webp"])
def test_quality_counts(name: Format) -> None:
    good, poor = (encode(photograph(), ImageSpec(format=name, quality=quality)) for quality in (95, 30))
    assert len(good) > 1.5 * len(poor)


def test_jpeg_halves_the_colours_as_img2dataset_does() -> None:
    assert JpegImagePlugin.get_sampling(opened(encode(photograph(), ImageSpec()))) == 2
