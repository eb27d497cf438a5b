"""Copies that are planted: of which images, how alike they are, and what is told of them."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from tests.audit.folders import asked, audited, held, rows, shards, told
from wit_builder.audit import canary, labels, run
from wit_builder.audit.asked import DETECTORS
from wit_builder.audit.detectors import described
from wit_builder.audit.held import Held
from wit_builder.audit.learned.transforms import CANARIES, encoded


def detailed(number, side=(96, 80)):
    """A picture of noise that is fine enough for all of PDQ's waves."""
    pixels = np.random.default_rng(number).integers(0, 256, (20, 24, 3), np.uint8)
    return encoded(Image.fromarray(pixels).resize(side, Image.Resampling.BICUBIC))


@dataclass(frozen=True, slots=True)
class Bright:
    """Knows an image by its mean colour; a copy of a certain size not at all."""

    id: str = "bright"
    sha256: str = described("bright", 1)
    kind: str = "vector"
    threshold: float = 0.5
    source: str = "made up"
    moves: str = "both"

    def of(self, images, turned):
        return [self._row(image.body) for image in images]

    def _row(self, body):
        from tests.images.pictures import opened

        row = np.asarray(opened(body).convert("RGB").resize((4, 4)), np.float32).reshape(1, -1) - 128
        return row / np.linalg.norm(row)


def images(**more):
    """Six images: the third cannot be read, the fourth is near-constant, the fifth is the first again."""
    pixels = np.arange(24, dtype=np.uint64).reshape(6, 4)
    pixels[4] = pixels[0]
    readable, degenerate = np.arange(6) != 2, (np.arange(6) == 3).astype(np.uint8)
    return replace(Held((0, 6), np.zeros(6, int), readable, degenerate, pixels, pixels, (), ()), **more)


def test_images_are_chosen_from_all_over_the_set_each_once_and_none_that_means_nothing():
    assert canary.chosen(images(), 0, 10).tolist() == [0, 1, 5]
    assert canary.chosen(images(), 0, 2).tolist() == [0, 5]
    assert canary.chosen(images(), 0, 0).tolist() == []
    assert canary.chosen(images(first=(0, 2, 6)), 1, 10).tolist() == [4, 5]


def test_each_transform_has_its_turn_and_the_same_key_gives_the_same_copy():
    body = detailed(1)
    made = [canary.changed(body, at, "a") for at in range(10)]
    assert [one.transform for one in made] == [*CANARIES, "crop"]
    assert made[0] == made[9] != canary.changed(body, 0, "b")


@pytest.mark.parametrize(("short", "side"), [(63, 0), (64, 64), (127, 64), (128, 128), (512, 512)])
def test_images_are_counted_by_their_short_side(short, side):
    assert canary.changed(detailed(1, (600, short)), 0, "a").side == side


def test_what_is_no_image_has_no_copy():
    assert canary.changed(b"no image", 0, "a").body == b""


def test_the_views_that_are_most_alike_count():
    one = [np.array([[1, 0], [0, 1]], np.float32), np.array([[-1, 0]], np.float32)]
    other = [np.array([[0.6, 0.8]], np.float32), np.array([[0, -1], [-0.6, 0.8]], np.float32)]
    assert canary.alike("vector", one, other) == pytest.approx(np.array([[0.8, 0.8], [-0.6, 0.6]]))
    assert canary.alike("vector", one, []).shape == (2, 0) and canary.alike("vector", [], other).shape == (
        0,
        2,
    )


def test_hashes_are_alike_by_their_equal_bits():
    zeros, ones = np.zeros((1, 4), np.uint64), np.full((1, 4), 2**64 - 1, np.uint64)
    flipped = zeros.copy()
    flipped[0, 2] = 0b111
    near = canary.alike("hash256", [zeros], [zeros, ones, flipped, np.concatenate([ones, zeros])])
    assert near.tolist() == [[1, 0, 1 - 3 / 256, 1]]


def entry(transform, side, similarity, other, detector="pdq", name="mine"):
    values = (name, "a.jpg", transform, side, detector, similarity, other)
    return dict(zip(canary.COPIES.names, values, strict=True))


