"""Each objective learns what it is for, and says which class an image shows."""

import math

import open_clip
import pytest
import torch
from torch.nn import functional

from tests.train.batches import WORDS, batch, gradient, objective
from wit_builder.errors import ConfigError
from wit_builder.model import predictors
from wit_builder.train import objectives
from wit_builder.train.gradcache import gradients
from wit_builder.train.optim import adamw, update
from wit_builder.train.settings import Training

START, END = WORDS - 2, WORDS - 1
KINDS = [{}, {"text_encoder": "cbow"}, {"objective": "words"}, {"objective": "captions"}, {"kind": "coca"}]


def prompt(*words, length=6):
    return torch.tensor([START, *words, END] + [0] * (length - len(words) - 2))


def colours():
    """16 images of two kinds, dark and light, and captions that say which."""
    data = batch(16)
    light = torch.arange(16) % 2 == 1
    images = torch.where(light[:, None, None, None], 180, 20) + data.images // 8
    tokens = torch.stack([prompt(11, 7 if one else 5) for one in light])
    return data.__class__(images.to(torch.uint8), tokens, data.valid, data.image_ids, data.text_ids), light


@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_each_learns_to_tell_dark_from_light(settings):
    data, light = colours()
    ids = light.long()
    data = data.__class__(data.images, data.tokens, data.valid, torch.arange(16), ids)
    made = objective(**settings, lr=3e-3)
    optimizer = adamw(made.network, Training("tiny", lr=3e-3))
    first = gradients(made.network, made, data)
    for _ in range(25):
        loss = gradients(made.network, made, data, 8)
        update(optimizer, made.network, 3e-3, Training("tiny"))
    assert loss < first
    made.network.eval()
    prompts = torch.stack([torch.stack([prompt(11, 5), prompt(5)]), torch.stack([prompt(11, 7), prompt(7)])])
    scores = made.zero_shot(data.images, prompts)
    assert scores.shape == (16, 2)
    assert (scores.argmax(dim=1) == ids).all()


def test_the_words_of_a_text_are_counted_once_and_its_ends_not():
    texts = torch.stack([prompt(9, 4, 9, 9), prompt(), prompt(0, 3)])
    words, first = predictors.distinct_words(texts)
    assert [sorted(row[are > 0].tolist()) for row, are in zip(words, first, strict=True)] == [
        [4, 9],
        [],
        [0, 3],
    ]


def test_the_loss_of_words_is_the_mean_of_their_log_chances():
    made, data = objective(objective="words"), batch(4, unread=(1,))
    data.tokens[0] = prompt(9, 4, 9, 9, length=9)
    data.tokens[2] = prompt(length=9)
    data.tokens[3] = prompt(8, length=9)
    chances = made.network.log_chances(data.images)
    expected = -((chances[0, 9] + chances[0, 4]) / 2 + chances[3, 8]) / 2  # 1 was not read, 2 has no words
    found = gradients(made.network, made, data)
    torch.testing.assert_close(found, expected.detach())


def test_the_loss_of_captions_is_the_mean_over_their_tokens():
    made, data = objective(objective="captions"), batch(4, unread=(1, 3))
    ends = data.tokens.argmax(dim=1).tolist()
    total = 0.0
    for row in (0, 2):
        prefix = made.network.prefix(data.images[row : row + 1])
        for place in range(ends[row]):
            before = data.tokens[row : row + 1, : place + 1]
            vectors = (
                made.network.inner.token_embedding(before)
                + made.network.inner.positional_embedding[: place + 1]
            )
            x = torch.cat([prefix, vectors], dim=1)
            for block in made.network.inner.transformer.resblocks:
                mask = torch.full((x.shape[1],) * 2, -math.inf).triu(1)
                x = block(x, attn_mask=mask)
            logits = made.network.inner.ln_final(x)[0, -1] @ made.network.inner.token_embedding.weight.T
            total -= logits.log_softmax(0)[data.tokens[row, place + 1]].item()
    found = gradients(made.network, made, data)
    assert found.item() == pytest.approx(total / (ends[0] + ends[2]), rel=1e-4)


