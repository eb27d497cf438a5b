import asyncio
from dataclasses import dataclass

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.blocklist.entries import blocked, flipped, table
from wit_builder.blocklist import blocked as blocked_
from wit_builder.errors import Forbidden, ImageError

PDQ = "0f" * 32
SHA = "5" * 64


@dataclass
class Item:
    url: str
    page_url: str = "http://page.test/"


@pytest.mark.parametrize(
    ("kind", "word", "count"),
    [("url", "http://a.test/1.jpg", 1), ("domain", "a.test", 1), ("sha256", SHA, 0)],
)
def test_candidates_are_looked_at_only_where_addresses_are_listed(kind, word, count):
    assert len(blocked((kind, word)).of_candidates) == count
    assert not blocked().of_candidates


@pytest.mark.parametrize(
    ("kind", "word", "caught", "free"),
    [
        ("url", "http://a.test/1.jpg", "http://a.test/1.jpg", "http://a.test/1.jpg?x"),
        ("url", "http://a.test/1.jpg", "https://a.test/1.jpg", "https://a.test:80/1.jpg"),
        ("url", "http://a.test/1.jpg?utm_source=x", "http://a.test/1.jpg", "http://a.test/1.jpeg"),
        ("domain", "a.test", "http://a.test/1.jpg", "http://aa.test/1.jpg"),
        ("domain", "a.test", "http://b.c.a.test:81/", "http://a.test.b/"),
        ("domain", "b.a.test", "http://b.a.test/", "http://a.test/"),
        ("domain", "10.0.0.1", "http://10.0.0.1/", "http://10.0.0.2/"),
        ("domain", "[::1]", "http://[::1]/", "http://[::2]/"),
    ],
)
def test_an_entry_catches_its_own_and_no_neighbour(kind, word, caught, free):
    listed = blocked((kind, word))
    assert listed.address(caught) and not listed.address(free)
    assert listed.candidate(Item(caught)).reason == "blocked"
    assert listed.candidate(Item("http://cdn.test/1.jpg", caught)).reason == "blocked"
    assert listed.candidate(Item(free, free)).kept
    listed.check_address(free)
    with pytest.raises(Forbidden, match="blocked"):
        listed.check_address(caught)


def test_evidence_names_the_list_and_the_entry_but_no_address():
    listed = blocked(("domain", "a.test"), ("url", "http://b.test/1"))
    assert listed.candidate(Item("http://x.a.test/1")).evidence == "domain a.test in list.txt"
    assert listed.candidate(Item("http://b.test/1")).evidence == "url in list.txt"


def seen(listed, sha=SHA, phash=PDQ):
    """The evidence against a picture, "" where there is none."""
    try:
        asyncio.run(listed.check_picture(sha, phash))
    except ImageError as error:
        assert error.reason == "blocked"
        return error.evidence
    return ""


def test_a_picture_is_known_by_its_bytes():
    assert seen(blocked(("sha256", SHA))) == f"sha256 {SHA} in list.txt"
    assert seen(blocked(("sha256", SHA)), sha="4" * 64) == ""
    assert seen(blocked(("pdq", SHA, 31))) == ""  # of another kind


@pytest.mark.parametrize("radius", [0, 1, 31, 255])
def test_a_picture_is_known_by_its_look_within_the_radius_and_not_beyond(radius):
    near, far = flipped(PDQ, radius), flipped(PDQ, radius + 1)
    assert seen(blocked(("pdq", near, radius))) == f"pdq {near}, {radius} bits away in list.txt"
    assert seen(blocked(("pdq", far, radius))) == ""


def test_each_hash_has_its_own_radius():
    listed = blocked(("pdq", flipped(PDQ, 10), 9), ("pdq", flipped(PDQ, 20), 20))
    assert seen(listed) == f"pdq {flipped(PDQ, 20)}, 20 bits away in list.txt"


def test_nothing_listed_blocks_nothing():
    listed = blocked()
    assert seen(listed) == "" and listed.candidate(Item("http://a.test/")).kept


def test_rows_are_told_by_any_column_and_nulls_are_on_no_list():
    rows = pa.table(
        {
            "url": ["http://a.test/", "http://b.test/", "http://b.test/", "no address", None],
            "final_url": ["http://b.test/", "http://a.test/", None, None, None],
            "sha256": pa.array([None, None, SHA, None, None]),
            "phash": pa.array([PDQ, None, PDQ, PDQ, None]),
        }
    )
    listed = blocked(("domain", "a.test"), ("sha256", SHA), ("pdq", PDQ, 0))
    assert listed.kinds(rows) == ["domain", "domain", "sha256", "pdq", ""]


hashes = st.integers(0, 2**256 - 1).map("{:064x}".format)


@given(st.lists(hashes, max_size=30), hashes)
def test_lookup_is_membership(listed, other):
    there = blocked(*(("sha256", value) for value in listed))
    assert [bool(seen(there, sha=value)) for value in [*listed, other]] == [True] * len(listed) + [
        other in listed
    ]


@given(st.lists(st.tuples(hashes, st.integers(0, 255)), max_size=8), hashes)
def test_near_is_the_same_as_comparing_each(listed, phash):
    due = any((int(value, 16) ^ int(phash, 16)).bit_count() <= radius for value, radius in listed)
    there = blocked(*(("pdq", value, radius) for value, radius in listed))
    assert bool(seen(there, phash=phash)) == due
    assert there.kinds(pa.table({"phash": [phash]})) == (["pdq"] if due else [""])


def test_lists_come_back_from_their_file_and_other_lists_have_another(tmp_path):
    one = blocked_.write(tmp_path, table(("domain", "a.test")))
    other = blocked_.write(tmp_path, table(("domain", "b.test")))
    assert one != other and one == blocked_.write(tmp_path, table(("domain", "a.test")))
    assert blocked_._loaded(one).address("http://a.test/")
    assert not blocked_._loaded(other).address("http://a.test/")
    assert blocked_.write(tmp_path, table()) == ""
