"""The shards in OUT: which there are, what belongs to each, showing new ones, removing our own."""

import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wit_builder import publish, storage
from wit_builder.errors import BuildError, ConfigError
from wit_builder.shards.manifest import LENGTH_FILE
from wit_builder.shards.writer import ShardSpec

COUNTS = ("count", "successes", "failed_to_download", "failed_to_resize")

_NAME = re.compile(r"(\d+)(?:\.tar|\.parquet|\.tfrecord|_stats\.json)?")


@dataclass(slots=True)
class Totals:
    """What the stats of shards add up to."""

    count: int = 0
    successes: int = 0
    failed_to_download: int = 0
    failed_to_resize: int = 0
    status_dict: Counter[str] = field(default_factory=Counter)
    shards: list[str] = field(default_factory=list)  # their names without endings

    def as_json(self) -> dict[str, Any]:
        """As a shard's stats have them, the most frequent first."""
        counts = {name: getattr(self, name) for name in COUNTS}
        return counts | {"status_dict": dict(self.status_dict.most_common())}


def holds_anything(out: Path) -> bool:
    """Whether there is anything in it but what `wit fetch` puts there first; hidden files are nothing."""
    return out.is_dir() and any(path.name[0] != "." and path.name != "_wit" for path in out.iterdir())


def first_free(out: Path) -> int:
    """The number after that of the last shard, whoever wrote it and however much of it."""
    names = (_NAME.fullmatch(path.name) for path in out.iterdir()) if out.is_dir() else ()
    return max((int(name[1]) + 1 for name in names if name), default=0)


def finished(out: Path, shape: Any, first: int, end: int | None) -> bool:
    """Whether all these shards are there."""
    return end is not None and not missing(out, shape, range(first, end))


def missing(out: Path, shape: Any, numbers: Iterable[int]) -> set[int]:
    """Those of the shards that have no stats, which are the mark of a whole one."""
    return {number for number in numbers if not (out / f"{stem_of(shape, number)}_stats.json").exists()}


def show(out: Path, files: Iterable[Path]) -> None:
    """Show the files of one shard in OUT, in this order; again where a kill came in between."""
    for path in files:
        shown = out / path.name
        if not path.is_dir() and path.exists():
            storage.publish(path, shown)
        elif path.exists():
            with storage.plain_errors(shown):
                shutil.rmtree(shown, ignore_errors=True)
                path.rename(shown)
                storage.sync(out)


def remove(out: Path, shape: Any, spans: Sequence[tuple[int, int | None]]) -> None:
    """Remove what `wit fetch` wrote, and nothing else: its state last, so that a kill leaves it to be done."""
    ours = [
        path
        for first, end in spans
        for number in range(first, end or first)
        for path in files(out, stem_of(shape, number))
    ]
    for path in ours:
        _check_ours(path)
    for path in ours:
        _remove(path)
    (out / LENGTH_FILE).unlink(missing_ok=True)
    for path in (out / "_wit").glob("run-*"):
        publish.clear(path)
    (out / "_wit" / "fetch.json").unlink(missing_ok=True)


def check_digits(out: Path, spec: ShardSpec) -> None:
    """Raise ConfigError where the shards in OUT have other names or keys than this spec gives."""
    stem = min(out.glob("*_stats.json")).name.removesuffix("_stats.json")
    if len(stem) != spec.index_digits:
        raise ConfigError(
            f"the shards in {str(out)!r} have {len(stem)} digits, new ones {spec.index_digits}",
            f"--oom_shard_count {len(stem)}",
        )
    key = _a_key(out / f"{stem}.parquet")
    digits = spec.index_digits + spec.key_digits
    if key is not None and len(key) != digits:
        raise ConfigError(
            f"the keys in {str(out)!r} have {len(key)} digits, new ones {digits}",
            f"--number_sample_per_shard {10 ** (len(key) - spec.index_digits)}",
        )


def totals(out: Path, shape: Any, numbers: Iterable[int]) -> Totals:
    """Of those of the shards that are there. Raises BuildError for stats that are damaged."""
    summed = Totals()
    gone = missing(out, shape, numbers := list(numbers))
    for number in numbers:
        if number not in gone:
            summed.shards.append(stem_of(shape, number))
            _add(summed, out / f"{summed.shards[-1]}_stats.json")
    return summed


def write_length(out: Path) -> None:
    """The number of samples in all shards, where open_clip looks for it."""
    summed = Totals()
    for path in out.glob("*_stats.json"):
        _add(summed, path)
    storage.write_bytes(out / LENGTH_FILE, str(summed.successes).encode())


def failed(out: Path, shape: Any, number: int) -> dict[str, str]:
    """Key and reason of each row of the shard that failed."""
    rows = pq.read_table(out / f"{stem_of(shape, number)}.parquet", columns=["key", "reason"])
    rows = rows.filter(pc.is_valid(rows.column("reason")))
    return dict(zip(rows.column("key").to_pylist(), rows.column("reason").to_pylist(), strict=True))


def _add(summed: Totals, path: Path) -> None:
    try:
        stats = orjson.loads(path.read_bytes())
        for name in COUNTS:
            setattr(summed, name, getattr(summed, name) + int(stats[name]))
        summed.status_dict.update({str(name): int(n) for name, n in stats["status_dict"].items()})
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BuildError(
            f"{path} is no shard's stats: {error}", f"rm {path} and fetch that shard again"
        ) from error


def _a_key(path: Path) -> str | None:
    try:
        keys = pq.read_table(path, columns=["key"]).column("key").drop_null()
    except (OSError, KeyError, pa.ArrowException):
        return None
    return str(keys[0].as_py()) if len(keys) else None


def stem_of(shape: Any, number: int) -> str:
    """The name that the shard's files begin with."""
    return f"{number:0{shape['shards']['index_digits']}d}"


def files(out: Path, stem: str) -> Iterator[Path]:
    """Where the files of one shard stand, the mark that it is whole first."""
    for name in (f"{stem}_stats.json", f"{stem}.tar", f"{stem}.parquet", stem):
        yield out / name


def _check_ours(path: Path) -> None:
    if not path.is_dir() or path.is_symlink():
        return
    for member in path.iterdir():
        if not member.match(f"{path.name}*.*"):  # keys begin with the shard's number
            raise ConfigError(
                f"{path} holds what `wit fetch` did not write: {member.name}",
                f"look at {path}; nothing was removed",
            )


def _remove(path: Path) -> None:
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    for member in path.iterdir():
        member.unlink()
    path.rmdir()
