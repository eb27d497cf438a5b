import numpy as np
import pytest
from PIL import Image

from tests.images.pictures import difference, photograph, pixels
from wit_builder.images.pixels import flatten


def levels(values: list[float], kind: str) -> Image.Image:
    """A row of those numbers in the mode that the type stands for."""
    return Image.fromarray(np.array([values], dtype=kind))


@pytest.mark.parametrize(
    ("values", "kind", "shown"),
    [
        ([0, 128, 129, 40_000, 65_535], "<u2", [0, 0, 1, 156, 255]),
        ([0, 7, 255], "<i4", [0, 7, 255]),
        ([0, 256, 65_535], "<i4", [0, 1, 255]),
        ([-10, 0, 10], "<i4", [0, 128, 255]),
        ([0, 70_000, 140_000], "<i4", [0, 128, 255]),
        ([0, 0.5, 1], "<f4", [0, 128, 255]),
        ([0, 0.4, 200.0], "<f4", [0, 0, 200]),
        ([0, 514, 65_535], "<f4", [0, 2, 255]),
        ([float("nan"), float("inf"), 1], "<f4", [0, 0, 255]),
        ([0, 0], "<f4", [0, 0]),
        ([-5, -5], "<i4", [0, 0]),
    ],
)
def test_numbers_of_more_bits_are_scaled_and_not_clipped(
    values: list[float], kind: str, shown: list[int]
) -> None:
    assert pixels(flatten(levels(values, kind)))[0].tolist() == shown


def test_sixteen_bits_in_the_other_byte_order_are_the_same() -> None:
    image = Image.frombytes("I;16B", (1, 1), (40_000).to_bytes(2, "big"))
    assert flatten(image).getpixel((0, 0)) == 156


def test_a_transparent_grey_of_sixteen_bits_becomes_white() -> None:
    image = levels([100, 300], "<u2")
    image.info["transparency"] = 300
    assert pixels(flatten(image))[0].tolist() == [0, 255]


@pytest.mark.parametrize(
    ("mode", "pixel", "shown"),
    [
        ("1", 255, 255),
        ("L", 7, 7),
        ("LA", (100, 255), 100),
        ("LA", (100, 0), 255),
        ("La", (0, 0), 255),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), (255, 255, 255)),
        ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
        ("RGBa", (0, 0, 0, 51), (204, 204, 204)),
        ("RGBX", (1, 2, 3, 4), (1, 2, 3)),
        ("YCbCr", (255, 128, 128), (255, 255, 255)),
        ("CMYK", (1, 2, 3, 4), (1, 2, 3, 4)),
    ],
)
def test_each_mode_becomes_an_opaque_one(mode: str, pixel: object, shown: object) -> None:
    assert flatten(Image.new(mode, (1, 1), pixel)).getpixel((0, 0)) == shown


def test_lab_is_converted() -> None:
    lab = Image.new("LAB", (1, 1), (255, 128, 128))
    assert min(flatten(lab).convert("RGB").getpixel((0, 0))) > 250


@pytest.mark.parametrize(
    ("transparency", "shown"),
    [
        (None, [[10, 20, 30], [40, 50, 60], [70, 80, 90]]),
        (1, [[10, 20, 30], [255, 255, 255], [70, 80, 90]]),
        (bytes([0, 255]), [[255, 255, 255], [40, 50, 60], [70, 80, 90]]),
        (bytes([255, 255, 51]), [[10, 20, 30], [40, 50, 60], [218, 220, 222]]),
        (200, [[10, 20, 30], [40, 50, 60], [70, 80, 90]]),
        (bytes(256), [[255] * 3] * 3),
    ],
)
def test_palettes_are_laid_on_white(transparency: int | bytes | None, shown: list[list[int]]) -> None:
    image = Image.frombytes("P", (3, 1), bytes([0, 1, 2]))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.info = {} if transparency is None else {"transparency": transparency}
    assert pixels(flatten(image))[0].tolist() == shown


def test_a_palette_with_alpha_beside_it_is_laid_on_white() -> None:
    image = Image.new("PA", (1, 1), (0, 0))
    assert flatten(image).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(("mode", "key"), [("L", 7), ("RGB", (7, 7, 7)), ("1", 0)])
def test_a_transparent_colour_becomes_white(mode: str, key: object) -> None:
    image = Image.new(mode, (1, 1), key)
    image.info["transparency"] = key
    assert flatten(image).getpixel((0, 0)) == (255, 255, 255)


def test_an_opaque_picture_is_let_through_without_its_info() -> None:
    image = photograph()
    image.info["comment"] = b"secret"
    assert difference(flatten(image), photograph()) == 0
    assert flatten(image).info == {}
