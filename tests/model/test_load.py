"""A model is what its files say; a file that is something else ends in one sentence."""

import hashlib
import importlib.util
import json
import os
import pickle
import re
import warnings
from pathlib import Path

import open_clip
import pytest
import safetensors.torch
import torch

from tests.model import tiny
from wit_builder.errors import BuildError, ConfigError
from wit_builder.model import build, clip, load, weights


@pytest.fixture
def state():
    return tiny.network().state_dict()


def embedded(model, checkpoint):
    return clip.load(str(model), str(checkpoint)).embed_images([tiny.picture()])


LAYOUTS = {
    "plain.pt": lambda state, path: torch.save(state, path),
    "training.pt": lambda state, path: torch.save(
        {"epoch": 3, "name": "tiny", "state_dict": state, "optimizer": {}}, path
    ),
    "many_gpus.pt": lambda state, path: torch.save(
        {"state_dict": {f"module.{name}": weight for name, weight in state.items()}}, path
    ),
    "scale_as_list.pt": lambda state, path: torch.save(
        state | {"logit_scale": state["logit_scale"].reshape(1)}, path
    ),
    "plain.safetensors": lambda state, path: safetensors.torch.save_file(state, path),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_of_open_clips_layouts_is_read(name, state, tmp_path):
    LAYOUTS[name](state, tmp_path / name)
    assert (embedded(tiny.files()[0], tmp_path / name) == embedded(*tiny.files())).all()


def test_the_config_beside_published_weights_is_read_with_its_preprocessing(tmp_path):
    path = tmp_path / "open_clip_config.json"
    path.write_text(json.dumps({"model_cfg": tiny.CONFIG, "preprocess_cfg": {}}))
    same = embedded(path, tiny.files()[1])
    path.write_text(json.dumps({"model_cfg": tiny.CONFIG, "preprocess_cfg": {"mean": [0.0] * 3}}))
    assert (same == embedded(*tiny.files())).all()
    assert (same != embedded(path, tiny.files()[1])).any()


def test_a_model_with_its_text_tower_apart_takes_old_weights(state, tmp_path):
    path = tmp_path / "apart.json"
    path.write_text(json.dumps(tiny.CONFIG | {"custom_text": True}))
    assert (embedded(path, tiny.files()[1]) == embedded(*tiny.files())).all()


def test_the_papers_spelling_is_open_clips():
    assert build.config_of("ViT-B/32") == build.config_of("ViT-B-32")


def hostile(path):
    class Runs:
        def __reduce__(self):
            return os.mkdir, (f"{path}.ran",)

    path.write_bytes(pickle.dumps(Runs()))


def truncated(path):
    path.write_bytes(Path(tiny.files()[1]).read_bytes()[:5_000])


def script(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would rather have another format
        torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)), path)


NO_CHECKPOINT = {  # what is in the file: what is said of it
    "hostile.pt": (hostile, "no checkpoint that can be read"),
    "cut.pt": (truncated, "no checkpoint that can be read"),
    "text.pt": (lambda path: path.write_text("weights"), "no checkpoint that can be read"),
    "empty.pt": (lambda path: path.write_bytes(b""), "no checkpoint that can be read"),
    "text.safetensors": (lambda path: path.write_text("weights"), "no checkpoint that can be read"),
    "long.safetensors": (lambda path: path.write_bytes(b"\xff" * 64), "no checkpoint that can be read"),
    "list.pt": (lambda path: torch.save([1, 2], path), "holds no weights"),
    "nothing.pt": (lambda path: torch.save({}, path), "holds no weights"),
    "numbers.pt": (lambda path: torch.save({"state_dict": {"a": 1}}, path), "holds no weights"),
}


@pytest.mark.parametrize("name", NO_CHECKPOINT)
def test_what_is_no_checkpoint_is_said_to_be_none(name, tmp_path):
    make, said = NO_CHECKPOINT[name]
    make(tmp_path / name)
    with pytest.raises(ConfigError, match=said) as caught:
        weights.read(str(tmp_path / name))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / f"{name}.ran").exists()


def test_torchs_advice_to_read_it_unsafely_is_not_passed_on(tmp_path):
    for name in ("hostile.pt", "cut.pt", "text.pt"):
        NO_CHECKPOINT[name][0](tmp_path / name)
        with pytest.raises(ConfigError) as caught:
            weights.read(str(tmp_path / name))
        assert re.search(
            "is no archive of tensors and plain values alone$|is cut or damaged$", str(caught.value)
        )


def test_a_checkpoint_that_is_not_there_is_said_not_to_be(tmp_path):
    with pytest.raises(ConfigError, match=r"nothing.pt' cannot be read: No such file or directory$"):
        weights.read(str(tmp_path / "nothing.pt"))


