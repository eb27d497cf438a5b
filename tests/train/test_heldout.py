"""Zero-shot and retrieval on held-out sets."""

import tarfile
from dataclasses import replace

import pytest
import torch
from scipy.stats import binom

from tests.model import tiny
from tests.train import runs
from wit_builder.errors import ConfigError
from wit_builder.train import heldout, objectives
from wit_builder.train.ranks import Ranks
from wit_builder.train.settings import Training
from wit_builder.train.tokens import Tokenizer

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


def test_a_folder_of_folders_has_their_names_as_classes(tmp_path):
    found = heldout.read(runs.classes(tmp_path / "mine"))
    assert (found.name, found.names, found.templates) == (
        "mine",
        ("blue thing", "red thing"),
        heldout.TEMPLATES,
    )
    assert found.labels == (0,) * 6 + (1,) * 6


def test_names_and_templates_may_lie_beside_it(tmp_path):
    folder = runs.classes(tmp_path / "mine")
    (folder / "classnames.txt").write_text("azure\ncrimson\n")
    (folder / "zeroshot_classification_templates.txt").write_text("a {c}\nthe {} {c}\n\n")
    found = heldout.read(folder)
    assert (found.names, found.templates) == (("azure", "crimson"), ("a {c}", "the {} {c}"))
    tokenizer = Tokenizer()
    rows = found.prompts(tokenizer)[1].tolist()
    assert [[t for t in row if t] for row in rows] == [
        tokenizer("a crimson"),
        tokenizer("the crimson crimson"),
    ]


def test_clip_benchmarks_layout_is_read(tmp_path):
    folder = benchmark(tmp_path / "wds", ["1", "0", "1"], "cls")
    (folder / "classnames.txt").write_text("cat\ndog\n")
    found = heldout.read(folder)
    assert (found.names, found.labels) == (("cat", "dog"), (1, 1, 0))
    assert [place.read() for place in found.images] == [tiny.picture(n, kind="jpeg") for n in (0, 2, 1)]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: None, "is no folder"),
        (lambda folder: folder.mkdir(), "holds no images"),
        (lambda folder: benchmark(folder, ["2", "0"], "cls"), "names 0 classes, and an image is of class 2"),
        (lambda folder: benchmark(folder, ["cat", "0"], "cls"), "b'cat' stands where"),
        (lambda folder: runs.classes(folder, 1), "no image of the held-out set"),
        (lambda folder: runs.classes(folder / "test"), "holds no images"),
        (
            lambda folder: (runs.classes(folder) / "zeroshot_classification_templates.txt").write_text(
                "a cat\n"
            ),
            "the template 'a cat', which has no place for a class's name",
        ),
    ],
)
def test_a_set_that_cannot_be_used_is_one_sentence(tmp_path, make, said):
    make(tmp_path / "held")
    with pytest.raises(ConfigError, match=said):
        heldout.read(tmp_path / "held")


def test_right_answers_are_counted_and_an_unreadable_image_is_a_wrong_one(tmp_path):
    """Images 1 to 5 of each class are read, number 0 is none: grey."""
    held = heldout.read(runs.classes(tmp_path / "mine"))
    first = lambda images: torch.tensor([1.0, 0.0]).expand(len(images), 2)  # noqa: E731
    found = heldout.evaluate(Knowing(first), held, Tokenizer(), ALONE, "fp32")
    assert (found["top1"], found["top5"], found["chance"], found["images"]) == (5 / 12, 10 / 12, 0.5, 12)
    assert found["unreadable"] == 2
    assert found["low"] < 5 / 12 < found["high"]


@pytest.mark.parametrize("objective", ["contrastive", "words", "captions"])
def test_every_objective_says_what_an_image_shows(tmp_path, objective):
    made = objectives.make(Training(tiny.files()[0], objective=objective))
    made.network.train()
    held = heldout.read(runs.classes(tmp_path / "mine"))
    found = heldout.evaluate(made, held, Tokenizer(), ALONE, "bf16")
    assert 0 <= found["low"] <= found["top1"] <= found["high"] <= 1
    assert made.network.training


def test_retrieval_finds_what_belongs_together(tmp_path, monkeypatch):
    """Embeddings are made so that images 0 to 2 find their captions first, image 3 second."""
    folder = benchmark(tmp_path / "pairs", ["a\nb", "c", "d", "e"], "txt")
    (folder / "dataset_type.txt").write_text("retrieval")
    held = heldout.read(folder)
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
    held = heldout.read(folder)
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
        heldout.evaluate(made, heldout.read(folder), Tokenizer(), ALONE, "fp32")


@pytest.mark.parametrize(("right", "count"), [(0, 10), (1, 10), (5, 10), (81, 100), (10, 10)])
def test_an_interval_ends_where_so_many_right_ones_are_one_of_two_hundred(right, count):
    """As Clopper and Pearson define it."""
    low, high = heldout.interval(right, count)
    assert (low == 0) == (right == 0)
    assert (high == 1) == (right == count)
    assert right == 0 or binom.sf(right - 1, count, low) == pytest.approx(0.005)
    assert right == count or binom.cdf(right, count, high) == pytest.approx(0.005)


def test_an_interval_of_less_confidence_is_narrower():
    assert heldout.interval(5, 10, 0.95) == pytest.approx((0.1871, 0.8129), abs=1e-4)
