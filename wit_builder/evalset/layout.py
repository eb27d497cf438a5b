"""What the readers of all layouts give: images, and what lies beside them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wit_builder.errors import ConfigError
from wit_builder.shards.index import MAX_IMAGE_BYTES

CLASS_NAMES = "classnames.txt"
CLASS_TEMPLATES = "zeroshot_classification_templates.txt"
KIND = "dataset_type.txt"  # "retrieval" or "multilabel"; of classes it may be missing

MAX_TEXT_BYTES = 1 << 20  # of a file with names, templates or captions
MAX_CLASSES = 1_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image lies: a file, or a part of one."""

    path: Path
    offset: int = 0
    length: int = -1

    def read(self) -> bytes:
        """Its bytes, of an image over 64 MiB those and one more: it then is none that can be decoded."""
        most = MAX_IMAGE_BYTES + 1
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(most if self.length < 0 else min(self.length, most))


@dataclass(frozen=True, slots=True)
class Found:
    """A split as its files have it, n images; what no file says is empty.

    labels: int64 [n], of images of one class each, or uint8 [n, C], of images of several. captions: of each image.
    folders: of an ImageFolder the names of its class folders, label 0 first, before `naming.numbered` gives labels of
    names. names, templates: the files' lines.
    """

    keys: tuple[str, ...]
    images: tuple[Place, ...]
    labels: npt.NDArray[np.int64] | npt.NDArray[np.uint8] | None = None
    captions: tuple[tuple[str, ...], ...] = ()
    folders: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()


def text(raw: bytes, where: str) -> str:
    """Those bytes as text, lines ending in `\\n`, without a byte order mark. Raises ConfigError for what is none."""
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{where} is no UTF-8 text (byte {error.start})", f"iconv -t UTF-8 {where}"
        ) from error


def lines(path: Path) -> tuple[str, ...]:
    """Of that file, each with its spaces folded, up to the last one that is not blank; none where there is no file.

    Raises ConfigError for one that is over a megabyte, or no text.
    """
    if not path.is_file():
        return ()
    if path.stat().st_size > MAX_TEXT_BYTES:
        raise ConfigError(f"{path} has {path.stat().st_size:,} bytes, {MAX_TEXT_BYTES:,} are read")
    return folded(text(path.read_bytes(), str(path)))


def folded(said: str) -> tuple[str, ...]:
    """The lines of a text, their spaces folded, up to the last one that is not blank."""
    return tuple(" ".join(line.split()) for line in said.rstrip().split("\n")) if said.strip() else ()


def beside(folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and templates that lie in that folder.

    Raises ConfigError for a name that is blank: it would move all numbers behind it.
    """
    names = lines(folder / CLASS_NAMES)
    if "" in names:
        raise ConfigError(
            f"line {names.index('') + 1} of {folder / CLASS_NAMES} is blank, and a line's number is its class's",
            "remove it, or write a name there",
        )
    return names, tuple(line for line in lines(folder / CLASS_TEMPLATES) if line)
