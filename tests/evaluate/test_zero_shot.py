"""Zero-shot accuracy is open_clip's, and everything that is counted is there."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.evaluate.folders import NAMES, TEMPLATES, benchmark, folders, saved, work
from tests.model import tiny
from wit_builder.errors import ConfigError
from wit_builder.evaluate import classifier, zero_shot
from wit_builder.evaluate.embed import Embedded
from wit_builder.model.loaded import opened


def looks_like(labels, classes, unreadable=()):
    """Embeddings that lie on the axis of the class that is answered; the axes are the classes' texts."""
    images = np.eye(classes, dtype=np.float32)[labels]
    readable = np.ones(len(labels), bool)
    readable[list(unreadable)] = False
    images[~readable] = 0
    return Embedded(tuple(map(str, range(len(labels)))), images, images, readable, "")


def test_predictions_are_those_of_open_clips_classifier(tmp_path):
    import open_clip
    from PIL import Image

    config, checkpoint = saved(tmp_path)
    state = torch.load(checkpoint)
    for name in ("visual.conv1.weight", "token_embedding.weight"):
        state[name] *= 50  # so that not all pictures look the same to it
    torch.save(state, checkpoint)
    model = tiny.network()
    model.load_state_dict(state)
    found = work(
        folders(tmp_path / "set", per_class=20), tmp_path / "cache", loaded=opened(config, checkpoint)
    )
    ours = zero_shot.evaluate(found)
    weights = open_clip.build_zero_shot_classifier(
        model, open_clip.SimpleTokenizer(), NAMES, [lambda c, one=one: one.format(c=c) for one in TEMPLATES]
    )
    pixels = open_clip.transform.image_transform_v2(
        open_clip.transform.PreprocessCfg(size=32), is_train=False
    )
    with torch.no_grad():
        images = torch.stack([pixels(Image.open(place.path)) for place in found.which.images])
        logits = model.logit_scale.exp() * model.encode_image(images, normalize=True) @ weights
    best, labels = logits.topk(5)[1], torch.tensor(found.which.labels)
    assert len(set(best[:, 0].tolist())) > 1
    assert ours.predictions["predicted"].to_pylist() == best[:, 0].tolist()
    assert ours.predictions["top5"].to_pylist() == best.tolist()
    assert ours.metrics["acc1"].value == (best[:, 0] == labels).double().mean().item()
    assert ours.metrics["acc5"].value == (best == labels[:, None]).any(dim=1).double().mean().item()
    np.testing.assert_allclose(ours.predictions["score"], logits.softmax(1).max(1).values.numpy(), rtol=1e-3)


def test_both_layouts_of_a_set_come_to_the_same(tmp_path):
    found = [
        zero_shot.evaluate(work(make(tmp_path / make.__name__), tmp_path / "cache"))
        for make in (folders, benchmark)
    ]
    assert found[0].metrics == found[1].metrics
    assert found[0].predictions.drop_columns("key") == found[1].predictions.drop_columns("key")


def test_nearest_first_and_an_unreadable_image_has_no_answer():
    best, score = zero_shot.answers(
        looks_like([3, 1, 2], 6, unreadable=[1]), np.eye(6, dtype=np.float32), 10.0
    )
    assert best[:, 0].tolist() == [3, -1, 2]
    assert best[1].tolist() == [-1] * 5
    assert score == pytest.approx([1 / (1 + 5 * np.exp(-10)), 0, 1 / (1 + 5 * np.exp(-10))])


def test_few_classes_have_no_top_five(tmp_path):
    result = zero_shot.evaluate(work(folders(tmp_path / "set", names=NAMES[:4]), tmp_path / "cache"))
    assert list(result.metrics) == ["acc1", "mean_per_class_recall", "calibration_error"]
    assert [len(row) for row in result.predictions["top5"].to_pylist()] == [4] * 16
    five = zero_shot.evaluate(work(folders(tmp_path / "five", names=NAMES[:5]), tmp_path / "cache"))
    assert five.metrics["acc5"].value == 1


def test_rows_of_any_number_at_a_time_are_the_same(tmp_path, monkeypatch):
    found = work(folders(tmp_path / "set"), tmp_path / "cache")
    whole = zero_shot.evaluate(found)
    monkeypatch.setattr(zero_shot, "_CELLS", 30)
    assert zero_shot.evaluate(found).predictions == whole.predictions


def test_a_lost_image_is_a_wrong_answer_and_counted(tmp_path):
    folder = folders(tmp_path / "set", per_class=30)
    (folder / "1 red thing" / "7.jpg").write_bytes(b"no image")
    result = zero_shot.evaluate(work(folder, tmp_path / "cache"))
    at = result.predictions["key"].to_pylist().index("1 red thing/7.jpg")
    assert result.predictions.slice(at, 1).to_pylist() == [
        {
            "key": "1 red thing/7.jpg",
            "label": 1,
            "predicted": None,
            "top5": [-1] * 5,
            "score": None,
            "right": False,
        }
    ]
    assert (result.more["samples"], result.more["unreadable"], result.metrics["acc1"].n) == (180, 1, 180)


@pytest.mark.parametrize("names", [NAMES[:1]])
def test_a_set_of_one_class_is_one_sentence(tmp_path, names):
    with pytest.raises(ConfigError, match="has a single class"):
        zero_shot.evaluate(work(folders(tmp_path / "set", names=names), tmp_path / "cache"))


def test_a_set_of_pairs_has_no_classes(tmp_path):
    found = work(folders(tmp_path / "set"), tmp_path / "cache")
    with pytest.raises(ConfigError, match="has no classes"):
        zero_shot.evaluate(replace(found, which=replace(found.which, kind="captions", classes=())))


def several(found, labels):
    """The same images with several labels each."""
    return replace(found, which=replace(found.which, kind="labels", metric="map11", labels=labels))


def test_several_labels_an_image_have_their_precisions(tmp_path):
    found = work(folders(tmp_path / "set"), tmp_path / "cache")
    labels = np.random.default_rng(0).integers(0, 2, (24, 6)).astype(np.uint8)
    labels[0] = 1  # of each class one at least
    result = zero_shot.evaluate(several(found, labels))
    assert list(result.metrics) == ["map11", "mean_average_precision"]
    from sklearn.metrics import average_precision_score

    classes = classifier.ensemble(classifier.prompts(found.loaded, found.which, found.ranks, "fp32"))
    scores = found.embedded.images @ classes.T
    due = average_precision_score(labels, scores, average="macro")
    assert result.metrics["mean_average_precision"].value == pytest.approx(due)
    row = result.predictions.slice(0, 1).to_pylist()[0]
    assert (row["labels"], row["right"]) == ([0, 1, 2, 3, 4, 5], True)


@pytest.mark.parametrize("metric", ["mean_per_class_recall", "top1_top5_mean"])
def test_the_sets_own_metric_comes_first(tmp_path, metric):
    found = work(folders(tmp_path / "set"), tmp_path / "cache")
    result = zero_shot.evaluate(replace(found, which=replace(found.which, metric=metric)))
    assert next(iter(result.metrics)) == metric
    if metric == "top1_top5_mean":
        halves = result.metrics["acc1"].value + result.metrics["acc5"].value
        assert result.metrics[metric].value == pytest.approx(halves / 2)


def test_what_names_and_templates_were_used_is_said(tmp_path):
    more = zero_shot.evaluate(work(folders(tmp_path / "set"), tmp_path / "cache")).more
    assert more["templates"] == list(TEMPLATES)
    assert set(more["sources"]) == {"classes", "templates"}
