import threading

import pytest
from PIL import Image

from tests.images.pictures import difference, pixels, raster, srgb_profile, swapped_profile
from tests.shared_data import shared_data
from wit_builder.images import colour
from wit_builder.images.colour import is_srgb, to_srgb
from wit_builder.images.jpeg import read_jpeg
from wit_builder.images.pixels import Raster

RED = Raster("RGB", 1, 1, bytes([200, 10, 10]))


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    colour._cache.clear()


def test_srgb_is_left_alone() -> None:
    assert to_srgb(RED, srgb_profile()) is RED
    assert is_srgb(srgb_profile())


def test_another_profile_is_applied() -> None:
    red, green, _ = to_srgb(RED, swapped_profile()).data
    assert green > 190 > 30 > red
    assert not is_srgb(swapped_profile())


@pytest.mark.parametrize("icc", [b"", b"x", srgb_profile()[:200], srgb_profile()[:128] + bytes(400), None])
def test_a_broken_profile_is_ignored(icc: bytes | None) -> None:
    assert to_srgb(RED, icc) is RED
    assert is_srgb(icc)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_profile_for_another_mode_is_ignored(mode: str) -> None:
    image = RED.image().convert(mode)
    assert difference(to_srgb(Raster.of(image), swapped_profile()), image.convert("RGB")) == 0


def test_an_adobe_rgb_photograph_gets_its_colours() -> None:
    still = read_jpeg(
        shared_data("sites/epub3-samples.example.org/GhV/EPUB/Image/VinsdeLorraine.jpg").read_bytes()
    )
    red, green, blue = to_srgb(Raster("RGB", 1, 1, bytes([200, 100, 50])), still.icc).data
    assert (red > 215, green < 105, blue < 50) == (True, True, True)


def test_a_grey_profile_is_applied() -> None:
    still = read_jpeg(shared_data("sites/epub3-samples.example.org/haruko/OPS/images/03.jpg").read_bytes())
    ramp = Image.linear_gradient("L")
    converted = to_srgb(Raster.of(ramp), still.icc)
    assert (pixels(converted).min(axis=2) == pixels(converted).max(axis=2)).all()
    assert 0.1 < difference(converted, ramp.convert("RGB")) < 9


def test_transforms_are_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    monkeypatch.setattr(colour, "_built", lambda mode, icc: built.append(mode))
    for _ in range(3):
        to_srgb(RED, srgb_profile())
    assert built == ["RGB"]


def test_the_cache_is_bounded_and_forgets_what_was_not_used_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colour, "MAX_CACHED", 2)
    profiles = [srgb_profile()[:16] + b"RGB " + bytes([n]) for n in range(3)]
    for profile in (profiles[0], profiles[1], profiles[0], profiles[2]):
        to_srgb(RED, profile)
    kept = {key for _, key in colour._cache}
    assert kept == {colour.sha256(profile).digest() for profile in (profiles[0], profiles[2])}


def test_threads_share_the_cache() -> None:
    seen: list[float] = []
    wanted = to_srgb(raster(), swapped_profile())
    run = [
        threading.Thread(target=lambda: seen.append(difference(to_srgb(raster(), swapped_profile()), wanted)))
        for _ in range(8)
    ]
    for thread in run:
        thread.start()
    for thread in run:
        thread.join()
    assert seen == [0.0] * 8
