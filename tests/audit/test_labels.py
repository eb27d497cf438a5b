"""Thresholds follow from what people said of pairs."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_builder import stats
from wit_builder.audit import labels
from wit_builder.audit.labels import Labels, Pair
from wit_builder.errors import ConfigError


def pair(similarity, number=0, eval_set="pets", detector="pdq"):
    return Pair(eval_set, f"e{number}", "00000.tar", f"k{number}", detector, similarity)


def said(*pairs, recall=0.95):
    """Labels of pairs of similarity and answer."""
    found = Labels({pair(similarity, number): same for number, (similarity, same) in enumerate(pairs)})
    found.recall = recall
    return found


def test_the_threshold_is_the_most_precise_that_keeps_enough():
    pairs = (0.99, True), (0.95, True), (0.93, False), (0.92, True), (0.90, True), (0.85, False)
    found = labels.thresholds(said(*pairs))["pets", "pdq"]
    assert (found.similarity, found.same, found.labelled) == (0.90, 4, 5)
    assert (found.low, found.high) == stats.clopper_pearson(4, 5, 0.95)
    assert labels.thresholds(said(*pairs, recall=0.5))["pets", "pdq"].similarity == 0.95
    assert labels.thresholds(said(*pairs, recall=0.51))["pets", "pdq"].similarity == 0.90


def test_of_equally_precise_ones_the_lowest_is_taken():
    assert labels.thresholds(said((0.9, True), (0.8, True), recall=0.1))["pets", "pdq"].similarity == 0.8


def test_pairs_of_one_similarity_are_above_together():
    found = labels.thresholds(said((0.9, True), (0.9, False)))["pets", "pdq"]
    assert (found.similarity, found.same, found.labelled) == (0.9, 1, 2)


def test_where_none_is_the_same_no_pair_may_count():
    assert labels.thresholds(said((0.99, False), (0.9, False)))["pets", "pdq"].similarity is None


def test_sets_and_detectors_have_thresholds_of_their_own():
    given_ = Labels({pair(0.9): True, pair(0.9, eval_set="cars"): False, pair(0.7, detector="copy"): True})
    found = labels.thresholds(given_)
    assert {group: one.similarity for group, one in found.items()} == {
        ("cars", "pdq"): None,
        ("pets", "copy"): 0.7,
        ("pets", "pdq"): 0.9,
    }


@given(
    st.lists(st.tuples(st.sampled_from([0.5, 0.6, 0.7, 0.8, 0.9]), st.booleans()), min_size=1, max_size=20)
)
def test_no_threshold_that_keeps_enough_is_more_precise(pairs):
    found = labels.thresholds(said(*pairs, recall=0.75))["pets", "pdq"]
    every = sum(same for _, same in pairs)

    def above(least):
        return [same for similarity, same in pairs if similarity >= least]

    fine = [least for least, _ in pairs if every and sum(above(least)) >= 0.75 * every]
    if not fine:
        assert found.similarity is None
        return
    best = max(Fraction(sum(above(least)), len(above(least))) for least in fine)
    assert found.similarity == min(
        least for least in fine if Fraction(sum(above(least)), len(above(least))) == best
    )


def test_labels_are_kept(tmp_path):
    given_ = Labels({pair(0.5): True, pair(0.25, 1): False})
    given_.recall = 0.7
    labels.write(tmp_path, given_)
    assert labels.read(tmp_path) == given_
    assert labels.read(tmp_path).recall == 0.7
    assert labels.read(tmp_path / "none") == {}


def test_a_file_that_holds_none_is_one_sentence(tmp_path):
    (tmp_path / labels.FILE).write_bytes(b"PAR1 no")
    with pytest.raises(ConfigError, match="holds no labels"):
        labels.read(tmp_path)


@pytest.mark.parametrize(
    ("pairs", "threshold"),
    [
        ([(0.95, True)], 0.88),  # nobody looked at what is between
        ([(0.95, True), (0.9, True)], 0.88),
        ([(0.95, True), (0.9, False)], 0.95),
        ([(0.95, True), (0.8, False)], 0.88),
        ([(0.8, True)], 0.8),
        ([(0.8, False)], 0.88),
    ],
)
def test_a_threshold_rises_only_over_pairs_that_are_not_the_same(pairs, threshold):
    assert labels.moved(said(*pairs), {("pets", "pdq"): 0.88}) == {("pets", "pdq"): threshold}


@pytest.mark.parametrize("highest", [0.875, 0.9375, 1 - 2**-8])
def test_pairs_that_are_not_the_same_do_not_count_and_all_that_are_nearer_do(highest):
    (found,) = labels.moved(said((0.5, False), (highest, False)), {("pets", "pdq"): 0.75}).values()
    assert highest < found < highest + 1 / 256


def test_no_threshold_is_above_one():
    assert labels.moved(said((1.0, False)), {("pets", "pdq"): 0.75}) == {("pets", "pdq"): 1.0}
