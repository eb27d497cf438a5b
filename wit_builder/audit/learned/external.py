"""Detectors of others: the image tower of any open_clip model, and TorchScript files.

Neither was made to tell copies from look-alikes: the appendix found CLIP's own embeddings too much about
meaning. Their thresholds are therefore asked for, never assumed. torch is imported when one is first used.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from wit_builder.audit.detectors import Image, Kind, Moves, Rows, described
from wit_builder.audit.learned import file
from wit_builder.errors import ConfigError
from wit_builder.model.load import require

if TYPE_CHECKING:
    from wit_builder.audit.learned.embed import Embedder

MAX_SIDE = 1024  # pixels, of the square that a TorchScript file takes


@dataclass(frozen=True, slots=True)
class OpenClip:
    """The image tower of a model that open_clip knows by that name, with the weights of a file.

    It sees images as the model was trained to, in ten views of an evaluation image (views.py).
    """

    model: str
    path: str
    sha256: str
    threshold: float
    source: str = "given"
    id: str = "open-clip"
    kind: Kind = "vector"
    moves: Moves = "no"

    def of(self, images: Sequence[Image], turned: bool) -> list[Rows | None]:
        """float32 [views, D] of each image. Raises ConfigError, BuildError."""
        from wit_builder.audit.learned import views

        embedder, side = _tower(self.model, self.path, self.sha256)
        return embedder.rows(views.views(images, side, turned))


@dataclass(frozen=True, slots=True)
class TorchScript:
    """A TorchScript file that takes float32 [B, 3, side, side], 0 to 1, and gives [B, D].

    To load such a file is to run what it says: take only files whose makers you trust.
    """

    path: str
    side: int
    sha256: str
    threshold: float
    source: str = "given"
    id: str = "torchscript"
    kind: Kind = "vector"
    moves: Moves = "no"

    def of(self, images: Sequence[Image], turned: bool) -> list[Rows | None]:
        """float32 [views, D] of each image. Raises ConfigError, BuildError when it gives anything else."""
        from wit_builder.audit.learned import views

        return _script(self.path, self.sha256).rows(views.views(images, self.side, turned))


def open_clip(model: str, path: Path, threshold: float) -> OpenClip:
    """The detector of that model (model/build.py has the names) and file. Raises ConfigError."""
    require("an open_clip model as detector")
    digest = file.sha256(path)
    return OpenClip(
        model, str(path.absolute()), described("open-clip", 1, model, digest), _checked(threshold)
    )


def torch_script(path: Path, side: int, threshold: float) -> TorchScript:
    """The detector in that file, of squares with that side in pixels. Raises ConfigError; runs nothing yet."""
    require("a TorchScript file as detector")
    if not 1 <= side <= MAX_SIDE:
        raise ConfigError(f"the side of {str(path)!r} is {side}, expected 1 to {MAX_SIDE} pixels")
    digest = file.sha256(path)
    made = described("torchscript", 1, side, digest)
    return TorchScript(str(path.absolute()), side, made, _checked(threshold))


def _checked(threshold: float) -> float:
    if not 0 <= threshold <= 1:
        raise ConfigError(f"a threshold is {threshold:g}, expected 0 to 1")
    return threshold


@lru_cache(maxsize=1)
def _tower(model: str, path: str, sha256: str) -> "tuple[Embedder, int]":
    from wit_builder.audit.learned import embed
    from wit_builder.model import network

    if described("open-clip", 1, model, file.sha256(Path(path))) != sha256:
        raise ConfigError(f"{path!r} has changed since the audit began", "put the file back")
    made = network.contrastive(model)
    network.begin_from(made, path)
    where = embed.device()
    made = made.to(where).eval()
    return embed.Embedder(f"the model {model!r}", made.encode_image, where), made.image_size[0]


@lru_cache(maxsize=1)
def _script(path: str, sha256: str) -> "Embedder":
    import torch

    from wit_builder.audit.learned import embed

    found = Path(path)
    where = embed.device()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch would rather have files of another kind
            module = torch.jit.load(path, map_location=where).eval()
    except (RuntimeError, ValueError, OSError) as error:
        why = (" ".join(str(error).split()) or type(error).__name__)[:200]
        raise ConfigError(f"{path!r} is no TorchScript file: {why}") from error
    return embed.Embedder(f"the TorchScript file {found.name!r}", lambda images: module(images / 255), where)
