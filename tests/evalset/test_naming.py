"""Names and templates that a set's files lack."""

import pytest

from tests.evalset import made
from wit_builder.errors import ConfigError
from wit_builder.evalset import registry, sets


def _digits(folder, count=10):
    return made.benchmark(folder, range(count))


def test_a_known_set_without_names_gets_the_registrys_by_number(tmp_path):
    held = sets.read(_digits(tmp_path / "wds_mnist"))
    known = registry.find("mnist")
    assert (held.classes, held.templates) == (known.classes, known.templates)
    assert held.sources == {"classes": "registry (MNIST), by number", "templates": "registry (MNIST)"}


def test_not_when_the_number_of_classes_does_not_fit(tmp_path):
    with pytest.raises(ConfigError, match="no names for its 9 classes, and the registry knows 10"):
        sets.read(_digits(tmp_path / "mnist", 9))


def test_not_when_published_files_number_them_otherwise(tmp_path):
    with pytest.raises(ConfigError, match="registry does not know how they are numbered"):
        sets.read(_digits(tmp_path / "eurosat"))


def test_a_sets_own_names_and_templates_come_first(tmp_path):
    folder = made.beside(_digits(tmp_path / "mnist"), [f"digit {n}" for n in range(10)], ["a {c}"])
    held = sets.read(folder)
    assert (held.classes[3], held.templates) == (("digit 3",), ("a {c}",))


def test_several_names_of_a_class_are_added_to_the_sets_one(tmp_path):
    names = ["angry", "disgusted", "fearful", "happy", "neutral", "sad", "surprised"]
    held = sets.read(made.beside(_digits(tmp_path / "wds_fer2013", 7), names))
    assert held.classes[5] == ("sad", "depressed")
    assert held.sources["classes"].startswith("set, with further names of the registry")


def test_folders_called_as_the_registrys_classes_have_its_spelling(tmp_path):
    known = registry.find("food101")
    folder = made.classes(tmp_path / "food-101", [names[0].replace(" ", "_") for names in known.classes], 1)
    held = sets.read(folder)
    assert sorted(held.classes) == sorted(known.classes)
    assert held.classes[held.labels[held.keys.index("apple_pie/0.jpeg")]] == ("apple pie",)


def test_folders_of_numbers_are_the_classes_of_these_numbers(tmp_path):
    """Their names sort as texts: 0, 1, 10, 11, ..., 2."""
    known = registry.find("gtsrb")
    held = sets.read(made.classes(tmp_path / "gtsrb", [str(n) for n in range(43)], 1))
    assert held.classes[held.labels[held.keys.index("10/0.jpeg")]] == known.classes[10]
    assert held.classes[held.labels[held.keys.index("2/0.jpeg")]] == known.classes[2]


def test_the_metric_is_the_papers_where_the_kind_is(tmp_path):
    names = [f"class {n}" for n in range(10)]
    assert sets.read(made.beside(_digits(tmp_path / "pets"), names)).metric == "mean_per_class_recall"
    assert sets.read(made.beside(_digits(tmp_path / "voc2007"), names)).metric == "acc1"
    assert sets.read(made.beside(_digits(tmp_path / "mine"), names)).metric == "acc1"
