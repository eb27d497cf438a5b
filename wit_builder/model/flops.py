"""How many floating-point operations a network takes for one sample, counted by running it on no data at all."""

import json
from dataclasses import dataclass
from typing import Any

import torch
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode

from wit_builder.model.network import Sighted, keeping_all

_SAMPLES = 2  # of one, a batch norm over a single pixel has no variance
_KNOWN: dict[str, "Cost"] = {}


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one sample, forward and backward; a multiplication and an addition are two.

    Activations that are computed again are not counted, nor is the loss: this is what the mathematics takes, the
    numerator of a model FLOPs utilisation. As a function of the length of the texts it is a parabola: products
    grow with it, attention with its square.
    """

    fixed: float
    by_token: float
    by_pair: float

    def flops(self, length: Any = 77) -> Any:
        """For texts of that many tokens; of a tensor of lengths, one of each."""
        return self.fixed + self.by_token * length + self.by_pair * length * length


def cost(network: Sighted) -> Cost:
    """Counted at three lengths that its texts may have, all of it on the meta device; the network stays as it is.

    Once for all networks of the same config and weights: an ablation trains a dozen of them.
    """
    kind = _kind(network)
    if kind not in _KNOWN:
        _KNOWN[kind] = _parabola(network)
    return _KNOWN[kind]


def _kind(network: Sighted) -> str:
    """All that decides what is computed."""
    shapes = {name: list(weight.shape) for name, weight in network.named_parameters()}
    return json.dumps([type(network).__name__, network.training, network.config, shapes])


def _parabola(network: Sighted) -> Cost:
    step = max(1, (network.context - 1) // 3)
    a, b, c = lengths = [network.context - back * step for back in (2, 1, 0)]
    near, middle, far = (float(_counted(network, length)) for length in lengths)
    u, v = ((middle - near), (far - near))
    by_pair = (v / (c - a) - u / (b - a)) / (c - b)
    by_token = u / (b - a) - by_pair * (a + b)
    return Cost(near - by_token * a - by_pair * a * a, by_token, by_pair)


def _counted(network: Sighted, length: int) -> int:
    weights = {
        name: weight.detach().to("meta").requires_grad_() for name, weight in network.named_parameters()
    }
    buffers = {name: buffer.to("meta") for name, buffer in network.named_buffers()}
    images = torch.zeros((_SAMPLES, 3, *network.image_size), dtype=torch.uint8, device="meta")
    tokens = torch.zeros((_SAMPLES, length), dtype=torch.int64, device="meta")
    counter = FlopCounterMode(display=False)
    with keeping_all(network), torch.compiler.set_stance("force_eager"), counter:
        outputs = functional_call(network, weights | buffers, (images, tokens))
        torch.stack([part.sum() for part in outputs]).sum().backward()
    return int(counter.get_total_flops()) // _SAMPLES
