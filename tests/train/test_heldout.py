"""Zero-shot and retrieval on held-out sets."""

import shutil
import tarfile
from dataclasses import replace

import pytest
import torch

from tests.model import tiny
from tests.train import runs
from wit_builder.errors import ConfigError
from wit_builder.evalset import sets
from wit_builder.model.ranks import Ranks
from wit_builder.model.tokens import Tokenizer
from wit_builder.train import heldout, objectives, start
from wit_builder.train.settings import Training

ALONE = Ranks(0, 1, torch.device("cpu"))


def benchmark(folder, texts, kind):
    """CLIP_benchmark's layout with an image for each text, in two tars."""
    (folder / "test").mkdir(parents=True)
    (folder / "test" / "nshards.txt").write_text("2")
    for shard in (0, 1):
        with tarfile.open(folder / "test" / f"{shard}.tar", "w") as tar:
            for n in range(shard, len(texts), 2):
                runs.add(tar, f"s{n}.{kind}", texts[n].encode())
                runs.add(tar, f"s{n}.jpg", tiny.picture(n, kind="jpeg"))
    return folder


class Knowing(objectives.Contrastive):
    """Knows by its colour in the middle what an image is; the network only gives the size."""

    def __init__(self, answers):
        super().__init__(objectives.make(Training(tiny.files()[0])).network)
        self._answers = answers

    def classifier(self, prompts):
        self.prompts = prompts
        return self._answers


def test_right_answers_are_counted_and_an_unreadable_image_is_a_wrong_one(tmp_path):
    """Images 1 to 5 of each class are read, number 0 is none: grey."""
    held = sets.read(runs.classes(tmp_path / "mine"))
    first = lambda images: torch.tensor([1.0, 0.0]).expand(len(images), 2)  # noqa: E731
    found = heldout.evaluate(Knowing(first), held, Tokenizer(), ALONE, "fp32")
    assert (found["top1"], found["top5"], found["chance"], found["images"]) == (5 / 12, 10 / 12, 0.5, 12)
    assert found["unreadable"] == 2
    assert found["low"] < 5 / 12 < found["high"]


@pytest.mark.parametrize("objective", ["contrastive", "words", "captions"])
def test_every_objective_says_what_an_image_shows(tmp_path, objective):
    made = objectives.make(Training(tiny.files()[0], objective=objective))
    made.network.train()
    held = sets.read(runs.classes(tmp_path / "mine"))
    found = heldout.evaluate(made, held, Tokenizer(), ALONE, "bf16")
    assert 0 <= found["low"] <= found["top1"] <= found["high"] <= 1
    assert made.network.training


def test_retrieval_finds_what_belongs_together(tmp_path, monkeypatch):
    """Embeddings are made so that images 0 to 2 find their captions first, image 3 second."""
    folder = benchmark(tmp_path / "pairs", ["a\nb", "c", "d", "e"], "txt")
    (folder / "dataset_type.txt").write_text("retrieval")
    held = sets.read(folder)
    assert held.captions == (("a", "b"), ("d",), ("c",), ("e",))  # 0 and 2 lie in the first tar
    made = objectives.make(Training(tiny.files()[0]))
    axes = torch.eye(16)
    monkeypatch.setattr(made.network, "encode_image", lambda images: axes[torch.arange(len(images)) % 16])
    texts = torch.stack([axes[0], axes[0], axes[1], axes[2], 0.9 * axes[2] + 0.1 * axes[3]])
    monkeypatch.setattr(made.network, "encode_text", lambda tokens: texts)
    found = heldout.evaluate(made, held, Tokenizer(), ALONE, "fp32")
    assert (found["image_recall@1"], found["image_recall@5"]) == (pytest.approx(4 / 5), 1.0)
    assert (found["text_recall@1"], found["text_recall@5"]) == (1.0, 1.0)
    assert heldout.main_score(found) == found["image_recall@1"]


def test_an_image_that_cannot_be_read_is_not_found_and_finds_nothing(tmp_path, monkeypatch):
    folder = benchmark(tmp_path / "pairs", ["a", "b", "c"], "txt")
    (folder / "dataset_type.txt").write_text("retrieval")
    held = sets.read(folder)
    (tmp_path / "none.jpg").write_bytes(b"no image")
    held = replace(held, images=(heldout.Place(tmp_path / "none.jpg"), *held.images[1:]))
    made = objectives.make(Training(tiny.files()[0]))
    axes = torch.eye(64)
    monkeypatch.setattr(made.network, "encode_image", lambda images: axes)
    monkeypatch.setattr(made.network, "encode_text", lambda tokens: axes[:3])
    found = heldout.evaluate(made, held, Tokenizer(), ALONE, "fp32")
    assert found["image_recall@1"] == found["text_recall@1"] == pytest.approx(2 / 3)
    assert (found["images"], found["unreadable"]) == (3, 1)


def test_retrieval_wants_an_objective_that_embeds_texts(tmp_path):
    folder = benchmark(tmp_path / "pairs", ["a", "b"], "txt")
    (folder / "dataset_type.txt").write_text("retrieval")
    made = objectives.make(Training(tiny.files()[0], objective="words"))
    with pytest.raises(ConfigError, match="is one of pairs, and this objective embeds no texts"):
        heldout.evaluate(made, sets.read(folder), Tokenizer(), ALONE, "fp32")


def test_prompts_are_the_templates_filled_with_each_class(tmp_path):
    folder = runs.classes(tmp_path / "mine")
    (folder / "classnames.txt").write_text("Red thing\nBlue Thing\n")
    (folder / "zeroshot_classification_templates.txt").write_text("a {c}\nthe {} {c}\n")
    tokenizer = Tokenizer()
    rows = heldout.prompts(sets.read(folder), tokenizer)[1].tolist()
    due = [tokenizer("a blue thing"), tokenizer("the blue thing blue thing")]
    assert [[t for t in row if t] for row in rows] == due


def test_a_set_that_training_cannot_be_scored_by_is_refused(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a.jpg").write_bytes(tiny.picture(0, kind="jpeg"))
    with pytest.raises(
        ConfigError, match="is one of images alone, and training is scored by classes or captions"
    ):
        start.held_out(tmp_path / "own")


def test_a_set_of_one_class_is_refused_before_the_first_step(tmp_path):
    folder = runs.classes(tmp_path / "one")
    start.held_out(folder)
    shutil.rmtree(folder / "red_thing")
    with pytest.raises(
        ConfigError, match=r"held-out set .*one' has a single class, 'blue thing', and there is"
    ):
        start.held_out(folder)


def test_a_set_without_a_readable_image_is_refused_before_the_first_step(tmp_path):
    runs.classes(tmp_path / "none", 1)
    with pytest.raises(ConfigError, match=r"no image of the held-out set .* can be read"):
        start.held_out(tmp_path / "none")
