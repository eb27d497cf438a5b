"""Audit and evaluation of one set brought together by the keys of its images."""

import pyarrow as pa
import pytest

from wit_builder.audit import scored
from wit_builder.audit.overlap import IMAGES
from wit_builder.errors import ConfigError
from wit_builder.evaluate import results
from wit_builder.evaluate.results import Estimate, Result

STATES = ["overlap", "overlap", "clean", "clean", "clean", "unreadable", "constant"]
RIGHT = [True, True, True, False, False, True, True]


def images(name="pets"):
    rows = zip(STATES, range(len(STATES)), strict=True)
    return pa.Table.from_pylist(
        [{"eval_set": name, "eval_id": f"{n}.jpg", "label": n % 2, "state": state} for state, n in rows],
        IMAGES,
    )


def said(right=RIGHT):
    numbers = range(len(right))
    return pa.table({"key": [f"{n}.jpg" for n in numbers], "label": [n % 2 for n in numbers], "right": right})


def test_what_means_nothing_or_cannot_be_read_is_in_neither_split():
    found = scored.effects(images(), {"pets": said()})["pets"]
    assert (found.overlap.right, found.overlap.count) == (2, 2)
    assert (found.clean.right, found.clean.count) == (1, 3)
    assert found.all.count == 5


def test_the_order_of_the_results_does_not_matter():
    table = said()
    assert scored.effects(images(), {"pets": table.take([6, 5, 4, 3, 2, 1, 0])}) == scored.effects(
        images(), {"pets": table}
    )


def test_sets_without_results_are_left_alone():
    both = pa.concat_tables([images(), images("cars")])
    assert list(scored.effects(both, {"pets": said()})) == ["pets"]


def test_results_of_other_data_are_refused():
    with pytest.raises(
        ConfigError, match=r"the results of pets have no image '4\.jpg', so they are of other data"
    ):
        scored.effects(images(), {"pets": said(RIGHT[:4])})


def test_results_of_the_same_images_under_other_labels_are_refused():
    table = said()
    labels = pa.array([0, 1, 0, 0, 0, 1, 0])
    with pytest.raises(ConfigError, match=r"the results of pets have another label of '3\.jpg'"):
        scored.effects(images(), {"pets": table.set_column(1, "label", labels)})


def test_predictions_are_those_that_wit_eval_wrote(tmp_path):
    one = Estimate(0.5, 0.1, 0.9, 0.995, 7, "clopper-pearson")
    results.write(tmp_path, Result("zero-shot", "pets", "test", {"acc1": one}, "f", {}, said(), "a" * 64))
    assert scored.predictions(tmp_path, "pets", "a" * 64) == said()
    with pytest.raises(ConfigError, match="holds no zero-shot predictions of the set cars"):
        scored.predictions(tmp_path, "cars", "a" * 64)
    with pytest.raises(ConfigError, match="the results of pets are of other images than were audited"):
        scored.predictions(tmp_path, "pets", "b" * 64)
