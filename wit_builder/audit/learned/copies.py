"""The learned rung: a detector of copies out of a file that `wit audit train-detector` wrote.

torch is imported when it is first used.
"""

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


@dataclass(frozen=True, slots=True)
class Copies:
    """Appendix C's detector, its weights from a file.

    file: its sha256. parts: images of shards are looked at in parts too, at ten times the cost, so that an evaluation
    image which is itself a part of one is found.
    """

    path: str
    file: str
    threshold: float
    source: str
    parts: bool = False
    id: str = "learned"
    kind: Kind = "vector"

    @property
    def moves(self) -> Moves:
        """Of parts the user names a threshold."""
        return "no" if self.parts else "both"

    @property
    def sha256(self) -> str:
        """The file's, or what is made of it where rows are others."""
        return described("parts", 1, self.file) if self.parts else self.file

    def of(self, images: Sequence[Image], turned: bool) -> list[Rows | None]:
        """Ten rows of an image of a set (views.py), one of an image of a shard. Raises ConfigError, BuildError."""
        from wit_builder.audit.learned import views

        embedder, side = _opened(self.path, self.file)
        return embedder.rows(views.views(images, side, turned or self.parts))


def read(path: Path, parts: float | None = None) -> Copies:
    """The detector in that file. parts: the threshold where images of shards are looked at in parts, None where they
    are not; the file's own is for wholes.

    Raises ConfigError when it is none, or torch is not installed.
    """
    require("a learned detector")
    header, sha256 = file.read(path)
    if parts is None:
        return Copies(str(path.absolute()), sha256, header.threshold, header.source)
    if not 0 <= parts <= 1:
        raise ConfigError(f"a threshold is {parts:g}, expected 0 to 1")
    return Copies(str(path.absolute()), sha256, parts, "given", parts=True)


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
