"""What prompts are worth, by hand-made texts."""

import numpy as np
import pytest

from tests.evaluate.folders import NAMES, TEMPLATES, folders, work
from tests.evaluate.test_zero_shot import looks_like
from wit_builder.errors import ConfigError
from wit_builder.evaluate import prompt_ablation

LABELS = np.array([0, 1, 2, 3] * 5)


def knowing(*classes):
    """A template whose texts lie where the pictures of these classes do, and nowhere else."""
    said = np.full((4, 4), 0.1, np.float32)
    for one in classes:
        said[one] = np.eye(4)[one]
    return said / np.linalg.norm(said, axis=1, keepdims=True)


def test_templates_are_taken_while_they_add_something():
    said = np.stack([knowing(0), knowing(0, 1, 2), knowing(3), knowing(1)])
    assert prompt_ablation.forward(looks_like(LABELS, 4), LABELS, said) == [1]
    wrong = said.copy()
    wrong[1, 2] = np.eye(4)[0]  # it takes class 2 for class 0
    taken = prompt_ablation.forward(looks_like(LABELS, 4), LABELS, wrong)
    assert taken[0] in (0, 1, 2, 3)
    total = sum(wrong[number] for number in taken)
    assert prompt_ablation.right(looks_like(LABELS, 4), LABELS, total).mean() >= 0.75


def test_an_unreadable_image_is_right_for_no_template():
    hits = prompt_ablation.right(looks_like(LABELS, 4, unreadable=[2]), LABELS, np.eye(4, dtype=np.float32))
    assert np.flatnonzero(~hits).tolist() == [2]


def test_halves_share_no_image_and_are_the_same_each_time(monkeypatch):
    keys = tuple(f"{number}.jpg" for number in range(101))
    one, other = prompt_ablation.halves(keys)
    assert (len(one), len(other)) == (50, 51)
    assert sorted([*one, *other]) == list(range(101))
    turned, _ = prompt_ablation.halves(keys[::-1])
    assert {keys[at] for at in one} == {keys[::-1][at] for at in turned}
    monkeypatch.setattr(prompt_ablation, "MOST_CHOSEN_ON", 10)
    assert [len(part) for part in prompt_ablation.halves(keys)] == [10, 91]


def test_all_kinds_of_prompts_are_measured(tmp_path):
    found = work(folders(tmp_path / "set"), tmp_path / "cache")
    result = prompt_ablation.evaluate(found)
    assert [(name, one.n) for name, one in result.metrics.items()] == [
        ("acc1_bare", 24),
        ("acc1_a_photo_of_a", 24),
        ("acc1_ensemble", 24),
        ("acc1_selected_on_other_half", 12),
        ("acc1_ensemble_on_other_half", 12),
    ]
    assert [one["template"] for one in result.more["templates"]] == list(TEMPLATES)
    assert set(result.more["selected"]) <= set(TEMPLATES)
    assert result.more["templates"][0]["acc1"] == result.metrics["acc1_a_photo_of_a"].value


def test_the_ensemble_is_what_zero_shot_measures(tmp_path):
    from wit_builder.evaluate import zero_shot

    found = work(folders(tmp_path / "set"), tmp_path / "cache")
    ensemble = prompt_ablation.evaluate(found).metrics["acc1_ensemble"]
    assert ensemble == zero_shot.evaluate(found).metrics["acc1"]


def test_a_single_image_cannot_be_halved(tmp_path):
    found = work(folders(tmp_path / "set", per_class=1, names=NAMES[:1]), tmp_path / "cache")
    with pytest.raises(ConfigError, match="1 classes and 1 images, two of each are the least"):
        prompt_ablation.evaluate(found)
