"""What `wit forget` leaves: (kind, value, radius, at, why) of each thing that must not be taken again.

A tombstone file is a list like others, in parquet. An address is kept as its hash (entries.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from wit_builder import remote, storage
from wit_builder.blocklist.entries import KINDS, SCHEMA, Kind, value_of
from wit_builder.errors import ConfigError
from wit_builder.records import UTC_MICROSECONDS

NAME = "tombstones.parquet"
FILE_SCHEMA = pa.schema(
    [
        *(SCHEMA.field(name) for name in ("kind", "value", "radius")),
        pa.field("at", UTC_MICROSECONDS, metadata={"unit": "UTC, microseconds"}),
        ("why", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """One thing that must not be taken again."""

    kind: Kind
    value: str
    radius: int | None  # bits, of pdq only
    at: datetime
    why: str

    @property
    def what(self) -> tuple[str, str, int | None]:
        """What it keeps out, whenever and whyever."""
        return self.kind, self.value, self.radius


def table(stones: Sequence[Tombstone]) -> pa.Table:
    """The tombstones as a file has them."""
    rows = [{name: getattr(stone, name) for name in FILE_SCHEMA.names} for stone in stones]
    return pa.Table.from_pylist(rows, schema=FILE_SCHEMA)


def read(url: str) -> list[Tombstone]:
    """Those of a file, a path or a URL. Raises ConfigError for a file that is none of tombstones."""
    try:
        with remote.opened(url) as file:
            rows = pq.ParquetFile(file, pre_buffer=False).read(use_threads=False)
        stones = [Tombstone(**row) for row in rows.cast(FILE_SCHEMA).to_pylist()]
    except (OSError, ValueError, TypeError, pa.ArrowException) as error:
        raise ConfigError(f"{url} holds no tombstones of `wit forget`: {_first_line(error)}") from error
    for number, stone in enumerate(stones, 1):
        _check(url, number, stone)
    return stones


def write(path: Path, stones: Sequence[Tombstone]) -> None:
    """Write the file, whole or absent."""
    with storage.whole(path) as temporary:
        pq.write_table(table(stones), temporary, compression="zstd")


def as_list(url: str, stones: Sequence[Tombstone]) -> pa.Table:
    """The same with entries.SCHEMA's columns."""
    rows = table(stones)
    names = pa.repeat(PurePosixPath(url).name, rows.num_rows)
    return rows.select(["kind", "value", "radius"]).append_column("list", names).cast(SCHEMA)


def _check(url: str, number: int, stone: Tombstone) -> None:
    kind: Kind = "sha256" if stone.kind == "url" else stone.kind  # a hash, too
    where = f"{url}, row {number}"
    if kind not in KINDS:
        raise ConfigError(f"{where}: {stone.kind!r} is no kind of tombstone: {', '.join(KINDS)}")
    try:
        value_of(kind, stone.value or "")
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    if kind == "pdq" and not (stone.radius is not None and 0 <= stone.radius <= 255):
        raise ConfigError(f"{where}: radius is {stone.radius}; PDQ hashes differ in 0 to 255 bits")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
