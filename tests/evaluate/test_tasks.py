"""Tasks that learn or retrieve, on sets of little pictures, from their files to their results."""

import io
import shutil
import tarfile
from dataclasses import replace

import numpy as np
import pyarrow.compute as pc
import pytest

from tests.evaluate.folders import ALONE, NAMES, add, folders
from tests.model import tiny
from wit_builder.cli.evaluated import line
from wit_builder.errors import ConfigError
from wit_builder.evalset import sets
from wit_builder.evaluate import (
    compare,
    few_shot,
    metrics,
    probe,
    results,
    retrieval,
    run,
    training,
    zero_shot,
)
from wit_builder.model.loaded import opened


class Shown:
    def begin(self, name, images): ...

    def done(self, images): ...

    def say(self, sentence): ...


def split(folder, *splits, names=NAMES, per_class=4):
    for name in splits:
        folders(folder / name, per_class, names)
        for file in ("classnames.txt", "zeroshot_classification_templates.txt"):
            (folder / name / file).replace(folder / file)
    return folder


def done(tmp_path, folder, *tasks):
    which = sets.read(folder)
    learns = run.learning(tasks, which)
    return run.run(
        opened(*tiny.files()),
        [which],
        tasks,
        tmp_path / "results",
        cache=tmp_path / "cache",
        ranks=ALONE,
        precision="fp32",
        shown=Shown(),
        training={which.name: training.read(str(folder), which)} if learns else {},
    )


def test_a_probe_learns_from_the_training_split_and_is_judged_on_the_test_split(tmp_path):
    (found,) = done(tmp_path, split(tmp_path / "set", "train", "test"), probe.TASK)
    assert list(found.metrics) == ["lp_acc1", "lp_acc5", "lp_mean_per_class_recall"]
    assert found.metrics["lp_acc1"].n == found.predictions.num_rows == 24
    assert found.metrics["lp_acc1"].value == pc.mean(found.predictions["right"]).as_py()
    assert found.more["trained_on"] == 24 and found.more["validation"] == "6 images of the training split"
    assert len(found.more["sweep"]) >= 7


@pytest.mark.parametrize("task", [zero_shot.TASK, probe.TASK])
def test_the_area_that_is_compared_is_the_one_that_is_reported(tmp_path, task):
    folder = split(
        tmp_path / "hateful_memes", "train", "test", names=("meme", "hatespeech meme"), per_class=50
    )
    broken = folder / "test" / "1 hatespeech meme" / "0.jpg"
    broken.write_bytes(broken.read_bytes()[:40])
    (found,) = done(tmp_path, folder, task)
    results.write_all(tmp_path / "results", {"name": "tiny", "checkpoint": "tiny.pt"}, [found])
    (same,) = compare.compare(tmp_path / "results", tmp_path / "results")
    own, *_ = found.metrics
    assert (same.metric, same.first) == (own, found.metrics[own].value) and own.endswith("roc_auc")
    assert 0 < same.first < 1 and found.more["unreadable"] == 1


@pytest.mark.parametrize("task", [zero_shot.TASK, probe.TASK, few_shot.TASK])
def test_an_area_over_one_class_is_one_sentence(tmp_path, task):
    folder = split(tmp_path / "hateful_memes", "train", "test", names=("meme", "hatespeech meme"))
    shutil.rmtree(folder / "test" / "1 hatespeech meme")
    with pytest.raises(
        ConfigError, match="all images of the split 'test' of 'hateful_memes' are of one class"
    ):
        done(tmp_path, folder, task)


def test_a_validation_split_is_taken_where_there_is_one(tmp_path):
    (found,) = done(tmp_path, split(tmp_path / "set", "train", "val", "test"), probe.TASK)
    assert found.more["trained_on"] == 48 and found.more["validation"] == "24 images"


