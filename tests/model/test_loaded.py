"""A checkpoint opened to be judged, whoever wrote it."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.model import tiny
from tests.train import runs
from wit_builder.errors import ConfigError
from wit_builder.model import clip
from wit_builder.model.loaded import Sight, opened
from wit_builder.model.network import contrastive
from wit_builder.train import export, objectives
from wit_builder.train.checkpoint import Progress, content

RESNET = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "head_width": 16},
    "text_cfg": tiny.CONFIG["text_cfg"],
}


def written(folder, **more):
    """(config, checkpoint) as `wit train` would leave them for that objective."""
    (folder / "model.json").write_text(json.dumps(tiny.CONFIG))
    training = replace(runs.training(folder), model=str(folder / "model.json"), **more)
    network = objectives.make(training).network
    torch.save(
        content((network.inner.state_dict(), {}), training, network, "", 3, Progress(3)),
        folder / "epoch_1.pt",
    )
    return str(folder / "model.json"), str(folder / "epoch_1.pt")


@pytest.mark.parametrize("encoder", ["transformer", "cbow"])
def test_what_was_trained_here_opens_with_either_text_encoder(tmp_path, encoder):
    found = opened(*written(tmp_path, text_encoder=encoder))
    assert not found.network.training
    assert type(found.network.inner).__name__ == {"transformer": "CLIP", "cbow": "Parts"}[encoder]
    assert found.network.encode_text(torch.tensor([found.tokenizer("a cat")])).shape == (1, 16)


@pytest.mark.parametrize(
    ("objective", "said"), [("words", "the words of a caption"), ("captions", "captions")]
)
def test_another_objective_is_one_sentence(tmp_path, objective, said):
    with pytest.raises(ConfigError, match=f"predicts {said} and embeds no texts"):
        opened(*written(tmp_path, objective=objective))


def test_a_checkpoint_of_another_model_is_one_sentence(tmp_path):
    config, _ = tiny.files()
    wide = tiny.network(tiny.CONFIG | {"embed_dim": 32})
    torch.save(wide.state_dict(), tmp_path / "wide.pt")
    with pytest.raises(ConfigError, match=r"is of another model than .*: it has in another size 2 weights"):
        opened(config, str(tmp_path / "wide.pt"))


CHANGES = {  # to the model's file after training: what is said
    "heads": (
        lambda file: file["model_cfg"]["text_cfg"].update(heads=4),
        r"text_cfg.heads is 4, then it was 2$",
    ),
    "activation": (
        lambda file: file["model_cfg"].update(quick_gelu=True),
        r"quick_gelu is True, then it was not given$",
    ),
    "mean": (
        lambda file: file["preprocess_cfg"].update(mean=[0.5, 0.5, 0.5]),
        r"preprocess_cfg.mean is \[0.5, 0.5, 0.5\], then it was \[0.48",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("read", [opened, clip.load])
def test_what_was_trained_here_as_another_model_is_one_sentence(tmp_path, read, change):
    config, checkpoint = written(tmp_path, patch_dropout=0.5, temperature=0.1)
    read(config, checkpoint)
    file = {"model_cfg": copy.deepcopy(tiny.CONFIG), "preprocess_cfg": {}}
    make, said = CHANGES[change]
    make(file)
    Path(config).write_text(json.dumps(file))
    with pytest.raises(
        ConfigError, match=f"was trained with another config than .*model.json' has now: {said}"
    ):
        read(config, checkpoint)


@pytest.mark.parametrize("read", [opened, clip.load])
def test_the_exported_config_is_the_checkpoints(tmp_path, read):
    config, checkpoint = written(tmp_path, patch_dropout=0.5)
    export.export(Path(checkpoint), tmp_path)
    Path(config).unlink()
    read(str(tmp_path / export.CONFIG), checkpoint)


def test_weights_that_are_not_finite_are_nothing_to_judge(tmp_path):
    state = tiny.network().state_dict()
    state["visual.proj"][0] = float("nan")
    torch.save(state, tmp_path / "nan.pt")
    with pytest.raises(ConfigError, match=r"has weights that are not finite, such as visual.proj$"):
        opened(tiny.files()[0], str(tmp_path / "nan.pt"))


def test_what_embeddings_depend_on_is_in_the_fingerprint():
    found = opened(*tiny.files())
    assert found.fingerprint == opened(*tiny.files()).fingerprint
    others = [
        replace(found, weights_sha256="0" * 64),
        replace(found, preprocess=replace(found.preprocess, fill_color=1)),
    ]
    assert len({found.fingerprint, *(one.fingerprint for one in others)}) == 3


def network_of(config, folder):
    (folder / "model.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    return contrastive(str(folder / "model.json")).eval()


@pytest.mark.parametrize("config", [tiny.CONFIG, RESNET, tiny.COCA], ids=["vit", "resnet", "coca"])
def test_one_pass_gives_both_sides_of_the_projection(config, tmp_path):
    network = network_of(config, tmp_path)
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    with torch.no_grad():
        features, embeddings = Sight(network)(images)
        due = network.encode_image(images)
    np.testing.assert_array_equal(embeddings, due)
    assert features.shape == (3, 32 if config is tiny.CONFIG else 16)
    assert network.inner.visual.state_dict().keys() >= (set() if config is RESNET else {"proj"})


@pytest.mark.parametrize("config", [tiny.CONFIG, RESNET, tiny.COCA], ids=["vit", "resnet", "coca"])
def test_half_precision_is_what_autocast_makes_of_whole_weights_up_to_its_rounding(config, tmp_path):
    network = network_of(config, tmp_path)
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = [Sight(network, bf16=bf16)(images)[1] for bf16 in (True, False)]
    np.testing.assert_allclose(*found, atol=0.02)
    assert {weight.dtype for weight in network.parameters()} == {torch.float32}


def test_the_network_itself_stays_whole():
    network = contrastive(tiny.files()[0]).eval()
    Sight(network)
    assert network.inner.visual.proj is not None


@pytest.mark.parametrize(("scale", "shown"), [(float("nan"), "nan"), (200.0, "200"), (89.0, "89")])
def test_a_scale_of_similarities_that_is_no_number_is_refused(tmp_path, scale, shown):
    config, checkpoint = tiny.files()
    for value, name in ((scale, "odd"), (88.0, "last")):
        torch.save(torch.load(checkpoint) | {"logit_scale": torch.tensor(value)}, tmp_path / f"{name}.pt")
    with pytest.raises(
        ConfigError, match=rf"multiplies similarities by exp\({shown}\), and that is no number"
    ):
        opened(config, str(tmp_path / "odd.pt"))
    opened(config, str(tmp_path / "last.pt"))
