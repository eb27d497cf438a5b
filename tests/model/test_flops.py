"""Operations are those that torch counts, for any length of text, whatever is computed twice."""

import copy
import json

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.model import tiny
from wit_builder.model import flops, predictors
from wit_builder.model import network as networks
from wit_builder.model.flops import cost


@pytest.fixture(autouse=True)
def counted_anew(monkeypatch):
    """Nothing is known of any network."""
    monkeypatch.setattr(flops, "_KNOWN", {})


GIGA = {  # forward and backward of a sample with 77 tokens, as open_clip's own models were measured
    "RN50": 54.53,
    "RN101": 76.48,
    "RN50x4": 155.43,
    "RN50x16": 487.98,
    "RN50x64": 1657.79,
    "ViT-B-32": 44.10,
    "ViT-B-16": 123.03,
    "ViT-L-14": 525.67,
    "ViT-L-14-336": 1184.96,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", GIGA)
def test_the_nine_take_what_was_measured(name):
    with torch.device("meta"):
        network = networks.contrastive(name)
    assert cost(network).flops() / 1e9 == pytest.approx(GIGA[name], abs=0.006)


def counted(network, length):
    network = copy.deepcopy(network).to("meta")
    images = torch.zeros((1, 3, *network.image_size), dtype=torch.uint8, device="meta")
    tokens = torch.zeros((1, length), dtype=torch.int64, device="meta")
    with FlopCounterMode(display=False) as counter:
        sum(part.sum() for part in network(images, tokens)).backward()
    return counter.get_total_flops()


@pytest.mark.parametrize("config", [tiny.CONFIG, tiny.COCA], ids=["clip", "coca"])
def test_any_length_is_what_is_counted_at_it(config, tmp_path):
    (tmp_path / "model.json").write_text(json.dumps(config))
    network = networks.contrastive(str(tmp_path / "model.json"))
    found = cost(network)
    assert all(weight.grad is None and not weight.is_meta for weight in network.parameters())
    for length in (3, 20, 77):
        with networks.keeping_all(network):
            due = counted(network, length)
        assert found.flops(length) == pytest.approx(due, rel=1e-9)


@pytest.mark.parametrize("most", [4, 16, 32, 76, 78])
@pytest.mark.parametrize("config", [tiny.CONFIG, tiny.COCA], ids=["clip", "coca"])
def test_texts_may_be_as_short_as_a_config_says(config, most, tmp_path):
    parts = {
        name: config[name] | {"context_length": most}
        for name in ("text_cfg", "multimodal_cfg")
        if name in config
    }
    (tmp_path / "model.json").write_text(json.dumps(config | parts))
    network = networks.contrastive(str(tmp_path / "model.json"))
    found = cost(network)
    for length in (3, most):
        with networks.keeping_all(network):
            assert found.flops(length) == pytest.approx(counted(network, length), rel=1e-9)


@pytest.mark.parametrize("make", [predictors.word_predictor, predictors.captioner])
def test_what_is_computed_again_is_not_counted(make):
    network = make("tiny")
    plain = cost(network)
    network.keep_less()
    flops._KNOWN.clear()
    assert cost(network) == plain
    assert network.checkpointing
    twice = counted(network, 20)
    assert plain.flops(20) < twice < 1.4 * plain.flops(20)


def test_a_network_like_one_before_is_not_counted_again(monkeypatch):
    first = cost(networks.contrastive("tiny"))
    monkeypatch.setattr(flops, "_counted", lambda network, length: 1 / 0)
    assert cost(networks.contrastive("tiny")) == first
    for other in (networks.contrastive("tiny", cbow=True), networks.contrastive("tiny", patch_dropout=0.5)):
        with pytest.raises(ZeroDivisionError):
            cost(other)
    with pytest.raises(ZeroDivisionError):
        cost(networks.contrastive("tiny").eval())


def test_a_resnet_whose_last_pixels_are_one_is_counted(tmp_path):
    vision = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 16, "head_width": 32, "patch_size": None}
    text = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}
    path = tmp_path / "small.json"
    path.write_text(json.dumps({"embed_dim": 64, "vision_cfg": vision, "text_cfg": text}))
    with torch.device("meta"):
        network = networks.contrastive(str(path)).train()
    assert cost(network).flops() > 0


def test_a_bag_of_words_costs_next_to_nothing():
    bag, whole = cost(networks.contrastive("tiny", cbow=True)), cost(networks.contrastive("tiny"))
    assert bag.by_token == pytest.approx(0, abs=1e-3)
    assert bag.flops() < whole.flops()
