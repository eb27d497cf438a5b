"""A batch in pieces has the gradient of the batch at once, dropout and patch dropout included."""

import copy

import pytest
import torch

from tests.train.batches import batch, gradient, objective
from wit_builder.train.gradcache import gradients

OBJECTIVES = [
    {},
    {"text_encoder": "cbow"},
    {"objective": "words"},
    {"objective": "captions"},
    {"kind": "resnet", "objective": "captions"},
    {"kind": "coca"},
    {"kind": "coca", "checkpointing": True},
    {"checkpointing": True},
    {"mask_duplicates": False},
]


def both(made, data, micro_batch, **more):
    """(loss, gradient) at once and in pieces."""
    found = []
    for size in (0, micro_batch):
        loss = gradients(made.network, made, data, size, **more)
        found.append((loss, gradient(made.network)))
    return found


def close(one, other, atol=5e-6, rtol=1e-4):
    torch.testing.assert_close(one[0], other[0], atol=1e-6, rtol=1e-5)
    assert one[1].keys() == other[1].keys()
    for name, grad in one[1].items():
        torch.testing.assert_close(
            other[1][name], grad, atol=atol, rtol=rtol, msg=lambda said, n=name: f"{n}: {said}"
        )


@pytest.mark.parametrize("settings", OBJECTIVES, ids=str)
@pytest.mark.parametrize("micro_batch", [1, 4, 5, 12, 100])
def test_pieces_give_the_gradient_of_the_whole(settings, micro_batch):
    made = objective(**settings)
    if settings.get("kind") == "resnet":
        made.network.eval()  # batch norms of a training network see their piece only
    close(
        *both(made, batch(unread=(5, 6)), micro_batch), atol=3e-5 if settings.get("kind") == "coca" else 5e-6
    )


def test_batch_norms_make_another_gradient_of_pieces():
    """As the command says."""
    made = objective("resnet")
    (whole, _), (pieces, _) = both(made, batch(), 4)
    assert made.network.has_batch_norms and not objective().network.has_batch_norms
    assert abs(float(whole - pieces)) > 1e-3


class Drawn(torch.nn.Module):
    """Dropout whose random numbers are those of the sample, however many are drawn at a time."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        mask = torch.rand_like(x) > 0.3
        self.seen.append(mask)
        return x * mask


def test_each_piece_has_its_random_numbers_again():
    made = objective()
    torch.manual_seed(3)
    drawn = made.network.inner.ln_final = torch.nn.Sequential(made.network.inner.ln_final, Drawn())
    gradients(made.network, made, batch(), 4)
    first, again = drawn[1].seen[:3], drawn[1].seen[3:]
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert not torch.equal(first[0], first[1])


@pytest.mark.parametrize("checkpointing", [False, True])
def test_with_dropout_and_dropped_patches_it_is_the_plain_gradient(checkpointing):
    """Plain: all pieces with their graphs at once, drawn one after the other, one loss over them."""
    made = objective(patch_dropout=0.5, checkpointing=checkpointing)
    made.network.inner.ln_final = torch.nn.Sequential(made.network.inner.ln_final, torch.nn.Dropout(0.3))
    data = batch()
    torch.manual_seed(9)
    parts = [made.network(data.images[at : at + 4], data.tokens[at : at + 4]) for at in (0, 4, 8)]
    image, text, scale = zip(*parts, strict=True)
    loss = made.loss((torch.cat(image), torch.cat(text), scale[0]), data, made.terms(data))
    loss.backward()
    plain = loss.detach(), gradient(made.network)
    torch.manual_seed(9)
    found = gradients(made.network, made, data, 4)
    after = torch.rand(())
    close(plain, (found, gradient(made.network)))
    torch.manual_seed(9)
    for at in (0, 4, 8):
        made.network(data.images[at : at + 4], data.tokens[at : at + 4])
    assert torch.rand(()) == after  # what comes next is drawn as if each piece was computed once


def test_batch_norms_see_each_piece_once():
    made, data = objective("resnet"), batch()
    once = copy.deepcopy(made.network)
    for at in (0, 4, 8):
        once.encode_image(data.images[at : at + 4])
    gradients(made.network, made, data, 4)
    for (name, ours), theirs in zip(made.network.named_buffers(), once.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs, msg=name)


def test_pieces_in_half_precision_are_the_whole_in_half_precision():
    close(*both(objective(), batch(), 4, precision="bf16"), atol=2e-3, rtol=0.05)


def test_half_precision_is_only_that_of_products():
    made = objective()
    half = gradients(made.network, made, batch(), precision="bf16")
    assert all(grad.dtype == torch.float32 for grad in gradient(made.network).values())
    whole = gradients(made.network, made, batch())
    assert half != whole
    torch.testing.assert_close(half, whole, atol=0.05, rtol=0.05)
