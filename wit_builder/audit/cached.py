"""What detectors made of a shard, kept beside it: `.audit/00000.pdq-1a2b3c4d.npz`.

Such a file says which tar it was made of, by the sha256 of all its bytes, and by which detector; for another tar or
detector it counts for nothing and is made again. Whether a tar is the same is not asked of its bytes each time: while
its size, its inode and the time at which it was last changed (which no program can set) are those that were noted
with the hash, it is; they are noted once that time lies behind. Of a shard in a store its version says so.

Where nobody may write beside a shard, or it lies in a store, the files lie in the user's cache.
"""

import hashlib
import mmap
import os
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from wit_builder import storage, store
from wit_builder.audit.detectors import Detector, Image, Rows
from wit_builder.errors import BuildError
from wit_builder.shards import index, sample
from wit_builder.shards.removal import AUDIT
from wit_builder.shardset.cache import Cache, default_folder
from wit_builder.shardset.shard import Shard

SETTLED_S = (
    2.0  # a file that changed within this time may change again without a new time; ask its bytes once more
)
_TOGETHER = 64  # images that a detector gets at once
_DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a detector made of a shard.

    rows: of all images that could be read, in the order of the tar. sample: int64 [rows], whose row it is: the number
    of the sample in the tar, as `bounds` counts.
    """

    rows: Rows
    sample: NDArray[np.int64]
    samples: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a shard. tar: the sha256 of its bytes. passed_over: what is no sample, as `bounds` counts."""

    tar: str
    samples: int
    passed_over: dict[str, int]


def bounds(tar: mmap.mmap) -> tuple[NDArray[np.int64], dict[str, int]]:
    """Where the samples of a tar begin and end, int64 [N, 2], and what is none; an image needs no text to be one."""
    made = index.index(tar, captioned=False)
    return np.array(made.bounds, np.int64).reshape(-1, 2), dict(+made.counts)


def path(shard: Shard, detector: Detector, folder: Path | None) -> Path:
    """Where it is kept: in `folder`, else beside the shard, else in the user's cache."""
    name = f"{shard.name.removesuffix('.tar')}.{detector.id}-{detector.sha256[:8]}.npz"
    beside = Path(shard.url).parent
    if folder is None and not store.protocol(shard.url) and os.access(beside, os.W_OK):
        return beside / AUDIT / name
    where = hashlib.sha256(shard.url.encode()).hexdigest()[:16]
    return (folder or default_folder().with_name("audit")) / f"{where}-{name}"


def read(kept: Path, tar: str, detector: Detector) -> Kept:
    """What the detector made of the tar of that sha256. Raises BuildError when it is not there any more."""
    try:
        with kept.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            said = orjson.loads(arrays["said"].tobytes())
            if (said["tar"], said["detector"]) == (tar, detector.sha256):
                return Kept(arrays["rows"], arrays["sample"], said["samples"], said["unreadable"])
    except _DAMAGED:
        pass
    raise BuildError(f"{kept} was removed or changed while it was in use", "--out OTHER_FOLDER")


def make(
    shard: Shard,
    detectors: Mapping[str, Detector],
    folder: Path | None,
    shards: Cache,
    tell: Callable[[int], None] = lambda samples: None,
) -> Told:
    """See that what these detectors make of the shard is kept; what is told of it.

    tell: is told of samples as they are looked at. Raises BuildError when the shard is not as it was listed, or
    changes meanwhile.
    """
    paths = {name: path(shard, detector, folder) for name, detector in detectors.items()}
    known = {name: _said(paths[name], detector) for name, detector in detectors.items()}
    sign = _remote_sign(shard) or _sign(shards.path(shard).stat())
    tars = {said.get("tar", ""): said for said in known.values() if sign and said.get("sign") == sign}
    if len(tars) == 1 and all(said.get("sign") == sign for said in known.values()):
        ((digest, said),) = tars.items()
        return Told(digest, said["samples"], said["passed_over"])
    descriptor = shards.open(shard)
    try:
        opened = _sign(os.fstat(descriptor))
        sign = _remote_sign(shard) or opened
        with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as tar:
            digest = hashlib.sha256(tar).hexdigest()
            missing = {n: one for n, one in detectors.items() if known[n].get("tar") != digest}
            where, passed = bounds(tar)
            made = _made(tar, where, missing, tell)
        if _sign(os.fstat(descriptor)) != opened:
            raise BuildError(f"{shard.url} changed while it was read", "run the same command again")
        if abs(time.time() - os.fstat(descriptor).st_ctime) < SETTLED_S and not _remote_sign(shard):
            sign = ""
    finally:
        os.close(descriptor)
    for name, detector in detectors.items():
        kept = made.get(name) or read(paths[name], digest, detector)
        said = {"tar": digest, "detector": detector.sha256, "sign": sign, "passed_over": passed}
        write(paths[name], kept, said)
    return Told(digest, len(where), passed)


def signs(shards: Sequence[Shard]) -> str:
    """One sha256 of all signs by which these tars, as they are now, are known again."""
    told = (
        _remote_sign(one) or (str(one.bytes) if store.protocol(one.url) else _sign(Path(one.url).stat()))
        for one in shards
    )
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _said(kept: Path, detector: Detector) -> dict[str, Any]:
    """What the file says of itself, nothing where it is of another detector or format, damaged, or not there."""
    try:
        with kept.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            said: dict[str, Any] = orjson.loads(arrays["said"].tobytes())
            return said if said["detector"] == detector.sha256 and "passed_over" in said else {}
    except _DAMAGED:
        return {}


def _sign(known: os.stat_result) -> str:
    return f"{known.st_size} {known.st_ino} {known.st_mtime_ns} {known.st_ctime_ns}"


def _remote_sign(shard: Shard) -> str:
    """Of a shard in a store; "" where it has no version, or lies here."""
    return f"{shard.bytes} {shard.version}" if store.protocol(shard.url) and shard.version else ""


def _made(
    tar: mmap.mmap,
    where: NDArray[np.int64],
    detectors: Mapping[str, Detector],
    tell: Callable[[int], None],
) -> dict[str, Kept]:
    found: dict[str, list[tuple[int, Rows | None]]] = {name: [] for name in detectors}
    for start in range(0, len(where) if detectors else 0, _TOGETHER):
        images = [_image(tar[begin:end]) for begin, end in where[start : start + _TOGETHER]]
        for name, detector in detectors.items():
            found[name] += enumerate(detector.of(images, False), start)
        tell(start + len(images))
    return {name: _joined(rows, len(where)) for name, rows in found.items()}


def _image(body: bytes) -> Image:
    parts = index.parts_of(body)
    return Image(sample.image(body, parts), sample.fields(body, parts))


def _joined(found: Sequence[tuple[int, Rows | None]], samples: int) -> Kept:
    some = [(number, rows) for number, rows in found if rows is not None]
    numbers = [np.full(len(rows), number, np.int64) for number, rows in some]
    rows = np.concatenate([rows for _, rows in some]) if some else np.zeros((0, 0))
    return Kept(rows, np.concatenate([np.zeros(0, np.int64), *numbers]), samples, len(found) - len(some))


def write(where: Path, kept: Kept, said: Mapping[str, Any]) -> None:
    """Keep it. said: tar, detector (their sha256), sign, by which the tar is known again, and passed_over."""
    said = {**said, "samples": kept.samples, "unreadable": kept.unreadable}
    with storage.whole(where) as temporary, temporary.open("wb") as file:
        np.savez(file, said=np.frombuffer(orjson.dumps(said), np.uint8), rows=kept.rows, sample=kept.sample)