def test_a_torchscript_archive_is_refused(tmp_path):
    script(tmp_path / "openai.pt")
    with pytest.raises(ConfigError, match="no checkpoint that can be read"):
        weights.read(str(tmp_path / "openai.pt"))


def wider(config):
    return config | {"embed_dim": 24}


def finer(config):
    """More patches: what open_clip itself would stretch the weights to."""
    return config | {"vision_cfg": config["vision_cfg"] | {"image_size": 64}}


OTHERS = {
    "lacks": lambda state: {name: weight for name, weight in state.items() if name != "ln_final.bias"},
    "has also": lambda state: state | {"visual.extra": torch.zeros(1)},
}


@pytest.mark.parametrize("said", OTHERS)
def test_weights_that_are_missing_or_too_many_are_named(said, state, tmp_path):
    torch.save(OTHERS[said](state), tmp_path / "other.pt")
    with pytest.raises(ConfigError, match=rf"of another model than .*: it {said} 1 weights, such as \w+"):
        clip.load(tiny.files()[0], str(tmp_path / "other.pt"))


@pytest.mark.parametrize("change", [wider, finer])
def test_weights_of_another_size_are_refused(change, tmp_path):
    (tmp_path / "other.json").write_text(json.dumps(change(tiny.CONFIG)))
    with pytest.raises(ConfigError, match=r"has in another size \d+ weights, such as"):
        clip.load(str(tmp_path / "other.json"), tiny.files()[1])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ViT-B-33", "open_clip has no model 'ViT-B-33'"),
        ("hf-hub:laion/CLIP-ViT-B-32", "none is fetched from the network"),
        ("local-dir:/somewhere", "none is fetched from the network"),
        ("xlm-roberta-base-ViT-B-32", "parts of .* are fetched from the network"),
        ("ViT-B-16-SigLIP", "parts of .* are fetched from the network"),
        ("nowhere.json", "cannot be read"),
    ],
)
def test_a_model_that_would_be_fetched_or_is_none_is_refused(name, said):
    with pytest.raises(ConfigError, match=said):
        clip.load(name, tiny.files()[1])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("[]", "has no model"),
        ("{}", "no config of a model"),
        ('{"embed_dim": 8, "vision_cfg": {"layrs": 1}, "text_cfg": {}}', "open_clip cannot make the model"),
        ('{"embed_dim": 8, "vision_cfg": {"timm_model_name": "hf-hub:a/b"}, "text_cfg": {}}', "are fetched"),
    ],
)
def test_a_config_that_is_none_is_refused(text, said, tmp_path):
    (tmp_path / "wrong.json").write_text(text)
    with pytest.raises(ConfigError, match=said):
        clip.load(str(tmp_path / "wrong.json"), tiny.files()[1])


def test_nothing_of_open_clips_that_downloads_is_called(monkeypatch):
    for name in ("download_pretrained", "download_pretrained_from_hf"):
        monkeypatch.setattr(open_clip.factory, name, None)
    assert len(embedded(*tiny.files()))


def pinned(**changes):
    rule = Named(*tiny.files(), **changes)
    load.pin(rule)
    return rule


class Named:
    def __init__(self, model, checkpoint, fingerprint="", **more):
        self.model, self.checkpoint, self.fingerprint = model, checkpoint, fingerprint
        self.__dict__ |= more


def test_the_fingerprint_of_one_file_is_its_sha256():
    rule = Named("ViT-B-32", tiny.files()[1])
    load.pin(rule)
    assert rule.fingerprint == hashlib.sha256(Path(tiny.files()[1]).read_bytes()).hexdigest()
    assert pinned().fingerprint not in ("", rule.fingerprint)  # a config of one's own counts too


def test_a_file_that_has_changed_since_is_noticed(tmp_path):
    rule = pinned()
    assert load.clip_of(rule).width == 16
    rule.fingerprint = "0" * 64
    with pytest.raises(BuildError, match=r"Named.fingerprint is not that of"):
        load.clip_of(rule)


@pytest.mark.parametrize(("field", "value"), [("checkpoint", "nowhere.pt"), ("checkpoint", "/"), ("head", 3)])
def test_a_file_that_cannot_be_read_is_named(field, value):
    rule = Named(*tiny.files())
    setattr(rule, field, value)
    with pytest.raises(ConfigError, match=str(value)):
        load.pin(rule)


def test_without_torch_it_says_what_to_install(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "open_clip" else find(name))
    with pytest.raises(ConfigError, match="needs torch and open_clip; not installed: open_clip") as caught:
        load.clip_of(pinned())
    assert caught.value.hint == "pip install 'wit-builder[train]'"


def test_a_model_is_loaded_once():
    assert load.clip_of(pinned()) is load.clip_of(pinned())
    first = load.clip_of(pinned())
    load.forget()
    assert load.clip_of(pinned()) is not first
