from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from tests.train.tars import jpeg
from wit_builder.audit import canary
from wit_builder.audit.detectors import described
from wit_builder.audit.exact import Bytes
from wit_builder.audit.learned.transforms import CANARIES, encoded
from wit_builder.audit.perceptual import Pdq
from wit_builder.evalset import sets


def detailed(number):
    """A picture of noise that is fine enough for all of PDQ's waves."""
    pixels = np.random.default_rng(number).integers(0, 256, (20, 24, 3), np.uint8)
    return encoded(Image.fromarray(pixels).resize((96, 80), Image.Resampling.BICUBIC))


IMAGES = [detailed(number) for number in range(12)]


@dataclass(frozen=True, slots=True)
class Numbered:
    """Knows the n-th image of a call as the n-th direction, and the copy of the first one not at all."""

    id: str = "numbered"
    sha256: str = described("numbered")
    kind: str = "vector"
    threshold: float = 0.5
    source: str = "made up"

    def of(self, images, turned):
        rows = list(np.eye(len(images), dtype=np.float32)[:, None])
        return rows if turned else [None, *rows[1:]]


def test_each_transform_is_tried_on_each_image():
    told = canary.measure(Pdq(), IMAGES, 1 - 31 / 256)
    assert [one.transform for one in told] == list(CANARIES)
    assert {(one.side, one.tried, one.pairs) for one in told} == {(64, 12, 12 * 11)}


def test_pdq_finds_what_keeps_the_picture_where_it_was_and_few_crops():
    recall = {one.transform: one.recall for one in canary.measure(Pdq(), IMAGES, 1 - 31 / 256)}
    assert recall["JPEG"] == 1
    assert recall["scale"] == 1
    assert recall["crop"] < 0.5


def test_no_changed_image_is_equal_to_itself_and_no_threshold_of_hashes_finds_nobody():
    assert sum(one.found for one in canary.measure(Bytes(), IMAGES, 1.0)) == 0
    everything = canary.measure(Pdq(), IMAGES, 0.0)
    assert all((one.found, one.wrong) == (one.tried, one.pairs) for one in everything)


def test_what_is_found_is_counted_apart_from_what_is_taken_for_it():
    told = canary.measure(Numbered(), IMAGES, 0.5)
    assert {(one.tried, one.found, one.wrong) for one in told} == {(12, 11, 0)}
    told = canary.measure(Numbered(), IMAGES, 0.0)
    assert {(one.found, one.wrong) for one in told} == {(11, 11 * 11)}


def test_images_are_counted_by_their_size_and_those_that_cannot_be_read_not_at_all():
    images = [jpeg(1, (63, 90)), jpeg(2, (64, 90)), jpeg(3, (300, 200)), b"no image"]
    told = [one for one in canary.measure(Pdq(), images, 0.9) if one.transform == "JPEG"]
    assert [(one.side, one.tried, one.pairs) for one in told] == [(0, 1, 2), (64, 1, 2), (128, 1, 2)]
    assert canary.measure(Pdq(), [b"no image"], 0.9) == []


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_seed_measures_the_same(seed):
    assert canary.measure(Pdq(), IMAGES, 0.9, seed) == canary.measure(Pdq(), IMAGES, 0.9, seed)


def test_images_are_chosen_from_all_over_the_set_each_once(tmp_path):
    for number in range(8):
        (tmp_path / f"{number}.jpg").write_bytes(IMAGES[0 if number == 7 else number])
    which = sets.read(tmp_path)
    usable = {key for key in which.keys if not key.startswith("1")}
    assert canary.chosen(which, usable, 3) == [IMAGES[0], IMAGES[4]]  # the seventh is the first
    assert canary.chosen(which, usable, 100) == [IMAGES[number] for number in (0, 2, 3, 4, 5, 6)]
    assert canary.chosen(which, set(), 3) == canary.chosen(which, usable, 0) == []


def test_recall_is_of_all_sizes_together():
    told = [
        {"transform": "crop", "tried": 3, "found": 1, "pairs": 6, "wrong": 0},
        {"transform": "crop", "tried": 1, "found": 0, "pairs": 5, "wrong": 2},
        {"transform": "JPEG", "tried": 2, "found": 2, "pairs": 4, "wrong": 1},
    ]
    assert canary.recalls(told) == {"crop": 0.25, "JPEG": 1.0}
    assert canary.mistaken(told) == (3, 15)
