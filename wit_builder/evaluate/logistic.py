"""Logistic regression with a penalty on the squares of its weights, by scipy's L-BFGS over torch's gradients.

What is minimised is the sum of the samples' losses (nats) + strength / 2 * the sum of the squared weights; biases
are free. scikit-learn writes the same as C * losses + 1 / 2 * squares, so C = 1 / strength. As there, two classes
have one vector of weights, more a vector each under a softmax. Labels that do not exclude each other are a regression
each.

Shapes: n samples, P features, K classes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.nn import functional

ITERATIONS = 1_000  # the most (appendix A.3)
SMALL = 1 << 23  # n * P * K up to which sums are in 64 bits, on the CPU

Bits = Literal[32, 64]
_TYPES = {32: torch.float32, 64: torch.float64}
_AIM = {32: 1e-5, 64: 1e-10}  # of the largest entry of the mean loss's gradient, at which a fit ends
_CONVERGED = {32: 1e-4, 64: 1e-8}  # of it, for rounding may end a fit before; and
_SHARE = 1e-3  # of it in the loss, for where all samples are told apart both vanish

_FLAT = 1e-12  # variance, as a share of the largest, below which 32 bits hold nothing but their own rounding
_AT_ONCE = 1 << 24  # logits held at a time
_LEAST = -60.0  # logarithm of a chance; products of smaller ones are numbers that processors are slow at

Features = npt.NDArray[np.float32]
Labels = (
    npt.NDArray[np.int64] | npt.NDArray[np.uint8]
)  # [n] from 0 to K - 1, each at least once; or 0 and 1, [n, K]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Linear:
    """A fitted regression. weights: [P, K]; bias: [K]; converged: whether it is the optimum but for
    about a thousandth of the loss."""

    weights: Floats
    bias: Floats
    converged: bool

    def logits(self, features: Features) -> npt.NDArray[np.float32]:
        """float32 [n, K]; of two classes that exclude each other the first one's are 0."""
        logits: npt.NDArray[np.float32] = features @ self.weights.astype(np.float32) + self.bias.astype(
            np.float32
        )
        return logits


