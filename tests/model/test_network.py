"""What is trained is open_clip's model: same numbers from pixels as bytes and from texts that are cut."""

import copy
import json

import open_clip
import pytest
import torch

from tests.model import tiny
from wit_builder.errors import ConfigError
from wit_builder.model import network as networks
from wit_builder.model import predictors, text

APART = {"custom_text": True}
CONFIGS = {
    "clip": tiny.CONFIG,
    "apart": tiny.CONFIG | APART,
    "quick": tiny.CONFIG | {"quick_gelu": True},
    "normed": tiny.CONFIG | APART | {"text_cfg": tiny.CONFIG["text_cfg"] | {"qk_norm": True}},
    "biased": tiny.CONFIG | APART | {"text_cfg": tiny.CONFIG["text_cfg"] | {"proj_bias": True}},
    "seeing": tiny.CONFIG | APART | {"text_cfg": tiny.CONFIG["text_cfg"] | {"no_causal_mask": True}},
    "coca": tiny.COCA,
    "resnet": tiny.CONFIG
    | {"vision_cfg": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "head_width": 16}},
}
TEXTS = ["a boat at sea", "", "ein Schiff auf dem Meer, gemalt", "!!!"]


@pytest.fixture(params=CONFIGS)
def network(request, tmp_path):
    return made(tmp_path, CONFIGS[request.param])


def made(tmp_path, config, **more):
    path = tmp_path / "model.json"
    path.write_text(json.dumps(config))
    torch.manual_seed(0)
    return networks.contrastive(str(path), **more)


def images(count, size=32):
    rng = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8, generator=rng)


def tokens(texts=TEXTS):
    whole = open_clip.tokenize(texts)
    return whole, whole[:, : int(text.ends(whole).max()) + 1]


def gradients(module, value):
    module.zero_grad()
    value.backward()
    return {
        name: weight.grad.clone() for name, weight in module.named_parameters() if weight.grad is not None
    }


@pytest.mark.parametrize("train", [True, False])
def test_a_text_that_is_cut_gives_what_the_whole_gives_and_its_gradients(network, train):
    whole, cut = tokens()
    assert cut.shape[1] < 12
    model = network.inner.train(train)
    weights = torch.randn(len(TEXTS), 16)
    theirs = model.encode_text(whole, normalize=True)
    ours = network.encode_text(cut)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
    expected = gradients(model, (theirs * weights).sum())
    found = gradients(model, (ours * weights).sum())
    assert found.keys() == expected.keys()
    for name, grad in expected.items():
        torch.testing.assert_close(found[name], grad, atol=2e-5, rtol=1e-3, msg=name)


@pytest.mark.parametrize("count", [15, 16, 21])
def test_many_texts_go_in_parts_of_like_lengths_and_give_the_same(network, count, monkeypatch):
    texts = [" ".join(["boat"] * (n * 7 % 23)) for n in range(count)]
    _, cut = tokens(texts)
    found = network.encode_text(cut)
    grads = gradients(network, found.pow(3).sum())
    monkeypatch.setattr(text, "_FEWEST", 1000)
    whole = network.encode_text(cut)
    assert torch.allclose(found, whole, atol=1e-5)
    for name, grad in gradients(network, whole.pow(3).sum()).items():
        assert torch.allclose(grads[name], grad, atol=1e-4), name


@pytest.mark.parametrize("size", [(32, 32), (40, 33)])
def test_patches_as_rows_of_a_product_are_the_convolution(size, tmp_path):
    """What does not fill a patch is left out, as a convolution does."""
    ours = made(tmp_path, tiny.CONFIG).inner.visual.conv1
    theirs = torch.nn.Conv2d(3, 32, 16, 16, bias=False)
    theirs.load_state_dict(ours.state_dict())
    pixels = torch.rand(2, 3, *size)
    assert type(ours) is not type(theirs)
    torch.testing.assert_close(ours(pixels), theirs(pixels), atol=1e-5, rtol=1e-4)
    one, other = (gradients(module, module(pixels).pow(3).sum()) for module in (ours, theirs))
    torch.testing.assert_close(one["weight"], other["weight"], atol=1e-3, rtol=1e-3)


