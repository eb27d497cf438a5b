"""Checkpoints: open_clip's files, whole or absent, written while training goes on; and which of them stay.

    FOLDER/epoch_3.pt      after the third epoch
    FOLDER/step_1250.pt    after 1,250 steps, where that ends no epoch

A file has open_clip's layout, {epoch, name, state_dict, optimizer}, and `wit`: what it takes to go on with the very
next sample. It holds tensors and Python's plain values alone, so `torch.load(weights_only=True)` reads it.
"""

import json
import threading
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.distributed.tensor import DTensor, distribute_tensor

from wit_builder import __version__, storage
from wit_builder.errors import ConfigError
from wit_builder.model import own, weights
from wit_builder.model.network import Sighted
from wit_builder.train.settings import Training

FOLDER = "checkpoints"
_FORMAT = 1
_FREE = {"sources", "micro_batch", "checkpointing", "compile", "max_skipped"}  # may change when a run goes on
_FREE_WITH_NORMS = _FREE - {"micro_batch"}  # where batch norms see a pass at a time

Content = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Best:
    """The best evaluation so far."""

    step: int
    score: float  # the higher the better


def snapshot(network: Sighted, optimizer: torch.optim.Optimizer) -> tuple[Content, Content]:
    """Weights and optimiser as they are now, copied to the CPU. All ranks call this together.

    Of weights in shards each rank gets the whole.
    """
    return _copied(network.inner.state_dict()), _copied(optimizer.state_dict())


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. skipped: samples that could not be used until then, of all ranks, by reason."""

    step: int = 0
    best: Best | None = None
    skipped: Mapping[str, int] = field(default_factory=dict)


def content(
    state: tuple[Content, Content],
    training: Training,
    network: Sighted,
    data: str,
    per_epoch: int,
    now: Progress,
) -> Content:
    """What a checkpoint's file holds. data: the fingerprint of what it has seen."""
    state_dict, optimizer = state
    return {
        "epoch": now.step // per_epoch,
        "name": training.model,
        "state_dict": state_dict,
        "optimizer": optimizer,
        "wit": {
            "format": _FORMAT,
            "version": __version__,
            "step": now.step,
            "training": json.dumps(asdict(training)),
            "config": json.dumps(network.config),
            "preprocess": json.dumps(dict(network.prepare)),
            "data": data,
            "best": None if now.best is None else asdict(now.best),
            "skipped": dict(now.skipped),
        },
    }


