import pyarrow as pa

from wit_builder.report.tally import Count, Tally


def test_texts_are_counted_over_several_batches() -> None:
    tally = Tally(limit=9)
    tally.add(pa.array(["a", "b", "a"]))
    tally.add(pa.array(["b", "b", None], pa.string()))
    assert tally.items() == [("b", 3), ("a", 2), ("", 1)]
    assert tally.exact


def test_equal_counts_stand_in_the_order_of_their_names() -> None:
    tally = Tally(limit=9)
    tally.add(pa.array(["b", "c", "a"]))
    assert tally.top(2) == (Count("a", 1), Count("b", 1))


def test_at_its_limit_a_tally_forgets_nothing() -> None:
    tally = Tally(limit=4)
    tally.add(pa.array(["a", "b", "c", "d"]))
    assert (len(tally.items()), tally.exact) == (4, True)


def test_beyond_its_limit_a_tally_keeps_the_frequent_half() -> None:
    tally = Tally(limit=4)
    tally.add(pa.array(["a", "a", "b", "b", "b", "c", "d", "e"]))
    assert tally.items() == [("b", 3), ("a", 2)]
    assert not tally.exact
