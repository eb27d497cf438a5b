"""Only the best of all pairs stay, by a score that a rule has stored."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.curation.rows import sample
from tests.curation.test_clean import cleaned, told, url
from wit_builder.curation import top
from wit_builder.curation.settings import Duplicates, Top
from wit_builder.errors import BuildError, ConfigError

APART = Duplicates(radius=None)


def scored(scores, name="clip_score"):
    return [replace(sample(n), scores=((name, score),)) for n, score in enumerate(scores)]


def kept(folder, scores, best, **more):
    """Numbers of the samples that stay."""
    found, _, count = cleaned(folder, scored(scores), best=best, duplicates=APART, **more)
    assert count.kept == len(found)
    return [int(one.rpartition("/")[2].removesuffix(".jpg")) for one in found]


def test_the_best_share_stays_with_the_pair_at_its_place(tmp_path):
    """As DataComp's code: of ten and 0.3 the fourth best is the lowest that stays."""
    scores = [0.1, 0.9, 0.3, 0.8, 0.2, 0.7, 0.4, 0.6, 0.5, 0.0]
    assert kept(tmp_path, scores, Top("clip_score", 0.3)) == [1, 3, 5, 7]


def test_pairs_with_the_lowest_score_all_stay(tmp_path):
    assert kept(tmp_path, [0.5, 0.2, 0.2, 0.2, 0.1], Top("clip_score", 0.2)) == [0, 1, 2, 3]


@pytest.mark.parametrize(("minimum", "stay"), [(0.2, [0, 1]), (0.2001, [0])])
def test_a_lowest_score_may_be_given_instead(tmp_path, minimum, stay):
    assert kept(tmp_path, [0.5, 0.2, 0.1], Top("clip_score", None, minimum)) == stay


def test_the_ledger_says_the_score_and_what_was_asked(tmp_path):
    cleaned(tmp_path, scored([0.5, 0.1234]), best=Top("clip_score", 0.4), duplicates=APART)
    (lost,) = [loss for path in tmp_path.glob("exact/*losses*") for loss in told(path)]
    assert (lost.reason, lost.url) == ("not_among_best", url(1))
    assert lost.evidence == "0.1234, the lowest that stays is 0.5"


def test_what_is_not_among_the_best_makes_nothing_a_duplicate(tmp_path):
    first, other = scored([0.1, 0.9])
    rows = [replace(first, sha256="a" * 64, original_width=999), replace(other, sha256="a" * 64)]
    found, lost, _ = cleaned(tmp_path, rows, best=Top("clip_score", 0.4))
    assert (found, lost) == ([url(1)], [("not_among_best", url(0))])


def test_of_no_pairs_none_stay(tmp_path):
    assert kept(tmp_path, [], Top("clip_score", 0.3)) == []


def test_a_sample_without_the_score_stops_the_build(tmp_path):
    with pytest.raises(BuildError, match="1 samples have no score 'aesthetic'"):
        kept(tmp_path, [0.5], Top("aesthetic", 0.3))


@given(
    st.lists(st.integers(-20, 20), min_size=1, max_size=40),
    st.floats(0.01, 0.99),
    st.integers(1, 4),
)
def test_the_threshold_is_the_one_of_all_scores_sorted(scores, share, parts):
    values = np.array(scores) / 10
    tallies = [tallied(values[part::parts]) for part in range(parts)]
    expected = -np.sort(-values)[int(len(values) * share)]
    assert top.lowest(Top("x", share), tallies) == expected


def tallied(values):
    found, counts = np.unique(values, return_counts=True)
    return pa.table([found, counts.astype(np.int64)], schema=top._TALLY)


@settings(max_examples=8)
@given(st.permutations(range(12)), st.integers(1, 3), st.integers(1, 3))
def test_order_and_tasks_change_nothing(order, partitions, judges):
    rows = scored([n % 5 / 10 for n in range(12)])
    with TemporaryDirectory() as folder:
        found = cleaned(
            Path(folder), [rows[n] for n in order], best=Top("clip_score", 0.3), duplicates=APART,
            partitions=partitions, judges=judges,
        )[0]  # fmt: skip
    assert found == sorted(url(n) for n in range(12) if n % 5 >= 3)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"share": None}, "neither share nor minimum"),
        ({"minimum": 0.3}, "both share and minimum"),
        ({"share": 0.0}, "share is 0.0, expected a number between 0 and 1"),
        ({"share": 1.0}, "share is 1.0"),
        ({"share": None, "minimum": float("nan")}, "minimum is nan"),
    ],
)
def test_what_makes_no_sense_is_refused(values, said):
    with pytest.raises(ConfigError, match=said):
        Top("clip_score", **values)
