"""A trained network opened to be judged: its two towers, its tokenizer, and how pictures are prepared for it.

Shapes in this file: B samples, D width of the joint space, P width of what is projected into it.
"""

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from open_clip.timm_model import TimmModel
from open_clip.transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional

from wit_builder.errors import ConfigError
from wit_builder.images.prepared import Preprocess, preprocess_of
from wit_builder.model import build, own, weights
from wit_builder.model.network import Network, contrastive
from wit_builder.model.tokens import Tokenizer

_OTHERS = {"words.weight": "the words of a caption", "prefix.weight": "captions"}  # weight: what it predicts


@dataclass(frozen=True, slots=True)
class Loaded:
    """A network in eval mode, and all that its embeddings depend on besides the pictures."""

    network: Network
    tokenizer: Tokenizer
    name: str  # as the user gave it
    checkpoint: str  # path
    weights_sha256: str  # of the checkpoint's file
    preprocess: Preprocess

    @property
    def fingerprint(self) -> str:
        """sha256 of weights, config and preprocessing, hex."""
        told = [self.weights_sha256, self.network.config, asdict(self.preprocess)]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def opened(name: str, checkpoint: str) -> Loaded:
    """The model of that name (`build.config_of`) with the weights of that file.

    Whether its text encoder is a transformer or a bag of words, the weights say. Raises ConfigError when the file
    cannot be read, is another model's (by its own word, where it is of `wit train`), holds weights that are not
    finite, or was not trained to tell which text belongs to an image.
    """
    state, told = weights.read_told(checkpoint)
    for key, what in _OTHERS.items():
        if key in state:
            raise ConfigError(
                f"{checkpoint!r} predicts {what} and embeds no texts, so there is nothing to compare images with",
                "give a checkpoint of the contrastive objective",
            )
    network = contrastive(
        name, cbow="text.projection.weight" in state and "text.token_embedding.weight" in state
    )
    own.check(told, checkpoint, name, network.config, network.prepare)
    build.fill(network.inner, state, name, checkpoint)
    scale = network.logit_scale.detach()
    if not scale.exp().isfinite().all():
        raise ConfigError(
            f"{checkpoint!r} multiplies similarities by exp({float(scale):g}), and that is no number",
            "give a checkpoint of a run that has not diverged",
        )
    weights.check_finite(
        state, checkpoint, "give --checkpoint another one, such as an earlier one of the run"
    )
    with Path(checkpoint).open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    preprocess = preprocess_of(network.prepare, network.image_size)
    return Loaded(network.eval(), Tokenizer(network.context), name, checkpoint, sha256, preprocess)


class Sight:
    """The image tower cut in two before its projection: one pass gives what both sides of it hold.

    The features are the penultimate ones of appendix A.3: of a Vision Transformer what the linear projection takes;
    of CLIP's ResNets the output of the attention pool, which is the joint space itself, as CLIP's own code has it.
    bf16: for calls under autocast, which would bring the weights of products into 16 bits in each call; here they are
    so once, in a tower of its own.
    """

    def __init__(self, network: Network, *, bf16: bool = False) -> None:
        self._network = network
        visual = network.inner.visual
        self._tower, self._project = _cut(_halved(copy.deepcopy(visual)) if bf16 else visual)

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 [B, 3, H, W] -> float32 features [B, P], and embeddings [B, D], rows of unit length."""
        features = self._tower(self._network.pixels(images))
        return features.float(), functional.normalize(self._project(features).float(), dim=-1)


def _halved(visual: Any) -> Any:
    for module in visual.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.MultiheadAttention):
            for weight in module.parameters(recurse=False):
                weight.data = weight.data.bfloat16()
    return visual


def _cut(visual: Any) -> tuple[Any, Callable[[Tensor], Tensor]]:
    tower = copy.copy(visual)
    if isinstance(visual, VisionTransformer) and visual.proj is not None:
        tower._parameters = visual._parameters | {"proj": None}
        tower.output_tokens = False
        return tower, lambda features: features @ visual.proj
    if isinstance(visual, TimmModel):
        tower._modules = visual._modules | {"head": nn.Identity()}
        return tower, visual.head
    return visual, lambda features: features