def test_few_shots_are_as_many_as_the_smallest_class_has(tmp_path):
    (found,) = done(tmp_path, split(tmp_path / "set", "train", "test"), few_shot.TASK)
    assert list(found.metrics) == ["acc1_1_shot", "acc1_2_shot"]
    draws = found.more["shots"][1]["draws"]
    assert found.metrics["acc1_2_shot"].value == np.mean(draws) and len(draws) == 5
    assert found.more["left_out"] == {
        str(shots): "'blue thing' has 3 training images to draw from" for shots in (4, 8, 16)
    }


def test_draws_of_the_same_images_have_no_interval(tmp_path):
    (found,) = done(tmp_path, split(tmp_path / "set", "train", "test", per_class=3), few_shot.TASK)
    one, two = found.metrics["acc1_1_shot"], found.metrics["acc1_2_shot"]  # each class has two to draw from
    assert one.low is not None and one.method == "t, over draws"
    assert (two.low, two.high, two.method) == (None, None, few_shot.SAME)
    assert len(set(found.more["shots"][1]["draws"])) == 1
    assert f"acc1_2_shot {two.value:.1%} (no interval, all draws take the same images)" in line(found)


def test_another_training_image_is_another_result(tmp_path):
    folder = split(tmp_path / "set", "train", "test")
    first, again = (done(tmp_path, folder, probe.TASK)[0] for _ in range(2))
    assert again == replace(first, predictions=None)
    (folder / "train" / "0 blue thing" / "0.jpg").write_bytes(tiny.picture(9_999, (40, 48), "jpeg"))
    (changed,) = done(tmp_path, folder, probe.TASK)
    assert changed.fingerprint != first.fingerprint and changed.predictions is not None
    assert changed.data_sha256 == first.data_sha256


def test_a_set_without_a_training_split_is_one_sentence(tmp_path):
    folder = split(tmp_path / "set", "test")
    with pytest.raises(ConfigError, match="'set' has no split 'train' to learn from, it has test"):
        done(tmp_path, folder, probe.TASK)


def test_what_is_judged_is_not_learnt_from(tmp_path):
    folder = split(tmp_path / "set", "train", "val", "test")
    with pytest.raises(ConfigError, match="the split 'train' of 'set' is what is learnt from"):
        training.read(str(folder), sets.read(folder, "train"))
    assert training.read(str(folder), sets.read(folder, "val")).validation is None
    assert training.read(str(folder), sets.read(folder, "test")).validation.split == "val"


def test_splits_of_different_classes_are_one_sentence(tmp_path):
    folder = split(tmp_path / "set", "train", "test")
    (folder / "classnames.txt").unlink()
    (folder / "train" / "2 green thing").rename(folder / "train" / "2 other thing")
    with pytest.raises(
        ConfigError, match="'train' and 'test' of 'set' have different classes: 6 and 6, the first"
    ):
        done(tmp_path, folder, probe.TASK)


def test_a_class_that_is_missing_does_not_move_the_others(tmp_path):
    folder = split(tmp_path / "set", "train", "test")
    shutil.rmtree(folder / "train" / "2 green thing")
    with pytest.raises(
        ConfigError, match="the training split of 'set' has no image of 'green thing', and all 6"
    ):
        done(tmp_path, folder, probe.TASK)


def test_a_single_image_a_class_leaves_none_to_set_the_penalty_by(tmp_path):
    folder = split(tmp_path / "set", "test")
    split(folder, "train", per_class=1)
    with pytest.raises(ConfigError, match="has one image a class, none is left to set the penalty by"):
        done(tmp_path, folder, probe.TASK)


def labelled(folder, count=40):
    """Images of which each has some of three labels, in CLIP_benchmark's layout."""
    for name in ("train", "test"):
        (folder / name).mkdir(parents=True)
        (folder / name / "nshards.txt").write_text("1")
        with tarfile.open(folder / name / "0.tar", "w") as tar:
            for at in range(count):
                buffer = io.BytesIO()
                np.save(buffer, np.array([at % 2, at % 3 > 0, at % 5 > 1], np.int64))
                add(tar, f"s{at:07d}.jpg", tiny.picture(at, (40, 48), "jpeg"))
                add(tar, f"s{at:07d}.npy", buffer.getvalue())
    (folder / "dataset_type.txt").write_text("multilabel")
    (folder / "classnames.txt").write_text("odd\nthird\nlarge\n")
    return folder


