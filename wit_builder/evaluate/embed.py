"""One embedding pass for a checkpoint and a set, whatever is asked of it afterwards, kept on the disk.

What was embedded lies under a name made of everything that it depends on: weights, config and preprocessing, the
bytes of every image, the precision. Another byte anywhere is another name, so what is found there is never stale.

Calls of the network have one shape and run on one thread each, as many at a time as there are cores: an embedding is
then the same to the bit, however many cores and ranks there are, or tasks elsewhere. Shapes in this file: n images.
"""

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from wit_builder import storage
from wit_builder.errors import BuildError, ConfigError
from wit_builder.evalset.sets import EvalSet
from wit_builder.evaluate import batches, calls
from wit_builder.evaluate.batches import Floats, Image, Rows
from wit_builder.evaluate.calls import Precision
from wit_builder.evaluate.elsewhere import Elsewhere
from wit_builder.model.loaded import Loaded
from wit_builder.model.ranks import Ranks, gathered

MAX_UNREADABLE = 0.01  # share of a set
_NEW_S = 60  # for so long files of a pass may not be held yet
_FORMAT = 1  # counts up when the same inputs come to give something else

Progress = Callable[[int], None]  # images that are done, of all ranks


@dataclass(frozen=True, slots=True)
class Embedded:
    """n images of a set as a network sees them; arrays are mapped from the disk."""

    keys: tuple[str, ...]
    images: Floats  # [n, D], rows of unit length
    features: Floats  # [n, P], before the projection: see loaded.Sight
    readable: npt.NDArray[np.bool_]  # [n]; False: could not be decoded, and its rows are zero
    fingerprint: str  # sha256 of all that they depend on, hex
    data_sha256: str = ""  # of keys and bytes of all images, in their order, hex


def embed(
    loaded: Loaded,
    which: EvalSet,
    ranks: Ranks,
    cache: Path,
    precision: Precision,
    progress: Progress = lambda done: None,
    elsewhere: Elsewhere | None = None,
) -> Embedded:
    """The set's embeddings, out of the cache where they are there. All ranks call this together and share the folder.

    elsewhere: where images are hashed and embedded, in place of this process.
    Raises ConfigError when the set is empty, or more than MAX_UNREADABLE of its images cannot be decoded.
    """
    if not which.images:
        raise ConfigError(f"the evaluation set {which.name!r} holds no images")
    digests = elsewhere.digests(which.images) if elsewhere else list(calls.each(batches.digest, which.images))
    data = which.data_sha256(digests)
    told = [str(_FORMAT), loaded.fingerprint, data, precision, ranks.device.type]
    fingerprint = hashlib.sha256("\n".join(told).encode()).hexdigest()
    folder = cache / fingerprint
    if not all(gathered((folder / "readable.npy").exists(), ranks.world)):
        images = list(zip(which.images, digests, strict=True))
        rows = (
            elsewhere.rows(loaded, images, fingerprint, precision, progress)
            if elsewhere
            else _rows(loaded, images, ranks, precision, progress)
        )
        _write(rows, which, ranks, folder)
    return replace(_opened(folder, which, fingerprint), data_sha256=data)


def _opened(folder: Path, which: EvalSet, fingerprint: str) -> Embedded:
    try:
        images, features, readable = (
            np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("images", "features", "readable")
        )
    except (OSError, ValueError) as error:
        raise BuildError(f"{str(folder)!r} cannot be read: {error}", f"rm -r {quote(str(folder))}") from error
    lost = len(readable) - int(np.count_nonzero(readable))
    if len(readable) != len(which.keys):
        raise BuildError(
            f"{str(folder)!r} is of {len(readable)} images, {which.name!r} has {len(which.keys)}"
        )
    if lost > MAX_UNREADABLE * len(readable):
        first = which.keys[int(np.argmin(readable))]
        raise ConfigError(
            f"{lost:,} of {len(readable):,} images of {which.name!r} cannot be decoded, such as {first!r}; "
            f"{MAX_UNREADABLE:.0%} may be lost",
            "get the set anew",
        )
    return Embedded(which.keys, images, features, readable, fingerprint)


def _rows(
    loaded: Loaded, images: Sequence[Image], ranks: Ranks, precision: Precision, progress: Progress
) -> Iterator[Rows]:
    """Of one batch after the other, in their order: each rank embeds every so-many-th, and has those of all."""
    own = calls.shared(batches.cut(images, ranks.device), (), ranks.rank, ranks.world)
    done = 0
    for rows in batches.rows(loaded, own, ranks.device, precision):
        for some in gathered(rows, ranks.world):
            yield some
            done += len(some[0])
        progress(done)


def _write(rows: Iterator[Rows], which: EvalSet, ranks: Ranks, folder: Path) -> None:
    """The first rank writes all rows, and the mark of the end last."""
    writing = _Writing(folder, len(which.images)) if ranks.first else None
    done = 0
    try:
        for some in rows:
            if writing:
                writing.add(some)
            done += len(some[0])
        if done != len(which.images):
            raise BuildError(f"{done} images were embedded, {which.name!r} has {len(which.images)}")
        if writing:
            writing.finish()
    finally:
        if writing:
            writing.close()
    gathered(None, ranks.world)


class _Writing:
    """The three arrays in a folder beside the one they will be in.

    They are written, not mapped: of a mapped file a full disk kills the process.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self._folder, self._count = folder, count
        self._work = folder.with_name(f".{folder.name}-{os.getpid()}")
        self._files: list[BinaryIO] = []

    def add(self, rows: Rows) -> None:
        """The next rows."""
        with storage.plain_errors(self._work):
            if not self._files:
                _sweep(self._folder.parent)
                self._work.mkdir(parents=True)
                self._files = [self._array(name, some) for name, some in zip(_NAMES, rows, strict=True)]
            for file, some in zip(self._files, rows, strict=True):
                file.write(some.tobytes())

    def _array(self, name: str, rows: Any) -> BinaryIO:
        file = (self._work / f"{name}.npy").open("wb")
        with suppress(OSError):  # of a file system without locks, where nothing is swept
            fcntl.flock(file, fcntl.LOCK_SH)
        told = {"descr": rows.dtype.str, "fortran_order": False, "shape": (self._count, *rows.shape[1:])}
        np.lib.format.write_array_header_1_0(file, told)
        return file

    def finish(self) -> None:
        """What another process may have put there meanwhile is the same to the bit."""
        with storage.plain_errors(self._folder):
            for file in self._files:
                file.flush()
                os.fsync(file.fileno())
            shutil.rmtree(self._folder, ignore_errors=True)
            self._work.rename(self._folder)
            storage.sync(self._folder.parent)

    def close(self) -> None:
        """What was not finished goes."""
        for file in self._files:
            with suppress(OSError):  # of a full disk, which was said
                file.close()
        shutil.rmtree(self._work, ignore_errors=True)


def _sweep(cache: Path) -> None:
    """Remove what killed passes have left there: it is not quite new, and its files are held by nobody."""
    for work in cache.glob(".*-*"):
        with suppress(OSError), (work / f"{_NAMES[-1]}.npy").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if time.time() - work.stat().st_mtime > _NEW_S:
                shutil.rmtree(work, ignore_errors=True)


_NAMES = ("images", "features", "readable")
