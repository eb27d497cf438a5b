"""Eval sets: CLIP_benchmark's layout, held-out classes, planted copies, equal bytes."""

import io
import json
import tarfile

import pytest
from PIL import Image
from webdataset import tariterators

from tests.demo_web.measures import distance
from wit_builder.demo_web.evalset import CLASSES, KNOWN, TRANSFORMS, originals, write_eval_set
from wit_builder.demo_web.scenes import HELD_OUT, SEEN
from wit_builder.demo_web.web import Web

DEMO = Web(300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("eval") / "demo"
    write_eval_set(folder, DEMO, images=120)
    return folder


@pytest.fixture(scope="module")
def truth(folder):
    return [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]


def samples(folder):
    """As webdataset reads them; the tar is ours to close, which its own opener forgets."""
    assert (folder / "test/nshards.txt").read_text() == "1"
    with (folder / "test/0.tar").open("rb") as tar:
        opened = [{"url": "0.tar", "stream": tar}]
        return list(tariterators.group_by_keys(tariterators.tar_file_expander(opened)))


def body_of(sample):
    return next(sample[form] for form in ("jpg", "png", "webp") if form in sample)


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_classes_are_all_held_out_combinations_and_some_known_ones():
    assert len(CLASSES) == len(set(CLASSES)) == 48
    assert set(CLASSES) == {*HELD_OUT, *KNOWN}
    assert set(KNOWN) <= set(SEEN)


def test_the_layout_is_clip_benchmarks(folder):
    names = (folder / "classnames.txt").read_text().splitlines()
    templates = (folder / "zeroshot_classification_templates.txt").read_text().splitlines()
    assert names == [f"{colour} {thing}" for thing, colour in CLASSES]
    assert all(template.count("{c}") == 1 for template in templates)
    assert not (folder / "dataset_type.txt").exists()


def test_webdataset_reads_pictures_and_labels(folder, truth):
    read = samples(folder)
    assert [(s["__key__"], int(s["cls"])) for s in read] == [(row["key"], row["class"]) for row in truth]
    assert all(Image.open(io.BytesIO(body_of(s))).size >= (240, 240) for s in read)


def test_one_sample_in_eight_is_a_copy_and_all_transforms_come(truth):
    copies = [row for row in truth if row["duplicate_of"]]
    assert len(copies) == 120 // 8
    assert {row["transform"] for row in copies} == set(TRANSFORMS)


def test_whatever_may_be_copied_is_kept_by_a_build():
    demo = Web(3000, exhibits=False)
    kept = {item.url for item in demo.truth() if item.kind == "pair" and item.reason is None}
    copied = [url for url, _ in originals(demo)]
    assert set(copied) <= kept
    assert len(set(copied)) == len(copied) > 200


def test_copies_are_as_near_to_their_originals_as_their_transform_says(folder, truth):
    for sample, row in zip(samples(folder), truth, strict=True):
        if row["duplicate_of"]:
            bits = distance(body_of(sample), DEMO.answer(row["duplicate_of"]).body)
            assert bits <= {"exact": 0, "resized": 24, "reencoded": 24}.get(row["transform"], 256)
            assert bits > 40 or row["transform"] in ("exact", "resized", "reencoded")


def test_held_out_samples_are_of_no_picture_on_the_web(truth):
    held_out = [row for row in truth if row["held_out"]]
    assert len({row["name"] for row in held_out}) == len(HELD_OUT)
    assert not any(row["duplicate_of"] for row in held_out)


def test_the_same_arguments_give_the_same_bytes(folder, tmp_path):
    write_eval_set(tmp_path, DEMO, images=120)
    assert files(tmp_path) == files(folder)


def test_a_retrieval_set_has_captions_instead_of_classes(tmp_path):
    write_eval_set(tmp_path, Web(10), images=9, task="retrieval")
    with tarfile.open(tmp_path / "test/0.tar") as tar:
        texts = [tar.extractfile(name).read().decode() for name in tar.getnames() if name.endswith(".txt")]
    assert [text.count("\n") for text in texts] == [1] * 9
    assert (tmp_path / "dataset_type.txt").read_text() == "retrieval"
    assert not (tmp_path / "classnames.txt").exists()
