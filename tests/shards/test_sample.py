"""What the JSON of a sample says, also where it is not strictly JSON."""

import pytest

from wit_builder.shards.index import Member
from wit_builder.shards.sample import fields

SHA256 = "ab" * 32


def said(json: bytes):
    return fields(json, {"json": Member("000000001", "json", 0, 0, len(json))})


def test_a_nan_of_img2dataset_is_null_and_all_else_is_there():
    json = f'{{"similarity": NaN, "punsafe": -Infinity, "sha256": "{SHA256}", "width": 64}}'.encode()
    assert said(json) == {"similarity": None, "punsafe": None, "sha256": SHA256, "width": 64}


def test_half_a_surrogate_pair_is_a_question_mark():
    assert said(b'{"caption": "a \\ud800", "sha256": "x"}') == {"caption": "a ?", "sha256": "x"}


@pytest.mark.parametrize("json", [b"{", b"[NaN]", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 5_000, b"NaN"])
def test_what_is_no_object_says_nothing(json):
    assert said(json) == {}
