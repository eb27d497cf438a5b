"""Sets as they are read, whatever their layout."""

import zipfile

import numpy as np
import pytest

from tests.evalset import made
from tests.shared_data import shared_data
from wit_builder.errors import ConfigError
from wit_builder.evalset import registry, sets


def test_a_folder_of_folders_has_their_names_as_classes(tmp_path):
    found = sets.read(made.classes(tmp_path / "mine", ["red_thing", "blue_thing"]))
    assert (found.name, found.kind, found.split, found.metric) == ("mine", "classes", "test", "acc1")
    assert (found.classes, found.templates) == ((("blue thing",), ("red thing",)), sets.TEMPLATES)
    assert found.labels.tolist() == [0, 0, 1, 1]
    assert found.sources == {"classes": "folders", "templates": "default"}


def test_names_and_templates_may_lie_beside_it(tmp_path):
    folder = made.classes(tmp_path / "mine", ["class_2", "class_1"])
    made.beside(folder, [" azure  sky", "crimson\t"], ["a {c}", "the {} {c}", ""])
    found = sets.read(folder)
    assert found.classes == (("azure sky",), ("crimson",))
    assert found.templates == ("a {c}", "the {} {c}")
    assert found.sources == {"classes": "set", "templates": "set"}


def test_a_split_of_a_folder_has_the_folders_name(tmp_path):
    made.classes(tmp_path / "mine" / "val", ["a", "b"])
    assert sets.splits(tmp_path / "mine") == ("val",)
    by_split, by_path = sets.read(tmp_path / "mine", "val"), sets.read(tmp_path / "mine" / "val")
    assert (by_split.name, by_split.keys) == (by_path.name, by_path.keys) == ("mine", by_path.keys)


def test_a_link_is_called_as_itself(tmp_path):
    made.classes(tmp_path / "some-folder", ["a", "b"])
    (tmp_path / "cifar10").symlink_to(tmp_path / "some-folder")
    assert sets.read(tmp_path / "cifar10").name == "cifar10"
    assert sets.read(tmp_path / "some-folder" / "a" / "..").name == "some-folder"


def test_a_split_of_clip_benchmarks_layout_says_how_it_is_asked_for(tmp_path):
    folder = made.beside(made.benchmark(tmp_path / "my wds", [1, 0]), ["cat", "dog"])
    with pytest.raises(ConfigError, match="is a split of a set") as caught:
        sets.read(folder / "test")
    assert caught.value.hint == f"--eval-set '{folder}' --split test"


def test_clip_benchmarks_layout_is_read(tmp_path):
    folder = made.beside(made.benchmark(tmp_path / "wds", [1, 0, 1], shards=2), ["cat", "dog"])
    found = sets.read(str(folder))
    assert (found.classes, found.labels.tolist()) == ((("cat",), ("dog",)), [1, 1, 0])
    assert found.keys == ("s0", "s2", "s1")


def test_several_classes_an_image_are_labels(tmp_path):
    folder = made.benchmark(tmp_path / "mine", [made.vector(1, 0), made.vector(1, 1)], "npy")
    found = sets.read(made.beside(folder, ["cat", "dog"], kind="multilabel"))
    assert (found.kind, found.metric, found.labels.dtype) == ("labels", "map11", np.uint8)
    assert found.labels.tolist() == [[1, 0], [1, 1]]


def test_captions_and_images_need_no_names(tmp_path):
    pairs = sets.read(made.benchmark(tmp_path / "pairs", ["a\nb"], "txt"))
    assert (pairs.kind, pairs.captions, pairs.metric) == (
        "captions",
        (("a", "b"),),
        "image_retrieval_recall@1",
    )
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a.jpg").write_bytes(b"x")
    alone = sets.read(tmp_path / "own")
    assert (alone.kind, alone.keys, alone.metric, alone.classes) == ("images", ("a.jpg",), "", ())


def test_a_file_url_is_a_folder(tmp_path):
    folder = made.classes(tmp_path / "my set", ["a", "b"])
    assert sets.read(f"file://{tmp_path}/my%20set").keys == sets.read(folder).keys


def _named(*names, **more):
    return lambda folder: made.beside(made.benchmark(folder, [2, 0]), names, **more)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: None, "is no folder, no parquet file, and no name"),
        (lambda folder: folder.mkdir(), "holds no images"),
        (lambda folder: made.classes(folder, ["a", "b"], 0), "holds no images"),
        (lambda folder: made.classes(folder / "train", ["a"]), "has no split 'test', it has train"),
        (lambda folder: made.benchmark(folder, [0], split="val"), "has no split 'test', it has val"),
        (_named(), "'held' has no names for its 3 classes"),
        (_named("cat", "dog"), "'held' names 2 classes, and its images have 3"),
        (
            lambda folder: made.beside(made.classes(folder, ["a", "b"]), ["only one"]),
            "names 1 classes, and its images have 2",
        ),
        (_named("cat", " ", "dog"), "line 2 of .*classnames.txt is blank"),
        (_named("a", "b", "c", templates=["a photo"]), "the template 'a photo' of 'held' has no place"),
        (
            lambda folder: made.beside(made.benchmark(folder, [made.vector(0, 1)], "npy"), ["a", "b", "c"]),
            "names 3 classes, and its images have 2",
        ),
    ],
)
def test_a_set_that_cannot_be_used_is_one_sentence(tmp_path, make, said):
    make(tmp_path / "held")
    with pytest.raises(ConfigError, match=said) as raised:
        sets.read(tmp_path / "held")
    assert "\n" not in str(raised.value)