def test_the_loss_of_coca_is_open_clips():
    made, data = objective("coca"), batch(4)
    data = data.__class__(data.images, data.tokens, data.valid, torch.arange(4), torch.arange(4))
    inner = made.network.inner
    pixels, whole = made.network.pixels(data.images), functional.pad(data.tokens, (0, 7))
    theirs = open_clip.CoCaLoss(caption_loss_weight=2.0, clip_loss_weight=1.0)
    expected = sum(theirs(**inner(pixels, whole)))
    found = gradients(made.network, made, data)
    torch.testing.assert_close(found, expected.detach())
    grads = gradient(made.network)
    expected.backward()
    for name, weight in made.network.named_parameters():
        torch.testing.assert_close(grads[name], weight.grad, atol=1e-5, rtol=1e-3, msg=name)


@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_what_could_not_be_read_changes_nothing(settings):
    made = objective(**settings)
    data = batch(6, unread=(2,))
    other = data.__class__(
        data.images.clone(), data.tokens.clone(), data.valid, data.image_ids, data.text_ids
    )
    other.images[2] = 0
    other.tokens[2] = prompt(length=9)
    assert gradients(made.network, made, data) == gradients(made.network, made, other)


def test_classes_by_prompts_are_the_mean_embedding_of_each():
    made = objective()
    made.network.eval()
    prompts = torch.stack([torch.stack([prompt(n, 5), prompt(n)]) for n in (3, 8, 9)])
    images = batch(4).images
    mean = functional.normalize(made.network.encode_text(prompts.flatten(0, 1)).view(3, 2, 16).mean(1), dim=1)
    torch.testing.assert_close(made.zero_shot(images, prompts), made.network.encode_image(images) @ mean.T)


def test_classes_by_words_and_captions_are_the_mean_of_their_prompts():
    prompts = torch.stack([torch.stack([prompt(n, 5, n), prompt(n)]) for n in (3, 8)])
    images = batch(4).images
    words = objective(objective="words")
    chances = words.network.log_chances(images)
    expected = torch.stack([chances[:, n] + chances[:, 5] / 2 for n in (3, 8)], dim=1)
    torch.testing.assert_close(words.zero_shot(images, prompts), expected.detach())
    captions = objective(objective="captions")
    captions.network.eval()
    found = captions.zero_shot(images, prompts)
    one = [-captions.network(images, prompts[1, t].expand(4, -1))[0] for t in (0, 1)]
    torch.testing.assert_close(found[:, 1], (sum(one) / 2).detach(), atol=1e-4, rtol=1e-4)


def test_the_language_model_of_rn50_has_63_million_weights():
    with torch.device("meta"):
        inner = predictors.captioner("RN50").inner
    parts = (inner.transformer, inner.token_embedding, inner.ln_final)
    assert round(sum(w.numel() for part in parts for w in part.parameters()) / 1e6) == 63
    assert inner.prefix.weight.shape == (4 * 512, 1024)


@pytest.mark.parametrize("kind", ["vit", "coca"])
def test_weights_are_a_function_of_the_seed(kind):
    one, same, other = (objective(kind, seed=seed).network.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)
    assert all(weight.isfinite().all() and weight.abs().max() < 10 for weight in one.values())


def test_training_goes_on_from_a_checkpoint_of_its_own_kind_only(tmp_path):
    made = objective(seed=5)
    torch.save({"state_dict": made.network.inner.state_dict()}, tmp_path / "old.pt")
    again = objective(seed=6, init=str(tmp_path / "old.pt"))
    assert torch.equal(again.network.inner.visual.proj, made.network.inner.visual.proj)
    with pytest.raises(ConfigError, match="another model"):
        objective(objective="words", init=str(tmp_path / "old.pt"))


def test_an_unknown_model_is_told_the_nearest():
    with pytest.raises(ConfigError, match="no model 'ViT-B-31'"):
        objectives.make(Training("ViT-B-31"))
