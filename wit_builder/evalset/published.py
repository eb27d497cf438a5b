"""Sets in CLIP_benchmark's layout at URLs, brought here whole: `wds/cifar10`, hf://, https://, s3:// and others.

A split lies in `wit-builder/evalsets` of the user's cache folder, in a folder for its URL, and is asked for once:
`complete.json`, written last, holds the bytes of each file. A folder there may be removed at any time.
"""

import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from wit_builder import remote, storage, store
from wit_builder.errors import BuildError, ConfigError
from wit_builder.evalset import benchmark, layout, registry
from wit_builder.evalset.folders import SPLITS

MAX_SHARD_BYTES = 16 << 30  # CLIP_benchmark's have 1,000,000,000 at most

COMPLETE = "complete.json"
_BESIDE = (layout.KIND, layout.CLASS_NAMES, layout.CLASS_TEMPLATES)
_HUB = "https://huggingface.co"
_REPOSITORY = re.compile(r"/datasets/[^/]+/([^/@]+)(?:@[^/]*)?(?:/(?:tree|resolve)/[^/]+)?/?$")

Say = Callable[[str], None]


def default_folder() -> Path:
    """`wit-builder/evalsets` in the user's cache folder."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home.absolute() / "wit-builder" / "evalsets"


def address(word: str) -> str:
    """The URL of the set that the word means; "" where it means something on this disk.

    `wds/NAME` is a set that CLIP_benchmark publishes, where no folder is called so. The hub's address is HF_ENDPOINT,
    where that is set. Raises ConfigError for a set that is known and published nowhere in this layout.
    """
    if store.protocol(word):
        return re.sub(r"(/datasets/[^/]+/[^/]+)/tree/", r"\1/resolve/", word.rstrip("/"))
    if not word.startswith("wds/") or Path(word).exists():
        return ""
    known = registry.find(word)
    if known and not known.hub:
        raise ConfigError(
            f"nobody that is known here publishes {known.title} in CLIP_benchmark's layout",
            f"get it from {known.page}, then: wit eval make-set FOLDER --out DIR" if known.page else None,
        )
    repository = known.hub if known else f"clip-benchmark/wds_{word.removeprefix('wds/').replace('/', '-')}"
    return f"{os.environ.get('HF_ENDPOINT', _HUB).rstrip('/')}/datasets/{repository}/resolve/main"


def name(url: str) -> str:
    """What the set at that URL is called: the hub's repository, else the last part of its path."""
    found = _REPOSITORY.search(url)
    return found[1] if found else store.shown(url).rstrip("/").rpartition("/")[2]


def splits(url: str) -> tuple[str, ...]:
    """The splits that are at that URL, of those that are usual. Raises ConfigError when it cannot be asked."""
    return tuple(split for split in SPLITS if _source(f"{url}/{split}/{benchmark.SHARDS}"))


def folder(url: str, split: str, cache: Path | None = None, say: Say = lambda _: None) -> Path:
    """The folder in which that split lies, brought here where it does not lie yet.

    Raises ConfigError when there is no such split, BuildError when a file does not come as it was listed.
    """
    key = hashlib.sha256(url.encode()).hexdigest()[:16]
    here = (cache or default_folder()) / f"{name(url)}-{key}"
    with locked(here):
        if not _is_complete(here / split):
            _bring(url, split, here, say)
    return here


@contextmanager
def locked(here: Path) -> Iterator[None]:
    """That folder, made where it is missing, for one process at a time; the others wait."""
    with storage.plain_errors(here):
        here.mkdir(parents=True, exist_ok=True)
        held = os.open(here / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _is_complete(split: Path) -> bool:
    """Whether all that was brought is there, each file with its bytes."""
    try:
        files = orjson.loads((split / COMPLETE).read_bytes())["files"]
        return all((split.parent / file).stat().st_size == size for file, size in files.items())
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


def _bring(url: str, split: str, here: Path, say: Say) -> None:
    shards = _source(f"{url}/{split}/{benchmark.SHARDS}")
    if shards is None:
        there = splits(url)
        raise ConfigError(
            f"{store.shown(url)} has no split {split!r}, it has {', '.join(there) or 'none'}",
            f"--split {there[0]}"
            if there
            else "the URL of a set in CLIP_benchmark's layout, above its splits",
        )
    brought = {file: _file(found, here / file) for file in _BESIDE if (found := _source(f"{url}/{file}"))}
    said = f"{split}/{benchmark.SHARDS}"
    brought[said] = _file(shards, here / said, layout.MAX_TEXT_BYTES)
    count = benchmark.shard_count((here / said).read_bytes(), f"{store.shown(url)}/{said}")
    for number in range(count):
        file = f"{split}/{number}.tar"
        found = _source(f"{url}/{file}")
        if found is None:
            raise ConfigError(f"{store.shown(url)} has no {file}, and its {said} says {count}")
        brought[file] = _file(found, here / file, MAX_SHARD_BYTES)
        say(f"{name(url)}: {number + 1} of {count} shards, {sum(brought.values()) / 1e9:,.2f} GB")
    storage.write_json(here / split / COMPLETE, {"url": store.shown(url), "files": brought})


def _source(url: str) -> remote.Source | None:
    """The file at that URL, None where there is none."""
    try:
        return remote.expand([url], ("",))[0]
    except ConfigError as error:
        if error.__cause__ is not None and store.is_absent(error.__cause__):
            return None
        raise


def _file(source: remote.Source, path: Path, most: int = layout.MAX_TEXT_BYTES) -> int:
    """Bring it here, whole or absent; its bytes. One that lies here with as many is not asked for again."""
    if source.bytes is not None and path.is_file() and path.stat().st_size == source.bytes:
        return source.bytes
    due = most if source.bytes is None else source.bytes
    with storage.whole(path) as temporary, remote.opened(source.url) as file, temporary.open("wb") as copy:
        came = 0
        while came <= due and (some := file.read(1 << 20)):
            came += copy.write(some)
        if came > most or (source.bytes is not None and came != source.bytes):
            what = (
                f"{source.bytes:,} were listed"
                if source.bytes is not None and came <= most
                else f"{most:,} are read"
            )
            raise BuildError(f"{store.shown(source.url)} gave {came:,} bytes, {what}")
    return came