def test_parts_are_cut_to_their_own_longest(tmp_path, monkeypatch):
    seen, real = [], text._pooled
    monkeypatch.setattr(
        text, "_pooled", lambda tower, some: seen.append(tuple(some.shape)) or real(tower, some)
    )
    _, cut = tokens([" ".join(["boat"] * n) for n in (30, 1, 2, 3, *[5] * 12)])
    made(tmp_path, tiny.CONFIG).encode_text(cut)
    assert seen == [(4, 7), (4, 7), (4, 7), (4, 32)]


def test_a_text_of_full_length_gives_the_same_too(network):
    whole, cut = tokens(["boat " * 100, "a boat"])
    assert cut.shape == whole.shape
    torch.testing.assert_close(
        network.encode_text(cut), network.inner.encode_text(whole, normalize=True), atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize(("config", "told"), [("clip", {True}), ("apart", {True}), ("seeing", {False})])
def test_attention_takes_the_kernel_that_reads_no_mask(config, told, tmp_path, monkeypatch):
    network, asked = made(tmp_path, CONFIGS[config]), []
    attend = torch.nn.functional.scaled_dot_product_attention

    def seen(q, k, v, mask=None, dropout_p=0.0, is_causal=False):
        asked.append((mask is None, is_causal))
        return attend(q, k, v, mask, dropout_p, is_causal)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", seen)
    network.encode_text(tokens()[1])
    assert {mask for mask, _ in asked} == {True}
    assert {causal for _, causal in asked} == told


def test_attention_that_looks_at_padding_gets_it(tmp_path):
    assert text.may_be_cut(made(tmp_path, CONFIGS["clip"]).inner)
    assert text.may_be_cut(made(tmp_path, CONFIGS["apart"]).inner)
    assert not text.may_be_cut(made(tmp_path, CONFIGS["seeing"]).inner)


def test_bytes_give_what_normalised_pixels_give(network):
    pixels = images(3)
    mean = torch.tensor(open_clip.OPENAI_DATASET_MEAN).view(3, 1, 1)
    std = torch.tensor(open_clip.OPENAI_DATASET_STD).view(3, 1, 1)
    network.eval()
    theirs = network.inner.encode_image((pixels / 255 - mean) / std, normalize=True)
    torch.testing.assert_close(network.encode_image(pixels), theirs, atol=1e-5, rtol=1e-4)
    image, *_, scale = network(pixels, tokens()[1][:3])
    torch.testing.assert_close(image, theirs, atol=1e-5, rtol=1e-4)
    assert scale.item() == pytest.approx(1 / 0.07)


def test_the_state_dict_is_open_clips(network, tmp_path):
    own = type(network.inner)
    assert own in (open_clip.CLIP, open_clip.CustomTextCLIP, open_clip.CoCa)
    config = {name: value for name, value in network.config.items() if name != "custom_text"}
    own(**config).load_state_dict(network.inner.state_dict())
    assert all(name.startswith("inner.") for name, _ in network.named_parameters())
    assert network.state_dict().keys() == {f"inner.{name}" for name in network.inner.state_dict()}


def test_activations_computed_again_change_nothing(network):
    less = copy.deepcopy(network)
    less.keep_less()
    batch, cut = images(4), tokens()[1]
    kept = gradients(network.inner, sum(part.sum() for part in network(batch, cut)))
    again = gradients(less.inner, sum(part.sum() for part in less(batch, cut)))
    for name, grad in kept.items():
        torch.testing.assert_close(again[name], grad, atol=1e-5, rtol=1e-4, msg=name)
    for (name, ours), theirs in zip(less.named_buffers(), network.buffers(), strict=True):
        assert torch.equal(ours, theirs), name  # of batch norms: seen once


def test_statistics_stay_still_where_they_are_told(tmp_path):
    network = made(tmp_path, CONFIGS["resnet"]).train()
    before = copy.deepcopy(network.state_dict())
    with networks.still_statistics(network):
        network.encode_image(images(4))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    network.encode_image(images(4))
    mean = "inner.visual.bn1.running_mean"
    assert not torch.equal(network.state_dict()[mean], before[mean])


def test_a_bag_of_words_has_no_order_and_reads_nothing_behind_its_end():
    torch.manual_seed(0)
    network = networks.contrastive("tiny", cbow=True)
    there, back = tokens(["boat red sea", "sea boat red"])[1]
    ours = network.encode_text(torch.stack([there, back]))
    torch.testing.assert_close(ours[0], ours[1])
    torch.testing.assert_close(
        network.encode_text(torch.nn.functional.pad(there[None], (0, 9), value=7)), ours[:1]
    )
    assert not torch.allclose(network.encode_text(tokens(["boat blue sea"])[1]), ours[:1])
    assert {name.partition(".")[0] for name in network.inner.state_dict()} == {
        "visual",
        "text",
        "logit_scale",
    }


def test_the_temperature_of_the_start_is_a_setting():
    assert networks.contrastive("tiny", temperature=0.5).logit_scale.exp().item() == pytest.approx(2)


def test_patches_are_dropped_where_there_are_any(tmp_path):
    network = made(tmp_path, tiny.CONFIG, patch_dropout=0.5).train()
    assert not torch.equal(network.encode_image(images(2)), network.encode_image(images(2)))
    with pytest.raises(ConfigError, match="ResNet and has no patches"):
        made(tmp_path, CONFIGS["resnet"], patch_dropout=0.5)


def test_a_decoder_of_captions_learns_beside_two_towers_alone():
    with pytest.raises(ConfigError, match="learns beside both towers alone"):
        networks.contrastive("coca_ViT-B-32", cbow=True)
    with pytest.raises(ConfigError, match="learns beside both towers alone"):
        predictors.captioner("coca_ViT-B-32")


@pytest.mark.parametrize(
    ("part", "more", "said"),
    [
        ("vision_cfg", {"output_tokens": False}, "does not give it its tokens"),
        ("text_cfg", {"output_tokens": False}, "does not give it its tokens"),
        (
            "multimodal_cfg",
            {"width": 32},
            "of the image tower's tokens 16, the text tower's tokens 16, the decoder 32",
        ),
        ("vision_cfg", {"attentional_pool": False}, "the image tower's tokens 32"),
        ("multimodal_cfg", {"heads": 3}, "open_clip cannot make"),
    ],
)
def test_a_decoder_that_does_not_fit_its_towers_is_refused(part, more, said, tmp_path):
    with pytest.raises(ConfigError, match=said):
        made(tmp_path, tiny.COCA | {part: tiny.COCA[part] | more})


def test_a_decoder_says_a_text_whatever_else_is_in_the_batch(tmp_path):
    network = made(tmp_path, tiny.COCA).eval()
    short, long = tokens(["a boat"])[1], tokens(["a boat", "boat " * 100])[1]
    one, both = network(images(2)[:1], short), network(images(2), long)
    assert one[2].shape == (1,)
    torch.testing.assert_close(one[2][0], both[2][0])


def test_training_goes_on_at_another_image_size(tmp_path):
    small = made(tmp_path, CONFIGS["clip"])
    torch.save(small.inner.state_dict(), tmp_path / "small.pt")
    large = made(tmp_path, tiny.CONFIG | {"vision_cfg": tiny.CONFIG["vision_cfg"] | {"image_size": 64}})
    networks.begin_from(large, str(tmp_path / "small.pt"))
    assert torch.equal(large.inner.token_embedding.weight, small.inner.token_embedding.weight)
    assert large.inner.visual.positional_embedding.shape == (17, 32)
    assert torch.equal(large.inner.visual.positional_embedding[0], small.inner.visual.positional_embedding[0])
    wide = made(tmp_path, tiny.CONFIG | {"embed_dim": 32})
    with pytest.raises(ConfigError, match="another model"):
        networks.begin_from(wide, str(tmp_path / "small.pt"))
