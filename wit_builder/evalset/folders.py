"""Folders of images that users have.

CLASS/*.jpg ...               a folder a class (torchvision's ImageFolder): classes are numbered by their names' order
SPLIT/CLASS/*.jpg ...         the same, in splits
*.jpg with *.txt beside       images with captions, one a line
*.jpg ...                     images alone, to be looked for in shards

classnames.txt and zeroshot_classification_templates.txt may lie in the uppermost folder; which line a class's folder
is, naming.py says. Names that begin with a dot
are passed over, and __MACOSX, which macOS puts into a zip.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

import numpy as np

from wit_builder.errors import ConfigError
from wit_builder.evalset import layout
from wit_builder.evalset.layout import Found, Place
from wit_builder.shards.index import IMAGES

SPLITS = ("test", "val", "valid", "validation", "train")


def splits(folder: Path) -> tuple[str, ...]:
    """The splits in that folder: it has them when its folders have such names, and no others; else none."""
    found = {path.name for path in _folders(folder)}
    return tuple(name for name in SPLITS if name in found) if found and found <= set(SPLITS) else ()


def read(folder: Path, split: str = "") -> Found:
    """That split, or of a folder without splits ("") all. Raises ConfigError for a folder of no such kind."""
    images = folder / split if split else folder
    classes, own = _folders(images), _images(images)
    mixed = [path.name for path in classes if path.name in SPLITS]
    if 1 < len(mixed) < len(classes):
        other = next(path.name for path in classes if path.name not in SPLITS)
        raise ConfigError(
            f"{str(images)!r} holds the splits {', '.join(mixed)} beside the folder {other!r}",
            f"move {other} away, or name a split by its path: {images / mixed[0]}",
        )
    if classes and own:
        raise ConfigError(
            f"{str(images)!r} holds images beside the folders of classes, such as {own[0].name!r}",
            "a folder a class, or images alone",
        )
    names, templates = layout.beside(folder)
    if not classes:
        return _flat(images, own)
    found = [(path, number) for number, one in enumerate(classes) for path in _below(one)]
    filled = {number for _, number in found}
    if empty := [one for number, one in enumerate(classes) if found and number not in filled]:
        raise ConfigError(
            f"{len(empty):,} of {len(classes):,} classes in {str(images)!r} have no image, the first is "
            f"{empty[0].name!r}",
            f"rm -r {quote(str(empty[0]))}, where it is no class",
        )
    return Found(
        tuple(path.relative_to(images).as_posix() for path, _ in found),
        tuple(Place(path) for path, _ in found),
        np.array([number for _, number in found], np.int64),
        folders=tuple(one.name for one in classes),
        names=names,
        templates=templates,
    )


def _flat(folder: Path, images: list[Path]) -> Found:
    """Images with captions where any has some, else images alone."""
    captions = [_captions(path) for path in images]
    lacking = [path for path, own in zip(images, captions, strict=True) if not own]
    if lacking and len(lacking) < len(images):
        raise ConfigError(
            f"{len(lacking):,} of {len(images):,} images in {str(folder)!r} have no caption, the first is "
            f"{lacking[0].name!r}",
            f"captions, one a line, in {lacking[0].stem}.txt",
        )
    keys, places = tuple(path.name for path in images), tuple(map(Place, images))
    return Found(keys, places, captions=() if lacking else tuple(captions))


def _captions(image: Path) -> tuple[str, ...]:
    path = image.with_suffix(".txt")
    if not path.is_file():
        return ()
    if path.stat().st_size > layout.MAX_TEXT_BYTES:
        raise ConfigError(f"{path} has over {layout.MAX_TEXT_BYTES:,} bytes of captions")
    return tuple(line for line in layout.folded(layout.text(path.read_bytes(), str(path))) if line)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not _is_passed_over(path.name))


def _is_passed_over(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and _is_image(path.name))


def _below(folder: Path) -> Iterator[Path]:
    """The images in that folder and in those below it, by their paths' order."""
    for path, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if not _is_passed_over(name))
        yield from (Path(path, name) for name in sorted(names) if _is_image(name))


def _is_image(name: str) -> bool:
    return not _is_passed_over(name) and name.rpartition(".")[2].lower() in IMAGES
