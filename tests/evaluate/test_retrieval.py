"""Ranks are what all similarities say, in memory that does not hold them all."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from tests.evaluate.folders import folders, work
from wit_builder.errors import ConfigError
from wit_builder.evaluate import retrieval

RANDOM = np.random.default_rng(1)


def unit(*shape):
    rows = RANDOM.normal(size=shape).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def by_definition(scores, right):
    """The place of the best right answer, wrong ones that score the same before it."""
    best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
    return ((scores >= best) & ~right).sum(axis=1)


@pytest.mark.parametrize("at_once", [1, 100, 1 << 24])
def test_ranks_are_those_of_the_whole_matrix(monkeypatch, at_once):
    monkeypatch.setattr(retrieval, "_AT_ONCE", at_once)
    images, owners = unit(40, 8), np.repeat(np.arange(40), RANDOM.integers(1, 6, 40))
    texts = images[owners] + 1.5 * unit(len(owners), 8)
    found = retrieval.ranks(images, texts, owners, np.ones(40, bool))
    right = owners[:, None] == np.arange(40)
    scores = texts @ images.T
    assert found.images.tolist() == by_definition(scores, right).tolist()
    assert found.texts.tolist() == by_definition(scores.T, right.T).tolist()
    assert found.images.max() > 0 and found.texts.max() > 0


def test_whoever_scores_the_same_as_the_right_one_comes_before_it():
    same = np.ones((6, 4), np.float32) / 2
    found = retrieval.ranks(same, same, np.arange(6), np.ones(6, bool))
    assert found.images.tolist() == [5] * 6 and found.texts.tolist() == [5] * 6


def test_an_image_that_could_not_be_read_is_never_found():
    images, texts = -np.eye(3, dtype=np.float32), -np.eye(3, dtype=np.float32)
    images[1] = 0
    found = retrieval.ranks(images, texts, np.arange(3), np.array([True, False, True]))
    assert found.images[1] == 3 and found.texts[1] == 3
    assert found.texts[0] == 0


def test_a_recall_of_nothing_may_still_be_more(tmp_path):
    found = retrieval.evaluate(captioned(tmp_path))
    one = found.metrics["text_retrieval_recall@1"]
    assert (one.value, one.method) == (0, "clopper-pearson") and one.high > 0.5


def captioned(folder):
    """Images that look the same, all with one caption."""
    given = work(folders(folder / "set", per_class=1), folder / "cache")
    same = np.zeros_like(given.embedded.images) + unit(1, given.embedded.images.shape[1])
    which = replace(given.which, kind="captions", captions=tuple(("a thing",) for _ in given.which.keys))
    return replace(given, which=which, embedded=replace(given.embedded, images=same))


def test_memory_grows_with_the_images_and_not_with_their_square(monkeypatch):
    monkeypatch.setattr(retrieval, "_AT_ONCE", 1 << 16)
    peaks = []
    for count in (1_000, 4_000):
        images, texts, owners = unit(count, 4), unit(count, 4), np.arange(count)
        tracemalloc.start()
        retrieval.ranks(images, texts, owners, np.ones(count, bool))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] < 4_000 * 4_000 * 4 / 10


def test_the_captions_of_an_image_are_its_own():
    owners = retrieval.owners("set", ("a", "b"), (("x", "y"), ("z",)))
    assert owners.tolist() == [0, 0, 1]
    with pytest.raises(ConfigError, match="'b' of 'set' has no caption"):
        retrieval.owners("set", ("a", "b"), (("x",), ()))
