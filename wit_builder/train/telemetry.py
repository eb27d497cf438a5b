"""What is measured of a run: one record for some steps, and where records go.

A record is a flat object of numbers and words, a line of OUT/metrics.jsonl. Those of training have `loss` and so on
(docs/data_format.md); those of an evaluation have `set` and its scores.
"""

import importlib
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from wit_builder import storage
from wit_builder.errors import ConfigError

METRICS = "metrics.jsonl"
PEAK = {  # dense bf16 FLOP/s by the vendor's data sheets, as torchtitan has them (tools/utils.py)
    "A100": 312e12,
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,
    "H200": 989e12,
    "B200": 2.25e15,
}
_STARVED = 0.1  # of the time without data: the loader is what bounds the run
_BUSY = 0.5  # of a CPU's threads at work: products are what bounds it
_AHEAD = 0.02  # of the time waited for a GPU: the host was there before it

Record = dict[str, Any]
Sink = Callable[[Record], None]


def peak_flops(device: torch.device) -> float | None:
    """FLOP/s in bf16 of that GPU by its data sheet; None for one that is not in PEAK, and for a CPU."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((flops for part, flops in PEAK.items() if all(word in name for word in part.split())), None)


@dataclass(slots=True)
class Window:
    """Some steps of one rank. Numbers of the device stay there until the window is read."""

    device: torch.device
    began: float = field(default_factory=time.perf_counter)
    cpu: float = field(default_factory=time.process_time)
    waited: float = 0.0  # seconds without data
    samples: int = 0
    flops: float = 0.0
    skipped: Counter[str] = field(default_factory=Counter)
    steps: list[torch.Tensor] = field(
        default_factory=list
    )  # of each: loss, length of the gradient, was it lost

    def step(self, loss: torch.Tensor, norm: torch.Tensor, lost: torch.Tensor) -> None:
        """One more, as the device will have computed it."""
        self.steps.append(torch.stack([loss.detach().float(), norm.float(), lost.float()]))

    def read(self) -> "Share":
        """What this rank has to say; waits for the device."""
        before = time.perf_counter()
        values = torch.stack(self.steps).cpu()
        now = time.perf_counter()
        seconds = max(now - self.began, 1e-9)
        threads = torch.get_num_threads() if self.device.type == "cpu" else 1
        busy = (time.process_time() - self.cpu) / (seconds * threads)
        return Share(
            seconds=seconds,
            waited=self.waited / seconds,
            behind=(now - before) / seconds,
            busy=busy,
            samples=self.samples,
            flops=self.flops,
            memory=_memory(self.device),
            skipped=self.skipped,
            steps=values.tolist(),
        )


@dataclass(frozen=True, slots=True)
class Share:
    """A window that is over. waited, behind, busy: shares of its seconds."""

    seconds: float
    waited: float  # for data
    behind: float  # for the device, when the host had done all its work
    busy: float  # that threads of the CPU computed
    samples: int
    flops: float
    memory: float  # GB, the most so far
    skipped: Counter[str]
    steps: list[list[float]]


def record(shares: Sequence[Share], device: torch.device) -> Record:
    """Of all ranks' shares of one window: what is told. Losses are those of all ranks together already."""
    own, count = shares[0], len(shares)
    seconds = max(share.seconds for share in shares)
    good = [step for step in own.steps if not step[2]]
    flops = sum(share.flops for share in shares) / seconds
    waited = max(share.waited for share in shares)
    peak = peak_flops(device)
    told: Record = {
        "loss": sum(step[0] for step in good) / len(good) if good else None,
        "grad_norm": sum(step[1] for step in good) / len(good) if good else None,
        "non_finite": len(own.steps) - len(good),
        "samples_per_s": sum(share.samples for share in shares) / seconds,
        "data_wait": waited,
        "tflops": flops / 1e12,
        "memory_gb": max(share.memory for share in shares),
        "bound": bound(waited, own.behind, own.busy, device),
    }
    return told | ({"mfu": flops / (peak * count)} if peak else {})


def bound(waited: float, behind: float, busy: float, device: torch.device) -> str:
    """What the run is bound by: data, compute, or host (the time between products, which is Python's)."""
    if waited > _STARVED:
        return "data"
    if device.type == "cuda":
        return "compute" if behind > _AHEAD else "host"
    return "compute" if busy > _BUSY else "host"


class Journal:
    """OUT/metrics.jsonl. A run that goes on takes back what was written after its checkpoint."""

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        storage.write_bytes(path, b"".join(_up_to(path, step)))

    def __call__(self, told: Record) -> None:
        """One more line; on the disk when this comes back, but for a loss of power."""
        with storage.plain_errors(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(told) + "\n")


def records(path: Path) -> list[Record]:
    """The lines of a metrics.jsonl that are whole."""
    found = []
    for line in path.read_bytes().splitlines() if path.exists() else []:
        with suppress(ValueError):
            found.append(json.loads(line))
    return [told for told in found if isinstance(told, dict)]


class _Board(Protocol):
    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None: ...

    def flush(self) -> None: ...


class TensorBoard:
    """Numbers as TensorBoard's curves, in OUT/tensorboard. Raises ConfigError where it is not installed."""

    def __init__(self, folder: Path) -> None:
        need("tensorboard")
        board = importlib.import_module("torch.utils.tensorboard")
        self._board: _Board = board.SummaryWriter(str(folder))

    def __call__(self, told: Record) -> None:
        """A point on each curve."""
        for name, value in numbers(told).items():
            self._board.add_scalar(name, value, told["step"])
        self._board.flush()


class WeightsAndBiases:
    """Numbers to Weights & Biases. Raises ConfigError where it is not installed."""

    def __init__(self, project: str, out: Path, settings: Mapping[str, Any]) -> None:
        wandb: Any = need("wandb")
        name = out.resolve().name
        self._run = wandb.init(
            project=project, name=name, id=name, resume="allow", dir=out, config=dict(settings)
        )

    def __call__(self, told: Record) -> None:
        """A point on each curve."""
        self._run.log(numbers(told), step=told["step"])


def numbers(told: Record) -> dict[str, float]:
    """What of a record is a number, by its name on a curve: `train/loss`, `cifar10/top1`."""
    group = told.get("set", "train")
    return {
        f"{group}/{name}": float(value)
        for name, value in told.items()
        if isinstance(value, int | float) and name not in ("step", "epoch")
    }


def need(board: str) -> Any:
    """The module of that name, which is an extra's too. Raises ConfigError where it is not installed."""
    try:
        return importlib.import_module(board)
    except ImportError as error:
        raise ConfigError(f"{board} is not installed", f"pip install 'wit-builder[{board}]'") from error


def _memory(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def _up_to(path: Path, step: int) -> Iterable[bytes]:
    return [json.dumps(told).encode() + b"\n" for told in records(path) if told.get("step", 0) <= step]