class Regression:
    """What can be fitted on these samples, at any strength.

    Found are weights of decorrelated features, each as long as the loss is steep along it. The optimum is the one of
    the features as they are: to rotate them leaves the penalty what it is, to move them changes the biases alone, and
    to measure weights in other units changes the way there only. It is found in a fraction of the iterations.
    """

    def __init__(
        self,
        features: Features,
        labels: Labels,
        *,
        bits: Bits | None = None,
        device: torch.device | None = None,
    ) -> None:
        """features: [n, P]. bits: of sums over samples, None for what suits n, P and K. device: of sums in 32."""
        self._exclusive = labels.ndim == 1
        classes = int(labels.max()) + 1 if labels.ndim == 1 else labels.shape[1]
        self.bits: Bits = bits or (64 if features.size * classes <= SMALL else 32)
        device = device if device and self.bits == 32 else torch.device("cpu")
        rows = torch.tensor(features, device=device)
        self._mean = rows.mean(dim=0, dtype=torch.float64)
        rows = (rows - self._mean).to(_TYPES[self.bits])
        self._spread, self._axes = _spread(rows)
        self._rows = rows @ self._axes.to(rows.dtype)
        self._labels = torch.tensor(labels, device=device)
        if self._exclusive and classes == 2:
            self._labels = self._labels[:, None]  # two classes: one vector of weights
        soft = self._labels.ndim == 1
        self._classes = classes if soft else self._labels.shape[1]
        self._steepness = (1 - 1 / classes) / classes if soft else 0.25

    def fit(self, strength: float, near: Linear | None = None) -> Linear:
        """The optimum. near: a fit of these features at a strength close by, to begin at."""
        penalty = strength / len(self._rows)
        units = (self._steepness * self._spread + penalty).rsqrt()[:, None]
        # scipy's steps are small: threads for them and torch's would spin in each other's way
        with threadpool_limits(1, user_api="blas"):
            found = minimize(
                self._objective(units, penalty),
                np.zeros((len(units) + 1) * self._classes) if near is None else self._start(near, units),
                method="L-BFGS-B",
                jac=True,
                options={
                    "maxiter": ITERATIONS,
                    "maxls": 50,
                    "gtol": _AIM[self.bits],
                    "ftol": 64 * np.finfo(float).eps if self.bits == 32 else 0,
                },
            )
        point = torch.from_numpy(found.x).to(units.device).view(-1, self._classes)
        weights = self._axes @ (units * point[:-1])
        bias = point[-1] - self._mean @ weights
        converged = np.abs(found.jac).max() <= min(_CONVERGED[self.bits], _SHARE * found.fun)
        return _linear(weights.cpu().numpy(), bias.cpu().numpy(), self._exclusive, converged)

    def _start(self, near: Linear, units: Tensor) -> Floats:
        kept = slice(None) if near.weights.shape[1] == self._classes else slice(1, None)
        weights, bias = (
            torch.from_numpy(some[..., kept]).to(units.device) for some in (near.weights, near.bias)
        )
        point = torch.cat([self._axes.T @ weights / units, (bias + self._mean @ weights)[None]])
        return point.flatten().cpu().numpy()

    def _objective(self, units: Tensor, penalty: float) -> Callable[[Floats], tuple[float, Floats]]:
        """The mean loss with its penalty, and its gradient, at [P + 1, K] numbers laid flat, biases last."""
        samples = max(1, _AT_ONCE // self._classes)
        parts = list(zip(self._rows.split(samples), self._labels.split(samples), strict=True))

        def objective(flat: Floats) -> tuple[float, Floats]:
            point = torch.from_numpy(flat).to(units.device).view(-1, self._classes)
            weights = units * point[:-1]
            narrow, bias = (some.to(self._rows.dtype) for some in (weights, point[-1]))
            loss, slope = 0.0, torch.zeros_like(point)
            for rows, labels in parts:
                logits = torch.addmm(bias, rows, narrow)
                loss += _losses(logits, labels)
                slope[:-1] += rows.T @ logits
                slope[-1] += logits.sum(dim=0, dtype=torch.float64)
            slope /= len(self._rows)
            slope[:-1] = units * (slope[:-1] + penalty * weights)
            value = loss / len(self._rows) + penalty / 2 * float(weights.square().sum())
            return value, slope.flatten().cpu().numpy()

        return objective


def _spread(rows: Tensor) -> tuple[Tensor, Tensor]:
    """float64: the variances of the rows, whose mean is 0, along their own axes, [Q], and the axes, [P, Q]."""
    if len(rows) < rows.shape[1]:
        _, lengths, across = torch.linalg.svd(rows.double(), full_matrices=False)
        spread, axes = lengths.square() / len(rows), across.T
    else:
        spread, axes = torch.linalg.eigh(_squares(rows) / len(rows))
    steep = spread > _FLAT * spread.max()
    return spread[steep], axes[:, steep]


def _squares(rows: Tensor) -> Tensor:
    """float64 [P, P]: each feature times each, summed over samples."""
    total = torch.zeros((rows.shape[1],) * 2, dtype=torch.float64, device=rows.device)
    for some in rows.split(max(1, _AT_ONCE // rows.shape[1])):
        total += some.double().T @ some.double()
    return total


def _losses(logits: Tensor, labels: Tensor) -> float:
    """The sum of the samples' losses; leaves its gradient where the logits were. labels: as `Labels`."""
    if labels.ndim > 1:
        due = labels.to(logits.dtype)
        loss = functional.binary_cross_entropy_with_logits(logits, due, reduction="none").sum(
            dtype=torch.float64
        )
        logits.clamp_(_LEAST, -_LEAST).sigmoid_().sub_(due)
        return float(loss)
    right = logits.gather(1, labels[:, None]).squeeze(1)
    totals = logits.logsumexp(dim=1)
    logits.sub_(totals[:, None]).clamp_min_(_LEAST).exp_()
    logits.scatter_add_(1, labels[:, None], torch.full_like(totals, -1)[:, None])
    return float((totals - right).sum(dtype=torch.float64))


def _linear(weights: Floats, bias: Floats, exclusive: bool, converged: bool) -> Linear:
    if exclusive and weights.shape[1] == 1:
        weights, bias = np.pad(weights, ((0, 0), (1, 0))), np.pad(bias, (1, 0))
    return Linear(weights, bias, bool(converged))