def test_a_split_that_is_not_there_is_named_with_those_that_are(tmp_path):
    made.benchmark(tmp_path, [0], split="train")
    made.benchmark(tmp_path, [0], split="test")
    with pytest.raises(ConfigError, match="no split 'val', it has test, train") as raised:
        sets.read(tmp_path, "val")
    assert raised.value.hint == "--split test"


def _unpacked(name, folder):
    with zipfile.ZipFile(shared_data(f"eval/{name}.zip")) as file:
        file.extractall(folder)
    return folder


def test_real_cifar10_gets_the_papers_templates(tmp_path):
    folder = _unpacked("cifar10", tmp_path / "cifar-10")
    assert sets.splits(folder) == ("test", "train")
    held = sets.read(folder)
    cifar = registry.find("cifar10")
    assert (len(held.images), held.classes, held.templates) == (1000, cifar.classes, cifar.templates)
    assert np.bincount(held.labels).sum() == 1000
    assert len(sets.read(folder, "train").images) == 3000
    assert held.sources["templates"] == "registry (CIFAR-10)"


def test_real_clothing_has_its_own_classes(tmp_path):
    held = sets.read(_unpacked("clothing", tmp_path / "clothing"))
    assert (len(held.classes), held.templates, held.sources["classes"]) == (17, sets.TEMPLATES, "folders")
    assert {held.classes[label][0] for label in held.labels} == {name for (name,) in held.classes}


def test_real_imagenet_folders_get_their_names_by_wordnet_number(tmp_path):
    """One image for each of the 1,000 classes, in a folder called as ImageNet's are."""
    source = _unpacked("imagenet-samples", tmp_path / "flat")
    for path in source.iterdir():
        wnid, _, name = path.stem.partition("_")
        if name in ("tench", "goldfish", "toilet_tissue"):
            (tmp_path / "some" / wnid).mkdir(parents=True)
            path.rename(tmp_path / "some" / wnid / path.name)
    held = sets.read(tmp_path / "some")
    assert held.classes == (("tench",), ("goldfish",), ("toilet paper",))
    assert held.sources["classes"] == "registry (ImageNet), by the folders' WordNet numbers"
    assert len(sets.read(source).images) == 997


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory):
    """ImageNet's 1,000 classes with a real image each, in folders called as ImageNet's."""
    folder = tmp_path_factory.mktemp("sets") / "imagenet"
    with zipfile.ZipFile(shared_data("eval/imagenet-samples.zip")) as file:
        for name in file.namelist():
            place = folder / "val" / name.partition("_")[0] / "a.jpg"
            place.parent.mkdir(parents=True)
            place.write_bytes(file.read(name))
    return folder


def test_real_imagenet_has_the_papers_names_and_templates(imagenet):
    held, known = sets.read(imagenet, "val"), registry.find("imagenet1k")
    assert (held.classes, held.templates) == (known.classes, known.templates)
    assert held.labels.tolist() == list(range(1000))


@pytest.mark.parametrize("shift", ["imagenet-a", "imagenet-r"])
def test_real_imagenet_on_the_classes_of_a_shift(imagenet, shift):
    held, known = sets.read(f"{imagenet}@{shift}", "val"), registry.find(shift)
    assert (held.name, len(held.images), held.classes) == (f"imagenet@{shift}", 200, known.classes)
    assert held.labels.tolist() == list(range(200))
    whole = sets.read(imagenet, "val")
    (number,) = known.imagenet[7]
    assert held.images[7] == whole.images[number]


def test_real_imagenet_on_objectnets_classes_has_several_of_its_own_in_one(imagenet):
    held, known = sets.read(f"{imagenet}@objectnet", "val"), registry.find("objectnet")
    assert (len(held.images), held.classes) == (125, known.classes)
    chair = [names[0] for names in known.classes].index("Chair")
    whole = sets.read(imagenet, "val")
    assert [image for image, label in zip(held.images, held.labels, strict=True) if label == chair] == [
        whole.images[number] for number in known.imagenet[chair]
    ]


def test_only_imagenet_has_classes_of_its_shifts(tmp_path):
    folder = made.classes(tmp_path / "mine", ["a", "b"])
    with pytest.raises(
        ConfigError, match="'mine' has 2 classes, and the 200 of ImageNet-A are some of ImageNet's"
    ):
        sets.read(f"{folder}@imagenet-a")


@pytest.mark.parametrize("name", ["imagenet", "mine"])
def test_nor_has_a_set_whose_folders_are_in_another_order_than_imagenets(tmp_path, name):
    folder = made.classes(tmp_path / name, [str(n) for n in range(1000)], 1)
    with pytest.raises(ConfigError, match="are in its folders' order, and not known to be in ImageNet's"):
        sets.read(f"{folder}@imagenet-a")


def test_a_folder_with_an_at_sign_is_a_folder(tmp_path):
    folder = made.classes(tmp_path / "mine@imagenet-a", ["a", "b"])
    assert len(sets.read(folder).classes) == 2


def test_a_fingerprint_tells_another_set_of_the_same_name(tmp_path):
    def of(where, change=lambda folder: None):
        folder = made.classes(tmp_path / where / "mine", ["a", "b"])
        change(folder)
        return sets.read(folder).fingerprint

    def other_bytes(folder):
        path = next(folder.glob("b/*"))
        path.write_bytes(path.read_bytes() + b"1")

    assert of("first") == of("moved")
    changed = [
        of("bytes", other_bytes),
        of("names", lambda folder: made.beside(folder, ["b", "a"], ["a {c}"])),
        of("templates", lambda folder: made.beside(folder, ["a", "b"], ["the {c}"])),
        of("keys", lambda folder: next(folder.glob("b/*")).rename(folder / "b" / "zzz.jpg")),
    ]
    assert len({of("again"), *changed}) == 5
