import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wit_builder.curation import survivor

FEW = st.integers(0, 3)


@given(st.lists(st.tuples(FEW, FEW, FEW, FEW), max_size=30))
def test_the_head_of_a_group_is_its_first_by_the_rule_of_equal_ones_the_first_row(rows):
    one, other, strong, weak = np.array(rows, np.uint64).reshape(-1, 4).T
    heads = survivor.heads((one, other), lambda some: [-strong[some].astype(np.int64), weak[some]])
    groups = [[n for n, row in enumerate(rows) if row[:2] == mine[:2]] for mine in rows]
    assert heads.tolist() == [min(group, key=lambda n: (-rows[n][2], rows[n][3], n)) for group in groups]


def test_the_rule_is_asked_for_rows_that_may_not_be_alone_only():
    asked = []
    survivor.heads([np.array([5, 7, 5, 9], np.uint64)], lambda some: asked.append(some.tolist()) or [some])
    assert asked == [[0, 2]]


def test_what_is_there_twice_is_found_wherever_it_stands():
    assert survivor.repeated(np.array([3, 1, 3, 2, 1, 1], np.uint64)).tolist() == [0, 1, 2, 4, 5]
