"""Networks as they are trained: pixels as bytes in, one forward for all that a loss needs.

Shapes in this file: B samples, L tokens of the longest caption, D width of the joint space.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import chain
from typing import Any

import torch
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from open_clip.modified_resnet import ModifiedResNet
from open_clip.transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from wit_builder.errors import ConfigError
from wit_builder.model import build, text, weights
from wit_builder.model.tokens import CONTEXT


class Sighted(nn.Module):
    """An image tower that takes pixels as they are, and whatever else `inner` has.

    inner: holds all weights, its image tower as `visual`; its state dict is the checkpoint's, its
        `named_parameters` give the order of the optimiser's.
    """

    methods: tuple[str, ...] = ()  # that are called besides forward

    def __init__(self, name: str, config: build.Config, inner: Any, prepare: Mapping[str, Any]) -> None:
        super().__init__()
        self.name, self.config, self.prepare = name, config, prepare
        self.inner = inner
        self.gain: Tensor
        self.shift: Tensor
        self.checkpointing = False
        size: Any = inner.visual.image_size
        self.image_size: tuple[int, int] = (size, size) if isinstance(size, int) else tuple(size)
        mean = torch.tensor(prepare.get("mean") or OPENAI_DATASET_MEAN).view(3, 1, 1)
        std = torch.tensor(prepare.get("std") or OPENAI_DATASET_STD).view(3, 1, 1)
        self.register_buffer("gain", 1 / (255 * std), persistent=False)
        self.register_buffer("shift", -mean / std, persistent=False)
        if self.is_resnet:
            self.inner.visual.to(memory_format=torch.channels_last)
        elif isinstance(inner.visual, VisionTransformer):
            inner.visual.conv1.__class__ = _Patches  # weights and their names stay

    @property
    def is_resnet(self) -> bool:
        """One of the paper's five ResNets, or of their kind."""
        return isinstance(self.inner.visual, ModifiedResNet)

    @property
    def context(self) -> int:
        """Tokens of a text that it takes, its start and its end among them."""
        return int(self.config["text_cfg"].get("context_length", CONTEXT))

    @property
    def has_batch_norms(self) -> bool:
        """Whether what it says of a sample hangs on those that it sees with it, as of the ResNets."""
        return bool(_batch_norms(self))

    def see(self, images: Tensor) -> Tensor:
        """uint8 [B, 3, H, W] -> what the image tower says, float [B, D]."""
        if self.is_resnet and self.checkpointing and torch.is_grad_enabled():
            return self._see_in_pieces(self.pixels(images))
        return self.inner.visual(self.pixels(images))

    def pixels(self, images: Tensor) -> Tensor:
        """uint8 [B, 3, H, W] -> what the image tower takes, float32 of the same shape."""
        pixels = images * self.gain + self.shift
        return pixels.contiguous(memory_format=torch.channels_last) if self.is_resnet else pixels

    def keep_less(self) -> None:
        """From now on, activations inside the blocks are computed again instead of kept (section 2.5)."""
        self.checkpointing = True
        self.inner.visual.set_grad_checkpointing(True)
        found = getattr(text.tower(self.inner), "transformer", None)
        if found is not None:
            found.grad_checkpointing = True

    def _see_in_pieces(self, x: Tensor) -> Tensor:
        """The ResNet's forward, block by block; open_clip has no checkpointing for it."""
        visual: Any = self.inner.visual
        x = checkpoint(visual.stem, x, use_reentrant=False, context_fn=self._recomputing)
        for block in chain(visual.layer1, visual.layer2, visual.layer3, visual.layer4):
            x = checkpoint(block, x, use_reentrant=False, context_fn=self._recomputing)
        return visual.attnpool(x)

    def _recomputing(self) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), still_statistics(self)


