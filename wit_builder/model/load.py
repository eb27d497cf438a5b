"""The way to a model: opened by the names of its files, once a process. torch is not imported before that.

A recipe's value that needs a model holds `model`, `checkpoint` and perhaps `head`, and a `fingerprint` of these
files. It is written when the recipe is made, so it stands in build.json; another file under the same name is
noticed when a build goes on.
"""

import hashlib
import importlib.util
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from wit_builder.errors import BuildError, ConfigError

if TYPE_CHECKING:
    from wit_builder.model.clip import Clip
    from wit_builder.model.heads import Head

NEEDED = ("torch", "torchvision", "open_clip", "safetensors")  # the extra `train`


class Rule(Protocol):
    """What names a CLIP model in a recipe."""

    @property
    def model(self) -> str: ...  # noqa: D102
    @property
    def checkpoint(self) -> str: ...  # noqa: D102
    @property
    def fingerprint(self) -> str: ...  # noqa: D102


def pin(rule: Rule) -> None:
    """Fill in the fingerprint of a frozen rule, where it has none: sha256 of its file, or of all their sha256.

    Raises ConfigError for a file that cannot be read.
    """
    files = list(_files(rule))
    if not rule.fingerprint:
        object.__setattr__(rule, "fingerprint", _sum(files))


def require(what: str) -> None:
    """Raises ConfigError when the extra `train`, which that needs, is not installed."""
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise ConfigError(
            f"{what} needs torch and open_clip; not installed: {', '.join(missing)}",
            "pip install 'wit-builder[train]'",
        )


def clip_of(rule: Rule) -> "Clip":
    """The rule's model, on one thread.

    A process with ViT-B-32 takes 1.9 GB, of which 0.6 are weights (benchmarks/curate/model.py).
    Raises ConfigError when torch or open_clip is not installed, when open_clip does not know the model or would
    fetch a part of it from the network, when the checkpoint is none of that model; BuildError when a file is
    another than when the recipe was made.
    """
    require("a CLIP model")
    if _sum(list(_files(rule))) != rule.fingerprint:
        raise BuildError(
            f"{type(rule).__name__}.fingerprint is not that of {rule.checkpoint!r} and what belongs to it",
            "put back the files that the build was begun with, or build into another --out",
        )
    return _clip(rule.model, rule.checkpoint)


def head_of(rule: Any) -> "Head":
    """The head in `rule.head`. Raises ConfigError when it has none of the layouts that heads.py knows."""
    return _head(rule.head)


def forget() -> None:
    """Give back the memory of all models."""
    _clip.cache_clear()
    _head.cache_clear()


@lru_cache(maxsize=1)
def _clip(model: str, checkpoint: str) -> "Clip":
    from wit_builder.model.clip import load

    return load(model, checkpoint)


@lru_cache(maxsize=4)
def _head(path: str) -> "Head":
    from wit_builder.model.heads import load

    return load(path)


def _files(rule: Rule) -> Iterator[Path]:
    """All files that the rule's numbers depend on."""
    for name in ("model", "checkpoint", "head"):
        value = getattr(rule, name, None)
        if name == "head" and value is None:
            continue
        if not (isinstance(value, str) and value):
            raise ConfigError(f"{type(rule).__name__}.{name} is {value!r}, expected a text")
        if name != "model" or value.endswith(".json"):
            yield Path(value)


def _sum(files: list[Path]) -> str:
    sums = [_sha256(path, *_state(path)) for path in files]
    return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()


def _state(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
        if path.is_file():
            return found.st_size, found.st_mtime_ns
        why = "it is no file"
    except OSError as error:
        why = str(error.strerror)
    raise ConfigError(
        f"{str(path)!r} cannot be read: {why}", "give the path of a checkpoint that you have; none is fetched"
    )


@lru_cache(maxsize=16)
def _sha256(path: Path, _size: int, _changed: int) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"{str(path)!r} cannot be read: {error.strerror}") from error
