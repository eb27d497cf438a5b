"""The loss in blocks is the plain one, to float tolerance, with and without masks; gradients too."""

import math
import resource
from pathlib import Path

import open_clip
import pytest
import torch
from torch.nn import functional

from wit_builder.train.loss import contrastive_loss

B, D = 13, 8
NEVER_ALL = [1, B, 4 * B, B * B, 1 << 24]  # similarities at a time: one row, ..., all


def embeddings(seed=0, count=B):
    rng = torch.Generator().manual_seed(seed)
    made = [functional.normalize(torch.randn(count, D, generator=rng), dim=1) for _ in range(2)]
    return [*(part.requires_grad_() for part in made), torch.tensor(9.0, requires_grad=True)]


def plain(image, text, scale, valid=None, ids=()):
    """The whole matrix, as one would write it down."""
    valid = torch.ones(len(image), dtype=torch.bool) if valid is None else valid
    same = torch.zeros(len(image), len(image), dtype=torch.bool)
    for kind in ids:
        same |= kind[:, None] == kind[None]
    same &= ~torch.eye(len(image), dtype=torch.bool)
    logits = (scale * image @ text.T).masked_fill(same, -math.inf)[valid][:, valid]
    due = torch.arange(len(logits))
    return (functional.cross_entropy(logits, due) + functional.cross_entropy(logits.T, due)) / 2


def grads(loss, leaves):
    return torch.autograd.grad(loss, leaves)


@pytest.mark.parametrize("cells", NEVER_ALL)
def test_without_masks_it_is_open_clips_loss(cells):
    leaves = embeddings()
    ours, theirs = contrastive_loss(*leaves, cells=cells), open_clip.ClipLoss()(*leaves)
    torch.testing.assert_close(ours, theirs)
    for one, other in zip(grads(ours, leaves), grads(theirs, leaves), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("cells", NEVER_ALL)
@pytest.mark.parametrize("unread", [(), (0,), (12,), (3, 4, 7)])
def test_masks_leave_out_what_they_say(cells, unread):
    leaves = embeddings(1)
    valid = torch.ones(B, dtype=torch.bool)
    valid[list(unread)] = False
    images, texts = torch.arange(B), torch.arange(B)
    images[5], texts[2], texts[9] = 1, 11, 11
    ours = contrastive_loss(*leaves, valid=valid, ids=(images, texts), cells=cells)
    theirs = plain(*leaves, valid=valid, ids=(images, texts))
    torch.testing.assert_close(ours, theirs)
    found = grads(ours, leaves)
    for one, other in zip(found, grads(theirs, leaves), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)
    assert not found[0][list(unread)].any() and not found[1][list(unread)].any()


def test_a_duplicate_is_no_negative_and_another_is():
    image, text, scale = embeddings(2)
    ids = torch.arange(B)
    alone = contrastive_loss(image, text, scale, ids=(ids,))
    assert alone == contrastive_loss(image, text, scale)
    assert contrastive_loss(image, text, scale, ids=(torch.where(ids == 1, 0, ids),)) < alone


def test_a_batch_of_one_sample_many_times_has_no_loss():
    image, text, scale = embeddings(3)
    loss = contrastive_loss(image, text, scale, ids=(torch.zeros(B, dtype=torch.int64),))
    assert loss.item() == pytest.approx(0, abs=1e-6)


def test_a_batch_that_could_not_be_read_has_no_loss_and_no_gradient():
    leaves = embeddings(4)
    loss = contrastive_loss(*leaves, valid=torch.zeros(B, dtype=torch.bool))
    assert loss == 0
    assert not any(grad.any() for grad in grads(loss, leaves))


def test_a_pair_alone_has_no_loss():
    assert contrastive_loss(*embeddings(5, 1)) == 0


def test_no_more_similarities_are_held_than_told(monkeypatch):
    shapes = []
    whole = torch.Tensor.masked_fill_

    def seen(self, *more):
        shapes.append(tuple(self.shape))
        return whole(self, *more)

    monkeypatch.setattr(torch.Tensor, "masked_fill_", seen)
    contrastive_loss(*embeddings(6), cells=4 * B)
    assert set(shapes) == {(4, B), (1, B)}


def test_blocks_are_given_back(monkeypatch):
    """All of 64 blocks of 1 MB, were they kept, would be seen in the memory of the process."""
    resident, whole = [], torch.Tensor.masked_fill_

    def seen(self, *more):
        resident.append(int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize())
        return whole(self, *more)

    monkeypatch.setattr(torch.Tensor, "masked_fill_", seen)
    contrastive_loss(*embeddings(8, 4_096), cells=64 * 4_096)
    assert len(resident) == 2 * 64
    assert max(resident) - resident[0] < 32e6


def test_products_of_half_precision_do_not_reach_it():
    leaves = embeddings(7)
    with torch.autocast("cpu", torch.bfloat16):
        half = contrastive_loss(*leaves)
    assert half == contrastive_loss(*leaves)
    assert half.dtype == torch.float32
