import hashlib
import json

import pytest

from tests.images.pictures import encoded, photograph
from wit_builder.errors import ImageError
from wit_builder.images.listed import process_listed
from wit_builder.images.picture import ImageSpec, RowRules
from wit_builder.images.process import process

PHOTO = photograph(400, 300, detail=20)
BODY, AGAIN = encoded(PHOTO, quality=95), encoded(PHOTO, quality=80)  # the same picture, other bytes
OTHER = encoded(photograph(400, 300, detail=3).rotate(90), quality=95)
PDQ = process(BODY, ImageSpec()).phash


def held(body, rules, **row):
    """What the picture's row says once it was held against it."""
    return json.loads(process_listed(body, ImageSpec(row=rules), json.dumps(row)).extra)


def refused(body, rules, **row):
    with pytest.raises(ImageError) as caught:
        held(body, rules, **row)
    return caught.value.reason


def test_without_rules_it_is_the_picture_alone():
    assert process_listed(BODY, ImageSpec(), '{"a": 1}') == process(BODY, ImageSpec())


@pytest.mark.parametrize("kind", ["md5", "sha256", "sha512"])
def test_the_hash_that_is_asked_for_is_added_to_the_row(kind):
    digest = hashlib.new(kind, BODY).hexdigest()
    assert held(BODY, RowRules(hash=kind, phash_column="p"), a=1, p=PDQ)[kind] == digest


@pytest.mark.parametrize("kind", ["md5", "sha256", "sha512"])
@pytest.mark.parametrize("written", [str, str.upper, " {} ".format])
def test_a_picture_of_the_listed_hash_is_kept_and_marked(kind, written):
    digest = hashlib.new(kind, BODY).hexdigest()
    row = held(BODY, RowRules(hash=kind, hash_column="h"), h=written(digest))
    assert row["hash_check"] == kind


@pytest.mark.parametrize("listed", ["0" * 64, "", None, 5])
def test_a_picture_of_another_hash_is_refused(listed):
    assert refused(BODY, RowRules(hash_column="h"), h=listed) == "hash_mismatch"


def test_a_row_without_the_column_is_refused():
    assert refused(BODY, RowRules(hash_column="h")) == "hash_mismatch"


def test_a_picture_of_other_bytes_that_looks_the_same_is_kept_and_marked():
    listed = hashlib.sha256(BODY).hexdigest()
    rules = RowRules(hash_column="h", phash_column="p")
    assert held(AGAIN, rules, h=listed, p=PDQ)["hash_check"] == "phash"
    assert held(BODY, rules, h=listed, p=PDQ)["hash_check"] == "sha256"


def test_a_picture_that_looks_otherwise_is_refused():
    assert refused(OTHER, RowRules(hash_column="h", phash_column="p"), h="0", p=PDQ) == "hash_mismatch"


def flipped(bits):
    return f"{int(PDQ, 16) ^ (1 << bits) - 1:064x}"


def test_alike_ends_at_31_bits():
    rules = RowRules(phash_column="p")
    assert held(BODY, rules, p=flipped(31))["hash_check"] == "phash"
    assert refused(BODY, rules, p=flipped(32)) == "hash_mismatch"


@pytest.mark.parametrize("listed", [None, "", "no hash", 7])
def test_a_perceptual_hash_that_is_none_confirms_nothing(listed):
    assert refused(BODY, RowRules(phash_column="p"), p=listed) == "hash_mismatch"


def test_a_picture_without_detail_is_not_known_by_its_look():
    blank = encoded(photograph(400, 300).point(lambda _: 90), quality=95)
    listed = process(blank, ImageSpec()).phash
    assert refused(blank, RowRules(phash_column="p"), p=listed) == "hash_mismatch"


def test_boxes_of_the_row_are_blurred_and_unreadable_ones_refuse_it():
    rules = RowRules(boxes_column="faces")
    spec, row = ImageSpec(row=rules), json.dumps({"faces": [[0.1, 0.1, 0.6, 0.6]]})
    assert process_listed(BODY, spec, row).image != process(BODY, ImageSpec()).image
    assert process_listed(BODY, spec, '{"faces": []}').image == process(BODY, ImageSpec()).image
    assert refused(BODY, rules, faces=None) == "bad_boxes"
    assert refused(BODY, rules) == "bad_boxes"
