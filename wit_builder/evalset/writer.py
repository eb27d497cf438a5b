"""CLIP_benchmark's layout, written: the same samples give the same bytes, and a set is whole or absent."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from wit_builder import storage
from wit_builder.errors import ConfigError, ImageError
from wit_builder.evalset import benchmark, layout
from wit_builder.images.sniff import identify
from wit_builder.shards.tar import TarWriter

SHARD_SAMPLES = 10_000  # CLIP_benchmark's own bounds
SHARD_BYTES = 1_000_000_000

Member = tuple[str, bytes]  # extension, data


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder beside it to write to; when the block ends well it becomes `path`, else it is removed.

    Raises ConfigError when `path` is there and not an empty folder, and BuildError where it cannot be written.
    """
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise ConfigError(f"{path} is there already", "another folder with `--out`, or remove it")
    with storage.plain_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
        temporary.chmod(0o755)
        try:
            yield temporary
            temporary.rename(path)
            storage.sync(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def extension(image: bytes) -> str:
    """What the layout calls it: jpg, png or webp. By its bytes; anything else is jpg, and readers look again."""
    try:
        kind = identify(image)
    except ImageError:
        return "jpg"
    return kind if kind in ("png", "webp") else "jpg"


def write_split(folder: Path, samples: Iterable[Sequence[Member]]) -> int:
    """Write those samples as a split, an image and what is known of it each; how many they were.

    Keys are s0000000, s0000001, ..., as CLIP_benchmark's.
    """
    count = shards = 0
    tar: TarWriter | None = None
    opened_at = 0
    for members in samples:
        size = sum(len(data) for _, data in members)
        if tar and (count - opened_at >= SHARD_SAMPLES or tar.size + size > SHARD_BYTES):
            tar.close()
            tar = None
        if tar is None:
            folder.mkdir(parents=True, exist_ok=True)
            tar, opened_at, shards = TarWriter(folder / f"{shards}.tar"), count, shards + 1
        for extension, data in members:
            tar.add(f"s{count:07d}.{extension}", data)
        count += 1
    if tar:
        tar.close()
        storage.write_bytes(folder / benchmark.SHARDS, f"{shards}\n".encode())
    return count


def write_beside(folder: Path, kind: str, names: Sequence[str] = (), templates: Sequence[str] = ()) -> None:
    """Write what lies beside the splits. kind: "" of classes, else retrieval or multilabel."""
    for file, said in (
        (layout.KIND, [kind] if kind else []),
        (layout.CLASS_NAMES, names),
        (layout.CLASS_TEMPLATES, templates),
    ):
        if said:
            storage.write_bytes(folder / file, "".join(f"{line}\n" for line in said).encode())
