"""What a run needs: memory and operations, counted before it begins, on no data and no device."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.func import functional_call

from wit_builder.model.flops import cost
from wit_builder.model.network import Sighted
from wit_builder.train.settings import Training

_OF_A_WEIGHT = 16  # bytes: itself, its gradient, and two averages of Adam's, 32 bits each


@dataclass(frozen=True, slots=True)
class Needs:
    """Of one rank that has a whole copy of the weights."""

    weights: int  # how many
    state_bytes: int  # weights, gradients, optimiser
    kept_bytes: int  # activations of one sample that wait for the backward pass
    flops: float  # of one sample, forward and backward

    def memory(self, rows: int) -> int:
        """Bytes for passes of so many samples; a little more is used in between."""
        return self.state_bytes + rows * self.kept_bytes


def needs(network: Sighted, training: Training, length: int) -> Needs:
    """length: tokens of the texts. In bf16 activations are taken to be half as large as in 32 bits."""
    weights = sum(weight.numel() for weight in network.parameters())
    kept = _kept(network, length) // (2 if training.precision == "bf16" else 1)
    return Needs(weights, _OF_A_WEIGHT * weights, kept, cost(network).flops(length))


def _kept(network: Sighted, length: int) -> int:
    """Bytes that autograd keeps of one sample, in 32 bits."""
    weights = {
        name: weight.detach().to("meta").requires_grad_() for name, weight in network.named_parameters()
    }
    buffers = {name: buffer.to("meta") for name, buffer in network.named_buffers()}
    found: dict[int, Tensor] = {}  # by where they lie

    def keep(value: Tensor) -> Tensor:
        found[value.untyped_storage()._cdata] = value
        return value

    samples = 2 if network.has_batch_norms else 1  # of one, a map of 1 x 1 has no variance
    images = torch.zeros((samples, 3, *network.image_size), dtype=torch.uint8, device="meta")
    tokens = torch.zeros((samples, length), dtype=torch.int64, device="meta")
    with torch.compiler.set_stance("force_eager"), saved_tensors_hooks(keep, lambda value: value):
        functional_call(network, weights | buffers, (images, tokens))
    own = {value.untyped_storage()._cdata for value in (*weights.values(), *buffers.values())}
    kept = (value.untyped_storage().nbytes() for place, value in found.items() if place not in own)
    return sum(kept) // samples