def test_what_is_found_and_what_is_taken_for_another_is_counted_at_the_threshold():
    table = pa.Table.from_pylist(
        [
            entry("JPEG", 64, 0.9, 0.5),
            entry("crop", 128, 0.75, 0.8),
            entry("crop", 64, 0.74, 0.5),
            entry("crop", 64, 0.75, 0.5),
            entry("crop", 64, 0.1, 0.1, name="other"),
        ],
        canary.COPIES,
    )
    assert canary.counted(table, "mine", {"pdq": 0.75}) == {
        "pdq": [
            {"transform": "crop", "side": 64, "tried": 2, "found": 1, "wrong": 0},
            {"transform": "crop", "side": 128, "tried": 1, "found": 1, "wrong": 1},
            {"transform": "JPEG", "side": 64, "tried": 1, "found": 1, "wrong": 0},
        ]
    }


def test_recall_is_of_all_sizes_together():
    told = [
        {"transform": "crop", "tried": 3, "found": 1, "wrong": 0},
        {"transform": "crop", "tried": 1, "found": 0, "wrong": 1},
        {"transform": "JPEG", "tried": 2, "found": 2, "wrong": 1},
    ]
    assert canary.recalls(told) == {"crop": 0.25, "JPEG": 1.0}
    assert canary.mistaken(told) == (2, 6)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A set of 100 images, of which the shards hold one, and 39 others."""
    folder = tmp_path_factory.mktemp("canaries")
    shards(folder / "shards", [detailed(n) for n in (0, *range(200, 239))], per_shard=16)
    held(folder / "mine", [detailed(n) for n in range(100)])
    return folder


def test_a_set_gets_a_threshold_by_its_copies_and_says_so(world):
    out = audited(world, world / "mine", detectors=(*DETECTORS, Bright()))
    (one,) = told(out)["sets"]
    bright, pdq = one["calibrated"]["bright"], one["calibrated"]["pdq"]
    assert one["thresholds"]["bright"] == bright["threshold"] > 0.5
    assert (
        bright["source"]
        == "99% precision where 2.2% of the images have a copy, by 100 copies of the set's own"
    )
    assert one["thresholds"]["pdq"] == 1 - 31 / 256  # not below what its authors ask for
    assert "31 of 256 bits may differ; copies of the set's own would allow 0." in pdq["source"]
    assert {row["key"] for row in rows(out) if row["overlap"] and row["detector"] == "pdq"} == {"000000"}
    assert len(rows(out, run.COPIES)) == 200


def test_what_the_user_names_counts_instead(world):
    out = audited(world, world / "mine", out="named", thresholds=(("", "pdq", 0.95),))
    (one,) = told(out)["sets"]
    assert (one["thresholds"]["pdq"], one["given"]) == (0.95, ["pdq"])
    assert one["calibrated"]["pdq"]["threshold"] == 1 - 31 / 256


def test_a_small_set_has_the_detectors_own_and_says_so(world):
    out = audited(world, world / "mine", out="few", canaries=99)
    said = told(out)["sets"][0]["calibrated"]["pdq"]
    assert said["threshold"] == 1 - 31 / 256
    assert said["source"].endswith(
        "the set has none of its own, for which 100 images are copied, and here 99"
    )


def test_other_thresholds_try_no_copies_again(world, monkeypatch):
    out = audited(world, world / "mine", out="again")
    before = told(out)["sets"][0]["calibrated"], rows(out, run.COPIES)
    monkeypatch.setattr(canary, "changed", None)
    audited(world, world / "mine", out="again", thresholds=(("", "pdq", 0.95),))
    assert (told(out)["sets"][0]["calibrated"], rows(out, run.COPIES)) == before


@pytest.mark.parametrize("body", [b"PAR1 cut", None])
def test_copies_of_another_number_or_none_that_can_be_read_are_tried_again(world, body):
    """As where an audit was killed between its tables and audit.json."""
    out = audited(world, world / "mine", out="torn", canaries=20)
    before = rows(out, run.COPIES)
    if body is None:
        five = audited(world, world / "mine", out="five", canaries=5) / run.COPIES
        body = five.read_bytes()
    (out / run.COPIES).write_bytes(body)
    audited(world, world / "mine", out="torn", canaries=20, thresholds=(("", "pdq", 0.95),))
    assert rows(out, run.COPIES) == before


def test_labels_of_sets_that_are_not_asked_for_set_no_threshold(world):
    pair = labels.Pair("other", "a", "00000.tar", "b", "pdq", 0.9)
    what = asked(world, world / "mine")
    assert labels.following(what, labels.Labels({pair: False}), {("other", "pdq"): 0.8}) == what