class Network(Sighted):
    """The two towers of figure 3: images and texts in one space."""

    methods = ("encode_image", "encode_text")

    def encode_image(self, images: Tensor) -> Tensor:
        """uint8 [B, 3, H, W] -> float32 [B, D], rows of unit length."""
        return functional.normalize(self.see(images).float(), dim=-1)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """int64 [B, L], L at most 77, behind each text's end 0 -> float32 [B, D], rows of unit length."""
        found = text.tower(self.inner)
        raw = found(tokens) if isinstance(found, Cbow) else text.features(self.inner, tokens)
        return functional.normalize(raw.float(), dim=-1)

    @property
    def logit_scale(self) -> nn.Parameter:
        """The logarithm of what similarities are multiplied by."""
        return self.inner.logit_scale

    def forward(self, images: Tensor, tokens: Tensor) -> tuple[Tensor, ...]:
        """Both embeddings, [B, D] each, and the scale of their similarities, a scalar."""
        return self.encode_image(images), self.encode_text(tokens), self.logit_scale.exp().reshape(())


class Coca(Network):
    """Two towers, and a decoder that says the caption word by word while it looks at the image (open_clip's CoCa)."""

    grad_checkpointing = True  # of the decoder's logits, always: one for each word of the vocabulary a token

    def see(self, images: Tensor) -> Tensor:
        """uint8 [B, 3, H, W] -> what the image tower says of the whole image, float [B, D]."""
        return self.inner.visual(self.pixels(images))[0]

    def keep_less(self) -> None:
        """From now on, activations inside the blocks are computed again instead of kept (section 2.5)."""
        super().keep_less()
        self.inner.text_decoder.set_grad_checkpointing(True)

    def forward(self, images: Tensor, tokens: Tensor) -> tuple[Tensor, ...]:
        """Both embeddings, [B, D] each; -log of the likelihood of each caption in nats, [B]; the scale, a scalar.

        Of a caption only its tokens are decoded, not what is behind its end: the decoder looks back alone.
        """
        seen, patches = self.inner.visual(self.pixels(images))
        read, states = self.inner.text(text.whole(self.inner.text, tokens))
        decoder = self.inner.text_decoder
        states = text.decoded(decoder, patches, states[:, : tokens.shape[1] - 1])
        said, _ = text.spoken(states, decoder.text_projection, tokens, keep=not self.grad_checkpointing)
        embeddings = (functional.normalize(raw.float(), dim=-1) for raw in (seen, read))
        return *embeddings, said, self.logit_scale.exp().reshape(())


