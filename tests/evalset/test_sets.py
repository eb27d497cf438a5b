"""Layouts of evaluation sets that users have."""

import pytest

from tests.model import tiny
from tests.train import runs
from tests.train.test_heldout import benchmark
from wit_builder.errors import ConfigError
from wit_builder.evalset import sets


def test_a_folder_of_folders_has_their_names_as_classes(tmp_path):
    found = sets.read(runs.classes(tmp_path / "mine"))
    assert (found.name, found.kind) == ("mine", "classes")
    assert (found.classes, found.templates) == ((("blue thing",), ("red thing",)), sets.TEMPLATES)
    assert found.labels.tolist() == [0] * 6 + [1] * 6


def test_names_and_templates_may_lie_beside_it(tmp_path):
    folder = runs.classes(tmp_path / "mine")
    (folder / "classnames.txt").write_text("azure\ncrimson\n")
    (folder / "zeroshot_classification_templates.txt").write_text("a {c}\nthe {} {c}\n\n")
    found = sets.read(folder)
    assert found.classes == (("azure",), ("crimson",))
    assert found.templates == ("a {c}", "the {} {c}")


def test_clip_benchmarks_layout_is_read(tmp_path):
    folder = benchmark(tmp_path / "wds", ["1", "0", "1"], "cls")
    (folder / "classnames.txt").write_text("cat\ndog\n")
    found = sets.read(folder)
    assert (found.classes, found.labels.tolist()) == ((("cat",), ("dog",)), [1, 1, 0])
    assert found.keys == ("s0", "s2", "s1")
    assert [place.read() for place in found.images] == [tiny.picture(n, kind="jpeg") for n in (0, 2, 1)]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: None, "is no folder"),
        (lambda folder: folder.mkdir(), "holds no images"),
        (lambda folder: benchmark(folder, ["2", "0"], "cls"), "names 0 classes, and an image is of class 2"),
        (lambda folder: benchmark(folder, ["cat", "0"], "cls"), "b'cat' stands where"),
    ],
)
def test_a_set_that_cannot_be_used_is_one_sentence(tmp_path, make, said):
    make(tmp_path / "held")
    with pytest.raises(ConfigError, match=said):
        sets.read(tmp_path / "held")
