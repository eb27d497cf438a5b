"""A network on several ranks: each with a copy (DDP), or each with a share of all weights (FSDP2)."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, Literal

from torch import nn
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method
from torch.nn.parallel import DistributedDataParallel

from wit_builder.model.network import Sighted
from wit_builder.train.loss import world_size

How = Literal["ddp", "fsdp"]


def spread(network: Sighted, how: How = "ddp") -> nn.Module:
    """The module that computes a step on all ranks, in place of the network; the network itself on one rank.

    ddp: a copy of the weights on each rank. fsdp: each rank holds its share of weights, gradients and the
    optimiser's state, and blocks are brought together while they are computed. Scalars stay whole on each rank:
    there is only the logit scale, whose gradient the loss makes the same everywhere.
    """
    if world_size() == 1:
        return network
    if how == "ddp":
        device = next(network.parameters()).device
        where = [device] if device.type == "cuda" else None
        return DistributedDataParallel(
            network, device_ids=where, broadcast_buffers=False, gradient_as_bucket_view=True
        )
    for block in _blocks(network):
        fully_shard(block)
    fully_shard(network, ignored_params={weight for weight in network.parameters() if weight.ndim == 0})
    for method in network.methods:
        register_fsdp_forward_method(network, method)
    return network


def together(module: nn.Module, last: bool) -> Any:
    """A context for one forward and backward: ranks exchange gradients only in a step's last."""
    if isinstance(module, DistributedDataParallel):
        return nullcontext() if last else module.no_sync()
    if isinstance(module, FSDPModule):
        module.set_requires_gradient_sync(last)
    return nullcontext()


def _blocks(network: Sighted) -> Iterator[nn.Module]:
    """What is sharded on its own: transformer blocks, stages of a ResNet."""
    for name, part in network.named_modules():
        where, _, last = name.rpartition(".")
        if where.endswith(("resblocks", "cross_attn")) or last in ("layer1", "layer2", "layer3", "layer4"):
            yield part
