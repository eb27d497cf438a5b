import json

import numpy as np
import pdqhash
import pytest
from PIL import Image

from tests.images.pictures import encoded, opened, photograph, raster
from tests.shared_data import shared_data
from wit_builder.images.phash import phash, phash_turned
from wit_builder.images.pixels import Raster
from wit_builder.images.process import ImageSpec, process

REFERENCE_RULE = 10  # bits, ThreatExchange's own
SAME = 31
DETAILED = photograph(600, 400, detail=20)


def bits(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def of_file(path: str) -> str:
    return process(shared_data(path).read_bytes(), ImageSpec()).phash


def test_pdqs_own_hashes_are_met() -> None:
    rows = json.loads(shared_data("dedup/pdq/hashes.json").read_text())
    far = {row["file"]: bits(of_file(f"dedup/pdq/{row['file']}"), row["reference_hash"]) for row in rows}
    assert max(far.values()) <= REFERENCE_RULE, far


def test_the_hash_of_what_is_stored_is_near_pdq_of_the_original() -> None:
    far = []
    for size in ((1200, 900), (800, 600), (640, 480), (500, 333), (400, 300)):
        for seed in range(4):
            original = photograph(*size, seed=seed, detail=80)
            vector, _ = pdqhash.compute(np.asarray(original))
            body = encoded(original, quality=95)
            far.append(
                bits(process(body, ImageSpec()).phash, np.packbits(vector.astype(np.uint8)).tobytes().hex())
            )
    assert np.mean(far) < 10
    assert max(far) <= 16


@pytest.mark.parametrize("size", [(600, 400), (300, 90), (100, 77), (128, 256), (257, 255)])
def test_turned_hashes_are_those_of_turned_pictures(size: tuple[int, int]) -> None:
    picture = photograph(*size, detail=20)
    mirrored = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    turned = [side.rotate(90 * times, expand=True) for side in (picture, mirrored) for times in range(4)]
    assert phash_turned(Raster.of(picture)) == (
        tuple(phash(Raster.of(one))[0] for one in turned),
        phash(Raster.of(picture))[1],
    )


@pytest.mark.parametrize(("change", "far"), [("resize", 10), ("gray", 2)])
def test_copies_are_near(change: str, far: int) -> None:
    copy = of_file(f"dedup/ukbench/ukbench00120_{change}.jpg")
    assert bits(copy, of_file("dedup/ukbench/ukbench00120.jpg")) <= far < SAME


@pytest.mark.parametrize("change", ["hflip", "rotation"])
def test_mirrored_and_turned_copies_are_not(change: str) -> None:
    copy = of_file(f"dedup/ukbench/ukbench00120_{change}.jpg")
    assert bits(copy, of_file("dedup/ukbench/ukbench00120.jpg")) > 100


def test_size_shape_and_compression_hardly_matter() -> None:
    small = DETAILED.resize((300, 200), Image.Resampling.LANCZOS)
    copies = [
        small,
        DETAILED.resize((400, 400)),
        opened(encoded(DETAILED, quality=50)),
        DETAILED.convert("L").convert("RGB"),
    ]
    assert max(bits(phash(Raster.of(copy))[0], phash(Raster.of(DETAILED))[0]) for copy in copies) <= 10


def test_another_picture_is_far() -> None:
    assert bits(phash(Raster.of(DETAILED))[0], phash(raster(600, 400, seed=2))[0]) > 80


def test_quality_tells_blank_from_detailed() -> None:
    assert phash(Raster("RGB", 300, 200, bytes([9, 99, 9]) * 60_000))[1] == 0
    assert phash(Raster.of(DETAILED))[1] == 100


@pytest.mark.parametrize("size", [(1, 1), (4, 300), (300, 4), (1, 65_000)])
def test_too_small_a_picture_has_zeros_and_no_quality(size: tuple[int, int]) -> None:
    assert phash(Raster.of(photograph(300, 300).resize(size))) == ("0" * 64, 0)


def test_five_pixels_are_enough_for_a_hash() -> None:
    assert phash(raster(5, 5))[0] != "0" * 64


@pytest.mark.parametrize("size", [(128, 128), (128, 5), (5, 128), (97, 64), (64, 127)])
@pytest.mark.parametrize("seed", range(3))
def test_small_pictures_have_the_hash_and_quality_of_facebooks_code(size: tuple[int, int], seed: int) -> None:
    picture = raster(*size, seed=seed, detail=5 + 10 * seed)
    vector, quality = pdqhash.compute(np.ascontiguousarray(picture.array()))
    expected = np.packbits(vector.astype(np.uint8)).tobytes().hex()
    assert phash(picture) == (expected, quality)
