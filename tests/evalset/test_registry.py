"""What is known of published sets."""

from collections import Counter

import pytest

from wit_builder.evalset import registry


def test_the_papers_27_sets_its_7_shifts_and_3_of_retrieval_are_known():
    assert Counter(known.group for known in registry.every()) == {"paper": 27, "shift": 7, "retrieval": 3}
    names = [known.name for known in registry.every()]
    assert len(set(names)) == len(names)


def test_every_template_has_a_place_and_every_class_a_name():
    for known in registry.every():
        assert all("{}" in template for template in known.templates), known.name
        assert all(names and all(name.strip() == name and name for name in names) for names in known.classes)


@pytest.mark.parametrize(
    ("name", "classes", "templates", "metric"),
    [
        ("food101", 101, 1, "acc1"),
        ("imagenet1k", 1000, 80, "acc1"),
        ("imagenetv2", 1000, 80, "acc1"),
        ("imagenet-a", 200, 80, "acc1"),
        ("imagenet-r", 200, 80, "acc1"),
        ("objectnet", 113, 80, "acc1"),
        ("pets", 37, 1, "mean_per_class_recall"),
        ("voc2007_multilabel", 20, 1, "map11"),
        ("kinetics700", 700, 28, "top1_top5_mean"),
        ("hateful_memes", 2, 1, "roc_auc"),
        ("fer2013", 7, 6, "acc1"),
        ("flickr30k", 0, 0, "image_retrieval_recall@1"),
    ],
)
def test_what_is_known_of_some(name, classes, templates, metric):
    known = registry.find(name)
    assert (known.name, len(known.classes), len(known.templates), known.metric) == (
        name,
        classes,
        templates,
        metric,
    )


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("cifar-10", "cifar10"),
        ("CIFAR_10", "cifar10"),
        ("wds_vtab-cifar10", "cifar10"),
        ("wds_cifar10_test", "cifar10"),
        ("wds/vtab/cifar10", "cifar10"),
        ("wds/imagenet-a", "imagenet-a"),
        ("ImageNet", "imagenet1k"),
        ("wds_mscoco_captions", "mscoco_captions"),
        ("kitti", "kitti_closest_vehicle_distance"),
        ("cifar1", None),
        ("my-cifar10", None),
        ("", None),
    ],
)
def test_sets_are_found_by_what_folders_are_called(called, name):
    known = registry.find(called)
    assert (known.name if known else None) == name


def test_shifts_with_some_of_imagenets_classes_have_their_names():
    names = {known.name: known.classes for known in registry.every()}
    numbers = registry.find("imagenet-a").imagenet
    assert (numbers[0], numbers[-1]) == ((6,), (988,))
    assert names["imagenet-a"] == tuple(names["imagenet1k"][number] for (number,) in numbers)
    assert ("tench",) not in names["imagenet-r"] and ("goldfish",) in names["imagenet-r"]


@pytest.mark.parametrize(
    ("name", "classes", "imagenet", "some"),
    [
        (
            "objectnet",
            113,
            125,
            {"Chair": {"barber chair", "folding chair", "rocking chair"}, "Wok": {"wok"}},
        ),
        (
            "imagenet_vid",
            30,
            288,
            {"bear": {"brown bear", "American black bear", "polar bear", "sloth bear"}},
        ),
        (
            "youtube_bb",
            19,
            231,
            {"elephant": {"Asian elephant", "African bush elephant"}, "zebra": {"zebra"}},
        ),
    ],
)
def test_a_class_of_some_shifts_is_several_of_imagenets(name, classes, imagenet, some):
    known, whole = registry.find(name), registry.find("imagenet1k").classes
    assert (len(known.classes), sum(map(len, known.imagenet))) == (classes, imagenet)
    assert len({number for group in known.imagenet for number in group}) == imagenet  # each in one class
    groups = dict(zip((names[0] for names in known.classes), known.imagenet, strict=True))
    for one, due in some.items():
        assert {whole[number][0] for number in groups[one]} == due


def test_names_are_matched_in_the_order_of_the_set():
    faces = registry.find("fer2013")
    order = ("angry", "disgusted", "fearful", "happy", "neutral", "sad", "surprised")  # CLIP_benchmark's
    assert registry.matched(order, faces)[3:5] == (("happy", "smiling"), ("neutral", "bored"))
    assert registry.matched((*order[:-1], "sad"), faces) is None
    assert registry.matched(order[:-1], faces) is None


def test_wordnet_numbers_are_names_when_all_are_known():
    assert registry.of_wnids(["n01443537", "n01440764"]) == (("goldfish",), ("tench",))
    assert registry.of_wnids(["n01443537", "n99999999"]) is None
    assert registry.of_wnids([]) is None


def test_every_fact_says_where_it_is_from():
    assert set(registry.sources()) >= {"images", "wnids", "metric", "hub"}