class Cbow(nn.Module):
    """The text as a bag of words: the mean of its tokens' vectors, projected (figure 3's CBOW).

    Start and end of the text are words that every text has.
    """

    def __init__(self, vocabulary: int, width: int, dimensions: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(vocabulary, width)
        self.projection = nn.Linear(width, dimensions, bias=False)
        nn.init.normal_(self.token_embedding.weight, std=0.02)  # as open_clip's text towers begin
        nn.init.normal_(self.projection.weight, std=width**-0.5)

    def forward(self, tokens: Tensor) -> Tensor:
        """int64 [B, L] -> float [B, D]; what stands behind a text's end is not read."""
        places = torch.arange(tokens.shape[1], device=tokens.device)
        read = (places <= text.ends(tokens)[:, None]).to(self.projection.weight.dtype)
        vectors = self.token_embedding(tokens) * read[:, :, None]
        return self.projection(vectors.sum(dim=1) / read.sum(dim=1, keepdim=True))


class _Patches(nn.Conv2d):
    """Patches as rows of one matrix product: the gradient of this convolution is a tenth of a step on a CPU."""

    def forward(self, x: Tensor) -> Tensor:
        high, wide = (x.shape[2 + at] // size * size for at, size in enumerate(self.kernel_size))
        rows = (
            x[:, :, :high, :wide]
            .unflatten(3, (-1, self.kernel_size[1]))
            .unflatten(2, (-1, self.kernel_size[0]))
        )
        rows = rows.permute(0, 2, 4, 1, 3, 5).flatten(3)
        return functional.linear(rows, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


class Parts(nn.Module):
    """Named modules side by side, the image tower as `visual`: what open_clip has no class for."""

    def __init__(self, **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)


@contextmanager
def keeping_all(network: Sighted) -> Iterator[None]:
    """Activations are kept, whatever was asked for."""
    flags = ("checkpointing", "grad_checkpointing")
    before = [
        (part, flag, getattr(part, flag))
        for part in network.modules()
        for flag in flags
        if hasattr(part, flag)
    ]
    for part, flag, _ in before:
        setattr(part, flag, False)
    try:
        yield
    finally:
        for part, flag, value in before:
            setattr(part, flag, value)


def _batch_norms(module: nn.Module) -> list[Any]:
    return [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]


@contextmanager
def still_statistics(module: nn.Module) -> Iterator[None]:
    """Batch norms inside learn nothing of what they see: of a batch that is computed twice, once counts."""
    norms = _batch_norms(module)
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count


def contrastive(
    name: str, *, temperature: float = 0.07, patch_dropout: float = 0.0, cbow: bool = False
) -> Network:
    """A network with random weights, ready for the contrastive objective.

    name: see build.config_of. Raises ConfigError for a model that is not known or cannot be trained so.
    """
    config, prepare = config_for(name, temperature, patch_dropout, decoder=not cbow)
    inner = build.towers(name, config)
    if build.DECODER in config:
        _check_decoder(name, config, inner)
        words = inner.text_decoder.text_projection  # memory as it was: open_clip never calls what begins it
        nn.init.normal_(words, std=len(words) ** -0.5)
        return Coca(name, config, inner, prepare)
    if cbow:
        old, width = text.tower(inner), config["text_cfg"].get("width", 512)
        scale, inner = inner.logit_scale, Parts(visual=inner.visual)
        inner.text = Cbow(old.vocab_size, width, config["embed_dim"])
        inner.logit_scale = scale
    else:
        text.tell_causal(inner)
        if getattr(inner, "logit_bias", None) is not None:
            inner.logit_bias.requires_grad = False  # a softmax does not feel it
    return Network(name, config, inner, prepare)


def config_for(
    name: str, temperature: float, patch_dropout: float, *, decoder: bool = False
) -> tuple[build.Config, Mapping[str, Any]]:
    """The model's config with these values in it. Raises ConfigError where the model has no place for them.

    decoder: whether the model may have one of captions.
    """
    config, prepare = build.config_of(name)
    if build.DECODER in config and not decoder:
        raise ConfigError(
            f"{name!r} has a decoder of captions, which learns beside both towers alone",
            "take ViT-B-32, or `--objective contrastive --text-encoder transformer`",
        )
    vision = dict(config["vision_cfg"])
    if patch_dropout:
        if isinstance(vision.get("layers"), list):
            raise ConfigError(
                f"patch_dropout is {patch_dropout:g}, but {name!r} is a ResNet and has no patches"
            )
        vision["patch_dropout"] = patch_dropout
    return config | {"vision_cfg": vision, "init_logit_scale": math.log(1 / temperature)}, prepare


def _check_decoder(name: str, config: build.Config, inner: Any) -> None:
    """open_clip finds out at the first sample whether a decoder fits its towers."""
    vision, language = config["vision_cfg"], config["text_cfg"]
    if not (getattr(inner.visual, "output_tokens", False) and getattr(inner.text, "output_tokens", False)):
        raise ConfigError(
            f"{name!r} has a decoder of captions, and a tower that does not give it its tokens",
            'give vision_cfg and text_cfg "output_tokens": true',
        )
    pooled = vision.get("attentional_pool")
    widths = {
        "image tower's tokens": config["embed_dim"] if pooled else vision.get("width", 768),
        "text tower's tokens": language.get("width", 512),
        "decoder": config[build.DECODER].get("width", 512),
    }
    if len(set(widths.values())) > 1:
        told = ", ".join(f"the {what} {width}" for what, width in widths.items())
        raise ConfigError(f"the decoder of captions of {name!r} does not fit: widths are, of {told}")


def begin_from(network: Sighted, checkpoint_path: str) -> None:
    """Put in the weights of a checkpoint, position embeddings stretched to the image size of the network.

    Raises ConfigError when the file cannot be read, is another model's, or holds weights that are not finite.
    """
    found = weights.read(checkpoint_path)
    weights.check_finite(found, checkpoint_path, "--init with an earlier checkpoint")
    build.fill(network.inner, found, network.name, checkpoint_path, stretch=True)
