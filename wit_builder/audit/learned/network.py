"""Appendix C's copy detector: a ResNet-50 with anti-aliased striding, weight norm for batch norm, GELU for ReLU.

Batch norm would tell one image of a batch about the others, which gives the proxy task away (Henaff 2020). What the
appendix leaves open is chosen here: the filter of the striding is rect-2, as in section 2.4; features are pooled by
their generalised mean (Radenovic and others, 2018); an image is squeezed into a square and its channels are
standardised, so that aspect ratio, brightness and tint tell little; and what was learnt is whitened in the end (Jegou
and Chum 2012). Widths, input size and dimensions are those of `VARIANTS`.

Shapes in this file: B images, C channels, S side of the input, D dimensions of an embedding.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

OUT = 4  # channels that come out of a block, for one inside it
POWER = 3.0  # of the generalised mean
SMALLEST = 1e-3  # of the largest variance, that each direction has at least
_LEAST = 1e-4  # that a feature counts as in it


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a network is."""

    layers: tuple[int, ...]  # blocks of each stage
    width: int  # channels inside the first stage's blocks; each stage has twice those of the one before
    kernel: int  # side of the first convolution
    size: int  # side of the images, in pixels
    dimensions: int  # of an embedding


VARIANTS = {
    "rn50": Shape((3, 4, 6, 3), 64, 7, 224, 512),
    "small": Shape((2, 2, 2, 2), 32, 5, 128, 256),
    "tiny": Shape((1, 2, 2, 1), 16, 3, 64, 128),
}


class Conv(nn.Conv2d):
    """A convolution whose weights are a direction and a length (weight norm: Salimans and Kingma 2016, eq. 2)."""

    def __init__(self, inside: int, outside: int, side: int) -> None:
        super().__init__(inside, outside, side, padding=side // 2)
        self.gain = nn.Parameter(torch.ones(outside))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C', H, W]."""
        direction = functional.normalize(self.weight.flatten(1), dim=1)
        weight = (direction * self.gain[:, None]).view_as(self.weight)
        return functional.conv2d(x, weight, self.bias, padding=self.padding)


class Block(nn.Module):
    """A bottleneck: 1 x 1, 3 x 3, 1 x 1, and what came in added."""

    def __init__(self, inside: int, width: int, halve: bool) -> None:
        super().__init__()
        self.narrow, self.look = Conv(inside, width, 1), Conv(width, width, 3)
        self.widen = Conv(width, OUT * width, 1)
        self.across = Conv(inside, OUT * width, 1) if halve or inside != OUT * width else nn.Identity()
        self.halve = halved if halve else _as_it_is

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C', H, W], or of half the height and width."""
        inner = functional.gelu(self.look(functional.gelu(self.narrow(x))))
        return functional.gelu(self.widen(self.halve(inner)) + self.across(self.halve(x)))


class Network(nn.Module):
    """Images in, embeddings out; the cosine of two says how likely one is a copy of the other."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.stem = Conv(3, shape.width, shape.kernel)
        blocks: list[Block] = []
        inside = shape.width
        for stage, count in enumerate(shape.layers):
            width = shape.width << stage
            for number in range(count):
                blocks.append(Block(inside, width, halve=stage > 0 and number == 0))
                inside = OUT * width
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(inside, shape.dimensions)
        self.centre: Tensor
        self.whitening: Tensor
        self.register_buffer("centre", torch.zeros(shape.dimensions))
        self.register_buffer("whitening", torch.eye(shape.dimensions))
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """uint8 [B, 3, S, S] -> float32 [B, D], rows of unit length."""
        x = standardised(images).contiguous(memory_format=torch.channels_last)
        x = halved(functional.gelu(halved(self.stem(x))))
        x = self.blocks(x).float()
        with torch.autocast(x.device.type, enabled=False):  # what is compared is computed in 32 bits
            learnt = functional.normalize(self.head(pool(x)), dim=-1)
            return functional.normalize((learnt - self.centre) @ self.whitening, dim=-1)

    @torch.no_grad()
    def begin(self, images: Tensor) -> None:
        """Give each convolution's outputs a mean of 0 and a variance of 1 on these images (Salimans and Kingma 2016,
        section 3), those that are added to others so much less that the sum of a stage keeps its size.

        images: uint8 [B, 3, S, S], a few dozen of the training set.
        """
        quiet = {block.widen: len(self.blocks) ** -0.5 for block in self.blocks}
        hooks = [
            part.register_forward_hook(_standardised(quiet.get(part, 1.0)))
            for part in self.modules()
            if isinstance(part, Conv)
        ]
        try:
            self(images)
        finally:
            for hook in hooks:
                hook.remove()

    @torch.no_grad()
    def whiten(self, rows: Tensor) -> None:
        """From now on, embeddings prefer no direction that these do, float32 [N, D]: each principal direction
        is divided by its standard deviation, of which SMALLEST of the largest is added to all.

        What photographs have in common, such as sky above ground, then counts for less than what sets one apart.
        """
        rows = rows.double()
        self.centre.copy_(rows.mean(dim=0))
        spread, directions = torch.linalg.eigh(torch.cov(rows.T))
        weights = (spread.clamp(min=0) + SMALLEST * spread.max()).rsqrt()
        self.whitening.copy_(directions * weights * spread.max().sqrt())


def standardised(images: Tensor) -> Tensor:
    """uint8 [B, C, H, W] -> float32, each channel of each image with a mean of 0 and a variance of 1.

    So brightness, contrast and tint tell little; a channel of one value becomes zeros.
    """
    std, mean = torch.std_mean(images.float(), dim=(2, 3), keepdim=True, correction=0)
    return (images - mean) / (std + 1)


def halved(x: Tensor) -> Tensor:
    """Height and width halved behind a blur (Zhang 2019), rect-2: the mean of 2 x 2."""
    return functional.avg_pool2d(x, 2)


def pool(x: Tensor) -> Tensor:
    """[B, C, H, W] -> [B, C], the generalised mean over all places."""
    return x.clamp(min=_LEAST).pow(POWER).mean(dim=(2, 3)).pow(1 / POWER)


def _as_it_is(x: Tensor) -> Tensor:
    return x


def _standardised(share: float) -> Callable[..., Tensor]:
    def hook(conv: Any, _: Any, out: Tensor) -> Tensor:
        std, mean = torch.std_mean(out, dim=(0, 2, 3))
        scale = share / std.clamp(min=1e-6)
        conv.gain.mul_(scale)
        conv.bias.sub_(mean).mul_(scale)
        return (out - mean[:, None, None]) * scale[:, None, None]

    return hook
