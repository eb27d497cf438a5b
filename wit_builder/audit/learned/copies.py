"""The learned rung: a detector of copies out of a file that `wit audit train-detector` wrote.

torch is imported when it is first used.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from wit_builder.audit.detectors import Image, Kind, Rows
from wit_builder.audit.learned import file
from wit_builder.errors import ConfigError
from wit_builder.model.load import require

if TYPE_CHECKING:
    from wit_builder.audit.learned.embed import Embedder


@dataclass(frozen=True, slots=True)
class Copies:
    """Appendix C's detector, its weights from a file."""

    path: str
    sha256: str
    threshold: float
    source: str
    id: str = "learned"
    kind: Kind = "vector"

    def of(self, images: Sequence[Image], turned: bool) -> list[Rows | None]:
        """Ten rows of an image of a set (views.py), one of an image of a shard. Raises ConfigError, BuildError."""
        from wit_builder.audit.learned import views

        embedder, side = _opened(self.path, self.sha256)
        return embedder.rows(views.views(images, side, turned))


def read(path: Path) -> Copies:
    """The detector in that file. Raises ConfigError when it is none, or torch is not installed."""
    require("a learned detector")
    header, sha256 = file.read(path)
    return Copies(str(path.absolute()), sha256, header.threshold, header.source)


@lru_cache(maxsize=1)
def _opened(path: str, sha256: str) -> "tuple[Embedder, int]":
    """Ready to use, and the side of its images. Raises ConfigError."""
    from wit_builder.audit.learned import embed, network
    from wit_builder.model import weights

    header, _ = file.read(Path(path), sha256)
    if header.variant not in network.VARIANTS:
        raise ConfigError(
            f"{path!r} is of the variant {header.variant!r}, known are {', '.join(network.VARIANTS)}"
        )
    made = network.Network(network.VARIANTS[header.variant])
    try:
        made.load_state_dict(weights.read(path))
    except RuntimeError as error:
        why = " ".join(str(error).split())[:200]
        raise ConfigError(f"{path!r} holds other weights than its header says: {why}") from error
    where = embed.device()
    return embed.Embedder(f"the detector {path!r}", made.to(where).eval(), where), made.shape.size
