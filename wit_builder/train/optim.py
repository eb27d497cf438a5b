"""AdamW, cosine schedule, bounded logit scale (section 2.5, table 18)."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from wit_builder.model.network import Sighted
from wit_builder.train.settings import Training


def groups(inner: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Gains and biases, and the rest; each in the order of `named_parameters`, as open_clip's trainer has them."""
    plain: list[nn.Parameter] = []
    decayed: list[nn.Parameter] = []
    for name, weight in inner.named_parameters():
        if weight.requires_grad:
            is_plain = weight.ndim < 2 or any(part in name for part in ("bn", "ln", "bias", "logit_scale"))
            (plain if is_plain else decayed).append(weight)
    return plain, decayed


def adamw(network: Sighted, training: Training) -> torch.optim.AdamW:
    """Adam with decoupled weight decay on all that is no gain or bias; fused into one kernel."""
    plain, decayed = groups(network.inner)
    return torch.optim.AdamW(
        [{"params": plain, "weight_decay": 0.0}, {"params": decayed, "weight_decay": training.weight_decay}],
        lr=training.lr,
        betas=(training.beta1, training.beta2),
        eps=training.eps,
        fused=True,
    )


def learning_rate(step: int, steps: int, training: Training) -> float:
    """Of step 0 to steps - 1: up in a line over the warm-up, then down as a half cosine to 0."""
    if step < training.warmup:
        return training.lr * (step + 1) / training.warmup
    done = (step - training.warmup) / (steps - training.warmup)
    return 0.5 * (1 + math.cos(math.pi * done)) * training.lr


def update(
    optimizer: torch.optim.AdamW, network: Sighted, lr: float, training: Training
) -> tuple[Tensor, Tensor]:
    """One step by the gradients that the weights have, which are then gone. No host waits for the device.

    A gradient that is not finite changes nothing. The logit scale never exceeds `max_logit_scale`.
    Returns the length of the gradient, and 1.0 where it was not finite, else 0.0.
    """
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    norm = gradient_norm(weights)
    if training.grad_clip:
        shorter = (training.grad_clip / norm).clamp(max=1.0)
        for weight in weights:
            if weight.grad is not None:
                weight.grad.mul_(shorter)
    lost = (~norm.isfinite()).float()
    vars(optimizer)["found_inf"] = lost  # where fused AdamW looks for what a gradient scaler would say
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    bound_scale(network, training.max_logit_scale)
    return norm, lost


def gradient_norm(weights: Iterable[nn.Parameter]) -> Tensor:
    """The length of all gradients together, a scalar; of shards, of all of them."""
    grads = [weight.grad for weight in weights if weight.grad is not None]
    shards = [grad for grad in grads if isinstance(grad, DTensor)]
    whole = torch.nn.utils.get_total_norm([grad for grad in grads if not isinstance(grad, DTensor)])
    if not shards:
        return whole
    of_shards: Any = torch.nn.utils.get_total_norm(shards)
    return torch.hypot(of_shards.full_tensor(), whole)


def bound_scale(network: Sighted, most: float) -> None:
    """Keep the logit scale at `most` (section 2.5: 100), where the network has one."""
    scale = getattr(network.inner, "logit_scale", None)
    if scale is not None:
        with torch.no_grad():
            scale.clamp_(max=math.log(most))
