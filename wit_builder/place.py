"""OUT wherever it lies: a folder, or the URL of a store.

A command works in a folder. Where OUT is a URL that is a scratch folder: `push` brings its files to OUT in the
order that the command wants readers to meet them, and what lies at OUT is read from there. Each file at OUT is
whole or absent. It is sent once: it carries its sha256 where the store keeps one beside a file (S3, GCS).
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import BinaryIO

from wit_builder import remote, storage, store
from wit_builder.errors import BuildError, ConfigError, ShardError, WitError
from wit_builder.objects import Objects, sha256_of

SCRATCH = "WIT_SCRATCH"  # environment variable: the folder of scratch folders
WORK = "work"  # folder of OUT with what the tasks of an unfinished build made
_PULLS_AT_ONCE = 8

_NOT_WRITTEN = {"http", "https", "hf", "memory"}


class Place:
    """OUT that is a folder: nothing need be brought anywhere."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder  # to work in

    @property
    def name(self) -> str:
        """OUT as the user knows it."""
        return str(self.folder)

    def at(self, name: str) -> str:
        """A file of OUT as the user knows it."""
        return str(self.folder / name)

    def sizes(self, pattern: str) -> dict[str, int]:
        """Names below OUT that match the glob, with their bytes, in order; `*` ends at a slash."""
        return {
            path.relative_to(self.folder).as_posix(): path.stat().st_size
            for path in sorted(self.folder.glob(pattern))
            if path.is_file() and path.name[0] != "."
        }

    def size(self, name: str) -> int | None:
        """Bytes of a file of OUT, None where there is none."""
        path = self.folder / name
        return path.stat().st_size if path.is_file() else None

    def pieces(self) -> set[str] | None:
        """What lies directly in OUT, files and folders; None where there is no such folder."""
        return {path.name for path in self.folder.iterdir()} if self.folder.is_dir() else None

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """The file's bytes. Raises OSError or a WitError when it cannot be read."""
        with (self.folder / name).open("rb") as file:
            yield file

    def push(self, files: Iterable[Path]) -> None:
        """Bring these files of the folder to OUT, one after the other, each whole or absent.

        Raises BuildError when one cannot be brought; those before it stay, and are not sent again.
        """

    def prune(self, pattern: str) -> None:
        """Remove from OUT what matches the glob and is not in the folder."""

    def pull(self, patterns: Sequence[str]) -> None:
        """Bring the files of OUT that match one of the globs into the folder."""

    def release(self) -> None:
        """The folder is not needed any more: all of it is at OUT."""


class Remote(Place):
    """OUT that is a URL, and the scratch folder for it."""

    def __init__(self, url: str, folder: Path, newer: bool) -> None:
        """newer: a file in the folder counts instead of the one at OUT."""
        super().__init__(folder)
        self.objects = Objects(url)
        self._newer = newer
        self.released = False

    @property
    def name(self) -> str:
        """The URL."""
        return self.objects.url

    def at(self, name: str) -> str:
        """The URL of a file."""
        return self.objects.at(name)

    def sizes(self, pattern: str) -> dict[str, int]:
        """Of what is at OUT, and in the folder where that is newer."""
        newer = super().sizes(pattern) if self._newer else {}
        return dict(sorted((self._listed(pattern) | newer).items()))

    def size(self, name: str) -> int | None:
        """From the folder where that is newer, else from OUT."""
        newer = super().size(name) if self._newer else None
        return newer if newer is not None else self.objects.size(name)

    def pieces(self) -> set[str] | None:
        """Of what is at OUT, and in the folder where that is newer."""
        newer = (super().pieces() if self._newer else None) or set()
        return newer | self.objects.pieces() or None

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """From the folder where that is newer, else from OUT."""
        if self._newer and (self.folder / name).is_file():
            with super().open(name) as newer:
                yield newer
        else:
            with remote.opened(self.at(name)) as file:
                yield file

    def read(self, name: str, error: type[WitError] = ConfigError) -> bytes | None:
        """A small file of OUT, None where there is none. Raises that error; BuildError is patient."""
        return self.objects.read(name, error)

    def push(self, files: Iterable[Path]) -> None:
        """See Place; uploads that an earlier command left half done are aborted, but not those of tasks."""
        self.objects.abort_uploads(but=WORK)
        try:
            for file in files:
                self._send(file)
        except BaseException:
            self.objects.abort_uploads(but=WORK)
            raise

    def prune(self, pattern: str) -> None:
        """See Place."""
        for name in sorted(self._listed(pattern).keys() - super().sizes(pattern).keys()):
            self.objects.remove(name)

    def pull(self, patterns: Sequence[str]) -> None:
        """See Place; what the folder has already is not brought again."""
        names = {name for pattern in patterns for name in self._listed(pattern)}
        with ThreadPoolExecutor(_PULLS_AT_ONCE) as pool:
            for _ in pool.map(self._fetch, sorted(names)):
                pass

    def release(self) -> None:
        """See Place."""
        self.released = True

    def _listed(self, pattern: str) -> dict[str, int]:
        """What matches at OUT. No bucket at all is an error, an empty folder is not.

        Where OUT is to be written, its store has answered before, and is given time.
        """
        found = self.objects.listed(pattern, BuildError if self._newer else ConfigError)
        return {name: size for name, size in found.items() if _matches(name, pattern)}

    def _send(self, file: Path) -> None:
        self.objects.put(file.relative_to(self.folder).as_posix(), file, again=True)

    def _fetch(self, name: str) -> None:
        path = self.folder / name
        known = self.objects.known(name)
        if known and path.is_file() and (path.stat().st_size, sha256_of(path)) == known:
            return
        with remote.opened(self.at(name)) as file, storage.whole(path) as temporary:
            with temporary.open("wb") as copy:
                shutil.copyfileobj(file, copy, 1 << 20)
            if known and known[1] not in (None, sha256_of(temporary)):
                raise BuildError(f"{self.at(name)} has other bytes than were written there (sha256)")


