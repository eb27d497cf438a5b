"""`wit eval sets` and `wit eval make-set`."""

import json

from tests.cli.processes import ran
from tests.evalset import made


def test_every_set_is_listed_with_what_is_known_and_what_is_not():
    said = ran("eval", "sets")
    assert (said.returncode, said.stderr) == (0, "")
    assert "  pets: Oxford-IIIT Pets, classes, mean_per_class_recall, 3,669 images\n" in said.stdout
    assert "    from wds/pets (clip-benchmark/wds_vtab-pets); licence CC BY-SA 4.0\n" in said.stdout
    assert "  birdsnap: Birdsnap, classes, acc1, images not known here\n" in said.stdout
    assert said.stdout.count("; licence ") == 37


def test_one_set_is_shown_whole():
    said = ran("eval", "sets", "fer2013")
    assert "\n7 classes\n  angry\n" in said.stdout
    assert "\n  happy | smiling\n" in said.stdout
    (line,) = ran("eval", "sets", "fer2013", "--json").stdout.splitlines()
    assert json.loads(line)["classes"][3] == ["happy", "smiling"]


def test_a_set_that_is_not_known_is_one_sentence():
    said = ran("eval", "sets", "my-set")
    assert said.returncode == 2
    assert "no evaluation set that is known is called 'my-set'" in said.stderr


def test_a_set_is_made_and_said(tmp_path):
    made.classes(tmp_path / "cifar-10", ["cat", "dog"])
    said = ran("eval", "make-set", "cifar-10", "--out", "out", cwd=tmp_path)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.splitlines() == [
        "out: classes, 2 classes; test 4 images",
        "  classes from: folders",
        "  templates from: registry (CIFAR-10)",
    ]
    again = ran("eval", "make-set", "cifar-10", "--out", "out", cwd=tmp_path)
    assert again.returncode == 2
    assert "out is there already" in again.stderr
