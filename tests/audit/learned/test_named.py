import pytest

from tests.audit.learned.test_copies import written
from wit_builder.audit.learned.copies import Copies
from wit_builder.audit.learned.external import OpenClip, TorchScript
from wit_builder.audit.learned.named import named
from wit_builder.errors import ConfigError


def test_a_word_is_a_file_a_model_with_its_file_or_a_script_with_its_side(tmp_path):
    own, other = written(tmp_path / "detector.safetensors"), tmp_path / "a=b:1.pt"
    other.write_bytes(b"weights")
    assert isinstance(_one(str(own)), Copies)
    parts = _one(f"{own}+parts=0.95")
    assert isinstance(parts, Copies)
    assert (parts.parts, parts.threshold) == (True, 0.95)
    model = _one(f"ViT-B-32:{other}=0.9")
    assert isinstance(model, OpenClip)
    assert (model.model, model.path, model.threshold) == ("ViT-B-32", str(other), 0.9)
    script = _one(f"torchscript:{other}:224=0.85")
    assert isinstance(script, TorchScript)
    assert (script.path, script.side, script.threshold) == (str(other), 224, 0.85)


@pytest.mark.parametrize(
    "word",
    [
        "none",
        "ViT-B-32",
        "ViT-B-32:weights.pt",
        "torchscript:weights.pt=0.9",
        "ViT-B-32:weights.pt:224=0.9",
        ":=",
        "",
    ],
)
def test_any_other_word_is_refused_with_what_was_expected(word):
    with pytest.raises(ConfigError, match=r"names no detector: FILE, MODEL:FILE=THRESHOLD or torchscript"):
        named([word])


def test_a_threshold_or_a_file_that_cannot_be_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"the threshold '0\.9\.1', expected 0 to 1"):
        named(["ViT-B-32:weights.pt=0.9.1"])
    with pytest.raises(ConfigError, match=r"none\.safetensors' cannot be read"):
        named([str(tmp_path / "none.safetensors")])


def test_two_of_one_kind_are_refused(tmp_path):
    own = str(written(tmp_path / "detector.safetensors"))
    with pytest.raises(ConfigError, match="two detectors of an audit would be called 'learned'"):
        named([own, own])
    assert named([]) == ()


def _one(word):
    (found,) = named([word])
    return found
