"""Files that are whole or absent: temporary name, fsync, rename, fsync of the folder.

A reader of `path` sees the old file, the new file, or none, never half of one, whatever kills the writer.
The temporary file lies beside `path` as `.NAME.PID-RANDOM.tmp`: same file system, so that the rename is one
step, and a leading dot, so that `*.tar` and `*.json` never match it. Its writer holds a shared flock on it
for as long as it lives; `sweep` removes those that nobody holds. (A process id alone would not do: ids are
used again, and mean nothing between containers that share a volume.)
"""

import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from wit_builder.errors import BuildError

_RESUME = "then run the same command again, with `--resume` where it has that"
_TROUBLE = {
    errno.ENOSPC: ("no space is left on the device", "free some space there"),
    errno.EDQUOT: ("the disk quota is used up", "free some space there or have the quota raised"),
    errno.EFBIG: ("the file grew over the limit for one file", "raise the limit (`ulimit -f unlimited`)"),
    errno.EROFS: ("the file system is read-only", "mount it for writing"),
    errno.EACCES: ("this user may not write there", "give this user the right to write there"),
    errno.EPERM: ("this user may not write there", "give this user the right to write there"),
}
_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS}
_TEMPORARY = re.compile(r"\.(.+)\.\d+-[0-9a-f]{8}\.tmp")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary path to write to; when the block ends well it becomes `path`, else it is removed.

    The folder is made when it is missing. The block writes the temporary path by any means it likes.
    Raises BuildError for a full, read-only or forbidden disk, also when the block meets it.
    """
    temporary = _temporary_for(path)
    with plain_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        held = _create(temporary)
        try:
            yield temporary
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
            os.close(held)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """A temporary file of that name for as long as the block lasts: `sweep` names those whose process was killed."""
    temporary = _temporary_for(path)
    descriptor = _create(temporary)
    try:
        yield
    finally:
        temporary.unlink(missing_ok=True)
        os.close(descriptor)


def write_bytes(path: Path, data: bytes) -> None:
    """The file with exactly these bytes, whole or absent."""
    with whole(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """The value as JSON, keys sorted, indented by 2, newline at the end; whole or absent."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    write_bytes(path, orjson.dumps(value, option=options))


def publish(src: Path, dst: Path) -> None:
    """Show the finished file `src` as `dst`, whole or absent: a hard link, or a copy where links fail.

    `src` stays. It must not be written to afterwards, for a link shares its bytes with `dst`.
    """
    temporary = _temporary_for(dst)
    with plain_errors(dst):
        dst.parent.mkdir(parents=True, exist_ok=True)
        held = os.open(src, os.O_RDONLY)
        try:
            _lock(held, fcntl.LOCK_SH)  # on the file, so on every link to it
            os.fsync(held)
            _link_or_copy(src, temporary)
            temporary.replace(dst)
            sync(dst.parent)
        finally:
            temporary.unlink(missing_ok=True)  # rename does nothing where both are links to one file
            os.close(held)


def sync(path: Path) -> None:
    """Wait until the file or folder is on the disk: until then a loss of power may take it back."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(folder: Path) -> list[Path]:
    """Remove the temporary files directly in `folder` that no living process holds; returns those removed.

    Files of other names are never touched. On a file system without flock nothing is removed.
    """
    if not folder.is_dir():
        return []
    named = sorted(path for path in folder.iterdir() if _TEMPORARY.fullmatch(path.name))
    return [path for path in named if _remove_abandoned(path)]


@contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """Turn a full, read-only or forbidden disk into a BuildError that says what to do.

    A foreign file that cannot be read inside the block keeps its own error: only errors that name no file,
    or one beside, above or (where it is a folder) below `path`, are taken to be about writing `path`.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _TROUBLE or not _concerns(error, path):
            raise
        what, advice = _TROUBLE[error.errno]
        raise BuildError(f"cannot write {_final(path)}: {what}", f"{advice}, {_RESUME}") from error


def _concerns(error: OSError, path: Path) -> bool:
    named = [Path(os.fsdecode(name)) for name in (error.filename, error.filename2) if name is not None]
    return not named or any(
        name.parent == path.parent or name in path.parents or path in name.parents for name in named
    )


def _final(path: Path) -> Path:
    """The name the user knows: what a temporary path is to become, any other path itself."""
    match = _TEMPORARY.fullmatch(path.name)
    return path.with_name(match[1]) if match else path


def _temporary_for(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")


def _create(temporary: Path) -> int:
    """The new empty file, open and marked as held until the descriptor is closed or its process dies."""
    while True:
        held = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        _lock(held, fcntl.LOCK_SH)
        if os.fstat(held).st_nlink:
            return held
        os.close(held)  # a sweep came between the two lines above


def _remove_abandoned(temporary: Path) -> bool:
    try:
        descriptor = os.open(temporary, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:  # renamed or swept since it was listed, or somebody else's
        return False
    try:
        abandoned = _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if abandoned:
            temporary.unlink(missing_ok=True)
        return abandoned
    finally:
        os.close(descriptor)


def _lock(descriptor: int, kind: int) -> bool:
    """Whether the lock was had: not when another process holds it or the file system has no locks."""
    try:
        fcntl.flock(descriptor, kind)
    except OSError:
        return False
    return True


def _link_or_copy(src: Path, temporary: Path) -> None:
    try:
        os.link(src, temporary)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        held = _create(temporary)
        try:
            shutil.copyfile(src, temporary)
            sync(temporary)
        finally:
            os.close(held)
