import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import example, given
from hypothesis import strategies as st

from wit_builder.engine import hashes

SEEDS = st.integers(0, 2**64 - 1)


@given(st.lists(st.lists(st.text(max_size=100), max_size=5), max_size=4), SEEDS, st.integers(0, 3))
@example([["x" * n for n in range(100)]], 0, 0)
def test_a_column_is_hashed_as_xxhash_does_it(pieces, seed, cut):
    column = pa.chunked_array([pa.array(piece, pa.string()) for piece in pieces], pa.string()).slice(cut)
    expected = [xxhash.xxh64_intdigest(text.encode(), seed) for text in column.to_pylist()]
    assert hashes.hashed(column, seed).tolist() == expected


def test_the_vectors_of_the_specification():
    """xxhash's own sanity check, of no bytes."""
    column = pa.chunked_array([pa.array([""])])
    assert hashes.hashed(column, 0).tolist() == [0xEF46DB3751D8E999]
    assert hashes.hashed(column, 0x9E3779B1).tolist() == [0xAC75FDA2929B17EF]


def test_each_string_may_have_its_own_seed():
    column = pa.chunked_array([["a"], ["a", "b"]])
    expected = [
        xxhash.xxh64_intdigest(text.encode(), seed) for text, seed in (("a", 1), ("a", 2**64 - 1), ("b", 0))
    ]
    assert hashes.hashed(column, np.array([1, 2**64 - 1, 0], np.uint64)).tolist() == expected


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://a.test/b/c.jpg", "http://a.test"),
        ("https://a.test:8000/", "https://a.test:8000"),
        ("http://a.test", "http://a.test"),
        ("", ""),
    ],
)
def test_an_origin_is_all_before_the_third_slash(url, origin):
    assert hashes.hashed_origins(pa.chunked_array([[url]])).tolist() == [
        xxhash.xxh64_intdigest(origin.encode())
    ]


def test_columns_without_rows_have_no_hashes():
    assert hashes.hashed(pa.chunked_array([], pa.string())).tolist() == []