def at(out: "str | Path | Place") -> Place:
    """OUT to be read."""
    if isinstance(out, Place):
        return out
    if isinstance(out, str) and store.protocol(out):
        if store.protocol(out) in ("http", "https"):
            raise ConfigError(f"{store.shown(out)} cannot be listed", "s3://BUCKET/FOLDER, or a folder")
        return Remote(out, _scratch(out, None), newer=False)
    return Place(Path(store.local_path(str(out))))


@contextmanager
def of(out: str, scratch: Path | None = None) -> Iterator[Place]:
    """OUT to be written; errors about the scratch folder name OUT instead.

    scratch: the folder of scratch folders; by default $WIT_SCRATCH, or wit-builder in the user's cache folder.
    Raises ConfigError for a URL that nothing can be written to.
    """
    if not store.protocol(out):
        if slip := re.match(r"(s3a?|gc?s|hf|https?):/*", out):
            raise ConfigError(f"{out!r} is no folder and no URL", f"--out {slip[1]}://BUCKET/FOLDER")
        yield at(out)
        return
    if store.protocol(out) in _NOT_WRITTEN:
        raise ConfigError(f"{store.shown(out)} cannot be written", "--out s3://BUCKET/FOLDER, or a folder")
    head, _, path = out.partition("://")
    if "//" in path:
        whole = re.sub("/+", "/", path)
        raise ConfigError(
            f"{out} has an empty name between two slashes, as an empty variable makes it",
            f"--out {head}://{whole}",
        )
    folder = _scratch(out, scratch)
    check_scratch(folder.parent)
    there = Remote(out, folder, newer=True)
    with _named(there):
        yield there
    if there.released:
        gone = there.folder.with_name(f".{there.folder.name}.gone")
        shutil.rmtree(gone, ignore_errors=True)
        there.folder.rename(gone)  # a kill leaves all of it, or nothing under its name
        shutil.rmtree(gone, ignore_errors=True)


@contextmanager
def brought(there: Place, patterns: Sequence[str]) -> Iterator[Place]:
    """OUT with its files that match one of the globs in a folder, for as long as the block lasts."""
    if not isinstance(there, Remote):
        yield there
        return
    with TemporaryDirectory() as folder:
        near = Remote(there.name, Path(folder), newer=True)
        near.pull(patterns)
        with _named(near):
            yield near


def begun(url: str) -> Path | None:
    """The scratch folder in which an earlier command has left something for that OUT, None where none has."""
    folder = _scratch(url, None)
    return folder if folder.is_dir() and any(folder.iterdir()) else None


def check_scratch(root: Path) -> None:
    """Raise ConfigError where no folder can be made in that one, as a file is in the way."""
    found = next((path for path in (root, *root.parents) if path.exists()), root)
    if not found.is_dir():
        raise ConfigError(
            f"scratch folders cannot lie in {str(root)!r}: {str(found)!r} is a file",
            "--scratch FOLDER, or WIT_SCRATCH=FOLDER",
        )


@contextmanager
def _named(there: Remote) -> Iterator[None]:
    """Who named a URL reads of that URL."""
    try:
        yield
    except (ConfigError, ShardError) as error:
        told, hint = (text.replace(str(there.folder), there.name) for text in (str(error), error.hint or ""))
        raise type(error)(told, hint or None) from error


def _scratch(url: str, scratch: Path | None) -> Path:
    """The scratch folder of a URL, which may mean another bucket at another endpoint."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    root = scratch or Path(os.environ.get(SCRATCH) or Path(cache) / "wit-builder")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    digest = hashlib.sha256(f"{url.rstrip('/')} {endpoint}".encode()).hexdigest()
    word = re.sub(r"[^A-Za-z0-9-]+", "-", url.rstrip("/").rpartition("/")[2])[:40]
    return root.expanduser().absolute() / f"{word}-{digest[:16]}"


def _matches(name: str, pattern: str) -> bool:
    parts, globs = PurePosixPath(name).parts, PurePosixPath(pattern).parts
    shown = bool(parts) and not parts[-1].startswith(".")
    return shown and len(parts) == len(globs) and all(map(fnmatchcase, parts, globs))
