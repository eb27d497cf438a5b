"""The page of an evaluation: its numbers, its worst mistakes, nothing that a set's names could run."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from tests.model import tiny
from wit_builder.errors import ConfigError
from wit_builder.evalset.sets import EvalSet, Place
from wit_builder.evaluate import results, worth
from wit_builder.evaluate.results import Estimate, Result
from wit_builder.report import evaluation

MODEL = {
    "name": "tiny",
    "checkpoint": "epoch_1.pt",
    "weights_sha256": "ab" * 32,
    "precision": "fp32",
    "versions": {"wit-builder": "0"},
}

ABLATED = {
    "samples": 3,
    "templates": [{"template": "a bad {}", "acc1": 0.1}, {"template": "a good {}", "acc1": 0.2}],
    "selected": ["a good {}"],
}
RIGHT = Estimate(1 / 3, 0.001, 0.95, 0.995, 3, "clopper-pearson")


@pytest.fixture
def pets(tmp_path):
    """Three images of two classes, one of them with a name that is no HTML; image 2 cannot be read."""
    bodies = [tiny.picture(1, kind="jpeg"), tiny.picture(2, kind="jpeg"), b"nothing"]
    for number, body in enumerate(bodies):
        (tmp_path / f"{number}.jpg").write_bytes(body)
    return EvalSet(
        "pets",
        "classes",
        tuple(f"{n}.jpg" for n in range(3)),
        tuple(Place(tmp_path / f"{n}.jpg") for n in range(3)),
        np.array([0, 1, 1]),
        (("cat",), ("<script>dog</script>",)),
        ("a {}",),
    )


@pytest.fixture
def out(tmp_path):
    """Results of it: image 0 right, 1 and 2 taken for a cat, 2 more surely."""
    table = pa.table(
        {
            "key": [f"{n}.jpg" for n in range(3)],
            "label": [0, 1, 1],
            "predicted": [0, 0, 0],
            "score": [0.9, 0.6, 0.8],
            "right": [True, False, False],
        }
    )
    more = {
        "chance": 0.5,
        "templates": ["a {}"],
        "sources": {"classes": "folders", "templates": "registry: cifar10"},
        "samples": 3,
        "unreadable": 1,
        "classes": [
            {"class": 0, "name": "cat", "n": 1, "recall": 1.0, "low": 0.01, "high": 1.0},
            {"class": 1, "name": "<script>dog</script>", "n": 2, "recall": 0.0, "low": 0.0, "high": 0.95},
        ],
        "confusion": [{"label": 1, "predicted": 0, "n": 2}],
    }
    found = Result(
        "zero-shot",
        "pets",
        "test",
        {"acc1": RIGHT},
        "f",
        more,
        table,
    )
    results.write(tmp_path / "out", found)
    results.write_all(tmp_path / "out", MODEL, [found])
    return tmp_path / "out"


def test_the_page_has_numbers_worst_classes_and_the_surest_mistakes_first(out, pets):
    page = evaluation.write(out, [pets]).read_text()
    assert "33.3" in page and "0.1 to 95.0" in page and "99.5 %" in page
    assert "1 of them unreadable" in page
    assert (
        "class names from: folders" in page
        and "templates from: registry: cifar10, 1 of them, such as “a {}”" in page
    )
    assert page.index("80 %, 2.jpg") < page.index("60 %, 1.jpg")
    assert "0.jpg" not in page
    assert page.count("data:image/jpeg") == 1 and page.count("not readable") == 1
    assert "<script>" not in page and "&lt;script&gt;dog" in page


def test_without_the_set_there_are_numbers_alone(out):
    page = evaluation.write(out, []).read_text()
    assert "33.3" in page
    assert "1.jpg" not in page


def test_a_task_that_says_less_than_zero_shot_has_its_place(out, pets):
    ablation = Result("prompt-ablation", "pets", "test", {"acc1_bare": RIGHT}, "f", ABLATED)
    results.write(out, ablation)
    results.write_all(out, MODEL, [ablation])
    page = evaluation.write(out, [pets]).read_text()
    assert page.index("a good {}") < page.index("a bad {}")
    assert "Selected on one half of the images: a good {}" in page


def test_figures_of_few_shot_are_shown(out, pets):
    before = evaluation.write(out, [pets]).read_text().count("data:image/png")
    few = {"metric": "acc1", "shots": [{"shots": 1}], "trained_on_a_class": 2.0}
    shot = Result("few-shot", "pets", "test", {"acc1_1_shot": RIGHT}, "f", few)
    results.write(out, shot)
    results.write_all(out, MODEL, [shot])
    worth.write(out)
    assert evaluation.write(out, [pets]).read_text().count("data:image/png") == before + 2


def test_a_number_without_an_interval_says_so(out, pets):
    alone = Result("few-shot", "pets", "test", {"acc1_1_shot": replace(RIGHT, low=None, high=None)}, "f")
    results.write(out, alone)
    results.write_all(out, MODEL, [alone])
    assert evaluation.write(out, [pets]).read_text().count("no interval") == 1


def test_the_same_results_give_the_same_plot(out, pets):
    evaluation.write(out, [pets])
    first = [(out / f"results.{ending}").read_bytes() for ending in ("png", "svg")]
    evaluation.write(out, [pets])
    assert first == [(out / f"results.{ending}").read_bytes() for ending in ("png", "svg")]


def test_a_folder_without_results_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match="holds no results"):
        evaluation.write(tmp_path, [])
