"""Classes made of texts."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.evaluate.folders import ALONE, NAMES, TEMPLATES, folders, saved
from tests.model import tiny
from wit_builder.errors import ConfigError
from wit_builder.evalset import sets
from wit_builder.evaluate import classifier
from wit_builder.model.loaded import opened


@pytest.fixture(scope="module")
def loaded():
    return opened(*tiny.files())


def test_it_is_open_clips_own(tmp_path, loaded):
    import open_clip

    which = sets.read(folders(tmp_path / "set"))
    theirs = open_clip.build_zero_shot_classifier(
        tiny.network(),
        open_clip.SimpleTokenizer(),
        NAMES,
        [lambda name, one=one: one.format(c=name) for one in TEMPLATES],
    )
    ours = classifier.ensemble(classifier.prompts(loaded, which, ALONE, "fp32"))
    np.testing.assert_allclose(ours.T, theirs.numpy(), atol=2e-6)


def test_several_names_of_a_class_count_together(tmp_path, loaded):
    which = replace(
        sets.read(folders(tmp_path / "set")),
        classes=(("happy", "smiling"), ("sad",)),
        templates=("a {} face",),
    )
    said = classifier.prompts(loaded, which, ALONE, "fp32")
    happy, smiling, sad = classifier.texts(
        loaded, ["a happy face", "a smiling face", "a sad face"], ALONE, "fp32"
    )
    np.testing.assert_allclose(said[0], [(happy + smiling) / 2, sad], atol=1e-6)
    assert np.linalg.norm(classifier.ensemble(said), axis=1) == pytest.approx([1, 1], abs=1e-6)


def test_texts_come_back_in_their_order_whatever_their_length(loaded, monkeypatch):
    some = [" ".join(["word"] * (number * 7 % 23 + 1)) + f" {number}" for number in range(40)]
    monkeypatch.setattr(classifier, "_FEWEST", 4)
    rows = classifier.texts(loaded, some, ALONE, "fp32")
    with torch.no_grad():
        import open_clip

        theirs = tiny.network().encode_text(open_clip.SimpleTokenizer()(some), normalize=True)
    np.testing.assert_allclose(rows, theirs.numpy(), atol=2e-6)


def test_a_context_of_its_own_is_kept(tmp_path):
    config = tiny.CONFIG | {"text_cfg": tiny.CONFIG["text_cfg"] | {"context_length": 12}}
    short = opened(*saved(tmp_path, config))
    rows = classifier.texts(short, ["one two " * 40, "one two " * 20], ALONE, "fp32")
    assert (rows[0] == rows[1]).all()


def test_a_template_without_a_place_is_one_sentence(tmp_path, loaded):
    which = replace(sets.read(folders(tmp_path / "set")), templates=("a photo of a {}.", "a photo"))
    with pytest.raises(ConfigError, match="'a photo' of 'set' has no place for a class"):
        classifier.prompts(loaded, which, ALONE, "fp32")
