"""Folders of images."""

import pytest

from tests.evalset import made
from wit_builder.errors import ConfigError
from wit_builder.evalset import folders


def test_a_folder_a_class_is_numbered_by_the_names_order(tmp_path):
    made.classes(tmp_path, ["zebra", "ant"])
    (tmp_path / "ant" / "more").mkdir()
    (tmp_path / "ant" / "more" / "9.WEBP").write_bytes(b"x")
    (tmp_path / "ant" / "notes.md").write_text("no image")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "__MACOSX" / "ant").mkdir(parents=True)
    (tmp_path / "__MACOSX" / "ant" / "0.jpeg").write_bytes(b"x")
    found = folders.read(tmp_path)
    assert (found.folders, found.labels.tolist()) == (("ant", "zebra"), [0, 0, 0, 1, 1])
    assert found.keys == ("ant/0.jpeg", "ant/1.jpeg", "ant/more/9.WEBP", "zebra/0.jpeg", "zebra/1.jpeg")
    assert found.images[3].read() == made.picture(0)


def test_a_class_without_an_image_is_an_error(tmp_path):
    made.classes(tmp_path, ["ant", "zebra"])
    (tmp_path / "bee" / "deeper").mkdir(parents=True)
    (tmp_path / "bee" / "notes.md").write_text("no image")
    with pytest.raises(
        ConfigError, match=r"1 of 3 classes in .* have no image, the first is 'bee'"
    ) as raised:
        folders.read(tmp_path)
    assert raised.value.hint == f"rm -r {tmp_path / 'bee'}, where it is no class"


def test_splits_are_told_by_their_names(tmp_path):
    for split in ("train", "val"):
        made.classes(tmp_path / split, ["a", "b"])
    made.beside(tmp_path, ["first", "second"])
    assert folders.splits(tmp_path) == ("val", "train")
    assert folders.read(tmp_path, "val").names == ("first", "second")
    assert folders.splits(tmp_path / "val") == ()


def test_classes_of_which_one_is_called_test_are_no_splits(tmp_path):
    assert folders.splits(made.classes(tmp_path, ["test", "examination"])) == ()


def test_texts_beside_images_are_their_captions(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(made.picture(0, "png"))
        (tmp_path / f"{name}.txt").write_text(f"\ufeff{name} one\n\n{name} two\n")
    assert folders.read(tmp_path).captions == (("a one", "a two"), ("b one", "b two"))


def test_images_alone_are_images(tmp_path):
    (tmp_path / "b.jpg").write_bytes(b"x")
    (tmp_path / "a.jpg").write_bytes(b"y")
    found = folders.read(tmp_path)
    assert (found.keys, found.labels, found.captions) == (("a.jpg", "b.jpg"), None, ())


def test_a_caption_that_only_some_have_is_an_error(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.jpg").write_bytes(b"x")
    (tmp_path / "a.txt").write_text("a cat")
    with pytest.raises(ConfigError, match=r"1 of 2 images in .* have no caption, the first is 'b\.jpg'"):
        folders.read(tmp_path)


def test_images_beside_classes_are_an_error(tmp_path):
    (made.classes(tmp_path, ["a"]) / "loose.jpg").write_bytes(b"x")
    with pytest.raises(ConfigError, match=r"images beside the folders of classes, such as 'loose\.jpg'"):
        folders.read(tmp_path)


def test_splits_beside_something_else_are_no_classes(tmp_path):
    for name in ("test", "train", "annotations"):
        made.classes(tmp_path / name, ["a", "b"])
    with pytest.raises(ConfigError, match="holds the splits test, train beside the folder 'annotations'"):
        folders.read(tmp_path)