def load(path: Path) -> Content:
    """The content of a file that `Checkpoints` wrote. Raises ConfigError when it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what torch says of a file that it then refuses
            found = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # whatever a file's bytes do to torch
        raise ConfigError(
            f"{str(path)!r} is no checkpoint that can be read: {weights.why(error)}",
            "give another one; where `--resume` meets it, delete it to go on from the one before",
        ) from error
    if not _is_whole(found):
        raise ConfigError(
            f"{str(path)!r} is no checkpoint of `wit train`: it does not say how to go on",
            "begin a new run from its weights with `--init`",
        )
    weights.checked(found["state_dict"], str(path))
    return found


def _is_whole(found: Any) -> bool:
    """Whether it has all that `check`, `progress` and `restore` read."""
    try:
        said, now = found["wit"], progress(found)
        training = json.loads(said["training"])
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        return False
    parts = (found.get("state_dict"), found.get("optimizer"), now.skipped, training)
    return (
        all(isinstance(part, dict) for part in parts)
        and all(isinstance(training.get(name), str) for name in ("model", "objective", "text_encoder"))
        and ("config" not in said or own.told(found) is not None)
        and isinstance(now.step, int)
        and isinstance(said.get("data"), str)
    )


def progress(found: Content) -> Progress:
    """How far the run was."""
    said = found["wit"]
    best = Best(**said["best"]) if said["best"] else None
    return Progress(said["step"], best, said.get("skipped", {}))


def check(found: Content, path: Path, training: Training, network: Sighted, data: str) -> None:
    """Raises ConfigError, naming the first difference, for a checkpoint of another run than this one.

    And for weights that are not finite: nothing good comes of going on with them.
    A model is what its config says, whatever the file is called.
    """
    before = {"samples": 0} | json.loads(found["wit"]["training"])  # which older ones do not tell
    now = json.loads(json.dumps(asdict(training)))
    told = own.told(found)
    config, prepare = json.loads(json.dumps([network.config, dict(network.prepare)]))
    if told in ((config, prepare), (config, None)):
        before["model"] = now["model"]
    elif told is not None and before["model"] == now["model"]:
        raise ConfigError(
            f"{str(path)!r} was trained with another config of {training.model!r} than there is now",
            "put the file back as it was, or give another --out",
        )
    free = _FREE_WITH_NORMS if network.has_batch_norms else _FREE
    for name, value in now.items():
        if name not in free and before.get(name) != value:
            raise ConfigError(
                f"{str(path)!r} was trained with {name} {before.get(name)!r}, now it is {value!r}",
                "give the options that the run was begun with, or another --out",
            )
    if found["wit"]["data"] != data:
        raise ConfigError(
            f"{str(path)!r} has seen other data: fingerprint {found['wit']['data'][:12]}, "
            f"that of these shards is {data[:12]}",
            "give the shards that the run was begun with, or another --out and `--init` with this checkpoint",
        )
    weights.check_finite(found["state_dict"], str(path), "delete it to go on from the one before")


def restore(found: Content, path: Path, network: Sighted, optimizer: torch.optim.Optimizer) -> None:
    """Put weights and optimiser back as they were, in shards where they are.

    Raises ConfigError for those of another network, or of none.
    """
    mine = network.inner.state_dict()
    params = [weight for group in optimizer.param_groups for weight in group["params"]]
    try:
        state = {name: _like(mine[name], value) for name, value in found["state_dict"].items()}
        network.inner.load_state_dict(state)
        placed = {
            number: {name: _like(params[number], value) for name, value in entry.items()}
            for number, entry in found["optimizer"]["state"].items()
        }
        optimizer.load_state_dict({**found["optimizer"], "state": placed})
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise ConfigError(
            f"{str(path)!r} does not have the weights and the optimiser's state to go on with: {weights.why(error)}",
            "delete it to go on from the one before",
        ) from error


class Checkpoints:
    """The checkpoints of a run, in a folder of its own.

    per_epoch: steps of an epoch. keep: how many of the newest stay, 0 for all. keep_every: the checkpoint of each
    so many epochs stays besides, 0 for none. The best one stays always.
    """

    def __init__(self, folder: Path, per_epoch: int, keep: int = 3, keep_every: int = 0) -> None:
        self.folder = folder
        self._per_epoch, self._keep, self._keep_every = per_epoch, keep, keep_every
        self._writer: threading.Thread | None = None
        self._error: Exception | None = None

    def path(self, step: int) -> Path:
        """Where the checkpoint after that many steps lies."""
        epoch, rest = divmod(step, self._per_epoch)
        return self.folder / (f"step_{step}.pt" if rest else f"epoch_{epoch}.pt")

    def steps(self) -> list[int]:
        """After how many steps there are checkpoints, in order."""
        found = []
        for path in self.folder.glob("*_*.pt"):
            kind, _, number = path.stem.partition("_")
            if number.isdigit() and kind in ("step", "epoch"):
                found.append(int(number) * (self._per_epoch if kind == "epoch" else 1))
        return sorted(found)

    def newest(self) -> Path | None:
        """The one to go on from."""
        steps = self.steps()
        return self.path(steps[-1]) if steps else None

    def save(self, what: Content) -> None:
        """Begin to write, and come back; waits for the one before.

        Raises BuildError, as `wait` does, when that one could not be written.
        """
        self.wait()
        self._writer = threading.Thread(target=self._write, args=(what,), name="checkpoint")
        self._writer.start()

    def wait(self) -> None:
        """Until what was saved is on the disk. Raises BuildError when it could not be written."""
        if self._writer is not None:
            self._writer.join()
            self._writer = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _write(self, what: Content) -> None:
        path = self.path(what["wit"]["step"])
        try:
            with storage.whole(path) as temporary, temporary.open("wb") as file:
                _saved(what, file)
            self._prune(what["wit"]["best"])
        except Exception as error:  # noqa: BLE001  # raised again where the loop waits
            self._error = error

    def _prune(self, best: Mapping[str, Any] | None) -> None:
        steps = self.steps()
        stay = set(steps[-self._keep :]) | {best["step"] if best else -1}
        if self._keep_every:
            stay |= {step for step in steps if step % (self._per_epoch * self._keep_every) == 0}
        for step in steps if self._keep else []:
            if step not in stay:
                self.path(step).unlink(missing_ok=True)


def _saved(what: Content, file: Any) -> None:
    """torch says of a full disk only that it failed; the file itself knows why."""
    kept: Any = _Remembering(file)
    try:
        torch.save(what, kept)
    except RuntimeError as error:
        raise kept.error or error from error


class _Remembering:
    """A file that keeps the error of a write."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        """As the file does."""
        try:
            written: int = self._file.write(data)
        except OSError as error:
            self.error = error
            raise
        return written

    def flush(self) -> None:
        """As the file does."""
        self._file.flush()


def _copied(value: Any) -> Any:
    """The same value, its tensors copied to the CPU; of a shard, the whole."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    if isinstance(value, DTensor):
        whole: Any = value.detach()
        return whole.full_tensor().cpu()
    return value.detach().to("cpu", copy=True) if isinstance(value, torch.Tensor) else value


def _like(place: torch.Tensor, value: Any) -> Any:
    """The value in shards as `place` is, where it is of its shape; else as it is."""
    if isinstance(place, DTensor) and isinstance(value, torch.Tensor) and value.shape == place.shape:
        return distribute_tensor(value.to(place.device), place.device_mesh, place.placements)
    return value
