"""Small networks on CLIP's image embeddings, as LAION published them: one number for each picture.

Known by the names in their state dicts, to the last one:

    weight, bias                                LAION's aesthetic predictor, linear: sa_0_4_vit_l_14_linear.pth
    layers.0 .2 .4 .6 .7                        the improved one, sac+logos+ava1-l14-linearMSE.pth: linear layers
                                                with nothing but dropout between them
    layers.0 .3 .6 .9 .12 .15 .16               LAION's NSFW detector for ViT-H-14: ReLU behind all but the last two
    norm.mean, norm.variance, linear_1 to _n    LAION's NSFW detector, clip_ViT-L-14_openai_binary_nsfw_head.pth
                                                and ViT-B-32's: normalised, ReLU between, a sigmoid at the end

Keras archives, whole pickled models and other layouts are refused.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wit_builder.errors import ConfigError
from wit_builder.model import weights

_LINEAR, _WITH_RELU = (0, 2, 4, 6, 7), (0, 3, 6, 9, 12, 15, 16)  # of torch's Sequential

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Layer:
    """One linear layer."""

    weight: Floats  # out, in
    bias: Floats
    relu: bool  # what comes out is cut at 0


@dataclass(frozen=True, slots=True)
class Head:
    """A stack of layers, ending in one number."""

    layers: tuple[Layer, ...]
    mean: Floats | float = 0.0  # taken off the embedding
    scale: Floats | float = 1.0  # that it is divided by
    sigmoid: bool = False  # whether the end is a probability

    @property
    def width(self) -> int:
        """Numbers in an embedding."""
        return int(self.layers[0].weight.shape[1])

    def __call__(self, embeddings: NDArray[np.float32]) -> Floats:
        """A number for each of n embeddings of unit length, n by `width`."""
        x: Floats = (embeddings.astype(np.float64) - self.mean) / self.scale
        for layer in self.layers:
            x = x @ layer.weight.T + layer.bias
            x = np.maximum(x, 0.0) if layer.relu else x
        x = x[:, 0]
        return 0.5 * (1.0 + np.tanh(0.5 * x)) if self.sigmoid else x


def load(path: str) -> Head:
    """The head in that file. Raises ConfigError when it has another layout."""
    try:
        state = {name: weight.double().numpy() for name, weight in weights.read(path).items()}
        return _head(state)
    except (KeyError, ValueError, TypeError) as error:
        raise ConfigError(
            f"{path!r} holds no head that is known: {error}",
            "heads are LAION's: sa_0_4_vit_l_14_linear.pth, sac+logos+ava1-l14-linearMSE.pth, "
            "clip_ViT-L-14_openai_binary_nsfw_head.pth",
        ) from error


def _head(state: dict[str, Any]) -> Head:
    """Raises KeyError or ValueError for another layout."""
    names = {name.rpartition(".")[0] for name in state}
    if names == {""}:
        return Head(_stack(state, ["weight"], []))
    if all(name.startswith("layers.") for name in names):
        return _sequential(state, tuple(sorted(int(name.removeprefix("layers.")) for name in names)))
    if "norm" not in names:
        raise ValueError(f"layers are named {', '.join(sorted(names)[:5])}")
    mean, variance = state.pop("norm.mean"), state.pop("norm.variance")
    linear = [f"linear_{n}" for n in range(1, len(names))]
    scale = np.sqrt(variance) + 1e-10  # as LAION's port has it
    return Head(_stack(state, linear, linear[:-1]), mean, scale, sigmoid=True)


def _sequential(state: dict[str, Any], numbers: tuple[int, ...]) -> Head:
    if numbers not in (_LINEAR, _WITH_RELU):
        raise ValueError(f"layers are numbered {', '.join(map(str, numbers[:10]))}")
    layers = [f"layers.{n}" for n in numbers]
    return Head(_stack(state, layers, layers[:-2] if numbers == _WITH_RELU else []))


def _stack(state: dict[str, Any], names: list[str], with_relu: list[str]) -> tuple[Layer, ...]:
    """These layers, whose sizes fit each other; nothing may be left over."""
    prefixes = [f"{name}." if name != "weight" else "" for name in names]
    layers = tuple(
        Layer(state.pop(f"{at}weight"), state.pop(f"{at}bias"), name in with_relu)
        for name, at in zip(names, prefixes, strict=True)
    )
    sizes = [layer.weight.shape for layer in layers]
    fits = all(len(size) == 2 for size in sizes) and all(one[0] == other[1] for one, other in pairwise(sizes))
    if state or not fits or sizes[-1][0] != 1 or any(la.bias.shape != la.weight.shape[:1] for la in layers):
        raise ValueError(f"sizes {sizes}" if not state else f"and also {', '.join(sorted(state)[:5])}")
    return layers