def test_labels_that_do_not_exclude_each_other_are_probed_one_by_one(tmp_path):
    (found,) = done(tmp_path, labelled(tmp_path / "set"), probe.TASK)
    assert list(found.metrics) == ["lp_map11"] and found.metrics["lp_map11"].method == "bootstrap"
    scores = np.array(found.predictions["scores"].to_pylist(), np.float32)
    labels = sets.read(tmp_path / "set").labels
    assert found.metrics["lp_map11"].value == pytest.approx(metrics.value("map11", labels, scores))
    assert (
        compare.compare(tmp_path / "results", tmp_path / "results")[0].first
        == found.metrics["lp_map11"].value
    )


def test_a_test_image_that_cannot_be_read_is_a_wrong_answer(tmp_path):
    folder = split(tmp_path / "set", "train", "test", per_class=20)
    (folder / "test" / "0 blue thing" / "0.jpg").write_bytes(b"no image")
    (found,) = done(tmp_path, folder, probe.TASK)
    row = found.predictions.slice(found.predictions["key"].to_pylist().index("0 blue thing/0.jpg"), 1)
    assert row["right"].to_pylist() == [False] and row["predicted"].to_pylist() == [None]
    assert found.metrics["lp_acc1"].n == 120 and found.more["unreadable"] == 1


def captioned(folder, count=12):
    for number in range(count):
        (folder / "test").mkdir(parents=True, exist_ok=True)
        (folder / "test" / f"{number}.jpg").write_bytes(tiny.picture(number, (40, 48), "jpeg"))
        (folder / "test" / f"{number}.txt").write_text(f"picture {number}\nnumber {number} of many\n")
    return folder / "test"


def test_retrieval_has_its_recalls_both_ways(tmp_path):
    (found,) = done(tmp_path, captioned(tmp_path / "set"), retrieval.TASK)
    assert list(found.metrics) == [
        f"{what}_retrieval_recall@{k}" for what in ("image", "text") for k in (1, 5, 10)
    ]
    ranks = found.predictions.filter(pc.equal(found.predictions["wanted"], "image"))["rank"].to_numpy()
    assert len(ranks) == found.metrics["image_retrieval_recall@5"].n == 24
    assert found.metrics["image_retrieval_recall@5"].value == (ranks < 5).mean()
    assert found.metrics["text_retrieval_recall@1"].n == 12
    assert results.read(tmp_path / "results", found.set, "retrieval", predictions=True) == found


def test_retrieval_ranks_are_those_of_open_clip(tmp_path):
    import torch

    (found,) = done(tmp_path, captioned(tmp_path / "set"), retrieval.TASK)
    loaded, which = opened(*tiny.files()), sets.read(tmp_path / "set" / "test")
    from wit_builder.evaluate.embed import embed

    images = torch.tensor(embed(loaded, which, ALONE, tmp_path / "cache", "fp32").images)
    said = [loaded.tokenizer(text) for some in which.captions for text in some]
    rows = torch.stack([torch.nn.functional.pad(torch.tensor(ids), (0, 77 - len(ids))) for ids in said])
    with torch.no_grad():
        texts = loaded.network.encode_text(rows)
    scores = texts @ images.T
    right = torch.eye(12, dtype=torch.bool).repeat_interleave(2, dim=0)
    nearest = scores.topk(5)[1]
    theirs = right.gather(1, nearest).any(dim=1).float().mean()  # CLIP_benchmark's recall_at_k
    assert found.metrics["image_retrieval_recall@5"].value == pytest.approx(float(theirs), abs=1e-6)


def test_a_task_that_suits_no_set_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match="none of retrieval can be asked of 'set', a set of classes"):
        done(tmp_path, split(tmp_path / "set", "test"), "retrieval")
