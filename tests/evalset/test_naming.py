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


def _lines_of(folder):
    """By the name of each class's folder."""
    held = sets.read(folder)
    return {
        key.split("/")[0]: held.classes[label][0] for key, label in zip(held.keys, held.labels, strict=True)
    }


def test_folders_called_as_lines_of_classnames_are_those_lines(tmp_path):
    folder = made.classes(tmp_path / "mine", ["Traffic_light", "ant", "zebra"], 1)
    made.beside(folder, ["zebra", "traffic light", "bee", "ant"])
    assert _lines_of(folder) == {"Traffic_light": "traffic light", "ant": "ant", "zebra": "zebra"}
    assert sets.read(folder).labels.tolist() == [1, 3, 0]


@pytest.mark.parametrize(
    ("called", "first"),
    [("{}", 0), ("{}", 1), ("{:05}", 0), ("c{}", 0), ("c{}", 7), ("{:03}.bird", 1), ("n{:08}", 1440764)],
)
def test_folders_of_numbers_are_the_lines_of_these_numbers(tmp_path, called, first):
    """As texts 10 sorts before 2."""
    names = [f"name {chr(97 + n)}" for n in range(12)]
    folders = [called.format(n + first) for n in range(12)]
    folder = made.beside(made.classes(tmp_path / "mine", folders, 1), names)
    assert _lines_of(folder) == dict(zip(folders, names, strict=True))


def test_fewer_folders_than_lines_count_from_0(tmp_path):
    names = [f"name {n}" for n in range(12)]
    folder = made.beside(made.classes(tmp_path / "mine", ["0", "2", "11"], 1), names)
    assert _lines_of(folder) == {"0": "name 0", "2": "name 2", "11": "name 11"}


def test_a_number_before_a_lines_name_does_not_move_it(tmp_path):
    folder = made.beside(made.classes(tmp_path / "mine", ["001.Swan", "002.ant"], 1), ["ant", "swan"])
    assert _lines_of(folder) == {"001.Swan": "swan", "002.ant": "ant"}


def test_imagenets_folders_are_lines_with_its_names_in_any_order(tmp_path):
    folder = made.beside(
        made.classes(tmp_path / "mine", ["n01440764", "n01443537"], 1), ["goldfish", "tench"]
    )
    assert _lines_of(folder) == {"n01440764": "tench", "n01443537": "goldfish"}


@pytest.mark.parametrize(
    ("folders", "names", "lost"),
    [
        (["ant", "bees"], ["ant", "bee"], "bees"),
        (["a", "b"], ["first", "second"], "a"),
        (["1", "2"], ["one", "two", "three"], "1"),
        (["0", "3"], ["one", "two", "three"], "0"),
        (["1", "01"], ["one", "two", "three"], "01"),
        (["c1", "d0"], ["one", "two"], "c1"),
        (["cat", "dog"], ["cat", "cat", "dog"], "cat"),
    ],
)
def test_folders_that_nothing_says_the_line_of_are_refused(tmp_path, folders, names, lost):
    folder = made.beside(made.classes(tmp_path / "mine", folders, 1), names)
    with pytest.raises(ConfigError, match=f"which line of classnames.txt the folder '{lost}' of 'mine' is"):
        sets.read(folder)
