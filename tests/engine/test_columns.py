import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_builder.engine import columns

HEX = st.text("0123456789abcdef", min_size=4, max_size=4)


@given(st.lists(st.lists(HEX, max_size=5), max_size=4), st.integers(0, 3))
def test_a_column_of_equal_widths_comes_as_it_is_in_however_many_pieces(pieces, cut):
    column = pa.chunked_array([pa.array(piece, pa.string()) for piece in pieces], pa.string()).slice(cut)
    assert [word.decode() for word in columns.fixed(column, 4).tolist()] == column.to_pylist()


@pytest.mark.parametrize("count", [columns.BATCH - 1, columns.BATCH, columns.BATCH + 1])
def test_digits_are_numbers_in_however_many_portions(count):
    numbers = np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    column = pa.chunked_array([[f"{n:016x}{n >> 3:016x}" for n in numbers.tolist()]])
    high, low = columns.digits(column, 32)
    assert (high == numbers).all()
    assert (low == numbers >> np.uint64(3)).all()


def test_another_width_is_refused():
    with pytest.raises(pa.ArrowInvalid):
        columns.fixed(pa.chunked_array([["abcd", "abc"]]), 4)


def test_rows_are_picked_in_the_order_asked_for():
    column = pa.chunked_array([["a", "b"], ["c"]])
    assert columns.pick(column, np.array([2, 0, 2])).to_pylist() == ["c", "a", "c"]


def test_a_mask_keeps_rows():
    kept = pa.table({"a": [1, 2, 3]}).filter(columns.mask(np.array([True, False, True])))
    assert kept.column("a").to_pylist() == [1, 3]


@pytest.mark.parametrize("count", [0, 1, 1_000])
def test_numbers_become_the_digits_they_were_read_from(count):
    texts = pa.chunked_array([[f"{n * 2**100 + n:032x}" for n in range(count)]], pa.string())
    assert columns.hexed(columns.digits(texts, 32)).to_pylist() == texts.to_pylist()
