import pytest
from PIL import Image

from tests.images.pictures import difference, photograph, raster
from wit_builder.images import resample as module
from wit_builder.images.pixels import Raster
from wit_builder.images.resample import Filter, resample

FILTERS: dict[Filter, Image.Resampling] = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
WHOLE = (0, 0, 400, 300)
PICTURE = photograph(400, 300, detail=60)


def test_a_picture_of_the_right_size_is_not_touched() -> None:
    picture = raster()
    assert resample(picture, (0, 0, 96, 64), (96, 64), "bicubic") is picture
    assert resample(picture, (0, 0, 95.5, 64), (96, 64), "bicubic") is not picture


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("size", [(100, 75), (399, 299), (401, 500), (1, 1)])
@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_is_the_one_that_pillow_calls_so(mode: str, size: tuple[int, int], name: Filter) -> None:
    image = PICTURE.convert(mode)
    expected = image.resize(size, FILTERS[name])
    assert difference(resample(Raster.of(image), WHOLE, size, name), expected) < 0.5


def test_only_the_box_is_seen() -> None:
    box = (8, 20.5, 300.25, 299)
    expected = PICTURE.resize((100, 75), Image.Resampling.BICUBIC, box=box)
    assert difference(resample(Raster.of(PICTURE), box, (100, 75), "bicubic"), expected) < 0.5
    assert difference(resample(Raster.of(PICTURE), WHOLE, (100, 75), "bicubic"), expected) > 5


@pytest.mark.parametrize("size", [(1, 65_000), (65_000, 1), (3, 2)])
def test_thin_pictures_are_resampled_too(size: tuple[int, int]) -> None:
    thin = raster(*size)
    assert resample(thin, (0, 0, *size), (256, 1), "bicubic").image().size == (256, 1)


@pytest.mark.parametrize("extensions", ["none", "sse4_1", "avx2"])
def test_the_processor_does_not_change_a_bit(extensions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = resample(Raster.of(PICTURE), WHOLE, (123, 77), "bicubic")
    resizer = module.fast.Resizer()
    resizer.cpu_extensions = module.fast.CpuExtensions[extensions]
    monkeypatch.setattr(module, "_RESIZER", resizer)
    assert resample(Raster.of(PICTURE), WHOLE, (123, 77), "bicubic") == expected


def test_without_the_fast_library_pillow_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = resample(Raster.of(PICTURE), WHOLE, (100, 75), "bicubic")
    monkeypatch.setattr(module, "fast", None)
    assert difference(resample(Raster.of(PICTURE), WHOLE, (100, 75), "bicubic"), expected) < 0.5
