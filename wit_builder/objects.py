"""Files below a URL of a store, asked for by their names: each is whole or absent, and no listing is believed.

All is asked again for a while where a refusal may pass, and ends in one sentence where it stays (store.py).
"""

import hashlib
import math
import re
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from wit_builder import store
from wit_builder.errors import BuildError, ConfigError, WitError

PART = 16 << 20  # bytes of a part of an upload; up to twice as many go in one piece
BLOCK = 8 << 20  # bytes asked for at once
AT_ONCE = 16  # requests for small things

_PARTS_AT_ONCE = 4
_MOST_PARTS = 10_000  # that S3 takes
_KINDS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}  # a file appears there when all of it has come

T = TypeVar("T")
U = TypeVar("U")


class Objects:
    """The files below a URL. Names are relative to it, with slashes."""

    def __init__(self, url: str) -> None:
        """Raises ConfigError for a store that is not known, and for a URL that names no bucket or folder."""
        self.url = url.rstrip("/")
        self._fs, path = store.of(url)
        self._path = path.rstrip("/")
        self._kind = _KINDS.get(store.protocol(url), "")
        if not self._path.strip("/"):
            raise ConfigError(f"{url!r} names no bucket or folder", "s3://BUCKET/FOLDER")

    def at(self, name: str) -> str:
        """The URL of a file."""
        return f"{self.url}/{name}"

    def read(self, name: str, kind: type[WitError] = BuildError) -> bytes | None:
        """A small file, None where there is none. Raises that error; BuildError is patient."""
        return self._asked(name, "read", kind, lambda: unless_absent(lambda: self._part(name, 0, None)[0]))

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        return self.size(name) is not None

    def size(self, name: str) -> int | None:
        """Its bytes, None where there is none."""
        found = self._asked(name, "read", BuildError, lambda: unless_absent(partial(self._info, name)))
        return None if found is None else int(found["size"])

    def write(self, name: str, data: bytes, kind: type[WitError] = BuildError) -> None:
        """A small file with these bytes, instead of the one there is. Raises that error; BuildError is patient."""
        self._asked(name, "written", kind, lambda: self._fs.pipe_file(self._key(name), data))

    def create(self, name: str, data: bytes) -> bool:
        """Create the file with these bytes; false when it exists: the first writer wins (S3: If-None-Match).

        The bytes should be nobody else's: where an answer is lost and the request sent again, only they tell who won.
        """

        def make() -> bool:
            try:
                self._fs.pipe_file(self._key(name), data, mode="create")
            except Exception as error:
                if not (isinstance(error, FileExistsError) or store.status_of(error) == 412):
                    raise
            else:
                return True
            return self.read(name) == data  # out of the block: how that fails is no 412

        return self._asked(name, "written", BuildError, make)

    def put(self, name: str, file: Path, again: bool = False) -> None:
        """Bring a file there; S3 and GCS keep its sha256 beside it.

        again: it may be there already, and is not sent then.
        """
        size, sha256 = file.stat().st_size, sha256_of(file)

        def send() -> None:
            if not (again and self._known(name) == (size, sha256)):
                self._put(file, self._key(name), size, {"sha256": sha256})

        self._asked(name, "written", BuildError, send)

    def bring(self, name: str, path: Path) -> int | None:
        """Bring a file from there to that path, whole or absent; its bytes, None where there is none."""
        if (first := self.part(name, 0, BLOCK)) is None:
            return None
        data, size = first
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.write(data)
                for start in range(BLOCK, size, BLOCK):
                    file.write(self.bytes_of(name, start, min(start + BLOCK, size)))
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        return size

    def bytes_of(self, name: str, start: int, end: int) -> bytes:
        """These bytes of a file that is there. Raises BuildError where it has fewer."""
        if end == start:
            return b""
        found, size = self.part(name, start, end) or self.missing(name)
        if len(found) != end - start:
            raise BuildError(f"{self.at(name)} has {size} bytes, expected {end} at least")
        return found

    def missing(self, name: str) -> NoReturn:
        """Raises BuildError: that file should be there."""
        raise BuildError(
            f"{self.at(name)} is missing", "what was begun with it is of no more use: begin anew"
        )

    def part(self, name: str, start: int, end: int | None = None) -> tuple[bytes, int] | None:
        """The bytes from `start` to before `end`, or the last -start of them; and how many the file has.

        Fewer where it has fewer; None where there is no such file.
        """
        return self._asked(
            name, "read", BuildError, lambda: unless_absent(lambda: self._part(name, start, end))
        )

    def copy(self, name: str, other: str) -> None:
        """Copy a file within the store, instead of the one there is."""
        self._asked(other, "written", BuildError, lambda: self._fs.cp_file(self._key(name), self._key(other)))

    def remove(self, name: str, kind: type[WitError] = BuildError) -> None:
        """Remove a file; nothing where there is none."""
        gone = partial(unless_absent, lambda: self._fs.rm_file(self._key(name)))
        self._asked(name, "removed", kind, gone)

    def remove_all(self, below: str, but: str | None = None) -> None:
        """Remove what lies below a name, as far as the store lists it, and uploads that nobody ends.

        but: how the names begin that stay.
        """
        names = self.listed(f"{below}/**")
        each(self.remove, [name for name in names if but is None or not name.startswith(but)])
        self.abort_uploads(below)

    def listed(self, pattern: str, kind: type[WitError] = BuildError) -> dict[str, int]:
        """Names and bytes of all below the fixed part of that pattern. No bucket at all is an error."""
        fixed = re.split(r"[^/]*[*?\[]", pattern, maxsplit=1)[0].rstrip("/")
        below = self._key(fixed).rstrip("/")
        found = self._asked(fixed, "listed", kind, lambda: self._fs.find(below, detail=True))
        return {name[len(self._path) + 1 :]: info["size"] for name, info in found.items()}

    def pieces(self) -> set[str]:
        """What lies directly there, files and folders."""
        listing = partial(self._fs.ls, self._path, detail=False)
        listed = self._asked("", "listed", ConfigError, partial(unless_absent, listing))
        return {name.rstrip("/").rpartition("/")[2] for name in listed or ()}

    def known(self, name: str) -> tuple[int, str | None] | None:
        """Bytes and sha256 that the store keeps of a file, None where there is none or it keeps no sha256."""
        return self._asked(name, "read", BuildError, partial(self._known, name))

    def abort_uploads(self, below: str = "", but: str | None = None) -> None:
        """End uploads below a name that nobody goes on with: their parts are paid for, and nobody sees them.

        but: a name below which others may be at work. Where the store is gone, or does not let us list them, that
        is left to the next command.
        """
        if self._kind != "s3":
            return
        bucket, key, _ = self._fs.split_path(self._key(f"{below}/" if below else ""))

        def abort() -> None:
            listed = self._fs.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=key)
            for upload in listed.get("Uploads") or []:
                others = but is not None and upload["Key"].startswith(f"{key}{but}/")
                if upload["Key"].startswith(key) and not others:  # not every server heeds the prefix
                    self._fs.abort_mpu(bucket, upload["Key"], upload["UploadId"])

        with suppress(WitError):
            store.asked(self.url, "cleaned", BuildError, 0.0, abort)

    def _key(self, name: str) -> str:
        return f"{self._path}/{name}"

    def _asked(self, name: str, doing: str, kind: type[WitError], call: Callable[[], T]) -> T:
        patience = store.PATIENCE_S if issubclass(kind, BuildError) else store.AT_ONCE_S
        return store.asked(self.at(name) if name else self.url, doing, kind, patience, call)

    def _info(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._fs.info(self._key(name))
        if found["type"] != "file":  # a folder of that name
            raise FileNotFoundError(name)
        return found

    def _part(self, name: str, start: int, end: int | None) -> tuple[bytes, int]:
        if self._kind == "s3":
            return self._part_of_s3(
                name, f"bytes={start}-{'' if end is None else end - 1}" if start >= 0 else f"bytes={start}"
            )
        size = int(self._info(name)["size"])
        first, last = max(0, start + size) if start < 0 else start, size if end is None else min(end, size)
        data = bytes(self._fs.cat_file(self._key(name), start=first, end=last)) if last > first else b""
        return data, size

    def _part_of_s3(self, name: str, wanted: str) -> tuple[bytes, int]:
        bucket, key, _ = self._fs.split_path(self._key(name))

        async def ask() -> tuple[bytes, int]:
            answer = await self._fs._call_s3("get_object", Bucket=bucket, Key=key, Range=wanted)
            async with answer["Body"] as body:
                data = await body.read()
            if "ContentRange" not in answer:
                raise ConnectionError("the server ignores ranges")
            return data, int(answer["ContentRange"].rpartition("/")[2])

        from fsspec.asyn import sync

        try:
            found: tuple[bytes, int] = sync(self._fs.loop, ask)
        except Exception as error:
            if store.status_of(error) != 416:  # the file ends before the part begins
                raise
            return b"", int(self._info(name)["size"])
        return found

    def _known(self, name: str) -> tuple[int, str | None] | None:
        if self._kind == "s3":
            bucket, key, _ = self._fs.split_path(self._key(name))
            head = unless_absent(lambda: self._fs.call_s3("head_object", Bucket=bucket, Key=key))
            return (head["ContentLength"], head["Metadata"].get("sha256")) if head else None
        if self._kind == "gcs":
            info = unless_absent(lambda: self._fs.info(self._key(name)))
            return (info["size"], (info.get("metadata") or {}).get("sha256")) if info else None
        return None

    def _put(self, file: Path, key: str, size: int, kept: dict[str, str]) -> None:
        part = max(PART, math.ceil(size / _MOST_PARTS))
        if self._kind == "s3":
            self._fs.put_file(str(file), key, Metadata=kept, chunksize=part, max_concurrency=_PARTS_AT_ONCE)
        elif self._kind == "gcs":
            self._fs.put_file(str(file), key, metadata=kept, chunksize=part)
        else:
            self._put_and_move(file, key)

    def _put_and_move(self, file: Path, key: str) -> None:
        folder, _, name = key.rpartition("/")
        temporary = f"{folder}/.{name}.{secrets.token_hex(4)}.tmp"
        self._fs.makedirs(folder, exist_ok=True)
        try:
            self._fs.put_file(str(file), temporary)
            self._fs.mv(temporary, key)
        except BaseException:
            with suppress(OSError):
                self._fs.rm_file(temporary)
            raise


def each(do: Callable[[U], T], names: Sequence[U], at_once: int = AT_ONCE) -> list[T]:
    """What it gives for each, several at a time, in their order. The first error is raised."""
    if len(names) < 2:
        return [do(name) for name in names]
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(do, names))


def sha256_of(path: Path) -> str:
    """Of a file here, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unless_absent(call: Callable[[], T]) -> T | None:
    """What the call returns; None where the store says that there is no such file."""
    try:
        return call()
    except Exception as error:
        if store.is_absent(error):
            return None
        raise
