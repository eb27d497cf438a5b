import numpy as np
import pytest
from PIL import Image

from tests.images.pictures import difference, encoded, exif, opened, photograph, reason
from wit_builder.errors import ImageError
from wit_builder.images.blur import MAX_BOXES, blurred, boxes_of
from wit_builder.images.pixels import Raster
from wit_builder.images.process import ImageSpec, process

FACE = (0.25, 0.25, 0.5, 0.5)
CHECKS = Image.fromarray(
    np.kron((np.indices((50, 50)).sum(0) % 2 * 255).astype(np.uint8), np.ones((2, 2), np.uint8))
).convert("RGB")


def contrast(image, box):
    """How much neighbouring pixels differ inside the box, 0 to 255."""
    left, top, right, bottom = (round(x * side) for x, side in zip(box, image.size * 2, strict=True))
    grey = np.asarray(image.convert("L"), float)[top:bottom, left:right]
    return grey.std()


def softened(image, boxes):
    return blurred(Raster.of(image), boxes).image()


def test_what_is_in_a_box_is_gone_and_what_is_far_from_it_is_as_it_was():
    result = softened(CHECKS, (FACE,))
    assert contrast(CHECKS, FACE) > 120
    assert contrast(result, FACE) < 5
    assert result.crop((70, 70, 100, 100)).tobytes() == CHECKS.crop((70, 70, 100, 100)).tobytes()


def test_the_box_grows_by_a_tenth_of_its_larger_side():
    grown = contrast(softened(CHECKS, ((0.4, 0.4, 0.6, 0.6),)), (0.39, 0.39, 0.61, 0.61))
    assert grown < contrast(CHECKS, FACE) / 2


def test_a_small_box_beside_a_large_one_is_blurred_as_much():
    """A mask as soft as the large one's would leave the small one nearly as it is."""
    large, small = (0.0, 0.0, 0.6, 0.6), (0.9, 0.9, 0.96, 0.96)
    checks = CHECKS.resize((1000, 1000), Image.Resampling.NEAREST)
    assert contrast(softened(checks, (large, small)), small) < 5


def test_without_boxes_the_picture_is_the_same():
    checks = Raster.of(CHECKS)
    assert blurred(checks, ()) is checks


@pytest.mark.parametrize("value", [[list(FACE)], "[[0.25,0.25,0.5,0.5]]", [[0.25, 0.25, 0.5, 0.5]]])
def test_boxes_are_read_from_lists_and_from_json(value):
    assert boxes_of(value) == (FACE,)


@pytest.mark.parametrize("value", [[], "[]"])
def test_no_boxes_are_nothing_to_blur(value):
    assert boxes_of(value) == ()


@pytest.mark.parametrize("box", [[-1, 0, 2, 1], [0, 0, 1, 1], [0.0, 0.0, 1e-6, 1e-6]])
def test_a_box_may_stick_out_by_less_than_the_picture(box):
    assert boxes_of([box]) == (tuple(map(float, box)),)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "none",
        {},
        3,
        [0.25, 0.25, 0.5, 0.5],
        [[0.25, 0.25, 0.5]],
        [["0.1", 0, 1, 1]],
        [[True, 0, 1, 1]],
        [[0, 0, float("nan"), 1]],
        [[0, 0, float("inf"), 1]],
        [[120, 80, 180, 160]],
        [[0, 0, 2.01, 1]],
        [[-1.01, 0, 1, 1]],
        [[0.5, 0.5, 0.5, 0.6]],
        [[0.5, 0.5, 0.4, 0.6]],
        [list(FACE), None],
        [list(FACE)] * (MAX_BOXES + 1),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_boxes_that_cannot_be_read_refuse_the_picture(value):
    with pytest.raises(ImageError) as caught:
        boxes_of(value)
    assert (caught.value.reason, "0 to 1" in caught.value.evidence) == ("bad_boxes", True)


@pytest.mark.parametrize("mode", ["no", "keep_ratio", "keep_ratio_largest", "center_crop", "border"])
def test_a_stored_picture_is_blurred_where_its_box_is_in_every_mode(mode):
    body = encoded(CHECKS.resize((400, 400), Image.Resampling.NEAREST), "PNG")
    sharp, soft = (
        opened(process(body, ImageSpec(mode=mode, size=200, format="png"), boxes).image)
        for boxes in ((), (FACE,))
    )
    assert soft.size == sharp.size
    assert contrast(soft, FACE) < contrast(sharp, FACE) / 3


def test_a_picture_that_could_stay_as_it_is_is_blurred_all_the_same():
    body = encoded(photograph(200, 200), quality=95)
    spec = ImageSpec(mode="no")
    assert process(body, spec, (FACE,)).image != process(body, spec).image


def test_a_turned_picture_is_blurred_as_stored_and_as_seen():
    """Its boxes may be meant either way: a box in one corner blurs two."""
    corner = (0.0, 0.0, 0.3, 0.3)
    body = encoded(CHECKS, "JPEG", quality=95, exif=exif(6))
    upright = opened(process(body, ImageSpec(mode="no"), (corner,)).image)
    assert contrast(upright, corner) < 60  # as seen
    assert contrast(upright, (0.7, 0.0, 1.0, 0.3)) < 60  # as stored: orientation 6 turns it to the right
    assert contrast(upright, (0.7, 0.7, 1.0, 1.0)) > 100


def test_the_hash_is_of_the_picture_without_blur():
    body = encoded(photograph(300, 200))
    assert process(body, ImageSpec(), (FACE,)).phash == process(body, ImageSpec()).phash


def test_a_photograph_outside_the_box_hardly_changes():
    before = photograph(256, 256)
    after = softened(before, ((0.0, 0.0, 0.2, 0.2),))
    assert difference(before.crop((128, 128, 256, 256)), after.crop((128, 128, 256, 256))) == 0


def test_what_a_picture_must_be_is_asked_of_the_original():
    body = encoded(photograph(300, 100))
    assert reason(process, body, ImageSpec(min_side=101)) == "image_too_small"
    assert reason(process, body, ImageSpec(max_aspect=2.99)) == "image_too_long"
    assert process(body, ImageSpec(min_side=100, max_aspect=3.0)).original_width == 300
