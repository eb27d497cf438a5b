"""The symmetric cross-entropy over all pairs of a batch (section 2.3, figure 3), without a matrix of all pairs.

Shapes in this file: b pairs on this rank, B pairs on all ranks together, D width of the joint space.

Each rank has its images against all texts, b x B, and that in pieces. The softmax over texts is then its own; the
one over images needs of the other ranks only B numbers. So a rank gathers the texts alone and computes no
similarity that another rank computes, half of what `open_clip.ClipLoss(local_loss=True)` does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

CELLS = 1 << 24  # similarities at a time, 64 MB each of the two or three such blocks that are held
_NEVER = -1e30  # a similarity that has no part: e to it is 0, and it is finite


def contrastive_loss(
    image: Tensor,
    text: Tensor,
    scale: Tensor,
    valid: Tensor | None = None,
    ids: tuple[Tensor, ...] = (),
    cells: int = CELLS,
) -> Tensor:
    """Mean over the valid pairs of all ranks of the two cross-entropies, in nats; the same scalar on each rank.

    image, text: [b, D], unit length; row i of one belongs with row i of the other. All ranks have the same b.
    scale: scalar, what similarities are multiplied by (not its logarithm).
    valid: bool [b]; other pairs take no part, neither as rows nor as negatives.
    ids: int64 [b] each; pairs that share an id in any of them are no negatives of each other.
    cells: the most similarities that are held at a time.

    Gradients are ready to be averaged over ranks, as DDP and FSDP do: those of image and text are this rank's
    share of the loss's, times the number of ranks; that of the scale is the whole one on each rank.
    """
    if valid is None:
        valid = torch.ones(len(image), dtype=torch.bool, device=image.device)
    loss: Tensor = _Symmetric.apply(image, text, scale, _pairs(valid, ids), cells)
    return loss


def world_size() -> int:
    """Ranks of this run; 1 where nothing is distributed."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def total(value: Tensor) -> Tensor:
    """The sum of a tensor over all ranks, a new one; without gradient."""
    value = value.detach().clone()
    if world_size() > 1:
        dist.all_reduce(value)
    return value


def gathered(rows: Tensor) -> Tensor:
    """[b, ...] of each rank -> [B, ...], in the order of ranks; without gradient."""
    if world_size() == 1:
        return rows
    every = rows.new_empty((len(rows) * world_size(), *rows.shape[1:]))
    dist.all_gather_into_tensor(every, rows.contiguous())
    return every


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Which pairs take part, and which are the same."""

    first: int  # where this rank's pairs stand among all
    valid: Tensor  # bool [B]
    ids: Tensor  # int64 [B, kinds]
    count: Tensor  # of valid pairs, at least 1

    def without(self, start: int, stop: int) -> Tensor:
        """bool [stop - start, B], True where images start to stop of this rank and all texts make no pair."""
        rows = slice(self.first + start, self.first + stop)
        same = (self.ids[rows, None] == self.ids[None]).any(dim=-1)
        same.diagonal(rows.start)[: stop - start].fill_(False)
        return same | ~self.valid[rows, None] | ~self.valid[None]


def _pairs(valid: Tensor, ids: tuple[Tensor, ...]) -> _Pairs:
    every = gathered(torch.stack([valid.long(), *ids], dim=1))
    first = len(valid) * (dist.get_rank() if world_size() > 1 else 0)
    taking = every[:, 0] == 1
    return _Pairs(first, taking, every[:, 1:], taking.sum().clamp(min=1))


class _Symmetric(torch.autograd.Function):
    """The loss, and its gradients with it: what backward would need again is at hand in forward."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, text: Tensor, scale: Tensor, pairs: _Pairs, cells: int) -> Tensor:
        with torch.autocast(image.device.type, enabled=False):
            blocks = _Blocks(image.float(), gathered(text.float()), scale.float(), pairs, cells)
            by_image, by_text, own = blocks.sums()
            mine = slice(pairs.first, pairs.first + len(image))
            parts = (by_image + by_text[mine] - 2 * own) * pairs.valid[mine]
            loss = total(parts.sum()) / (2 * pairs.count)
            if any(ctx.needs_input_grad[:3]):
                kinds = (image, text, scale)
                grads = blocks.gradients(by_image, by_text)
                ctx.save_for_backward(*(g.to(x.dtype) for g, x in zip(grads, kinds, strict=True)))
        return loss

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return (*(grad * saved for saved in ctx.saved_tensors), None, None)


@dataclass(slots=True)
class _Blocks:
    """The scaled similarities of this rank's images to all texts, some rows at a time."""

    image: Tensor  # [b, D]
    text: Tensor  # [B, D]
    scale: Tensor
    pairs: _Pairs
    cells: int

    def sums(self) -> tuple[Tensor, Tensor, Tensor]:
        """Logarithms of the sums over texts [b] and over all ranks' images [B]; each image's own similarity [b]."""
        by_image, own = [], []
        by_text = self.image.new_full((len(self.text),), _NEVER)
        for start, block in self._each():
            by_image.append(block.logsumexp(dim=1))
            by_text = torch.logaddexp(by_text, block.logsumexp(dim=0))
            own.append(block.diagonal(self.pairs.first + start).clone())  # a view would hold the block
        return torch.cat(by_image), _over_ranks(by_text), torch.cat(own)

    def gradients(self, by_image: Tensor, by_text: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of the loss by image, text and scale, as contrastive_loss says."""
        d_image, d_text = torch.empty_like(self.image), torch.zeros_like(self.text)
        d_scale = torch.zeros_like(self.scale)
        valid, ranks = self.pairs.valid.float(), world_size()
        for start, block in self._each():
            stop, first = start + len(block), self.pairs.first + start
            own = valid[first : first + len(block)]
            part = torch.exp(block - by_image[start:stop, None]).mul_(own[:, None])
            part += torch.exp(block - by_text).mul_(valid)
            part.diagonal(first)[: len(block)].sub_(2 * own)
            part /= 2 * self.pairs.count
            d_scale += (part * block).sum() / self.scale
            d_image[start:stop] = part @ self.text
            d_text.addmm_(part.T, self.image[start:stop])
        return d_image * (self.scale * ranks), self._own(d_text) * (self.scale * ranks), total(d_scale)

    def _each(self) -> Iterator[tuple[int, Tensor]]:
        """(first row, [rows, B]) of each block; what makes no pair is _NEVER."""
        rows = max(1, self.cells // len(self.text))
        for start in range(0, len(self.image), rows):
            block = self.scale * self.image[start : start + rows] @ self.text.T
            yield start, block.masked_fill_(self.pairs.without(start, start + len(block)), _NEVER)

    def _own(self, d_text: Tensor) -> Tensor:
        """[B, D] summed over ranks -> this rank's [b, D]."""
        if world_size() == 1:
            return d_text
        own = torch.empty_like(self.image)
        dist.reduce_scatter_tensor(own, d_text)
        return own


def _over_ranks(logs: Tensor) -> Tensor:
    """The logarithm of the sum over ranks of e to these."""
    if world_size() == 1:
        return logs
    most = logs.clone()
    dist.all_reduce(most, dist.ReduceOp.MAX)
    return most + total(torch.exp(logs - most)).log()
