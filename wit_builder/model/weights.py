"""Weights from a file that may be anything: safetensors, or torch's own format without a line of its pickle run."""

import warnings
from typing import Any

import torch
from safetensors.torch import load_file

from wit_builder.errors import ConfigError
from wit_builder.model import own

Weights = dict[str, torch.Tensor]


def read(path: str) -> Weights:
    """Tensors by name, on the CPU, out of a state dict or one of open_clip's training checkpoints.

    Raises ConfigError when the file is neither.
    """
    return read_told(path)[0]


def read_told(path: str) -> tuple[Weights, own.Told | None]:
    """As `read`, and what the file says of its network where it is of `wit train`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what torch says of a file that it then refuses
            found = load_file(path) if path.endswith(".safetensors") else _torch(path)
    except MemoryError:
        raise
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise ConfigError(
            f"{path!r} cannot be read: {error.strerror}",
            "give the path of a checkpoint that you have; none is fetched",
        ) from error
    except Exception as error:  # whatever somebody's bytes do to a reader
        raise ConfigError(
            f"{path!r} is no checkpoint that can be read: {why(error)}",
            "give a state dict as torch.save or safetensors writes it; TorchScript archives and whole pickled "
            "models are not read, because to read them is to run them",
        ) from error
    told = own.told(found)
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    found = checked(found, path)
    if all(name.startswith("module.") for name in found):  # trained on several GPUs
        found = {name.removeprefix("module."): weight for name, weight in found.items()}
    return dict(found), told


def checked(found: object, path: str) -> Weights:
    """The state dict that the file holds. Raises ConfigError when it is none, or not of plain tensors."""
    if not (isinstance(found, dict) and found and all(_is_weight(*item) for item in found.items())):
        raise ConfigError(f"{path!r} holds no weights", "give a state dict, or open_clip's epoch_N.pt")
    if odd := next((name for name, weight in found.items() if weight.layout is not torch.strided), ""):
        raise ConfigError(
            f"{path!r} holds a weight that is no plain tensor: {odd} is {found[odd].layout}",
            f"state[{odd!r}] = state[{odd!r}].to_dense()",
        )
    return found


def check_finite(found: Weights, path: str, hint: str) -> None:
    """Raises ConfigError where one of the weights is not finite."""
    if lost := next((name for name, weight in found.items() if not weight.isfinite().all()), ""):
        raise ConfigError(f"{path!r} has weights that are not finite, such as {lost}", hint)


def why(error: Exception) -> str:
    """What torch or safetensors says of a file, without what torch advises (to read it unsafely)."""
    said = " ".join(str(error).split())
    if "weights_only" in said or "Weights only" in said:
        return "it is no archive of tensors and plain values alone"
    if "zip archive" in said or isinstance(error, EOFError | OSError):
        return "it is cut or damaged"
    return said[:200] or type(error).__name__


def _torch(path: str) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


def _is_weight(name: object, value: object) -> bool:
    return isinstance(name, str) and isinstance(value, torch.Tensor)
